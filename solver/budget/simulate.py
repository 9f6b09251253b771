"""The exact simulator: what a choice for every gap comes to, in bytes and in seconds.

First runs follow the base order. Where one needs a value that is not there, the ops that make it are
repeated right before, with all they need themselves, in one sequence::

    needs z            z missing: op c;  c needs y, missing: op b;  b needs x, there
    runs               b again, c again, then the op itself

A repetition makes new instances of all that its op creates. A use reads the instance that was made
last, and an instance ends after its last use: so where an instance is still kept when another one of
its storage is made, it ended earlier, and the bytes are taken back from the slots since its last use.

The kernel keeps the live bytes of every slot, so that a search can see where there are too many. It
starts from those of the step as captured (``solver.budget.kept``) and looks only at first runs where a
gap begins or ends that is not kept: what else happens to a value is caught up with where it matters.
"""

from typing import NamedTuple

import numpy as np

from solver.budget.graph import DROP, KEEP, PARK, RETAIN, SHORT_GAP, Bits, BudgetGraph, Tables
from solver.budget.kept import STATIC, Kept, kept_slots
from solver.budget.schedule import Entry
from solver.compiled import inner_kernel, kernel
from solver.plan import IntArray

_ROOM = 8
"""Slots per op that a simulated step may have; beyond it is no plan."""

PLAIN, SAVED, FUSED = 0, 1, 2
"""How a slot runs its op; bits, except that a first run is plain."""

_GONE, _THERE, _MADE, _AWAY = 0, 1, 2, 3
"""Of a value: not in memory; kept for its next use in base order; made for what runs next; on the
host."""


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
    """By value: _GONE, _THERE, _MADE or _AWAY."""
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
    """By slot: the op, or STATIC."""
    how: Bits
    """By slot: how it runs."""
    took: Bits
    """By slot: whether the op took over the bytes of an operand."""
    more: IntArray
    """By slot: bytes that are alive from it on, against the slot before, besides those of the step as
    captured."""
    kept: Kept
    slot_of: IntArray
    """By slot of the step as captured: the slot."""
    visit: Bits
    """By slot of the step as captured, and beyond: whether something may be other than there."""
    touched: IntArray
    """By value: its first touch that was not caught up with."""
    coming: IntArray
    """By value: the slot of that touch in the step as captured."""
    away: Away


def make_state(graph: BudgetGraph) -> State:
    """Room for simulations of this graph; one at a time."""
    values, ops = len(graph.tables.size), len(graph.tables.needs_at) - 1
    slots = _ROOM * ops + 2
    kept = kept_slots(graph)
    return State(
        np.zeros(values, np.uint8),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(len(graph.tables.by_rank), np.uint8),
        np.zeros(ops, np.uint8),
        np.zeros(values, np.uint8),
        np.zeros(ops, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots, np.uint8),
        np.zeros(slots, np.uint8),
        np.zeros(slots + 2, np.int64),
        kept,
        np.zeros(len(kept.run), np.int64),
        np.zeros(len(kept.run) + 2, np.uint8),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        Away(
            np.zeros(1, np.int64),
            np.zeros(values, np.int64),
            np.zeros(graph.gaps, np.int64),
            np.zeros(graph.gaps, np.int64),
            np.zeros(graph.gaps, np.int64),
        ),
    )


@inner_kernel
def _catch_up(s: State, choice: Bits, value: int, now: int) -> None:
    """What the first runs before slot ``now`` of the step as captured did to the value since it was
    looked at last."""
    touch = s.kept.touch
    at = s.touched[value]
    if at == s.kept.touch_at[value]:
        s.made[value] = s.slot_of[touch[at]]
    while touch[at] < now:
        at += 1
    s.touched[value] = at
    s.coming[value] = touch[at]
    s.last[value] = s.slot_of[touch[at - 1]]
    gap = s.kept.gap_after[at - 1]
    s.gap[value] = gap
    if choice[gap] == KEEP:
        s.value[value] = _THERE
    elif choice[gap] == PARK:
        s.value[value] = _AWAY
    else:
        s.value[value] = _GONE


@kernel
def simulate(t: Tables, s: State, choice: Bits) -> tuple[int, float]:
    """Slots and seconds of what the choices come to; 0 slots: something cannot be made again.

    ``s.live`` then has the live bytes by slot, ``s.run`` the ops and ``s.how`` how they run. One long
    function, because to hand the arrays to another one costs more than it would do with them.
    """
    needs_at, needs, consumed, reusable, joins = t.needs_at, t.needs, t.consumed, t.reusable, t.joins
    makes_at, makes, written = t.makes_at, t.makes, t.written
    gap_after_need, gap_after_make = t.gap_after_need, t.gap_after_make
    size, producer, version_from, version_to = t.size, t.producer, t.versions_from, t.versions_to
    rank_of, by_rank, saves, mean_of, deviation_of = t.rank, t.by_rank, t.saved, t.mean, t.deviation
    state, gap_of, uses, last, made = s.value, s.gap, s.uses, s.last, s.made
    due, from_saved, stale, pending = s.due, s.saved, s.stale, s.pending
    live_at, run, how, took, more = s.live, s.run, s.how, s.took, s.more
    trip_of, trip_value, trip_out, trip_use = s.away.trip, s.away.value, s.away.out, s.away.use
    visit, coming, slot_of = s.visit, s.coming, s.slot_of
    kept_run, kept_event, kept_live, usual = s.kept.run, s.kept.event, s.kept.live, s.kept.usual
    kept_taken, kept_before = s.kept.taken, s.kept.before
    trips = 0
    state[:] = _GONE
    uses[:] = 0
    due[:] = 0
    stale[:] = 0
    visit[:] = 0
    for value in range(len(state)):
        s.touched[value] = s.kept.touch_at[value]
        coming[value] = s.kept.touch[s.kept.touch_at[value]]
    for gap in range(SHORT_GAP + 1, len(choice)):
        if choice[gap] != usual[gap]:
            visit[s.kept.gap_from[gap]] = 1
            visit[s.kept.gap_to[gap]] = 1
    slot = 0
    seconds = t.base_seconds
    events = len(t.event_op)
    more[0] = more[1] = 0
    for now_kept in range(len(kept_run)):
        if not visit[now_kept]:
            run[slot], how[slot], took[slot] = kept_run[now_kept], PLAIN, kept_taken[now_kept] > 0
            live_at[slot] = kept_live[now_kept]
            slot_of[now_kept] = slot
            slot += 1
            more[slot + 1] = 0
            continue
        op, event = kept_run[now_kept], kept_event[now_kept]
        missing = False
        for k in range(needs_at[op], needs_at[op + 1]):
            value = needs[k]
            if coming[value] < now_kept:
                _catch_up(s, choice, value, now_kept)
            if state[value] == _GONE:
                missing = True
        if missing:
            # Whatever makes what is missing is due, and what makes that, and so on.
            low, high, waiting, now = len(by_rank), 0, 0, op
            while True:
                for k in range(needs_at[now], needs_at[now + 1]):
                    value = needs[k]
                    uses[value] += 1
                    if coming[value] < now_kept:
                        _catch_up(s, choice, value, now_kept)
                    if state[value] == _GONE or stale[version_from[value]]:
                        maker = producer[value]
                        if rank_of[maker] < 0:
                            return 0, 0.0
                        if not due[rank_of[maker]]:
                            due[rank_of[maker]] = 1
                            pending[waiting] = maker
                            waiting += 1
                if waiting == 0:
                    break
                waiting -= 1
                now = pending[waiting]
                if t.event_position[event] > t.until[now]:
                    return 0, 0.0
                low, high = min(low, rank_of[now]), max(high, rank_of[now] + 1)
                from_saved[now] = 0
                if saves[now] >= 0:
                    mean, deviation = mean_of[now], deviation_of[now]
                    for value in (mean, deviation):
                        if coming[value] < now_kept:
                            _catch_up(s, choice, value, now_kept)
                    saved_mean = state[mean] == _THERE or state[mean] == _AWAY
                    if saved_mean and (state[deviation] == _THERE or state[deviation] == _AWAY):
                        from_saved[now] = 1
                        uses[mean] += 1
                        uses[deviation] += 1
                for k in range(makes_at[now], makes_at[now + 1]):
                    first, end = version_from[makes[k]], version_to[makes[k]]
                    for version in range(first, end):
                        if coming[version] < now_kept:
                            _catch_up(s, choice, version, now_kept)
                    if end - first > 1 and not stale[first]:
                        # What later versions there are of this storage is not what will be read.
                        stale[first] = 1
                        for version in range(first, end):
                            maker = producer[version]
                            if uses[version] > 0:
                                if rank_of[maker] < 0:
                                    return 0, 0.0
                                if not due[rank_of[maker]]:
                                    due[rank_of[maker]] = 1
                                    pending[waiting] = maker
                                    waiting += 1
            if slot + high - low + 2 * (events - event) + 2 > len(live_at):
                return 0, 0.0
            for rank in range(low, high):
                if not due[rank]:
                    continue
                due[rank] = 0
                now = by_rank[rank]
                saved = from_saved[now] == 1
                kind = SAVED if saved else PLAIN
                spent = t.repeated[now] if saved else t.first[now]
                for k in range(makes_at[now], makes_at[now + 1]):
                    value = makes[k]
                    first = version_from[value]
                    stale[first] = 0
                    if written[k] or (saved and value != saves[now]):
                        continue
                    for version in range(first, version_to[value]):
                        if state[version] == _THERE or state[version] == _AWAY:
                            # It ended after its last use, and maybe left its bytes to who used it.
                            ended = last[version]
                            if state[version] == _AWAY:
                                trip_use[trip_of[version]] = -1
                            else:
                                more[ended + 1] -= size[version]
                            state[version] = _GONE
                            if version != value:
                                visit[coming[version]] = 1
                            user = run[ended]
                            if not took[ended] and ended != made[version]:
                                for j in range(needs_at[user], needs_at[user + 1]):
                                    if needs[j] == version and reusable[j]:
                                        more[ended] -= size[version]
                                        more[ended + 1] += size[version]
                                        took[ended] = 1
                    more[slot] += size[value]
                if saved:
                    for value in (mean_of[now], deviation_of[now]):
                        if state[value] == _AWAY:
                            state[value] = _THERE
                            trip_use[trip_of[value]] = slot
                            more[slot] += size[value]
                taken = 0
                for k in range(needs_at[now], needs_at[now + 1]):
                    value = needs[k]
                    if state[value] == _AWAY:
                        state[value] = _THERE
                        trip_use[trip_of[value]] = slot
                        more[slot] += size[value]
                    dies = state[value] == _MADE and uses[value] == 1 and choice[gap_of[value]] < RETAIN
                    if dies and reusable[k]:
                        taken = size[value]
                    joined = joins[k] and made[value] == slot - 1 and (dies or consumed[k])
                    copied = trips > 0 and trip_out[trips - 1] == slot - 1
                    if joined and t.begins[run[slot - 1]] and not copied:
                        kind |= FUSED
                        spent = t.fused[now]
                seconds += spent
                live_at[slot] = kept_before[now_kept]
                more[slot] -= taken
                more[slot + 1] += taken
                run[slot], how[slot], took[slot] = now, kind, taken > 0
                for k in range(needs_at[now], needs_at[now + 1]):
                    value = needs[k]
                    uses[value] -= 1
                    last[value] = slot
                    if consumed[k]:
                        state[value] = _GONE
                    elif state[value] == _MADE and uses[value] == 0:
                        if choice[gap_of[value]] >= RETAIN:
                            state[value] = _THERE
                        else:
                            state[value] = _GONE
                            more[slot + 1] -= size[value]
                if saved:
                    mean, deviation = mean_of[now], deviation_of[now]
                    uses[mean] -= 1
                    uses[deviation] -= 1
                    last[mean] = slot
                    last[deviation] = slot
                for k in range(makes_at[now], makes_at[now + 1]):
                    value = makes[k]
                    if saved and value != saves[now]:
                        continue
                    last[value] = slot
                    made[value] = slot
                    if uses[value] > 0:
                        state[value] = _MADE
                    elif choice[gap_of[value]] >= RETAIN:
                        state[value] = _THERE
                    else:
                        state[value] = _GONE
                        more[slot + 1] -= size[value]
                slot += 1
                more[slot + 1] = 0
            for k in range(needs_at[op], needs_at[op + 1]):
                uses[needs[k]] = 0
        taken = 0
        for k in range(needs_at[op], needs_at[op + 1]):
            value, gap = needs[k], gap_after_need[k]
            if state[value] == _AWAY:
                trip_use[trip_of[value]] = slot
                more[slot] += size[value]
            if reusable[k] and choice[gap] < KEEP:
                taken = size[value]
        live_at[slot] = kept_live[now_kept]
        more[slot] += kept_taken[now_kept] - taken
        more[slot + 1] -= kept_taken[now_kept] - taken
        run[slot], how[slot], took[slot] = op, PLAIN, taken > 0
        slot_of[now_kept] = slot
        for k in range(needs_at[op], needs_at[op + 1]):
            value, gap = needs[k], gap_after_need[k]
            if choice[gap] != usual[gap]:
                if choice[gap] == KEEP:
                    more[slot + 1] += size[value]
                elif usual[gap] == KEEP:
                    more[slot + 1] -= size[value]
                if choice[gap] == PARK:
                    trip_of[value], trip_value[trips] = trips, value
                    trip_out[trips], trip_use[trips] = slot, -1
                    trips += 1
        for k in range(makes_at[op], makes_at[op + 1]):
            value, gap = makes[k], gap_after_make[k]
            if choice[gap] != usual[gap]:
                if choice[gap] == KEEP:
                    more[slot + 1] += size[value]
                elif usual[gap] == KEEP:
                    more[slot + 1] -= size[value]
                if choice[gap] == PARK:
                    trip_of[value], trip_value[trips] = trips, value
                    trip_out[trips], trip_use[trips] = slot, -1
                    trips += 1
        slot += 1
        more[slot + 1] = 0
    for value in s.kept.ending:
        if coming[value] < len(kept_run):
            _catch_up(s, choice, value, len(kept_run))
        if state[value] == _THERE or state[value] == _AWAY:
            # No first run ended it: it ended after its last use.
            ended = last[value]
            if state[value] == _THERE:
                more[ended + 1] -= size[value]
            user = run[ended]
            if not took[ended] and ended != made[value]:
                for j in range(needs_at[user], needs_at[user + 1]):
                    if needs[j] == value and reusable[j]:
                        more[ended] -= size[value]
                        more[ended + 1] += size[value]
                        took[ended] = 1
    extra = 0
    for at in range(slot):
        extra += more[at]
        live_at[at] += extra
    s.away.trips[0] = trips
    return slot, seconds


def entries_of(graph: BudgetGraph, state: State, slots: int) -> list[list[Entry]]:
    """The runs in every slot of what was simulated last."""
    result: list[list[Entry]] = []
    events = iter([*graph.tables.event_position.tolist(), len(graph.order)])
    position, event = 0, next(events)
    for op, how in zip(state.run[:slots].tolist(), state.how[:slots].tolist(), strict=True):
        if op == STATIC:
            result.append([Entry(run) for run in graph.order[position:event].tolist()])
            position = event
        else:
            result.append([Entry(op, bool(how & SAVED), bool(how & FUSED))])
            if position == event and op == graph.order[position]:
                position, event = position + 1, next(events)
    return result


def hopeless_gaps(graph: BudgetGraph) -> list[bool]:
    """By gap that is decided: whether to drop it alone already needs an op that cannot be repeated."""
    state, choice = make_state(graph), graph.kept()
    hopeless: list[bool] = []
    for gap in range(SHORT_GAP + 1, graph.gaps):
        choice[gap] = DROP
        hopeless.append(simulate(graph.tables, state, choice)[0] == 0)
        choice[gap] = KEEP
    return hopeless
