"""What a pin says to people, and what of a step it is about: facts, no Qt.

Pins name ops and storages of the step as captured. Where a plan with rewrites is on the map, the same
ops and tensors have other numbers there; they are found again by name. Addresses are written as the map
shows them: the arena begins where the residents end.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.facts.plan import PlanFacts, counterparts, op_place
from app.numbers import human, parse_size
from app.translation import plural, tr
from solver.errors import BayplanError
from solver.pin_text import pins_count
from solver.pins import (
    At,
    Before,
    First,
    Freeze,
    FreezeModule,
    Last,
    Pin,
    Pins,
    frozen_ops,
    require_possible,
)
from solver.step import GRANULE, Step


@dataclass(frozen=True, slots=True)
class PinFacts:
    """One pin."""

    pin: Pin
    text: str
    """``convolution_4 runs first``."""
    detail: str
    """Where that is: ``convolution in layer1``."""
    short: str = ""
    """Beside what it is about: ``Runs first``; empty: no shorter than ``text``."""


def pin_facts(step: Step, pin: Pin) -> PinFacts:
    """The pin in words."""
    ops = step.ops
    match pin:
        case Before(first, second):
            places = f"{op_place(ops[first])} → {op_place(ops[second])}"
            return PinFacts(
                pin, tr("{} runs before {}").format(ops[first].name, ops[second].name), places
            )
        case First(op):
            return PinFacts(
                pin, tr("{} runs first").format(ops[op].name), op_place(ops[op]), tr("Runs first")
            )
        case Last(op):
            return PinFacts(
                pin, tr("{} runs last").format(ops[op].name), op_place(ops[op]), tr("Runs last")
            )
        case Freeze(start, end):
            text = tr("Ops {}–{} keep program order").format(start, end - 1)
            return PinFacts(pin, text, f"{ops[start].name} … {ops[end - 1].name}")
        case FreezeModule(module):
            count = len(frozen_ops(step, pin))
            return PinFacts(
                pin, tr("{} keeps program order").format(module), plural("{} op", "{} ops", count)
            )
        case At(storage, address):
            about = step.storages[storage]
            size = f"{about.category.value}, {human(about.size)}"
            where = address_text(step, address)
            text = tr("{} at {}").format(about.name, where)
            return PinFacts(pin, text, size, tr("Pinned at {}").format(where))


def address_text(step: Step, address: int) -> str:
    """An address of the arena as the map shows it: ``0x00a3e0200``."""
    return f"0x{step.resident_bytes + address:09x}"


def address_given(step: Step, text: str) -> int:
    """The address of the arena that a person wrote as the map shows it: ``0xa3e0200``, ``171835904``,
    ``1.5 GiB``. Raises BayplanError."""
    written = text.strip().replace(",", "").replace("_", "")
    base = step.resident_bytes
    try:
        given = int(written, 16) if written.lower().startswith("0x") else parse_size(written)
    except (ValueError, BayplanError):
        raise BayplanError(
            f"{text!r} is not an address. Write it as 0x1a00000, 1.5GiB, 300MiB or plain bytes."
        ) from None
    if given < base:
        raise BayplanError(
            f"Below {address_text(step, 0)} ({human(base)}) lie the tensors that stay in memory all "
            "the time. Give an address from there on."
        )
    if (given - base) % GRANULE:
        below = base + (given - base) // GRANULE * GRANULE
        raise BayplanError(
            f"Addresses are multiples of {GRANULE} bytes. The nearest are 0x{below:x} and "
            f"0x{below + GRANULE:x}."
        )
    return given - base


def with_pins(pins: Pins, more: Sequence[Pin]) -> Pins:
    """``pins`` and ``more``. A tensor has one address, and one op runs first or last: what was pinned
    there before gives way."""
    latest = {_place(pin): pin for pin in (*pins, *more)}
    new = dict.fromkeys(_place(pin) for pin in more)
    return (*(pin for pin in pins if _place(pin) not in new), *(latest[place] for place in new))


def _place(pin: Pin) -> object:
    """Equal for pins of which there can be one only."""
    match pin:
        case At(storage, _):
            return (At, storage)
        case First() | Last():
            return type(pin)
    return pin


def pins_about(pins: Pins, storages: Collection[int], op: int) -> Pins:
    """Those that name one of the storages, or the op (-1: none), of the step as captured."""
    found, wanted = [], frozenset(storages)
    for pin in pins:
        match pin:
            case At(storage, _):
                hit = storage in wanted
            case Before(first, second):
                hit = op in (first, second)
            case First(one) | Last(one):
                hit = op == one
            case Freeze(start, end):
                hit = start <= op < end
            case FreezeModule():
                hit = False
        if hit:
            found.append(pin)
    return tuple(found)


def module_pins(step: Step, pins: Pins, op: int) -> Pins:
    """Those that keep the order of a module the op is in."""
    module = f"{step.ops[op].module}." if 0 <= op < len(step.ops) else ""
    return tuple(p for p in pins if isinstance(p, FreezeModule) and module.startswith(f"{p.module}."))


def captured_op(step: Step, planned: Step, op: int) -> int:
    """The op of the step as captured that ``planned``, a rewrite of it, has as ``op``; -1: none."""
    if planned is step or not 0 <= op < len(planned.ops):
        return op
    name = planned.ops[op].name
    return next((index for index, one in enumerate(step.ops) if one.name == name), -1)


def captured_storages(step: Step, planned: Step, storages: Sequence[int]) -> tuple[int, ...]:
    """The storages of the step as captured that are those of ``planned``, where it has them."""
    if planned is step:
        return tuple(storages)
    same = counterparts(planned, step)
    return tuple(same[storage] for storage in storages if storage in same)


def pins_where_they_lie(step: Step, facts: PlanFacts, storages: Sequence[int]) -> Pins:
    """A pin for each of the storages of ``facts.step`` at the address that the plan gives it first.

    Residents and what no op touches have none.
    """
    same = {s: s for s in storages} if facts.step is step else counterparts(facts.step, step)
    pins = []
    for storage in storages:
        spans = facts.spans(storage)
        planned = storage in same and step.storages[same[storage]].planned
        if planned and spans and spans[0].address >= facts.arena_base:
            pins.append(At(same[storage], spans[0].address - facts.arena_base))
    return tuple(pins)


def planned_pins(
    step: Step, facts: PlanFacts, pins: Pins, kept: Collection[Pin]
) -> tuple[dict[int, bool], dict[int, bool]]:
    """Storages of ``facts.step`` that have a pin, slots whose ops have one of their own; whether the
    pin is ``kept``. What keeps the order of a range or a module is at no one place."""
    same = None if facts.step is step else counterparts(step, facts.step)
    names = {} if same is None else {op.name: index for index, op in enumerate(facts.step.ops)}
    storages: dict[int, bool] = {}
    slots: dict[int, bool] = {}
    for pin in pins:
        match pin:
            case At(storage, _):
                found = storage if same is None else same.get(storage, -1)
                if found >= 0:
                    storages[found] = storages.get(found, True) and pin in kept
                continue
            case Before(first, second):
                ops: tuple[int, ...] = (first, second)
            case First(op) | Last(op):
                ops = (op,)
            case _:
                ops = ()
        for op in ops:
            slot = facts.slot_of.get(op if same is None else names.get(step.ops[op].name, -1), -1)
            if slot >= 0:
                slots[slot] = slots.get(slot, True) and pin in kept
    return storages, slots


def is_possible(step: Step, pin: Pin) -> bool:
    """Whether the step has what the pin names, and an address that can be."""
    try:
        require_possible(step, (pin,))
    except BayplanError:
        return False
    return True


def change_text(step: Step, pins: Pins) -> str:
    """What giving these pins is called in the history: ``Pin: relu_3 runs first``."""
    if len(pins) == 1:
        return tr("Pin: {}").format(pin_facts(step, pins[0]).text)
    return tr("Give {}").format(count_text(pins))


def removal_text(step: Step, pins: Pins) -> str:
    """What removing these pins is called in the history."""
    if len(pins) == 1:
        return tr("Remove pin: {}").format(pin_facts(step, pins[0]).text)
    return tr("Remove {}").format(count_text(pins))


def count_text(pins: Pins) -> str:
    """``2 pins``."""
    return plural("{} pin", "{} pins", len(pins))


def plan_name(pins: Pins) -> str:
    """What a plan that keeps the pins is called: ``Planned, 2 pins``."""
    return f"Planned, {pins_count(pins)}"


def without(pins: Pins, gone: Collection[Pin]) -> Pins:
    """``pins`` but those that are ``gone``."""
    return tuple(pin for pin in pins if pin not in gone)
