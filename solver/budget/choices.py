"""The choices that a schedule made, so that a search can begin with it."""

import numpy as np

from solver.budget.graph import (
    DROP,
    KEEP,
    LEND,
    NO_GAP,
    PARK,
    RETAIN,
    SHORT_GAP,
    SPEND,
    Bits,
    BudgetGraph,
)
from solver.budget.kept import kept_slots
from solver.budget.schedule import Schedule


def choices_of(graph: BudgetGraph, schedule: Schedule) -> Bits:
    """The choices that come nearest to ``schedule``, which may follow another base order.

    A gap is kept where the value is not made again in it, and lent where that is only after a
    repetition used it as it was; spent where it is then made again before another first run than the
    one that ends it; retained where it is made again before another first run than the one that ends
    it; parked where it leaves for the host. What no first run ends is retained where several need it.
    """
    t = graph.tables
    choice = graph.kept()
    ran: set[int] = set()
    position = np.empty(len(graph.order), np.int64)
    position[graph.order] = np.arange(len(graph.order))
    furthest = -1
    defers = {*np.flatnonzero(kept_slots(graph).defers).tolist()}
    deferred: set[int] = set()
    """Ops that first ran later than in the base order, as what they make was dropped."""
    gap_of = np.full(len(t.size), NO_GAP, np.int64)
    remade = np.full(len(t.size), -1, np.int64)
    """By value: how many first runs were done when it was last made again in its gap, or -1."""
    kept = np.zeros(len(t.size), np.bool_)
    """By value: whether a repetition in its gap used it before it was made again there."""
    shared = np.zeros(len(t.size), np.bool_)
    """By value: whether repetitions for several first runs in its gap used it as it was made again."""
    missed = np.zeros(len(t.size), np.bool_)
    """By value: whether what it is made from was overwritten again in its gap before it was made
    again: retained, it would have been made then."""
    leaving = {(trip.storage, trip.out) for trip in schedule.trips}
    for at, entry in enumerate(schedule.entries):
        op = entry.op
        makes = t.makes[t.makes_at[op] : t.makes_at[op + 1]]
        if op not in ran and op not in deferred and position[op] < furthest:
            follow = t.gap_after_make[t.makes_at[op] : t.makes_at[op + 1]]
            if defers.issuperset(follow.tolist()) and len(follow):
                deferred.add(op)
                gap_of[makes], kept[makes], shared[makes] = follow, False, False
        if op in ran or op in deferred:
            needs = t.needs[t.needs_at[op] : t.needs_at[op + 1]]
            if entry.saved_statistics and t.saved[op] >= 0:
                needs = np.append(needs, [t.mean[op], t.deviation[op]])
            kept[needs] |= remade[needs] < 0
            shared[needs] |= (remade[needs] >= 0) & (remade[needs] < len(ran))
            for other in t.along[t.along_at[op] : t.along_at[op + 1]].tolist():
                along = t.makes[t.makes_at[other] : t.makes_at[other + 1]]
                missed[along] |= remade[along] < 0
            result = t.saved[op]
            remade[[result] if entry.saved_statistics and result >= 0 else makes] = len(ran)
            continue
        for k in range(t.needs_at[op], t.needs_at[op + 1]):
            value = t.needs[k]
            if gap_of[value] > SHORT_GAP and remade[value] >= 0:
                retain = KEEP if missed[value] else RETAIN
                late = DROP if remade[value] == len(ran) else retain
                soon = SPEND if remade[value] < len(ran) else LEND
                choice[gap_of[value]] = soon if kept[value] else late
            gap_of[value], remade[value] = t.gap_after_need[k], -1
            kept[value] = shared[value] = missed[value] = False
        for k in range(t.makes_at[op], t.makes_at[op + 1]):
            value = t.makes[k]
            gap_of[value], remade[value] = t.gap_after_make[k], -1
            kept[value] = shared[value] = missed[value] = False
        needs = t.needs[t.needs_at[op] : t.needs_at[op + 1]]
        for value in (*needs.tolist(), *makes.tolist()):
            if gap_of[value] > SHORT_GAP and (int(graph.storage_of[value]), at) in leaving:
                choice[gap_of[value]] = PARK
        ran.add(op)
        furthest = max(furthest, int(position[op]))
    for gap in np.flatnonzero(graph.is_end & (choice != PARK)).tolist():
        value = graph.gap_value[gap]
        if kept[value]:
            choice[gap] = KEEP
        elif shared[value]:
            choice[gap] = RETAIN
    return choice
