"""Among orders of equal peak one that people can read: near program order, as the peak allows.

``natural`` is program order with every op that allocates nothing beside the op it serves, right
after the last one it waits for. ``pull_back`` follows such an order as far as a given limit allows.
It keeps a witness, an order of the remaining ops that stays within the limit, and at every slot runs
the most natural ready op after which the witness still does; if there is none, the witness's next::

    natural    a b c d e        witness    a d b c e      limit allows b before d, not c
    result     a b d c e

What the witness has alive above its limits is kept in a tree with range addition, so that a try costs
a logarithm.
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import inner_kernel, kernel
from solver.ordering.problem import Graph
from solver.ordering.profile import profile, row_lengths
from solver.plan import IntArray

_TRIES, _LEAST_TRIES, _ALL_TRIES = 256, 16, 1_000_000
"""Natural ops tried per slot before the witness's next is taken, at most and at least; and in a whole
pass, about: large steps get fewer per slot."""
_PASSES = 10
"""Passes over an order, forwards and backwards in turn."""
_WORTH = 0.99
"""Two more passes are made while the last two have brought the order nearer by this factor."""
_LOOK_AHEAD = 4096
"""Natural positions looked at per slot."""
_GONE = 1 << 60


def natural(graph: Graph) -> IntArray:
    """Program order with ops that allocate nothing right after the last op that they wait for."""
    allocates = np.zeros(graph.ops, np.bool_)
    allocates[graph.creator] = True
    anchor = list(range(graph.ops))
    at, earlier = graph.predecessors_at.tolist(), graph.predecessors.tolist()
    for op in np.flatnonzero(~allocates & (np.diff(graph.predecessors_at) > 0)).tolist():
        anchor[op] = max(anchor[before] for before in earlier[at[op] : at[op + 1]])
    # Program order among equals. An op's anchor is never before that of an op it waits for, so this
    # is a valid order.
    return np.argsort(np.array(anchor, np.int64), kind="stable")


@inner_kernel
def _add(most: IntArray, added: IntArray, start: int, end: int, amount: int) -> None:
    """Add to leaves ``[start, end)`` of a tree whose nodes hold the maximum below them."""
    if start >= end:
        return
    width = len(most) // 2
    left, right = start + width, end + width
    while left < right:
        if left & 1:
            most[left] += amount
            added[left] += amount
            left += 1
        if right & 1:
            right -= 1
            most[right] += amount
            added[right] += amount
        left >>= 1
        right >>= 1
    for leaf in (start + width, end - 1 + width):
        node = leaf >> 1
        while node >= 1:
            most[node] = max(most[2 * node], most[2 * node + 1]) + added[node]
            node >>= 1


@inner_kernel
def _move_to_front(
    graph: Graph,
    op: int,
    position: IntArray,
    begun: npt.NDArray[np.bool_],
    done: npt.NDArray[np.bool_],
    most: IntArray,
    added: IntArray,
    sign: int,
) -> int:
    """Change what the witness has alive to what it is when ``op`` runs now; sign -1 takes it back.

    Returns the granules that the op allocates.
    """
    own = position[op]
    allocated = 0
    for k in range(graph.touches_at[op], graph.touches_at[op + 1]):
        storage = graph.touches[k]
        size = graph.sizes[storage]
        first, last = own, -1
        for u in range(graph.users_at[storage], graph.users_at[storage + 1]):
            user = graph.users[u]
            if user != op and not done[user]:
                first = min(first, position[user])
                last = max(last, position[user])
        if not begun[storage]:
            allocated += size
            if last >= 0:
                _add(most, added, 0, first, sign * size)
        if last >= 0 or begun[storage]:
            _add(most, added, last + 1, own, -sign * size)
    _add(most, added, own, own + 1, -sign * _GONE)
    return allocated


def pull_back(
    graph: Graph, witness: IntArray, target: IntArray, limits: IntArray, flag: npt.NDArray[np.uint8]
) -> IntArray:
    """An order near ``target`` with at most ``limits[op]`` granules alive while op runs.

    ``witness`` is such an order. Limits have shape (ops,); an op's that touches nothing does not count.

    Each pass starts from the order of the last one; every second goes from the last op to the first,
    which is the same problem on the reversed graph. The nearest order met is the result. Ends early
    when ``flag`` is set.
    """
    backwards = graph.reversed()
    nearest = order = witness
    least = before = _distance(witness, target)
    for number in range(_PASSES):
        if number % 2 == 0:
            order = _pull(graph, order, target, limits, flag)
        else:
            order = _pull(backwards, order[::-1].copy(), target[::-1].copy(), limits, flag)[::-1].copy()
        distance = _distance(order, target)
        if distance < least:
            nearest, least = order, distance
        if number % 2 == 1:
            if least > _WORTH * before:
                break
            before = least
    return nearest


def _distance(order: IntArray, target: IntArray) -> int:
    """Slots between the places of each op in the two orders, summed up."""
    slot = np.empty(len(order), np.int64)
    slot[order] = np.arange(len(order))
    return int(np.abs(slot[target] - np.arange(len(order))).sum())


@kernel
def _pull(
    graph: Graph, witness: IntArray, target: IntArray, limits: IntArray, flag: npt.NDArray[np.uint8]
) -> IntArray:
    """One pass; ``witness`` itself when ``flag`` stops it."""
    ops = len(witness)
    live_in_witness = profile(graph, witness)
    # Ops that touch nothing planned do not count in the witness; they run where the target has them.
    position = np.full(ops, -1, np.int64)
    weighty = np.empty(ops, np.int64)
    count = 0
    width = 1
    while width < ops:
        width *= 2
    most = np.full(2 * width, -_GONE, np.int64)
    added = np.zeros(2 * width, np.int64)
    for slot in range(ops):
        op = witness[slot]
        if graph.touches_at[op + 1] > graph.touches_at[op]:
            position[op] = count
            weighty[count] = op
            most[width + count] = live_in_witness[slot] - limits[op]
            count += 1
    for node in range(width - 1, 0, -1):
        most[node] = max(most[2 * node], most[2 * node + 1])
    rank = np.empty(ops, np.int64)
    for slot in range(ops):
        rank[target[slot]] = slot
    waiting = row_lengths(graph.predecessors_at)
    left = row_lengths(graph.users_at)
    begun = np.zeros(len(left), np.bool_)
    done = np.zeros(ops, np.bool_)
    result = np.empty(ops, np.int64)
    most_tries = min(_TRIES, max(_LEAST_TRIES, _ALL_TRIES // max(1, ops)))
    live = first = following = 0
    for slot in range(ops):
        if flag[0]:
            return witness
        while first < ops and done[target[first]]:
            first += 1
        while following < count and done[weighty[following]]:
            following += 1
        until = rank[weighty[following]] if following < count else ops
        chosen = -1
        tries = 0
        for natural_slot in range(first, min(until, first + _LOOK_AHEAD)):
            op = target[natural_slot]
            if done[op] or waiting[op] > 0:
                continue
            if position[op] < 0:
                chosen = op
                break
            allocated = _move_to_front(graph, op, position, begun, done, most, added, 1)
            if live + allocated <= limits[op] and most[1] <= 0:
                chosen = op
                break
            _move_to_front(graph, op, position, begun, done, most, added, -1)
            tries += 1
            if tries == most_tries:
                break
        if chosen < 0:
            chosen = weighty[following] if following < count else target[first]
            # What it waits for and has not run touches nothing: such ops first.
            searching = waiting[chosen] > 0
            while searching:
                for k in range(graph.predecessors_at[chosen], graph.predecessors_at[chosen + 1]):
                    if not done[graph.predecessors[k]]:
                        chosen = graph.predecessors[k]
                        break
                searching = waiting[chosen] > 0
            if position[chosen] >= 0:
                _move_to_front(graph, chosen, position, begun, done, most, added, 1)
        done[chosen] = True
        result[slot] = chosen
        freed = 0
        for k in range(graph.touches_at[chosen], graph.touches_at[chosen + 1]):
            storage = graph.touches[k]
            if not begun[storage]:
                begun[storage] = True
                live += graph.sizes[storage]
            left[storage] -= 1
            if left[storage] == 0:
                freed += graph.sizes[storage]
        live -= freed
        for k in range(graph.successors_at[chosen], graph.successors_at[chosen + 1]):
            waiting[graph.successors[k]] -= 1
    return result
