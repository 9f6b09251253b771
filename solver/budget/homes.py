"""States of the optimizer that live on the host: when each is copied into the arena, and home again.

::

    entries   ... backward ops ...  | update of w |  backward ops ...
    state of w         |== in ==|                 |== home ==|

As with trips, each comes as late as it can to be there for its update, but no earlier than there are
bytes for it, and is free when its copy home is through.
"""

from dataclasses import replace

import numpy as np

from solver.budget.costs import Costs
from solver.budget.schedule import Home, Schedule
from solver.step import Category, Step

SMALLEST_BYTES = 1 << 20
"""Of a state that is worth two copies a step."""


def states_for_homes(step: Step, smallest: int = SMALLEST_BYTES) -> tuple[int, ...]:
    """The storages, ascending, of the optimizer's states that may live on the host and have at least
    ``smallest`` bytes."""
    program = step.program
    others: set[int] = set()
    if program is not None:
        # Sums of gradients are of the same category, but not the optimizer's.
        others = {
            program.values[p.value].storage for p in program.placeholders if p.role != "optimizer"
        }
    return tuple(
        index
        for index, storage in enumerate(step.storages)
        if storage.category is Category.OPTIMIZER_STATE
        and storage.size >= max(1, smallest)
        and not storage.output
        and index not in others
    )


def with_homes(
    step: Step,
    schedule: Schedule,
    live: "np.typing.NDArray[np.int64]",
    states: tuple[int, ...],
    budget: int,
    costs: Costs,
    host_bytes_per_second: float,
) -> Schedule:
    """The schedule in which ``states`` live on the host.

    ``live``: bytes of the arena by entry without them, shape (entries,); it is to have at most
    ``budget`` with them, as far as the largest update leaves a choice.
    """
    entries = schedule.entries
    live = live.copy()
    ends = np.cumsum([_seconds(costs, schedule, at) for at in range(len(entries))])
    starts = np.concatenate([[0.0], ends])
    touched: dict[int, list[int]] = {state: [] for state in states}
    for at, entry in enumerate(entries):
        op = step.ops[entry.op]
        for state in touched.keys() & {*op.reads, *op.writes}:
            touched[state].append(at)
    sizes = step.rounded_sizes
    copies = {s: step.storages[s].size / host_bytes_per_second for s in states if touched[s]}
    for state in copies:
        live[touched[state][0] : touched[state][-1] + 1] += sizes[state]
    back = {}
    engine = np.inf
    # From the last on, what comes for an update and what trips have planned already.
    due = [(float(starts[touched[state][0]]), state, -1) for state in copies]
    for trip in schedule.trips:
        seconds = step.storages[trip.storage].size / host_bytes_per_second
        due.append((float(starts[trip.back]) + seconds, -1, trip.back))
    for _, state, planned in sorted(due, reverse=True):
        if planned >= 0:
            engine = min(engine, starts[planned])
            continue
        at = touched[state][0]
        # Twice: what went home before uses the same engine.
        begin = min(starts[at], engine) - 2 * copies[state]
        while at > 0 and (
            entries[at].fused or (starts[at] > begin and live[at - 1] + sizes[state] <= budget)
        ):
            at -= 1
            live[at] += sizes[state]
        back[state], engine = at, min(engine, starts[at])
    homes = []
    engine = 0.0
    for state in sorted(copies, key=lambda s: (touched[s][-1], s)):
        out = free = touched[state][-1]
        while free + 1 < len(entries) and entries[out + 1].fused and out == free:
            out = free = out + 1
            live[out] += sizes[state]
        engine = max(starts[out + 1], engine) + copies[state]
        while free + 1 < len(entries) and starts[free + 1] < engine:
            if live[free + 1] + sizes[state] > budget:
                break
            free += 1
            live[free] += sizes[state]
        homes.append(Home(state, back[state], out, free))
    return replace(schedule, homes=tuple(homes))


def _seconds(costs: Costs, schedule: Schedule, at: int) -> float:
    entry = schedule.entries[at]
    if entry.fused:
        return float(costs.fused[entry.op])
    return float((costs.again if entry.saved_statistics else costs.first)[entry.op])
