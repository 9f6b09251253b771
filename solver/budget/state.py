"""The room that one simulation takes, made once and used by all that follow."""

from typing import NamedTuple

import numpy as np

from solver.budget.graph import KEEP, LEND, PARK, SPEND, Bits, BudgetGraph
from solver.budget.kept import Kept, Places, kept_slots
from solver.plan import IntArray

_ROOM = 8
"""Slots per op that a simulated step may have; beyond it is no plan."""

GONE, MADE, THERE, AWAY, LENT, SPENT = 0, 1, KEEP, PARK, LEND, SPEND
"""Of a value: not in memory; made for what runs next; kept for its next use in base order; on the host;
kept only for repetitions before that use; kept only for the first of them. The last four are what the
choices for its gap are."""


class Away(NamedTuple):
    """What a simulation sends to the host, as far as it is concerned: at once, and back at once."""

    trips: IntArray
    """How many there are; shape (1,)."""
    trip: IntArray
    """By value on the host: its trip."""
    value: IntArray
    """By trip."""
    out: IntArray
    """By trip: the slot after which it leaves, ascending."""
    use: IntArray
    """By trip: the slot that needs it again; -1: it is made anew instead, and the trip not made."""


class State(NamedTuple):
    """Room for one simulation, reused by the next."""

    value: Bits
    """By value: GONE, MADE, THERE, AWAY, LENT or SPENT."""
    gap: Places
    """By value: the gap that it is in."""
    uses: Places
    """By value: uses by repetitions that are due, and by the first run that they are for."""
    last: Places
    """By value: the slot of its last use."""
    made: Places
    """By value: the slot that made it."""
    due: Bits
    """By rank: whether the op is to be repeated."""
    saved: Bits
    """By op: whether that repetition uses saved statistics."""
    waits: Bits
    """By op: whether its first run was deferred and is still to come."""
    stale: Bits
    """By the first value of a storage: whether it is to be made anew."""
    pending: Places
    """Ops whose needs were not looked at yet."""
    live: IntArray
    """By slot: bytes alive."""
    run: Places
    """By slot: the op, STATIC or DEFERRED."""
    how: Bits
    """By slot: how it runs."""
    took: Bits
    """By slot: whether the op took over the bytes of an operand."""
    more: IntArray
    """By slot: bytes that are alive from it on, against the slot before, besides those of the step as
    captured."""
    kept: Kept
    slot_of: Places
    """By slot of the step as captured: the slot."""
    visit: Bits
    """By slot of the step as captured, and beyond: whether something may be other than there; bits."""
    touched: Places
    """By value: its first touch that was not caught up with."""
    coming: Places
    """By value: the slot of that touch in the step as captured."""
    away: Away


def make_state(graph: BudgetGraph) -> State:
    """Room for simulations of this graph; one at a time."""
    values, ops = len(graph.tables.size), len(graph.tables.needs_at) - 1
    slots = _ROOM * ops + 2
    kept = kept_slots(graph)
    gap, uses, last, made, touched, coming = np.zeros((6, values), np.int32)
    return State(
        value=np.zeros(values, np.uint8),
        gap=gap,
        uses=uses,
        last=last,
        made=made,
        due=np.zeros(len(graph.tables.by_rank), np.uint8),
        saved=np.zeros(ops, np.uint8),
        waits=np.zeros(ops, np.uint8),
        stale=np.zeros(values, np.uint8),
        pending=np.zeros(ops, np.int32),
        live=np.zeros(slots, np.int64),
        run=np.zeros(slots, np.int32),
        how=np.zeros(slots, np.uint8),
        took=np.zeros(slots, np.uint8),
        more=np.zeros(slots + 2, np.int64),
        kept=kept,
        slot_of=np.zeros(len(kept.run), np.int32),
        visit=np.zeros(len(kept.run) + 2, np.uint8),
        touched=touched,
        coming=coming,
        away=Away(
            np.zeros(1, np.int64),
            np.zeros(values, np.int64),
            np.zeros(graph.gaps, np.int64),
            np.zeros(graph.gaps, np.int64),
            np.zeros(graph.gaps, np.int64),
        ),
    )
