"""The step as captured, slot by slot: a simulation starts from it, and looks only where it differs."""

from typing import NamedTuple

import numpy as np

from solver.budget.graph import KEEP, NO_GAP, SHORT_GAP, Bits, BudgetGraph
from solver.plan import IntArray

STATIC = -1
"""In place of an op: a slot that stands for first runs that touch nothing but static values."""


class Kept(NamedTuple):
    """What keeping everything comes to. Its slots are events, and static ones between them."""

    run: IntArray
    """By slot: the op, or STATIC."""
    event: IntArray
    """By slot: its event; of a static one -1."""
    live: IntArray
    """By slot: bytes alive."""
    before: IntArray
    """By slot: bytes alive, static ones included, while ops are repeated right before it."""
    taken: IntArray
    """By slot: bytes of an operand that the op takes over."""
    touch_at: IntArray
    """By value: its first touch; each row ends with one that never comes."""
    touch: IntArray
    """By touch of a value: the slot."""
    gap_after: IntArray
    """By touch: the gap that follows."""
    usual: Bits
    """By gap: the choice that keeps everything."""
    gap_from: IntArray
    gap_to: IntArray
    """By gap: the slots before and after it; one past the last where none follows."""
    ending: IntArray
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
    gap_from, gap_to = np.full((2, graph.gaps), last, np.int64)
    for row in touches:
        for (at, gap), (end, _) in zip(row, [*row[1:], (last, NO_GAP)], strict=True):
            if gap > SHORT_GAP:
                gap_from[gap], gap_to[gap] = at, end
    rows = [[*row, (last + 1, NO_GAP)] for row in touches]
    touch, gap_after = np.array([each for row in rows for each in row], np.int64).reshape(-1, 2).T
    return Kept(
        run,
        event_of,
        lives,
        befores,
        takens,
        np.cumsum([0, *map(len, rows)], dtype=np.int64)[:-1],
        touch.copy(),
        gap_after.copy(),
        usual,
        gap_from,
        gap_to,
        np.unique(graph.gap_value[graph.is_end]),
    )
