"""What a generated step may say: identifiers, operators by name, literals of checked types.

A step file may come from anywhere, so nothing of it reaches the source as it stands: names are reduced
to identifiers, literals are the ``repr`` of checked types, operators are looked up by name.
"""

import keyword
import math
import re
from collections.abc import Callable, Iterable, Iterator

from runtime.replay.names import FORBIDDEN, TARGET
from solver.errors import BayplanError
from solver.step import Instruction, Json
from solver.validate import DTYPE_BYTES

_LAYOUTS = frozenset({"strided"})
_MEMORY_FORMATS = frozenset(
    {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"}
)
_FLOATS = {"inf": 'float("inf")', "-inf": 'float("-inf")', "nan": 'float("nan")'}
_DEVICE = re.compile(r"[a-z]{1,16}(:\d{1,3})?", re.ASCII)


class Expressions:
    """The names and expressions of one module."""

    def __init__(self, reserved: Iterable[str]) -> None:
        """``reserved``: names that are not to be given to anything else."""
        self.globals: dict[str, str] = {}
        """Module-level name of each expression that is evaluated once."""
        self.scalars: list[str] = []
        """The variable of each of the program's scalars."""
        self._used = set(reserved)

    def unique(self, wanted: str) -> str:
        """An identifier that nothing has yet, as much like ``wanted`` as it can be."""
        base = re.sub(r"\W", "_", wanted[:60], flags=re.ASCII).strip("_") or "value"
        if not base[0].isalpha() or keyword.iskeyword(base):
            base = f"value_{base}"
        name, count = base, 0
        while name in self._used:
            count += 1
            name = f"{base}_{count}"
        self._used.add(name)
        return name

    def target(self, target: str) -> str:
        """The variable that holds the operator. Raises BayplanError."""
        if not TARGET.fullmatch(target) or target.split(".")[1] in FORBIDDEN:
            raise BayplanError(f"{target[:80]!r} is not the name of an operator that a step may call.")
        return self._global(target.replace(".", "_"), f"operator({target!r})")

    def arguments(self, instruction: Instruction, value: Callable[[int], str]) -> str:
        """Those of a call; ``value`` gives the variable of a value. Raises BayplanError."""
        written = [self.argument(a, value) for a in instruction.args]
        for key, item in instruction.kwargs.items():
            if not key.isidentifier() or not key.isascii() or keyword.iskeyword(key):
                raise BayplanError(f"{instruction.target[:80]!r} has an argument named {key[:80]!r}.")
            written.append(f"{key}={self.argument(item, value)}")
        return ", ".join(written)

    def argument(self, item: Json, value: Callable[[int], str]) -> str:
        """One argument, as in ``arguments``."""
        if item is None or type(item) in (bool, int, str):
            return repr(item)
        if type(item) is float and math.isfinite(item):
            return repr(item)
        if isinstance(item, list | tuple):
            return f"[{', '.join(self.argument(each, value) for each in item)}]"
        if isinstance(item, dict) and len(item) == 1:
            ((kind, content),) = item.items()
            if kind == "value" and type(content) is int:
                return value(content)
            if (written := self._special(kind, content)) is not None:
                return written
        raise BayplanError(f"The step has an argument that cannot be written: {str(item)[:80]!r}.")

    def _special(self, kind: str, content: Json) -> str | None:
        """What an object with the single key ``kind`` stands for; None: nothing known."""
        match kind, content:
            case "scalar", int():
                return self.scalars[content]
            case "float", str() if content in _FLOATS:
                return _FLOATS[content]
            case "dtype", str() if content in DTYPE_BYTES:
                return self._global(content, f"torch.{content}")
            case "layout", str() if content in _LAYOUTS:
                return self._global(content, f"torch.{content}")
            case "memory_format", str() if content in _MEMORY_FORMATS:
                return self._global(content, f"torch.{content}")
            case "device", str() if _DEVICE.fullmatch(content):
                return self._global(f"device_{content.replace(':', '_')}", f"torch.device({content!r})")
        return None

    def _global(self, name: str, expression: str) -> str:
        if expression not in self.globals:
            self.globals[expression] = self.unique(name)
        return self.globals[expression]


def references(instruction: Instruction) -> Iterator[int]:
    """The values among the arguments, in order."""
    pending: list[Json] = [*instruction.args, *instruction.kwargs.values()][::-1]
    while pending:
        item = pending.pop()
        if isinstance(item, list | tuple):
            pending.extend(reversed(item))
        elif isinstance(item, dict) and "value" in item:
            yield item["value"]


def comment(text: str) -> str:
    """``text`` with nothing in it that could end a comment or a docstring."""
    return re.sub(r"[^\w .:/·,()\[\]-]", "?", text)[:200]
