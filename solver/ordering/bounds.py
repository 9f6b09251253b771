"""A lower bound on the peak of every order: the largest minimum cut over all ops.

Whatever the order, while op v runs at least its minimum cut is alive. Ops are visited by descending
live bytes in the best orders known: once an op has no more alive in some order than the bound, its
cut, which is at most that, cannot raise it. With good orders two cuts or fewer decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from solver.ordering.cut import BoolArray, minimum_cut
from solver.ordering.problem import Graph
from solver.ordering.profile import by_op
from solver.plan import IntArray
from solver.watch import Watch


@dataclass
class Cuts:
    """The cuts made so far for one graph; each op's is made once."""

    graph: Graph
    watch: Watch
    value: dict[int, int] = field(default_factory=dict)
    """Granules of each op whose cut was made."""
    best: int = 0
    """The largest value: no order has a lower peak."""
    best_op: int = -1
    made: int = 0

    def at(self, op: int) -> tuple[int, BoolArray]:
        """Least granules alive while ``op`` runs and the downset that gives it."""
        nobody = np.zeros(self.graph.ops, np.bool_)
        value, downset = minimum_cut(self.graph, op, nobody, nobody, self.watch.flag)
        self.made += 1
        self.value[op] = int(value)
        if self.best_op < 0 or value > self.best:
            self.best, self.best_op = int(value), op
        return int(value), downset

    def prove(self, orders: Iterable[IntArray], most: int | None = None) -> bool:
        """Raise ``best`` to the largest cut over all ops; whether that was finished in time and with
        at most ``most`` further cuts."""
        least_known = np.min([by_op(self.graph, order) for order in orders], axis=0)
        last = None if most is None else self.made + most
        for op in np.argsort(-least_known, kind="stable"):
            if least_known[op] <= self.best:
                return True
            if self.watch.stopped or self.made == last:
                return False
            if int(op) not in self.value:
                self.at(int(op))
        return True


def reorder(cuts: Cuts, order: IntArray, rounds: int = 100) -> IntArray:
    """Cut reorder: the best order met while the op at the peak is given the set its cut asks for.

    At the peak op v with downset D of its cut: run D first, then v, then the rest, each part in the
    order it had. Ends when the peak is v's cut (then no order is better), when an order comes back,
    or after ``rounds``.
    """
    graph = cuts.graph
    best, best_peak = order, -1
    seen: set[bytes] = set()
    for _ in range(rounds):
        alive = by_op(graph, order)
        height = int(alive.max(initial=0))
        if best_peak < 0 or height < best_peak:
            best, best_peak = order, height
        key = order.tobytes()
        if key in seen or height <= cuts.best or cuts.watch.stopped:
            break
        seen.add(key)
        op = int(order[int(np.argmax(alive[order]))])
        value, downset = cuts.at(op)
        if value >= height or cuts.watch.stopped:
            break
        first = downset[order]
        order = np.concatenate([order[first], [op], order[~first & (order != op)]])
    return best
