"""Live granules over the slots of an order, for kernels; ``solver.timeline`` states the definition."""

import numpy as np

from solver.compiled import inner_kernel, kernel
from solver.ordering.problem import Graph
from solver.plan import IntArray


@inner_kernel
def row_lengths(at: IntArray) -> IntArray:
    """Number of entries of each compressed row. (numpy's diff takes seconds to compile.)"""
    result = np.empty(len(at) - 1, np.int64)
    for row in range(len(result)):
        result[row] = at[row + 1] - at[row]
    return result


@kernel
def profile(graph: Graph, order: IntArray) -> IntArray:
    """Granules alive at every slot of ``order``, shape (ops,)."""
    left = row_lengths(graph.users_at)
    begun = np.zeros(len(left), np.bool_)
    result = np.zeros(len(order), np.int64)
    live = 0
    for slot in range(len(order)):
        op = order[slot]
        freed = 0
        for k in range(graph.touches_at[op], graph.touches_at[op + 1]):
            storage = graph.touches[k]
            if not begun[storage]:
                begun[storage] = True
                live += graph.sizes[storage]
            left[storage] -= 1
            if left[storage] == 0:
                freed += graph.sizes[storage]
        result[slot] = live
        live -= freed
    return result


def peak(graph: Graph, order: IntArray) -> int:
    """Most granules alive at once."""
    return int(profile(graph, order).max(initial=0))


def by_op(graph: Graph, order: IntArray) -> IntArray:
    """Granules alive while each op runs, shape (ops,)."""
    result = np.empty(graph.ops, np.int64)
    result[order] = profile(graph, order)
    return result


def touched_granules(graph: Graph) -> IntArray:
    """Granules that each op touches, shape (ops,): at least these are alive while it runs."""
    total = np.concatenate([[0], np.cumsum(graph.sizes[graph.touches])])
    return np.diff(total[graph.touches_at])
