"""The minimum cut at one op: the least that is alive while it runs, and a set of ops that gives it.

While op v runs, some downset D of ops is done: v's ancestors are in it, v and its descendants are
not. A storage is alive then when v touches it, or when its creator is in D and another of its users
is not. The D with the fewest live bytes is a minimum cut (project selection, Picard 1976); only ops
that are neither before nor after v are nodes of the network::

    source = v's ancestors       op u ──inf── its free predecessors
    sink   = v, its descendants  creator ──size── storage ──inf── each other user

Maximum flow by Dinic's algorithm, without recursion. A flow that was stopped early is still a lower
bound of the cut.
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import inner_kernel, kernel
from solver.ordering.problem import Graph
from solver.plan import IntArray

BoolArray = npt.NDArray[np.bool_]

_SOURCE, _SINK, _FREE, _DONE, _LATER = 0, 1, 0, 1, 2
_INFINITE = 1 << 60


@kernel
def mark_reachable(at: IntArray, items: IntArray, start: int, mark: BoolArray) -> None:
    """Set ``mark`` for ``start`` and all that can be reached from it."""
    pending = np.empty(len(at), np.int64)
    pending[0] = start
    mark[start] = True
    count = 1
    while count > 0:
        count -= 1
        op = pending[count]
        for k in range(at[op], at[op + 1]):
            if not mark[items[k]]:
                mark[items[k]] = True
                pending[count] = items[k]
                count += 1


@inner_kernel
def _push_blocking_flow(
    first: IntArray,
    to: IntArray,
    capacity: IntArray,
    following: IntArray,
    level: IntArray,
    flag: npt.NDArray[np.uint8],
) -> int:
    """Augment along shortest paths until none is left; returns what was pushed."""
    arc = first.copy()
    path = np.empty(len(first) + 1, np.int64)
    pushed = depth = at = 0
    while not flag[0]:
        if at == _SINK:
            amount = _INFINITE
            for i in range(depth):
                amount = min(amount, capacity[path[i]])
            cut = depth
            for i in range(depth - 1, -1, -1):
                capacity[path[i]] -= amount
                capacity[path[i] ^ 1] += amount
                if capacity[path[i]] == 0:
                    cut = i
            pushed += amount
            depth = cut
            at = to[path[depth] ^ 1]
            continue
        edge = arc[at]
        while edge >= 0 and not (capacity[edge] > 0 and level[to[edge]] == level[at] + 1):
            edge = following[edge]
        arc[at] = edge
        if edge >= 0:
            path[depth] = edge
            depth += 1
            at = to[edge]
        elif depth == 0:
            break
        else:
            level[at] = -1
            depth -= 1
            at = to[path[depth] ^ 1]
    return pushed


@kernel
def minimum_cut(
    graph: Graph, op: int, done: BoolArray, later: BoolArray, flag: npt.NDArray[np.uint8]
) -> tuple[int, BoolArray]:
    """Least granules alive while ``op`` runs, and the smallest downset that has run before it.

    With -1 for ``op`` it is the least alive between two ops. ``done`` and ``later`` (shape (ops,)) are
    further ops that must have run or must not have. When ``flag`` stops it the first result is still
    a lower bound and the second means nothing.
    """
    ops = len(graph.predecessors_at) - 1
    storages = len(graph.sizes)
    before = done.copy()
    after = later.copy()
    if op >= 0:
        mark_reachable(graph.predecessors_at, graph.predecessors, op, before)
        mark_reachable(graph.successors_at, graph.successors, op, after)
    state = np.zeros(ops, np.int8)
    node = np.empty(ops, np.int64)
    nodes = 2
    for u in range(ops):
        if after[u]:
            state[u] = _LATER
            node[u] = _SINK
        elif before[u]:
            state[u] = _DONE
            node[u] = _SOURCE
        else:
            node[u] = nodes
            nodes += 1
    constant = 0
    touched = np.zeros(storages, np.bool_)
    if op >= 0:
        for k in range(graph.touches_at[op], graph.touches_at[op + 1]):
            touched[graph.touches[k]] = True
            constant += graph.sizes[graph.touches[k]]
    # Storages that the choice of D decides, and how many arcs there will be.
    own = np.full(storages, -1, np.int64)
    arcs = 0
    for u in range(ops):
        if state[u] == _FREE:
            arcs += graph.predecessors_at[u + 1] - graph.predecessors_at[u]
    for storage in range(storages):
        if touched[storage] or state[graph.creator[storage]] == _LATER:
            continue
        free = pending = 0
        for k in range(graph.users_at[storage], graph.users_at[storage + 1]):
            user = graph.users[k]
            if state[user] == _LATER:
                pending = 1
            elif state[user] == _FREE and user != graph.creator[storage]:
                free += 1
        if state[graph.creator[storage]] == _DONE:
            if pending:
                constant += graph.sizes[storage]
                continue
            if free == 0:
                continue
        own[storage] = nodes
        nodes += 1
        arcs += 1 + free + pending
    to = np.empty(2 * arcs, np.int64)
    capacity = np.empty(2 * arcs, np.int64)
    following = np.empty(2 * arcs, np.int64)
    first = np.full(nodes, -1, np.int64)
    edges = 0
    for u in range(ops):
        if state[u] != _FREE:
            continue
        for k in range(graph.predecessors_at[u], graph.predecessors_at[u + 1]):
            earlier = graph.predecessors[k]
            if state[earlier] == _FREE:
                edges = _add_arc(
                    first, to, capacity, following, edges, node[u], node[earlier], _INFINITE
                )
    for storage in range(storages):
        if own[storage] < 0:
            continue
        creator = graph.creator[storage]
        edges = _add_arc(
            first, to, capacity, following, edges, node[creator], own[storage], graph.sizes[storage]
        )
        at_sink = False
        for k in range(graph.users_at[storage], graph.users_at[storage + 1]):
            user = graph.users[k]
            if state[user] == _DONE or user == creator or (at_sink and state[user] == _LATER):
                continue
            at_sink = at_sink or state[user] == _LATER
            edges = _add_arc(first, to, capacity, following, edges, own[storage], node[user], _INFINITE)
    flow = 0
    level = np.empty(nodes, np.int64)
    queue = np.empty(nodes, np.int64)
    while True:
        level[:] = -1
        level[_SOURCE] = 0
        queue[0] = _SOURCE
        head, tail = 0, 1
        while head < tail:
            at = queue[head]
            head += 1
            edge = first[at]
            while edge >= 0:
                if capacity[edge] > 0 and level[to[edge]] < 0:
                    level[to[edge]] = level[at] + 1
                    queue[tail] = to[edge]
                    tail += 1
                edge = following[edge]
        if level[_SINK] < 0 or flag[0]:
            break
        flow += _push_blocking_flow(first, to, capacity, following, level, flag)
    downset = np.empty(ops, np.bool_)
    for u in range(ops):
        downset[u] = state[u] == _DONE or (state[u] == _FREE and level[node[u]] >= 0)
    return constant + flow, downset


@inner_kernel
def _add_arc(
    first: IntArray,
    to: IntArray,
    capacity: IntArray,
    following: IntArray,
    edges: int,
    tail: int,
    head: int,
    size: int,
) -> int:
    """Add an arc and its reverse; returns the number of edges."""
    to[edges], capacity[edges], following[edges] = head, size, first[tail]
    first[tail] = edges
    to[edges + 1], capacity[edges + 1], following[edges + 1] = tail, 0, first[head]
    first[head] = edges + 1
    return edges + 2
