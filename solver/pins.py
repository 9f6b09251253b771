"""Pins: what the user fixes of a plan before it is solved. They constrain the same problem.

::

    Before(x, y)      x runs before y                           an edge x -> y
    First(x)          x runs first, before all other ops        edges from x to every source
    Last(x)           x runs last, after all other ops          edges from every sink to x
    Freeze(a, b)      program order is kept among ops [a, b)    a chain of edges
    FreezeModule(m)   and among the ops of a module             a chain of edges
    At(s, address)    storage s lies there in the arena         an address; two that overlap there
                                                                must not be alive together

Edges join the dependencies, so every bound and every order of the search is one with the pins, and
"optimal" means: among the plans that keep them. Pins that cannot be kept together, or against the
step's dependencies, are ``solver.pin_conflicts``' to name.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from solver.errors import BayplanError
from solver.step import GRANULE, Step

MAX_ADDRESS = 1 << 50
"""Bytes: above it sums of addresses and sizes could overflow; no device has as many."""


@dataclass(frozen=True, slots=True)
class Before:
    """Op ``first`` runs before op ``second``."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class First:
    """Op ``op`` runs before all others."""

    op: int


@dataclass(frozen=True, slots=True)
class Last:
    """Op ``op`` runs after all others."""

    op: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """The ops ``[start, end)`` of program order keep that order; others may run between them."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FreezeModule:
    """The ops of ``module`` and of the modules inside it keep program order among each other."""

    module: str
    """Qualified name, such as ``layer1.0``. One that reads ``3-9`` cannot be written as text."""


@dataclass(frozen=True, slots=True)
class At:
    """Planned storage ``storage`` starts at byte ``address`` of the arena, which is a multiple of the
    granule. It takes no part in in-place reuse."""

    storage: int
    address: int


Pin: TypeAlias = Before | First | Last | Freeze | FreezeModule | At
Pins: TypeAlias = tuple[Pin, ...]


def require_possible(step: Step, pins: Pins) -> None:
    """Raise BayplanError where a pin names what this step does not have, or an impossible address."""
    touched = {storage for op in step.ops for storage in op.touches}
    for pin in pins:
        match pin:
            case Before(first, second):
                _require_op(step, first)
                _require_op(step, second)
            case First(op) | Last(op):
                _require_op(step, op)
            case Freeze(start, end):
                if not 0 <= start < end <= len(step.ops):
                    raise BayplanError(
                        f"The pin 'freeze {start}-{end}' names no ops: the step has ops 0 to "
                        f"{len(step.ops) - 1}, and the range ends before {end}. Give the first op "
                        "and the one after the last."
                    )
            case FreezeModule(module):
                if not frozen_ops(step, pin):
                    raise BayplanError(
                        f"The pin 'freeze {module}' names neither a range of ops (such as 3-9) nor a "
                        "module of this step with ops of its own."
                    )
            case At(storage, address):
                _require_storage(step, storage, storage in touched)
                if not 0 <= address <= MAX_ADDRESS or address % GRANULE:
                    raise BayplanError(
                        f"The pin 'at {storage} {address}' gives an impossible address: it must be a "
                        f"multiple of {GRANULE} bytes, from 0 to {MAX_ADDRESS:,}."
                    )


def _require_op(step: Step, op: int) -> None:
    if not 0 <= op < len(step.ops):
        raise BayplanError(
            f"A pin names op {op}, which is not there: the step has ops 0 to {len(step.ops) - 1}."
        )


def _require_storage(step: Step, storage: int, touched: bool) -> None:
    if not 0 <= storage < len(step.storages):
        raise BayplanError(
            f"A pin names storage {storage}, which is not there: the step has storages 0 to "
            f"{len(step.storages) - 1}."
        )
    if not step.storages[storage].planned or not touched:
        raise BayplanError(
            f"A pin gives an address to storage {storage} ({step.storages[storage].name}), which is "
            "resident, empty or never used, so that no plan gives it one. Pin a storage that the step "
            "allocates and frees."
        )


def frozen_ops(step: Step, pin: Freeze | FreezeModule) -> tuple[int, ...]:
    """The ops that keep program order among each other, ascending."""
    if isinstance(pin, Freeze):
        return tuple(range(pin.start, pin.end))
    inside = f"{pin.module}."
    return tuple(
        index
        for index, op in enumerate(step.ops)
        if op.module == pin.module or op.module.startswith(inside)
    )


def edges_of(step: Step, pin: Pin) -> list[tuple[int, int]]:
    """(before, after) pairs of ops that, with the dependencies, are what the pin asks of an order."""
    match pin:
        case Before(first, second):
            return [(first, second)]
        case First(op):
            # Every other op comes after one that waits for nothing.
            return [(op, i) for i, earlier in enumerate(step.dependencies) if not earlier and i != op]
        case Last(op):
            needed = {before for earlier in step.dependencies for before in earlier}
            return [(i, op) for i in range(len(step.ops)) if i not in needed and i != op]
        case Freeze() | FreezeModule():
            ops = frozen_ops(step, pin)
            return list(pairwise(ops))
        case At():
            return []


def pinned_addresses(pins: Pins) -> dict[int, int]:
    """Address of every storage that a pin gives one."""
    return {pin.storage: pin.address for pin in pins if isinstance(pin, At)}


def pinned_end(step: Step, pins: Pins) -> int:
    """Bytes that the arena needs for the pinned addresses alone: no plan with them is lower."""
    ends = (address + int(step.rounded_sizes[s]) for s, address in pinned_addresses(pins).items())
    return max(ends, default=0)
