"""Orders built one op at a time: least peak, least net growth or newest op first, from either end.

All are list schedulers. What an op would allocate and free if it ran next is kept up to date as
storages come alive and lose users, so an order costs little more than one look at every ready op a
slot. Least peak memory first is the rule of PyTorch Inductor's memory reordering pass.
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import kernel
from solver.ordering.problem import Graph
from solver.ordering.profile import row_lengths
from solver.plan import IntArray

LEAST_PEAK = 0
"""First the op that raises the peak least, then the one that grows live bytes least."""
LEAST_NET = 1
"""First any op that keeps the peak, then the one that grows live bytes least."""
NEWEST = 2
"""First the op that was made ready last, then the one that grows live bytes least: one branch, or one
of several micro-batches, forwards and backwards, before another is begun."""
_BY_RANK = 3


@kernel
def _schedule(
    graph: Graph, rank: IntArray, rule: int, flag: npt.NDArray[np.uint8]
) -> tuple[IntArray, int]:
    """Ops in the order of ``rule``, ties by ``rank``, and how many there are: fewer than all when
    ``flag`` was set or the graph has a cycle."""
    ops = len(graph.predecessors_at) - 1
    waiting = row_lengths(graph.predecessors_at)
    left = row_lengths(graph.users_at)
    begun = np.zeros(len(left), np.bool_)
    allocates = np.zeros(ops, np.int64)
    frees = np.zeros(ops, np.int64)
    for op in range(ops):
        for k in range(graph.touches_at[op], graph.touches_at[op + 1]):
            storage = graph.touches[k]
            allocates[op] += graph.sizes[storage]
            if left[storage] == 1:
                frees[op] += graph.sizes[storage]
    ready = np.empty(ops, np.int64)
    ready_at = np.zeros(ops, np.int64)
    count = 0
    for op in range(ops):
        if waiting[op] == 0:
            ready[count] = op
            count += 1
    order = np.empty(ops, np.int64)
    live = peak = 0
    for slot in range(ops):
        if flag[0] or count == 0:
            return order, slot
        best = first = second = -1
        for r in range(count):
            op = ready[r]
            key = net = 0
            if rule != _BY_RANK:
                net = allocates[op] - frees[op]
                if rule == NEWEST:
                    key = -ready_at[op]
                elif live + allocates[op] > peak:
                    key = allocates[op] if rule == LEAST_PEAK else 1
            if best < 0 or (
                key < first
                or (key == first and (net < second or (net == second and rank[op] < rank[ready[best]])))
            ):
                best, first, second = r, key, net
        op = ready[best]
        count -= 1
        ready[best] = ready[count]
        order[slot] = op
        live += allocates[op]
        peak = max(peak, live)
        live -= frees[op]
        for k in range(graph.touches_at[op], graph.touches_at[op + 1]):
            storage = graph.touches[k]
            size = graph.sizes[storage]
            if not begun[storage]:
                begun[storage] = True
                for u in range(graph.users_at[storage], graph.users_at[storage + 1]):
                    allocates[graph.users[u]] -= size
            left[storage] -= 1
            if left[storage] == 1:
                for u in range(graph.users_at[storage], graph.users_at[storage + 1]):
                    # The one user that is left frees it; for those that ran it no longer matters.
                    frees[graph.users[u]] += size
        for k in range(graph.successors_at[op], graph.successors_at[op + 1]):
            after = graph.successors[k]
            waiting[after] -= 1
            if waiting[after] == 0:
                ready_at[after] = slot + 1
                ready[count] = after
                count += 1
    return order, ops


def forwards(graph: Graph, rule: int, flag: npt.NDArray[np.uint8]) -> IntArray | None:
    """The order of ``rule``, ties in program order; None when it was stopped."""
    order, scheduled = _schedule(graph, np.arange(graph.ops), rule, flag)
    return order if scheduled == graph.ops else None


def forwards_last_first(graph: Graph, rule: int, flag: npt.NDArray[np.uint8]) -> IntArray | None:
    """The same with ties from the last op of the program to the first.

    Of several micro-batches the last one comes first: its gradients are the first to be added.
    """
    order, scheduled = _schedule(graph, -np.arange(graph.ops), rule, flag)
    return order if scheduled == graph.ops else None


def backwards(graph: Graph, rule: int, flag: npt.NDArray[np.uint8]) -> IntArray | None:
    """The order of ``rule`` built from the last op to the first, ties in program order; or None."""
    order, scheduled = _schedule(graph.reversed(), -np.arange(graph.ops), rule, flag)
    return order[::-1].copy() if scheduled == graph.ops else None


def near(graph: Graph, order: IntArray, flag: npt.NDArray[np.uint8]) -> IntArray | None:
    """A valid order of the graph near ``order``; None when there is none or it was stopped."""
    rank = np.empty(graph.ops, np.int64)
    rank[order] = np.arange(graph.ops)
    result, scheduled = _schedule(graph, rank, _BY_RANK, flag)
    return result if scheduled == graph.ops else None
