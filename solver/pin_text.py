"""Pins as text: what the command line takes, what a plan file holds, what messages say.

::

    before OP OP    last OP    first OP    freeze A-B    freeze MODULE    at STORAGE ADDRESS

Ops and storages are named by index or by name. A plan file holds indices alone. ``A-B`` is half-open
like every range: op B is not in it. Addresses are bytes, decimal or with ``0x``.
"""

import re
from collections.abc import Callable, Sequence

from solver.errors import BayplanError
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin, Pins, require_possible
from solver.step import Step

PIN_GRAMMAR = "before OP OP, last OP, first OP, freeze A-B, freeze MODULE or at STORAGE ADDRESS"
_RANGE = re.compile(r"(\d+)-(\d+)", re.ASCII)
_NUMBER = re.compile(r"\d+|0x[0-9a-fA-F]+", re.ASCII)
_MAX_DIGITS = 20
"""More than any index or address has; longer ones are not made into numbers."""
_LISTED = 5
"""Names of which an ambiguous one is listed in a message."""


def pin_text(pin: Pin) -> str:
    """The pin with indices, as a plan file holds it."""
    return _text(pin, str, str)


def describe_pin(step: Step, pin: Pin) -> str:
    """The pin for people: ops and storages by name."""
    return _text(pin, lambda op: step.ops[op].name, lambda storage: step.storages[storage].name)


def pins_text(step: Step, pins: Pins) -> str:
    """Such as ``2 pins: last add_, freeze 3-9``; for people."""
    return f"{pins_count(pins)}: {', '.join(describe_pin(step, pin) for pin in pins)}"


def pins_count(pins: Pins) -> str:
    """``1 pin``, ``2 pins``."""
    return f"{len(pins):,} pin{'' if len(pins) == 1 else 's'}"


def _text(pin: Pin, op_name: Callable[[int], str], storage_name: Callable[[int], str]) -> str:
    match pin:
        case Before(first, second):
            return f"before {op_name(first)} {op_name(second)}"
        case First(op):
            return f"first {op_name(op)}"
        case Last(op):
            return f"last {op_name(op)}"
        case Freeze(start, end):
            return f"freeze {start}-{end}"
        case FreezeModule(module):
            return f"freeze {module}"
        case At(storage, address):
            return f"at {storage_name(storage)} {address}"


def decode_pin(text: str) -> Pin:
    """The pin that ``pin_text`` wrote. Raises ValueError."""
    return _parse(text, _index, _index, _index_range)


def parse_pins(step: Step, texts: Sequence[str]) -> Pins:
    """The pins that people wrote for ``step``. Raises BayplanError for the first that is not one."""
    pins = tuple(_parse_for(step, text) for text in texts)
    require_possible(step, pins)
    return pins


def _parse_for(step: Step, text: str) -> Pin:
    def op(name: str) -> int:
        return _named(name, "op", [op.name for op in step.ops])

    def storage(name: str) -> int:
        return _named(name, "storage", [storage.name for storage in step.storages])

    def op_range(name: str) -> tuple[int, int] | None:
        if found := _index_range(name):
            return found
        names = {op.name for op in step.ops}
        for match in re.finditer("-", name):
            start, end = name[: match.start()], name[match.end() :]
            if all(part in names or _NUMBER.fullmatch(part) for part in (start, end)):
                return op(start), len(step.ops) if end == str(len(step.ops)) else op(end)
        return None

    try:
        return _parse(text, op, storage, op_range)
    except ValueError as error:
        raise BayplanError(f"The pin {text!r} is not one: {error}. Write {PIN_GRAMMAR}.") from None


def _parse(
    text: str,
    op: Callable[[str], int],
    storage: Callable[[str], int],
    op_range: Callable[[str], tuple[int, int] | None],
) -> Pin:
    kind, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    match kind, rest.split():
        case "before", [first, second]:
            return Before(op(first), op(second))
        case "first", [_]:
            return First(op(rest))
        case "last", [_]:
            return Last(op(rest))
        case "freeze", [_, *_]:
            found = op_range(rest)
            return FreezeModule(rest) if found is None else Freeze(*found)
        case "at", [_, _, *_]:
            name, address = rest.rsplit(maxsplit=1)
            return At(storage(name), _number(address, "an address"))
        case (("before" | "first" | "last" | "freeze" | "at"), _):
            raise ValueError(f"{kind!r} does not take {rest!r}")
    raise ValueError(f"{kind!r} is not a kind of pin")


def _number(text: str, what: str) -> int:
    if not _NUMBER.fullmatch(text) or len(text) > _MAX_DIGITS:
        raise ValueError(f"{text!r} is not {what}")
    return int(text, 16 if text.startswith("0x") else 10)


def _index(text: str) -> int:
    return _number(text, "an index")


def _index_range(text: str) -> tuple[int, int] | None:
    found = _RANGE.fullmatch(text)
    return (_index(found[1]), _index(found[2])) if found else None


def _named(text: str, what: str, names: Sequence[str]) -> int:
    """The index that ``text`` is, or that of the one thing of this name."""
    if text.isascii() and text.isdigit():
        index = _index(text)
        if index >= len(names):
            raise ValueError(f"there is no {what} {text}; the step has {len(names):,}")
        return index
    found = [index for index, name in enumerate(names) if name == text]
    if not found:
        raise ValueError(f"no {what} is called {text!r}")
    if len(found) > 1:
        listed = ", ".join(map(str, found[:_LISTED])) + (", …" if len(found) > _LISTED else "")
        raise ValueError(f"{len(found):,} {what}s are called {text!r} (index {listed}): give the index")
    return found[0]
