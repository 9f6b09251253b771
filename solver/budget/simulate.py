"""The exact simulator: what a choice for every gap comes to, in bytes and in seconds.

First runs follow the base order. Where one needs a value that is not there, the ops that make it are
repeated right before, with all they need themselves, in one sequence::

    needs z            z missing: op c;  c needs y, missing: op b;  b needs x, there
    runs               b again, c again, then the op itself

A repetition makes new instances of all that its op creates. A use reads the instance that was made
last, and an instance ends after its last use: so where an instance is still kept when another one of
its storage is made, it ended earlier, and the bytes are taken back from the slots since its last use.

The kernel keeps the live bytes of every slot, so that a search can see where there are too many.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from solver.budget.graph import DROP, KEEP, RETAIN, SHORT_GAP, Bits, BudgetGraph, Tables
from solver.budget.schedule import Entry, Schedule
from solver.compiled import inner_kernel, kernel
from solver.plan import IntArray

_ROOM = 8
"""Slots per op that a simulated step may have; beyond it is no plan."""

PLAIN, SAVED, FUSED = 0, 1, 2
"""How a slot runs its op; bits, except that a first run is plain."""

_GONE, _THERE, _MADE = 0, 1, 2
"""Of a value: not in memory; kept for its next use in base order; made for what runs next."""


class State(NamedTuple):
    """Room for one simulation, reused by the next."""

    value: Bits
    """By value: _GONE, _THERE or _MADE."""
    gap: IntArray
    """By value: the gap that it is in."""
    uses: IntArray
    """By value: uses by repetitions that are due, and by the first run that they are for."""
    last: IntArray
    """By value: the slot of its last use."""
    made: IntArray
    """By value: the slot that made it."""
    due: Bits
    """By rank: whether the op is to be repeated."""
    saved: Bits
    """By op: whether that repetition uses saved statistics."""
    stale: Bits
    """By the first value of a storage: whether it is to be made anew."""
    pending: IntArray
    """Ops whose needs were not looked at yet."""
    live: IntArray
    """By slot: bytes alive."""
    run: IntArray
    """By slot: the op."""
    how: Bits
    """By slot: how it runs."""
    took: Bits
    """By slot: whether the op took over the bytes of an operand."""


def make_state(graph: BudgetGraph) -> State:
    """Room for simulations of this graph; one at a time."""
    values, ops = len(graph.tables.size), graph.tables.ops
    slots = _ROOM * ops + 1
    return State(
        np.zeros(values, np.uint8),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(ops, np.uint8),
        np.zeros(ops, np.uint8),
        np.zeros(values, np.uint8),
        np.zeros(ops, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.uint8),
        np.zeros(slots, np.uint8),
    )


@inner_kernel
def _end_early(t: Tables, s: State, value: int, slot: int) -> None:
    """A value that was kept is made anew at ``slot``: it ended after its last use."""
    last = s.last[value]
    for between in range(last + 1, slot):
        s.live[between] -= t.size[value]
    s.value[value] = _GONE
    op = s.run[last]
    if s.took[last] or last == s.made[value]:
        return
    for k in range(t.needs_at[op], t.needs_at[op + 1]):
        if t.needs[k] == value and t.reusable[k]:
            s.live[last] -= t.size[value]
            s.took[last] = 1


@inner_kernel
def _want(t: Tables, s: State, value: int, pending: int) -> int:
    """Count a use; if the value has to be made, its op is due. How many ops are pending then."""
    s.uses[value] += 1
    if s.value[value] == _THERE and not s.stale[t.versions_from[value]]:
        return pending
    op = t.producer[value]
    if s.due[t.rank[op]]:
        return pending
    s.due[t.rank[op]] = 1
    s.pending[pending] = op
    return pending + 1


@inner_kernel
def _collect(t: Tables, s: State, op: int, position: int) -> tuple[int, int]:
    """What must be repeated before the first run of ``op``: ranks, half-open; (-1, -1) if it cannot."""
    low, high = len(t.order), 0
    pending = 0
    for k in range(t.needs_at[op], t.needs_at[op + 1]):
        pending = _want(t, s, t.needs[k], pending)
    while pending > 0:
        pending -= 1
        again = s.pending[pending]
        if not t.again[again] or position > t.until[again]:
            return -1, -1
        low, high = min(low, t.rank[again]), max(high, t.rank[again] + 1)
        for k in range(t.needs_at[again], t.needs_at[again + 1]):
            pending = _want(t, s, t.needs[k], pending)
        if t.saved[again] >= 0:
            mean, deviation = t.mean[again], t.deviation[again]
            s.saved[again] = s.value[mean] == _THERE and s.value[deviation] == _THERE
            if s.saved[again]:
                s.uses[mean] += 1
                s.uses[deviation] += 1
        for k in range(t.makes_at[again], t.makes_at[again + 1]):
            value = t.makes[k]
            start, end = t.versions_from[value], t.versions_to[value]
            if end - start > 1 and not s.stale[start]:
                s.stale[start] = 1
                for version in range(start, end):
                    producer = t.producer[version]
                    if s.uses[version] > 0 and not s.due[t.rank[producer]]:
                        s.due[t.rank[producer]] = 1
                        s.pending[pending] = producer
                        pending += 1
    return low, high


@inner_kernel
def _leave(t: Tables, s: State, choice: Bits, value: int) -> int:
    """A value made by a repetition was used for the last time it was made for: bytes that it frees."""
    if choice[s.gap[value]] >= RETAIN:
        s.value[value] = _THERE
        return 0
    s.value[value] = _GONE
    freed: int = t.size[value]
    return freed


@inner_kernel
def _repeat(t: Tables, s: State, choice: Bits, op: int, slot: int, live: int) -> tuple[int, float]:
    """One repetition in ``slot`` with ``live`` bytes before it: live bytes after it, and seconds."""
    saved = s.saved[op]
    how = SAVED if saved else PLAIN
    seconds = t.repeated[op] if saved else t.first[op]
    for k in range(t.makes_at[op], t.makes_at[op + 1]):
        value = t.makes[k]
        if t.written[k] or (saved and value != t.saved[op]):
            continue
        for version in range(t.versions_from[value], t.versions_to[value]):
            if s.value[version] == _THERE:
                _end_early(t, s, version, slot)
                live -= t.size[version]
        live += t.size[value]
    taken = 0
    joined = False
    for k in range(t.needs_at[op], t.needs_at[op + 1]):
        value = t.needs[k]
        dies = s.value[value] == _MADE and s.uses[value] == 1 and choice[s.gap[value]] < RETAIN
        if dies and t.reusable[k]:
            taken = t.size[value]
        if t.joins[k] and s.made[value] == slot - 1 and (dies or t.consumed[k]):
            joined = t.begins[s.run[slot - 1]] == 1
    if joined:
        how |= FUSED
        seconds = t.fused[op]
    s.run[slot], s.how[slot] = op, how
    s.live[slot] = live - taken
    s.took[slot] = taken > 0
    for k in range(t.needs_at[op], t.needs_at[op + 1]):
        value = t.needs[k]
        s.uses[value] -= 1
        s.last[value] = slot
        if t.consumed[k]:
            s.value[value] = _GONE
        elif s.value[value] == _MADE and s.uses[value] == 0:
            live -= _leave(t, s, choice, value)
    if saved:
        for value in (t.mean[op], t.deviation[op]):
            s.uses[value] -= 1
            s.last[value] = slot
    for k in range(t.makes_at[op], t.makes_at[op + 1]):
        value = t.makes[k]
        if saved and value != t.saved[op]:
            continue
        s.last[value] = s.made[value] = slot
        s.value[value] = _MADE
        if s.uses[value] == 0:
            live -= _leave(t, s, choice, value)
    return live, seconds


@kernel
def simulate(t: Tables, s: State, choice: Bits) -> tuple[int, float]:
    """Slots and seconds of what the choices come to; 0 slots: something cannot be made again.

    ``s.live`` then has the live bytes by slot, ``s.run`` the ops and ``s.how`` how they run.
    """
    s.value[:] = _GONE
    s.uses[:] = 0
    s.due[:] = 0
    s.stale[:] = 0
    live = 0
    slot = 0
    seconds = 0.0
    ops = len(t.order)
    for position in range(ops):
        op = t.order[position]
        missing = False
        for k in range(t.needs_at[op], t.needs_at[op + 1]):
            if s.value[t.needs[k]] == _GONE:
                missing = True
        if missing:
            low, high = _collect(t, s, op, position)
            if low < 0 or slot + high - low + ops - position >= len(s.live):
                return 0, 0.0
            for rank in range(low, high):
                if s.due[rank]:
                    s.due[rank] = 0
                    live, spent = _repeat(t, s, choice, t.by_rank[rank], slot, live)
                    seconds += spent
                    slot += 1
            for rank in range(low, high):
                again = t.by_rank[rank]
                for k in range(t.makes_at[again], t.makes_at[again + 1]):
                    s.stale[t.versions_from[t.makes[k]]] = 0
        seconds += t.first[op]
        for k in range(t.makes_at[op], t.makes_at[op + 1]):
            if not t.written[k]:
                live += t.size[t.makes[k]]
        taken = 0
        for k in range(t.needs_at[op], t.needs_at[op + 1]):
            if t.reusable[k] and choice[t.gap_after_need[k]] != KEEP:
                taken = t.size[t.needs[k]]
        s.run[slot], s.how[slot] = op, PLAIN
        s.live[slot] = live - taken
        s.took[slot] = taken > 0
        for k in range(t.needs_at[op], t.needs_at[op + 1]):
            value, gap = t.needs[k], t.gap_after_need[k]
            s.gap[value] = gap
            s.uses[value] = 0
            s.last[value] = slot
            if t.consumed[k]:
                s.value[value] = _GONE
            elif choice[gap] == KEEP:
                s.value[value] = _THERE
            else:
                s.value[value] = _GONE
                live -= t.size[value]
        for k in range(t.makes_at[op], t.makes_at[op + 1]):
            value, gap = t.makes[k], t.gap_after_make[k]
            s.gap[value] = gap
            s.last[value] = s.made[value] = slot
            if choice[gap] == KEEP:
                s.value[value] = _THERE
            else:
                s.value[value] = _GONE
                live -= t.size[value]
        slot += 1
    return slot, seconds


def outcome(graph: BudgetGraph, choice: Bits, state: State | None = None) -> tuple[int, float]:
    """Peak in bytes of the arena and seconds of what the choices come to; (-1, 0.0): no plan."""
    state = state or make_state(graph)
    slots, seconds = simulate(graph.tables, state, choice)
    return (int(state.live[:slots].max()), seconds) if slots else (-1, 0.0)


def schedule_of(graph: BudgetGraph, choice: Bits) -> Schedule | None:
    """The sequence of runs that the choices come to; None: no plan."""
    state = make_state(graph)
    slots, _ = simulate(graph.tables, state, choice)
    if not slots:
        return None
    runs = zip(state.run[:slots].tolist(), state.how[:slots].tolist(), strict=True)
    return Schedule(tuple(Entry(op, bool(how & SAVED), bool(how & FUSED)) for op, how in runs))


def without_hopeless_gaps(graph: BudgetGraph) -> BudgetGraph:
    """The graph without the gaps across which a value must be kept, because to drop it alone already
    needs an op that cannot be repeated there."""
    state, choice = make_state(graph), graph.kept()
    keep = np.ones(graph.gaps, np.bool_)
    for gap in range(SHORT_GAP + 1, graph.gaps):
        choice[gap] = DROP
        keep[gap] = simulate(graph.tables, state, choice)[0] > 0
        choice[gap] = KEEP
    number = np.where(keep, np.cumsum(keep) - 1, SHORT_GAP)
    tables = graph.tables._replace(
        gap_after_need=number[graph.tables.gap_after_need],
        gap_after_make=number[graph.tables.gap_after_make],
    )
    return replace(
        graph,
        tables=tables,
        gap_value=graph.gap_value[keep],
        gap_from=graph.gap_from[keep],
        gap_to=graph.gap_to[keep],
    )
