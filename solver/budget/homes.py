"""Weights and states of the optimizer that live on the host: when each is in the arena.

::

    entries           forward op   ...  backward op  ...  | update of w |  ...
    weight w          |== in ==|        |========= in ==================|== home ==|
    its momentum                                   |== in ==|           |== home ==|

As with trips, each comes as late as it can to be there for its use, but no earlier than there are
bytes for it. It is free after its last use where no op has changed it there, since its home still has
all of it; else when its copy home is through. It stays between two uses where it could not go and be
back in that time, or where there is room for it.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from solver.budget.costs import Costs
from solver.budget.schedule import Home, Schedule
from solver.plan import IntArray
from solver.step import Category, Step

SMALLEST_BYTES = 1 << 20
"""Of what is worth two copies a step."""
STATES = (Category.OPTIMIZER_STATE,)
STATES_AND_WEIGHTS = (Category.OPTIMIZER_STATE, Category.PARAMETER)


def found_for_homes(
    step: Step, categories: tuple[Category, ...], smallest: int = SMALLEST_BYTES
) -> tuple[int, ...]:
    """The storages, ascending, of the optimizer's states, or of weights, too, that may live on the host
    and have at least ``smallest`` bytes."""
    tensors: dict[int, list[tuple[str, int]]] = {}
    program = step.program
    if program is not None:
        for placeholder in program.placeholders:
            value = program.values[placeholder.value]
            tensors.setdefault(value.storage, []).append((placeholder.role, value.offset))
    roles = {Category.OPTIMIZER_STATE: "optimizer", Category.PARAMETER: "parameter"}
    return tuple(
        index
        for index, storage in enumerate(step.storages)
        if storage.category in categories
        and storage.size >= max(1, smallest)
        and not storage.output
        # Sums of gradients are of the same category, but not the optimizer's. A home is one tensor's.
        and (program is None or tensors.get(index) == [(roles[storage.category], 0)])
    )


@dataclass
class _Stay:
    """One stay in the arena, by entries."""

    storage: int
    first: int
    last: int
    changed: bool
    out: int = -1
    """Its copy home begins after this entry."""


def with_homes(
    step: Step,
    schedule: Schedule,
    live: IntArray,
    residents: tuple[int, ...],
    budget: int,
    costs: Costs,
    host_bytes_per_second: float,
) -> Schedule:
    """The schedule in which ``residents`` live on the host.

    ``live``: bytes of the arena by entry without them, shape (entries,); it is to have at most
    ``budget`` with them, as far as the ops that need most of them leave a choice.
    """
    entries = schedule.entries
    live = live.copy()
    ends = np.cumsum([_seconds(costs, schedule, at) for at in range(len(entries))])
    starts = np.concatenate([[0.0], ends])
    sizes = step.rounded_sizes
    copy = {s: step.storages[s].size / host_bytes_per_second for s in residents}
    stays = _stays(step, schedule, starts, live, residents, budget, copy)
    back = _called_back(step, schedule, starts, live, stays, budget, host_bytes_per_second)
    homes: dict[int, Home] = {}
    engine = 0.0
    for at in sorted(range(len(stays)), key=lambda i: (stays[i].last, stays[i].storage)):
        stay = stays[at]
        free = stay.out
        if stay.changed:
            follower = at + 1 < len(stays) and stays[at + 1].storage == stay.storage
            end = back[at + 1] if follower else len(entries)
            engine = max(starts[stay.out + 1], engine) + copy[stay.storage]
            while free + 1 < end and starts[free + 1] < engine:
                if live[free + 1] + sizes[stay.storage] > budget:
                    break
                free += 1
                live[free] += sizes[stay.storage]
        homes[at] = Home(stay.storage, back[at], stay.out, free, stay.changed)
    return replace(schedule, homes=tuple(homes[at] for at in range(len(stays))))


def _stays(
    step: Step,
    schedule: Schedule,
    starts: "np.typing.NDArray[np.float64]",
    live: IntArray,
    residents: tuple[int, ...],
    budget: int,
    copy: dict[int, float],
) -> list[_Stay]:
    """The stays of each resident, one after the other; ``live`` then counts them."""
    touched: dict[int, list[tuple[int, bool]]] = {resident: [] for resident in residents}
    for at, entry in enumerate(schedule.entries):
        op = step.ops[entry.op]
        for resident in touched.keys() & {*op.reads, *op.writes}:
            touched[resident].append((at, resident in op.writes))
    apart: dict[int, list[_Stay]] = {}
    for resident, touches in touched.items():
        row = apart[resident] = list[_Stay]()
        for at, changed in touches:
            away = copy[resident] * (2 if row and row[-1].changed else 1)
            if row and starts[at] - starts[row[-1].out + 1] <= away:
                row[-1].last, row[-1].changed = at, row[-1].changed or changed
            else:
                row.append(_Stay(resident, at, at, changed))
            row[-1].out = _copy_after(schedule, row[-1])
        for stay in row:
            live[stay.first : stay.out + 1] += step.rounded_sizes[resident]
    # Short ones first: they hold bytes for the shortest time for each copy that they save.
    gaps = sorted(
        (one.storage, one.out, other.first) for row in apart.values() for one, other in pairwise(row)
    )
    joined = set[tuple[int, int]]()
    for resident, out, first in sorted(gaps, key=lambda gap: starts[gap[2]] - starts[gap[1] + 1]):
        between = live[out + 1 : first]
        if int(between.max(initial=0)) + int(step.rounded_sizes[resident]) <= budget:
            between += step.rounded_sizes[resident]
            joined.add((resident, first))
    result: list[_Stay] = []
    for row in apart.values():
        for stay in row:
            before = result[-1] if result else stay
            late = before.storage == stay.storage and before.first < stay.first <= before.out
            if late or (stay.storage, stay.first) in joined:
                before.last, before.out = stay.last, stay.out
                before.changed = before.changed or stay.changed
                before.out = _copy_after(schedule, before)
            else:
                result.append(stay)
    return result


def _copy_after(schedule: Schedule, stay: _Stay) -> int:
    """The entry after which it may go, and come again: no copy begins between two fused ones."""
    out = stay.last
    while out + 1 < len(schedule.entries) and schedule.entries[out + 1].fused:
        out += 1
    return out


def _called_back(
    step: Step,
    schedule: Schedule,
    starts: "np.typing.NDArray[np.float64]",
    live: IntArray,
    stays: list[_Stay],
    budget: int,
    host_bytes_per_second: float,
) -> list[int]:
    """By stay the entry before which it is called into the arena; ``live`` then counts that."""
    entries, sizes = schedule.entries, step.rounded_sizes
    back = [stay.first for stay in stays]
    engine = np.inf
    # From the last on, what comes for a use and what trips have planned already.
    due = [(float(starts[stay.first]), at, -1) for at, stay in enumerate(stays)]
    for trip in schedule.trips:
        seconds = step.storages[trip.storage].size / host_bytes_per_second
        due.append((float(starts[trip.back]) + seconds, -1, trip.back))
    for _, number, planned in sorted(due, reverse=True):
        if planned >= 0:
            engine = min(engine, starts[planned])
            continue
        stay, at = stays[number], stays[number].first
        size, seconds = sizes[stay.storage], step.storages[stay.storage].size / host_bytes_per_second
        before = stays[number - 1] if number else stay
        lowest = before.out + 1 if number and before.storage == stay.storage else 0
        # Twice: what went home before uses the same engine.
        begin = min(starts[at], engine) - (2 if stay.changed else 1) * seconds
        while at > lowest and (
            entries[at].fused or (starts[at] > begin and live[at - 1] + size <= budget)
        ):
            at -= 1
            live[at] += size
        back[number], engine = at, min(engine, starts[at])
    return back


def _seconds(costs: Costs, schedule: Schedule, at: int) -> float:
    entry = schedule.entries[at]
    if entry.fused:
        return float(costs.fused[entry.op])
    return float((costs.again if entry.saved_statistics else costs.first)[entry.op])
