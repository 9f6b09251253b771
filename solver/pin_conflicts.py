"""Which pins cannot be kept, and why: a minimal set of them, and the cycle or the overlap it makes.

A set is minimal when it can be kept as soon as any one of its pins is dropped. It is found by
QuickXplain (Junker 2004), which asks of few subsets whether they can be kept; the pins on one cycle of
the whole are a start that leaves it little to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solver.clashes import Clashes, Edge, find_clashes, neighbours, schedule
from solver.errors import BayplanError
from solver.pin_text import describe_pin
from solver.pinned_order import PinnedOrder, pinned_order
from solver.pins import At, Pin, Pins, edges_of, pinned_addresses, require_possible
from solver.step import Step

_EDGES_TRIED = 32
"""Edges of a cycle through which a shorter one is looked for."""
_NAMED = 4
"""Ops that a message names on the way from one to another."""


class PinsError(BayplanError):
    """Pins that cannot be kept."""

    def __init__(self, message: str, details: str, pins: Pins) -> None:
        super().__init__(message, details)
        self.pins = pins
        """A minimal set: without any one of them the others can be kept."""


def require_pinned_order(step: Step, pins: Pins) -> PinnedOrder:
    """The pins as constraints, with an order that keeps them all.

    Raises BayplanError that names what is impossible: a pin that names what is not there, or
    (PinsError) a minimal set of pins that contradict the dependencies or one another, and what lies
    between.
    """
    require_possible(step, pins)
    order = pinned_order(step, pins)
    if order is None:
        raise _error(step, minimal_conflict(step, pins))
    return order


def minimal_conflict(step: Step, pins: Pins) -> Pins:
    """Pins that no order keeps, although it keeps any all but one of them; empty: all can be kept."""
    if pinned_order(step, pins) is not None:
        return ()
    cycle = _cycle(step, pins)
    if cycle:
        legs = _legs(cycle, _pin_edges(step, pins))
        on_cycle = {leg.pin for leg in legs}
        pins = tuple(pin for pin in dict.fromkeys(pins) if pin in on_cycle)
    return _quick_explain(step, (), False, pins)


def _quick_explain(step: Step, kept: Pins, changed: bool, pins: Pins) -> Pins:
    """A minimal part of ``pins`` that conflicts with ``kept``; ``changed``: not yet known whether
    ``kept`` conflicts on its own."""
    if changed and pinned_order(step, kept) is None:
        return ()
    if len(pins) <= 1:
        return pins
    first, second = pins[: len(pins) // 2], pins[len(pins) // 2 :]
    of_second = _quick_explain(step, (*kept, *first), True, second)
    of_first = _quick_explain(step, (*kept, *of_second), bool(of_second), first)
    return (*of_first, *of_second)


def _error(step: Step, pins: Pins) -> PinsError:
    names = [f"'{describe_pin(step, pin)}'" for pin in pins]
    reason, details = _reason(step, pins)
    if len(pins) == 1:
        text = f"The pin {names[0]} cannot be kept: {reason}. Drop it or change it."
    else:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        text = f"The pins {listed} conflict: {reason}. Drop one of them or change it."
    return PinsError(text, details, pins)


def _reason(step: Step, pins: Pins) -> tuple[str, str]:
    """Why a minimal set conflicts, and the same op by op where that is longer."""
    cycle = _cycle(step, pins)
    if cycle:
        legs = _legs(cycle, _pin_edges(step, pins))
        names = " → ".join(step.ops[op].name for op in (*cycle, cycle[0]))
        if len(pins) == 1:
            legs = legs[1:] or legs  # What the pin asks for has just been said.
        return "; ".join(_leg_text(step, leg) for leg in legs), names
    addresses = [pin for pin in pins if isinstance(pin, At)]
    if len(pinned_addresses(pins)) < len(addresses):
        return "a storage has one address", ""
    clashes = find_clashes(step, pins)
    shared = [
        f"{_bytes_text(step, pins, one)} and {_bytes_text(step, pins, other)} share bytes"
        for one, other in clashes.pairs
    ]
    if len(pins) == 2 and len(addresses) == 2:
        return f"{shared[0]}, but {_together(clashes, *clashes.pairs[0])}", ""
    if len(pins) == len(addresses):
        return f"{'; '.join(shared)}; no order of the ops keeps them all apart in time", ""
    return f"{'; '.join(shared)}; no order that keeps the other pins keeps them apart in time", ""


# -- cycles ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Leg:
    """Consecutive edges of a cycle for one reason: a pin, or dependencies (None)."""

    pin: Pin | None
    ops: tuple[int, ...]


def _pin_edges(step: Step, pins: Pins) -> dict[Edge, Pin]:
    """The pin of every edge that is not a dependency anyway."""
    return {
        (before, after): pin
        for pin in pins
        for before, after in edges_of(step, pin)
        if before not in step.dependencies[after]
    }


def _cycle(step: Step, pins: Pins) -> list[int]:
    """Ops each of which must run before the next, and the last before the first, few of them; empty
    where the order pins and the dependencies close no cycle."""
    edges = _pin_edges(step, pins)
    before, after = neighbours(step, edges)
    if schedule(before, after, range(len(before))) is not None:
        return []
    waiting = [len(ops) for ops in before]
    ready = [op for op, count in enumerate(waiting) if not count]
    while ready:
        for later in after[ready.pop()]:
            waiting[later] -= 1
            if not waiting[later]:
                ready.append(later)
    # What still waits, waits for something that does: walk back until an op comes again.
    op = next(op for op, count in enumerate(waiting) if count)
    seen: dict[int, int] = {}
    walk: list[int] = []
    while op not in seen:
        seen[op] = len(walk)
        walk.append(op)
        op = next(earlier for earlier in before[op] if waiting[earlier])
    cycle = walk[seen[op] :][::-1]
    steps = zip(cycle, [*cycle[1:], cycle[0]], strict=True)
    tried = [edge for edge in steps if edge in edges][:_EDGES_TRIED]
    return min((_way(after, end, start) for start, end in tried), key=len)


def _way(after: Sequence[Sequence[int]], start: int, end: int) -> list[int]:
    """The ops of a shortest way from ``start`` to ``end``, both included."""
    came_from = {start: start}
    front = [start]
    while end not in came_from:
        reached = []
        for op in front:
            for later in after[op]:
                if later not in came_from:
                    came_from[later] = op
                    reached.append(later)
        front = reached
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]


def _legs(cycle: Sequence[int], edges: Mapping[Edge, Pin]) -> list[_Leg]:
    """The cycle cut where the reason changes, beginning with a pin."""
    reasons = [edges.get(edge) for edge in zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
    # Begin where a pin takes over; one pin may be all there is.
    start = next(
        (i for i, pin in enumerate(reasons) if pin is not None and pin != reasons[i - 1]),
        next(i for i, pin in enumerate(reasons) if pin is not None),
    )
    legs: list[_Leg] = []
    for offset in range(len(cycle)):
        at = (start + offset) % len(cycle)
        end = cycle[(at + 1) % len(cycle)]
        if legs and legs[-1].pin == reasons[at]:
            legs[-1] = _Leg(legs[-1].pin, (*legs[-1].ops, end))
        else:
            legs.append(_Leg(reasons[at], (cycle[at], end)))
    return legs


def _leg_text(step: Step, leg: _Leg) -> str:
    first, last = step.ops[leg.ops[0]].name, step.ops[leg.ops[-1]].name
    if leg.pin is not None:
        return f"'{describe_pin(step, leg.pin)}' has {first} run before {last}"
    between = [step.ops[op].name for op in leg.ops[-2:0:-1]]
    through = ", ".join(between[:_NAMED])
    if len(between) > _NAMED:
        through += f" and {len(between) - _NAMED:,} more"
    return f"{last} depends on {first}" + (f" (through {through})" if between else "")


# -- overlaps -------------------------------------------------------------------------------------


def _bytes_text(step: Step, pins: Pins, storage: int) -> str:
    start = pinned_addresses(pins)[storage]
    end = start + int(step.rounded_sizes[storage])
    return f"{step.storages[storage].name} (storage {storage}, bytes {start:,} to {end:,})"


def _together(clashes: Clashes, one: int, other: int) -> str:
    """Why the dependencies alone have two storages alive together in every order."""
    step = clashes.step
    both = set(clashes.touchers[one]) & set(clashes.touchers[other])
    if both:
        return f"{step.ops[min(both)].name} needs both"
    _, after = neighbours(step, ())
    reasons = []
    for gone, made in ((one, other), (other, one)):
        creator = clashes.creator(made)
        later = _reachable(after, creator)
        user = next(op for op in clashes.touchers[gone] if op in later)
        reasons.append(
            f"{step.ops[user].name}, which uses {step.storages[gone].name}, depends on "
            f"{step.ops[creator].name}, which makes {step.storages[made].name}"
        )
    return " and ".join(reasons)


def _reachable(after: Sequence[Sequence[int]], start: int) -> set[int]:
    """All ops after ``start``."""
    seen: set[int] = set()
    pending = [start]
    while pending:
        for later in after[pending.pop()]:
            if later not in seen:
                seen.add(later)
                pending.append(later)
    return seen
