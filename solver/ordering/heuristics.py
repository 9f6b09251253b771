"""The orders that PyTorch would run a step in: what ours are measured against.

Each takes the graph and gives an order of its ops; none proves anything. Program order is eager
mode's. The three peak-memory heuristics are the ideas of Inductor's reordering pass
(``torch/_inductor/memory.py``), which keeps the best of them and program order.
"""

import heapq
from collections.abc import Callable

import numpy as np

from solver.ordering import greedy
from solver.ordering.problem import Graph
from solver.ordering.profile import touched_granules
from solver.ordering.readable import natural
from solver.plan import IntArray


def program_order(graph: Graph) -> IntArray:
    """As eager mode runs it."""
    return np.arange(graph.ops, dtype=np.int64)


def updates_early(graph: Graph) -> IntArray:
    """Program order with every weight update as soon as its gradient is there."""
    return natural(graph)


def least_peak_first(graph: Graph) -> IntArray:
    """Of the ready ops the one that raises the peak least, then the one that leaves the least alive."""
    order = greedy.forwards(graph, greedy.LEAST_PEAK, np.zeros(1, np.uint8))
    if order is None:
        raise RuntimeError("a scheduler that nobody stops has stopped")
    return order


def breadth_first(graph: Graph) -> IntArray:
    """Of the ready ops the one whose predecessors ran the longest ago: first made, first used."""
    at, earlier = graph.predecessors_at.tolist(), graph.predecessors.tolist()
    after_at, after = graph.successors_at.tolist(), graph.successors.tolist()
    waiting = np.diff(graph.predecessors_at).tolist()
    slot = [-1] * graph.ops
    ready: list[tuple[list[int], int]] = [([], op) for op in range(graph.ops) if waiting[op] == 0]
    order: list[int] = []
    while ready:
        _, op = heapq.heappop(ready)
        slot[op] = len(order)
        order.append(op)
        for following in after[after_at[op] : after_at[op + 1]]:
            waiting[following] -= 1
            if waiting[following] == 0:
                before = earlier[at[following] : at[following + 1]]
                heapq.heappush(ready, (sorted({slot[o] for o in before}), following))
    return np.array(order, np.int64)


def depth_first(graph: Graph) -> IntArray:
    """Ops from the one that touches the fewest bytes on, each right after all that it waits for."""
    at, earlier = graph.predecessors_at.tolist(), graph.predecessors.tolist()
    touched = touched_granules(graph).tolist()

    def weight(op: int) -> tuple[int, int]:
        return touched[op], op

    seen = [False] * graph.ops
    order: list[int] = []
    for root in sorted(range(graph.ops), key=weight):
        pending = [root]
        while pending:
            op = pending.pop()
            if op < 0:  # All that it waits for has run.
                order.append(~op)
            elif not seen[op]:
                seen[op] = True
                pending.append(~op)
                pending += sorted(earlier[at[op] : at[op + 1]], key=weight, reverse=True)
    return np.array(order, np.int64)


HEURISTICS: dict[str, Callable[[Graph], IntArray]] = {
    "program order": program_order,
    "updates early": updates_early,
    "least peak first": least_peak_first,
    "breadth first": breadth_first,
    "depth first": depth_first,
}
"""By the name that tables and files use."""
