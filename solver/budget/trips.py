"""Trips to the host: when each copy begins, and what all of them cost, exactly.

A simulation says which values leave after which slot and which slot needs them again; here it is
decided when their bytes are free and when they are called back. There is one engine for all copies,
which makes one at a time, in the order of the slots::

    slots    | 4 | 5 | 6 | 7 | 8 | 9 | ...                | 30 | 31 | 32 | 33 |
    copies   x used   |== x out ==|                          |== x back ==|  x needed
    x alive  ---------------------|                          |---------------------

A value leaves right after its last use before the gap. Its bytes are free after the slot in which its
copy ends; or earlier, after a wait, where what runs next would not fit else. Copies back are laid out
from the last one on, each as late as it can begin to be through before its use and before the copy
after it; but no earlier than there are bytes for it. What does not come in time is waited for.
"""

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from solver.budget.costs import FloatArray
from solver.budget.graph import Bits, BudgetGraph, Tables
from solver.budget.kept import DEFERRED, STATIC
from solver.budget.schedule import Schedule, Trip
from solver.budget.simulate import FUSED, SAVED, entries_of, simulate
from solver.budget.state import State
from solver.compiled import kernel
from solver.plan import IntArray


class Copies(NamedTuple):
    """What copies take, and room for timing those of one simulation."""

    seconds: FloatArray
    """By value: of one copy."""
    between: FloatArray
    """By event, and after the last: seconds of the first runs since the event before."""
    starts: FloatArray
    """By slot: when it begins if nothing is waited for."""
    lasts: FloatArray
    """By slot: seconds of its runs."""
    ends: FloatArray
    """By trip: when the copy that is under way is through."""
    free: IntArray
    """By trip: the slot after which its bytes are free."""
    back: IntArray
    """By trip: the slot before which its copy back begins."""
    users: IntArray
    """By slot: a trip whose value it needs again, or -1."""
    next_user: IntArray
    """By trip: another trip for the same slot, or -1."""
    comers: IntArray
    """By slot, and after the last: the first trip that is called back right before it, or -1."""
    next_comer: IntArray
    """By trip: the next one that is called back before the same slot, or -1."""


def make_copies(graph: BudgetGraph, state: State, host_bytes_per_second: float) -> Copies:
    """Room for timing the simulations that ``state`` is for."""
    sizes = np.array([graph.step.storages[s].size for s in graph.storage_of], np.float64)
    passed = np.concatenate([[0.0], np.cumsum(graph.costs.first[graph.order])])
    events = graph.tables.event_position
    from_ = np.concatenate([[0], events + 1])
    to = np.concatenate([events, [len(graph.order)]])
    slots, trips = len(state.live) + 1, len(state.away.out)
    return Copies(
        sizes / host_bytes_per_second,
        passed[to] - passed[from_],
        np.zeros(slots),
        np.zeros(slots),
        np.zeros(trips),
        np.zeros(trips, np.int64),
        np.zeros(trips, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(trips, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(trips, np.int64),
    )


@dataclass(frozen=True, slots=True)
class Timed:
    """What choices come to, trips included."""

    slots: int
    """0: there is no plan."""
    seconds: float
    peak_bytes: int
    """Of the arena."""
    host_bytes: int
    """On the host at once."""


def timed(graph: BudgetGraph, choice: Bits, state: State, copies: Copies, budget: int) -> Timed:
    """What the choices come to where copies are timed for an arena of ``budget`` bytes."""
    slots, seconds = simulate(graph.tables, state, choice)
    if not slots:
        return Timed(0, 0.0, -1, 0)
    host = 0
    if state.away.trips[0]:
        seconds, host = time_trips(graph.tables, state, copies, slots, budget)
    return Timed(slots, seconds, int(state.live[:slots].max()), host)


def schedule_with_trips(
    graph: BudgetGraph, choice: Bits, state: State, copies: Copies, budget: int
) -> Schedule | None:
    """The runs and trips that the choices come to; None: no plan."""
    slots = timed(graph, choice, state, copies, budget).slots
    if not slots:
        return None
    entries = entries_of(graph, state, slots)
    first = np.concatenate([[0], np.cumsum([len(each) for each in entries])]).tolist()
    away = state.away
    trips = [
        Trip(
            int(graph.storage_of[away.value[trip]]),
            out=first[away.out[trip] + 1] - 1,
            free=first[copies.free[trip] + 1] - 1,
            back=first[copies.back[trip]],
        )
        for trip in range(int(away.trips[0]))
        if away.use[trip] >= 0
    ]
    return Schedule(tuple(chain.from_iterable(entries)), tuple(trips))


@kernel
def time_trips(t: Tables, s: State, c: Copies, slots: int, budget: int) -> tuple[float, int]:
    """Seconds of what was simulated last, with its copies, and the most bytes on the host at once.

    ``s.live`` then counts the bytes of what is on its way, too.
    """
    live, run, how = s.live, s.run, s.how
    value_of, out, use, trips = s.away.value, s.away.out, s.away.use, s.away.trips[0]
    starts, lasts, ends, users, comers = c.starts, c.lasts, c.ends, c.users, c.comers
    now = 0.0
    event = 0
    for slot in range(slots):
        op = run[slot]
        if op == STATIC:
            lasts[slot] = c.between[event]
        elif op == DEFERRED:
            lasts[slot] = 0.0
            event += 1
        elif event < len(t.event_op) and op == t.event_op[event]:
            lasts[slot] = t.first[op]
            event += 1
        elif how[slot] & FUSED:
            lasts[slot] = t.fused[op]
        else:
            lasts[slot] = t.repeated[op] if how[slot] & SAVED else t.first[op]
        starts[slot] = now
        now += lasts[slot]
        users[slot] = comers[slot] = -1
    comers[slots] = -1
    for trip in range(trips):
        if use[trip] >= 0:
            c.next_user[trip] = users[use[trip]]
            users[use[trip]] = trip
    # The copies back, from the last one on.
    engine = np.inf
    for slot in range(slots - 1, -1, -1):
        trip = users[slot]
        while trip >= 0:
            size = t.size[value_of[trip]]
            begin = min(starts[slot], engine) - c.seconds[value_of[trip]]
            back = slot
            while back > out[trip] + 1 and (
                how[back] & FUSED or (starts[back] > begin and live[back - 1] + size <= budget)
            ):
                back -= 1
                live[back] += size
            c.back[trip] = back
            engine = min(engine, starts[back])
            trip = c.next_user[trip]
    for trip in range(trips - 1, -1, -1):
        if use[trip] >= 0:
            c.next_comer[trip] = comers[c.back[trip]]
            comers[c.back[trip]] = trip
    # All that happens, with its waits.
    now = copied = 0.0
    leaving = host = most = 0
    oldest = newest = 0
    for slot in range(slots):
        trip = comers[slot]
        while trip >= 0:
            copied = max(now, copied) + c.seconds[value_of[trip]]
            ends[trip] = copied
            host -= t.size[value_of[trip]]
            trip = c.next_comer[trip]
        trip = users[slot]
        while trip >= 0:
            now = max(now, ends[trip])
            trip = c.next_user[trip]
        now += lasts[slot]
        live[slot] += leaving
        while newest < trips and out[newest] == slot:
            if use[newest] >= 0:
                copied = max(now, copied) + c.seconds[value_of[newest]]
                ends[newest] = copied
                leaving += t.size[value_of[newest]]
                host += t.size[value_of[newest]]
                most = max(most, host)
            newest += 1
        # Copies are made in this order: all up to one that comes back next must be through.
        due = -1
        trip = comers[slot + 1]
        while trip >= 0:
            due, trip = max(due, trip), c.next_comer[trip]
        while oldest < newest:
            if use[oldest] >= 0:
                room = slot + 1 == slots or live[slot + 1] + leaving <= budget
                if ends[oldest] > now and room and oldest > due:
                    break
                now = max(now, ends[oldest])
                c.free[oldest] = slot
                leaving -= t.size[value_of[oldest]]
            oldest += 1
    return max(now, copied), most
