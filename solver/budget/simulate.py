"""The exact simulator: what a choice for every gap comes to, in bytes and in seconds.

First runs follow the base order. Where one needs a value that is not there, the ops that make it are
repeated right before, with all they need themselves, in one sequence::

    needs z            z missing: op c;  c needs y, missing: op b;  b needs x, there
    runs               b again, c again, then the op itself

A repetition makes new instances of all that its op creates. A use reads the instance that was made
last, and an instance ends after its last use: so where an instance is still kept when another one of
its storage is made, it ended earlier, and the bytes are taken back from the slots since its last use.
So does an instance that is lent: repetitions use it, and the first run that ends its gap has it made
again. One that is spent ends with the first repetitions that use it. An op whose only result is dropped
right away need not run before that is wanted: its first run then is the first of those that would
repeat it.

The kernel keeps the live bytes of every slot, so that a search can see where there are too many. It
starts from those of the step as captured (``solver.budget.kept``) and looks only at first runs where a
gap begins or ends that is not kept: what else happens to a value is caught up with where it matters.
"""

from solver.budget.graph import DROP, KEEP, LEND, PARK, RETAIN, SHORT_GAP, Bits, BudgetGraph, Tables
from solver.budget.kept import DEFERRED, STATIC
from solver.budget.schedule import Entry
from solver.budget.state import AWAY, GONE, LENT, MADE, SPENT, THERE, State, make_state
from solver.compiled import kernel

PLAIN, SAVED, FUSED = 0, 1, 2
"""How a slot runs its op; bits, except that a first run is plain."""

_CHECK, _LEAVE, _DEFER = 1, 2, 4
"""At a slot of the step as captured: a value that it needs may not be there; values may be left
otherwise than there; its op runs later."""


@kernel
def simulate(t: Tables, s: State, choice: Bits) -> tuple[int, float]:
    """Slots and seconds of what the choices come to; 0 slots: something cannot be made again.

    ``s.live`` then has the live bytes by slot, ``s.run`` the ops and ``s.how`` how they run. One long
    function, because to hand the arrays to another one costs more than it would do with them.
    """
    needs_at, needs, consumed, reusable, joins = t.needs_at, t.needs, t.consumed, t.reusable, t.joins
    makes_at, makes, written = t.makes_at, t.makes, t.written
    along_at, along = t.along_at, t.along
    gap_after_need, gap_after_make = t.gap_after_need, t.gap_after_make
    size, producer, version_from, version_to = t.size, t.producer, t.versions_from, t.versions_to
    rank_of, by_rank, saves, mean_of, deviation_of = t.rank, t.by_rank, t.saved, t.mean, t.deviation
    state, gap_of, uses, last, made = s.value, s.gap, s.uses, s.last, s.made
    due, from_saved, stale, pending = s.due, s.saved, s.stale, s.pending
    live_at, run, how, took, more = s.live, s.run, s.how, s.took, s.more
    trip_of, trip_value, trip_out, trip_use = s.away.trip, s.away.value, s.away.out, s.away.use
    visit, coming, touched, slot_of = s.visit, s.coming, s.touched, s.slot_of
    touch_at, touch, gap_after = s.kept.touch_at, s.kept.touch, s.kept.gap_after
    concerns_at, concerns = s.kept.concerns_at, s.kept.concerns
    kept_run, kept_event, kept_live, usual = s.kept.run, s.kept.event, s.kept.live, s.kept.usual
    takes = s.kept.takes
    kept_taken, kept_before = s.kept.taken, s.kept.before
    waits, defers = s.waits, s.kept.defers
    trips = 0
    seconds = t.base_seconds
    state[:] = GONE
    waits[:] = 0
    uses[:] = 0
    due[:] = 0
    stale[:] = 0
    visit[:] = 0
    for value in range(len(state)):
        touched[value] = touch_at[value]
        coming[value] = touch[touch_at[value]]
    for gap in range(SHORT_GAP + 1, len(choice)):
        if choice[gap] != usual[gap]:
            visit[s.kept.gap_to[gap]] |= _CHECK
            if takes[gap] or choice[gap] == PARK:
                visit[s.kept.gap_from[gap]] |= _LEAVE
            if defers[gap] and choice[gap] <= RETAIN:
                visit[s.kept.gap_from[gap]] |= _DEFER
                op = kept_run[s.kept.gap_from[gap]]
                waits[op] = 1
                seconds -= t.first[op]
    slot = 0
    events = len(t.event_op)
    more[0] = more[1] = 0
    for now_kept in range(len(kept_run)):
        if visit[now_kept] & _CHECK:
            op, event = kept_run[now_kept], kept_event[now_kept]
            missing = False
            for k in range(needs_at[op], needs_at[op + 1]):
                value = needs[k]
                # Catch up with what the first runs since it was looked at last did to it.
                if coming[value] < now_kept:
                    at = touched[value]
                    if at == touch_at[value]:
                        made[value] = slot_of[touch[at]]
                    while touch[at] < now_kept:
                        at += 1
                    touched[value], coming[value] = at, touch[at]
                    gap = gap_after[at - 1]
                    last[value], gap_of[value] = slot_of[touch[at - 1]], gap
                    state[value] = choice[gap] if choice[gap] >= KEEP else GONE
                if state[value] == GONE or state[value] >= LENT:
                    missing = True
            if missing:
                # Whatever makes what is missing is due, and what makes that, and so on.
                low, high, waiting, now = len(by_rank), 0, 0, op
                while True:
                    for k in range(needs_at[now], needs_at[now + 1]):
                        value = needs[k]
                        uses[value] += 1
                        lost = state[value] == GONE or (state[value] >= LENT and now == op)
                        if lost or stale[version_from[value]]:
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
                    for k in range(concerns_at[now], concerns_at[now + 1]):
                        value = concerns[k]
                        if coming[value] < now_kept:
                            at = touched[value]
                            if at == touch_at[value]:
                                made[value] = slot_of[touch[at]]
                            while touch[at] < now_kept:
                                at += 1
                            touched[value], coming[value] = at, touch[at]
                            gap = gap_after[at - 1]
                            last[value], gap_of[value] = slot_of[touch[at - 1]], gap
                            state[value] = choice[gap] if choice[gap] >= KEEP else GONE
                    if t.event_position[event] > t.until[now]:
                        return 0, 0.0
                    low, high = min(low, rank_of[now]), max(high, rank_of[now] + 1)
                    from_saved[now] = 0
                    if saves[now] >= 0:
                        mean, deviation = mean_of[now], deviation_of[now]
                        if state[mean] >= THERE and state[deviation] >= THERE:
                            from_saved[now] = 1
                            uses[mean] += 1
                            uses[deviation] += 1
                    for k in range(along_at[now], along_at[now + 1]):
                        # What reads what is overwritten runs before, if its result is wanted later.
                        other = along[k]
                        if due[rank_of[other]] or t.event_position[event] > t.until[other]:
                            continue
                        for j in range(makes_at[other], makes_at[other + 1]):
                            value = makes[j]
                            if state[value] == GONE and choice[gap_of[value]] == RETAIN:
                                due[rank_of[other]] = 1
                                pending[waiting] = other
                                waiting += 1
                                break
                    for k in range(makes_at[now], makes_at[now + 1]):
                        first, end = version_from[makes[k]], version_to[makes[k]]
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
                    if saved:
                        for value in (mean_of[now], deviation_of[now]):
                            if state[value] == AWAY:
                                state[value] = THERE
                                trip_use[trip_of[value]] = slot
                                more[slot] += size[value]
                            uses[value] -= 1
                            last[value] = slot
                    taken = 0
                    for k in range(needs_at[now], needs_at[now + 1]):
                        value = needs[k]
                        if state[value] == AWAY:
                            state[value] = THERE
                            trip_use[trip_of[value]] = slot
                            more[slot] += size[value]
                        held = state[value]
                        passing = held in (MADE, SPENT)
                        dies = (
                            passing
                            and uses[value] == 1
                            and (held == SPENT or choice[gap_of[value]] < RETAIN)
                        )
                        if dies and reusable[k]:
                            taken = size[value]
                        joined = joins[k] and made[value] == slot - 1 and (dies or consumed[k])
                        copied = trips > 0 and trip_out[trips - 1] == slot - 1
                        if joined and t.begins[run[slot - 1]] and not copied and not waits[now]:
                            kind |= FUSED
                            spent = t.fused[now]
                        uses[value] -= 1
                        last[value] = slot
                        if consumed[k]:
                            state[value] = GONE
                        elif passing and uses[value] == 0:
                            if held == MADE and choice[gap_of[value]] >= RETAIN:
                                state[value] = THERE
                            else:
                                state[value] = GONE
                                more[slot + 1] -= size[value]
                    seconds += spent
                    waits[now] = 0
                    live_at[slot] = kept_before[now_kept]
                    more[slot] -= taken
                    more[slot + 1] += taken
                    run[slot], how[slot], took[slot] = now, kind, taken > 0
                    for k in range(makes_at[now], makes_at[now + 1]):
                        value = makes[k]
                        first = version_from[value]
                        stale[first] = 0
                        if saved and value != saves[now]:
                            continue
                        if not written[k]:
                            for version in range(first, version_to[value]):
                                if state[version] >= THERE:
                                    # It ended after its last use, and may have left its bytes to that.
                                    ended = last[version]
                                    if state[version] == AWAY:
                                        trip_use[trip_of[version]] = -1
                                    else:
                                        more[ended + 1] -= size[version]
                                    state[version] = GONE
                                    if version != value:
                                        visit[coming[version]] |= _CHECK
                                    user = run[ended]
                                    if not took[ended] and ended != made[version]:
                                        for j in range(needs_at[user], needs_at[user + 1]):
                                            if needs[j] == version and reusable[j]:
                                                more[ended] -= size[version]
                                                more[ended + 1] += size[version]
                                                took[ended] = 1
                            more[slot] += size[value]
                        last[value] = slot
                        made[value] = slot
                        if uses[value] > 0:
                            state[value] = MADE
                        elif choice[gap_of[value]] >= RETAIN:
                            state[value] = THERE
                        else:
                            state[value] = GONE
                            more[slot + 1] -= size[value]
                    slot += 1
                    more[slot + 1] = 0
                for k in range(needs_at[op], needs_at[op + 1]):
                    uses[needs[k]] = 0
            if trips > 0:
                for k in range(needs_at[op], needs_at[op + 1]):
                    value = needs[k]
                    if state[value] == AWAY:
                        trip_use[trip_of[value]] = slot
                        more[slot] += size[value]
        live_at[slot], run[slot], how[slot] = kept_live[now_kept], kept_run[now_kept], PLAIN
        took[slot] = kept_taken[now_kept] > 0
        if visit[now_kept] & _DEFER:
            live_at[slot], run[slot] = 0, DEFERRED
        slot_of[now_kept] = slot
        slot += 1
        more[slot + 1] = 0
        if visit[now_kept] & _LEAVE:
            op, left, taken = kept_run[now_kept], slot - 1, 0
            for k in range(needs_at[op], needs_at[op + 1]):
                value, gap = needs[k], gap_after_need[k]
                if reusable[k] and choice[gap] < KEEP:
                    taken = size[value]
                if choice[gap] == PARK:
                    trip_of[value], trip_value[trips] = trips, value
                    trip_out[trips], trip_use[trips] = left, -1
                    trips += 1
            for k in range(makes_at[op], makes_at[op + 1]):
                value, gap = makes[k], gap_after_make[k]
                if choice[gap] == PARK:
                    trip_of[value], trip_value[trips] = trips, value
                    trip_out[trips], trip_use[trips] = left, -1
                    trips += 1
            more[left] += kept_taken[now_kept] - taken
            more[slot] -= kept_taken[now_kept] - taken
            took[left] = taken > 0
    for gap in range(SHORT_GAP + 1, len(choice)):
        if choice[gap] != usual[gap]:
            after = slot_of[s.kept.gap_from[gap]] + 1
            if choice[gap] == KEEP or choice[gap] >= LEND:
                more[after] += 0 if usual[gap] == KEEP else size[s.kept.gap_value[gap]]
            elif usual[gap] == KEEP:
                more[after] -= size[s.kept.gap_value[gap]]
    for value in s.kept.ending:
        if coming[value] < len(kept_run):
            at = touched[value]
            if at == touch_at[value]:
                made[value] = slot_of[touch[at]]
            while touch[at] < len(kept_run):
                at += 1
            touched[value], coming[value] = at, touch[at]
            gap = gap_after[at - 1]
            last[value], gap_of[value] = slot_of[touch[at - 1]], gap
            state[value] = choice[gap] if choice[gap] >= KEEP else GONE
        if state[value] >= THERE:
            # No first run ended it: it ended after its last use.
            ended = last[value]
            if state[value] != AWAY:
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
        elif op == DEFERRED:
            result.append([])
            position, event = position + 1, next(events)
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
