"""Simulated annealing: one op at a time moves to another legal slot.

What is minimised is the excess, the sum over all slots of live granules above a target a little
below the best peak. When no excess is left the peak is a better one, and the target is lowered.
A moved op shifts those between its old and its new slot by one; live granules change only there::

    slots     i  i+1 ... j             i ... j-1  j
    ops       v  a   ... b     ->      a ... b    v
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import inner_kernel, kernel
from solver.ordering.problem import Graph
from solver.ordering.profile import profile
from solver.plan import IntArray

_REACH = 200
"""Slots an op moves at most, except for three moves in ten."""
_NEAR = 30
"""Every second move is of an op at most this far from a slot with excess."""
_REFRESH = 256
"""Moves between two looks for slots with excess."""


@inner_kernel
def _largest(live: IntArray) -> int:
    result = 0
    for slot in range(len(live)):
        result = max(result, live[slot])
    return result


@inner_kernel
def _excess(live: IntArray, target: int) -> int:
    total = 0
    for slot in range(len(live)):
        total += max(0, live[slot] - target)
    return total


@kernel
def anneal(
    graph: Graph,
    order: IntArray,
    bound: int,
    moves: int,
    hot: float,
    cold: float,
    seed: int,
    flag: npt.NDArray[np.uint8],
) -> IntArray:
    """The best order met in ``moves`` moves while the temperature falls from ``hot`` to ``cold``.

    Temperatures are in granules of excess. Ends early when a peak of ``bound`` is reached or ``flag``
    is set.
    """
    np.random.seed(seed)
    ops = len(order)
    order = order.copy()
    best = order.copy()
    if ops < 2:
        return best
    slot_of = np.empty(ops, np.int64)
    for slot in range(ops):
        slot_of[order[slot]] = slot
    allocates = np.zeros(ops, np.int64)
    frees = np.zeros(ops, np.int64)
    longest = 1
    for storage in range(len(graph.sizes)):
        allocates[graph.creator[storage]] += graph.sizes[storage]
        last = graph.creator[storage]
        for k in range(graph.users_at[storage], graph.users_at[storage + 1]):
            if slot_of[graph.users[k]] > slot_of[last]:
                last = graph.users[k]
        frees[last] += graph.sizes[storage]
    for op in range(ops):
        longest = max(longest, graph.touches_at[op + 1] - graph.touches_at[op])
    live = profile(graph, order)
    peak = _largest(live)
    target = max(bound, peak - max(1, (peak - bound) // 20))
    excess = _excess(live, target)
    moved_live = np.empty(ops, np.int64)
    freed_before = np.empty(longest, np.int64)
    freed_after = np.empty(longest, np.int64)
    over = np.empty(ops, np.int64)
    overs = 0
    for move in range(moves):
        if move % _REFRESH == 0:
            if flag[0] or peak <= bound:
                break
            overs = 0
            for slot in range(ops):
                if live[slot] > target:
                    over[overs] = slot
                    overs += 1
        if overs > 0 and np.random.random() < 0.5:
            old = over[np.random.randint(overs)] + np.random.randint(-_NEAR, _NEAR + 1)
            old = min(max(old, 0), ops - 1)
        else:
            old = np.random.randint(ops)
        op = order[old]
        low, high = 0, ops - 1
        for k in range(graph.predecessors_at[op], graph.predecessors_at[op + 1]):
            low = max(low, slot_of[graph.predecessors[k]] + 1)
        for k in range(graph.successors_at[op], graph.successors_at[op + 1]):
            high = min(high, slot_of[graph.successors[k]] - 1)
        if np.random.random() < 0.7:
            low, high = max(low, old - _REACH), min(high, old + _REACH)
        if high <= low:
            continue
        kind = np.random.random()
        if kind < 0.15:
            new = low
        elif kind < 0.3:
            new = high
        else:
            new = np.random.randint(low, high + 1)
        if new == old:
            continue
        # Who frees each storage of the op, before and after the move.
        start = graph.touches_at[op]
        touches = graph.touches_at[op + 1] - start
        for t in range(touches):
            storage = graph.touches[start + t]
            last, last_slot = -1, -1
            for k in range(graph.users_at[storage], graph.users_at[storage + 1]):
                user = graph.users[k]
                if user != op and slot_of[user] > last_slot:
                    last, last_slot = user, slot_of[user]
            freed_before[t] = op if old > last_slot else last
            stays_last = last_slot <= new if new > old else last_slot < new
            freed_after[t] = op if stays_last else last
            frees[freed_before[t]] -= graph.sizes[storage]
            frees[freed_after[t]] += graph.sizes[storage]
        first, final = min(old, new), max(old, new)
        alive = live[first] - allocates[order[first]]
        change = 0
        for slot in range(first, final + 1):
            if slot == new:
                here = op
            elif new > old:
                here = order[slot + 1]
            else:
                here = order[slot - 1]
            alive += allocates[here]
            moved_live[slot] = alive
            alive -= frees[here]
            change += max(0, moved_live[slot] - target) - max(0, live[slot] - target)
        heat = hot * (cold / hot) ** (move / moves)
        if change > 0 and np.random.random() >= np.exp(-change / heat):
            for t in range(touches):
                size = graph.sizes[graph.touches[start + t]]
                frees[freed_after[t]] -= size
                frees[freed_before[t]] += size
            continue
        if new > old:
            for slot in range(old, new):
                order[slot] = order[slot + 1]
                slot_of[order[slot]] = slot
        else:
            for slot in range(old, new, -1):
                order[slot] = order[slot - 1]
                slot_of[order[slot]] = slot
        order[new] = op
        slot_of[op] = new
        for slot in range(first, final + 1):
            live[slot] = moved_live[slot]
        excess += change
        if excess == 0:
            peak = _largest(live)
            best = order.copy()
            target = max(bound, peak - max(1, (peak - bound) // 20))
            excess = _excess(live, target)
            overs = 0
    return best
