"""The step as captured, slot by slot: a simulation starts from it, and looks only where it differs."""

from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.budget.graph import KEEP, NO_GAP, SHORT_GAP, Bits, BudgetGraph, Tables
from solver.plan import IntArray

Places = npt.NDArray[np.int32]
"""Indices that kernels go through again and again: half the size is half the way."""
STATIC, DEFERRED = -1, -2
"""In place of an op: a slot that stands for first runs that touch nothing but static values, or for a
first run that comes later."""


class Kept(NamedTuple):
    """What keeping everything comes to. Its slots are events, and static ones between them."""

    run: Places
    """By slot: the op, or STATIC."""
    event: Places
    """By slot: its event; of a static one -1."""
    live: IntArray
    """By slot: bytes alive."""
    before: IntArray
    """By slot: bytes alive, static ones included, while ops are repeated right before it."""
    taken: IntArray
    """By slot: bytes of an operand that the op takes over."""
    touch_at: Places
    """By value: its first touch; each row ends with one that never comes."""
    touch: Places
    """By touch of a value: the slot."""
    gap_after: Places
    """By touch: the gap that follows."""
    concerns_at: Places
    concerns: Places
    """By op: values that matter when it is repeated: its needs, its statistics, all versions of what it
    makes, and what is made along with it."""
    usual: Bits
    """By gap: the choice that keeps everything."""
    gap_from: Places
    gap_to: Places
    """By gap: the slots before and after it; one past the last where none follows."""
    gap_value: Places
    """By gap: its value; -1 for the first two."""
    takes: Bits
    """By gap: whether the op that it follows may take over the bytes of the value."""
    defers: Bits
    """By gap: whether the op that it follows need not run before the value is wanted: its first run
    then is the first of what would be repetitions, wherever the gap is dropped."""
    ending: Places
    """Values that have a gap after their last touch, ascending."""


def kept_slots(graph: BudgetGraph) -> Kept:
    """Walk through the events and keep everything."""
    t, usual = graph.tables, graph.kept()
    slots: list[tuple[int, int, int, int, int]] = []
    touches: list[list[tuple[int, int]]] = [[] for _ in t.size]
    live = 0
    for event, between in enumerate(t.between.tolist()):
        if between >= 0:
            slots.append((STATIC, -1, live + between, 0, 0))
        if event == len(t.event_op):
            break
        op = int(t.event_op[event])
        needs = slice(t.needs_at[op], t.needs_at[op + 1])
        makes = slice(t.makes_at[op], t.makes_at[op + 1])
        before = live + int(t.before[event])
        live += int(t.size[t.makes[makes]][t.written[makes] == 0].sum())
        takes = (t.reusable[needs] == 1) & (usual[t.gap_after_need[needs]] < KEEP)
        taken = int(t.size[t.needs[needs]][takes][-1]) if takes.any() else 0
        slots.append((op, event, live - taken + int(t.during[event]), before, taken))
        values = np.concatenate([t.needs[needs], t.makes[makes]])
        gaps = np.concatenate([t.gap_after_need[needs], t.gap_after_make[makes]])
        for value, gap in zip(values.tolist(), gaps.tolist(), strict=True):
            touches[value].append((len(slots) - 1, gap))
        ends = usual[gaps] != KEEP
        ends[: len(takes)] &= t.consumed[needs] == 0
        live -= int(t.size[values[ends]].sum())
    run, event_of, lives, befores, takens = np.array(slots, np.int64).reshape(-1, 5).T.copy()
    last = len(slots)
    gap_from, gap_to = np.full((2, graph.gaps), last, np.int32)
    for row in touches:
        for (at, gap), (end, _) in zip(row, [*row[1:], (last, NO_GAP)], strict=True):
            if gap > SHORT_GAP:
                gap_from[gap], gap_to[gap] = at, end
    rows = [[*row, (last + 1, NO_GAP)] for row in touches]
    touch, gap_after = np.array([each for row in rows for each in row], np.int32).reshape(-1, 2).T
    takes = np.zeros(graph.gaps, np.uint8)
    takes[t.gap_after_need[t.reusable == 1]] = 1
    return Kept(
        run.astype(np.int32),
        event_of.astype(np.int32),
        lives,
        befores,
        takens,
        np.cumsum([0, *map(len, rows)], dtype=np.int32)[:-1],
        touch.copy(),
        gap_after.copy(),
        *_concerns(t),
        usual,
        gap_from,
        gap_to,
        graph.gap_value.astype(np.int32),
        takes,
        _defers(graph),
        np.unique(graph.gap_value[graph.is_end]).astype(np.int32),
    )


def _defers(graph: BudgetGraph) -> Bits:
    """Of ops that do nothing but make one value, from values that stay for others anyway."""
    t, step = graph.tables, graph.step
    defers = np.zeros(graph.gaps, np.uint8)
    gap_before = np.full(len(t.size), NO_GAP, np.int64)
    for op in t.event_op.tolist():
        needs = slice(t.needs_at[op], t.needs_at[op + 1])
        makes = slice(t.makes_at[op], t.makes_at[op + 1])
        values = t.needs[needs]
        run = step.ops[op]
        if (
            t.rank[op] >= 0
            and not run.random
            and len(run.creates) == 1
            and {*run.writes} <= {*run.creates}
            and len(t.makes[makes]) == 1
            and (gap_before[values] == SHORT_GAP).all()
            and (t.gap_after_need[needs] == SHORT_GAP).all()
        ):
            defers[t.gap_after_make[makes]] = 1
        gap_before[values] = t.gap_after_need[needs]
        gap_before[t.makes[makes]] = t.gap_after_make[makes]
    defers[: SHORT_GAP + 1] = 0
    defers[graph.is_end] = 0
    return defers


def _concerns(t: Tables) -> tuple[Places, Places]:
    rows: list[list[int]] = [[] for _ in t.rank]
    for op in t.by_rank.tolist():
        makes = t.makes[t.makes_at[op] : t.makes_at[op + 1]]
        versions = [range(t.versions_from[value], t.versions_to[value]) for value in makes]
        statistics = [int(t.mean[op]), int(t.deviation[op])] if t.saved[op] >= 0 else []
        needs = t.needs[t.needs_at[op] : t.needs_at[op + 1]].tolist()
        others = t.along[t.along_at[op] : t.along_at[op + 1]].tolist()
        along = [t.makes[t.makes_at[other] : t.makes_at[other + 1]].tolist() for other in others]
        rows[op] = sorted({*needs, *statistics, *chain(*versions, *along)})
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int32)
    return starts, np.array([*chain.from_iterable(rows)], np.int32)
