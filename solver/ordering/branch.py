"""Branch and bound: of two ops that nothing orders, one runs first; both answers are bounded by cuts.

A node is a set of such answers, kept as extra edges of the graph. Its bound is the largest minimum
cut with those edges, its order comes from cut reorder. The node with the smallest bound is split on
the pair (v, w) of which both answers raise the bound most, v at a peak. Answer "v before w" forbids
w and all after it while v runs and demands v and all before it while w runs.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from solver.ordering.bounds import Cuts, reorder
from solver.ordering.cut import BoolArray, mark_reachable, minimum_cut
from solver.ordering.greedy import near
from solver.ordering.problem import Graph
from solver.ordering.profile import by_op, peak, touched_granules
from solver.plan import IntArray
from solver.watch import Watch

_PARTNERS = 60
"""Ops tried as w for one v."""
_ROUNDS = 60
"""Of cut reorder at a node."""

Edges = tuple[tuple[int, int], ...]


@dataclass(order=True)
class _Node:
    """An open node; the heap gives the one with the smallest bound, of those the deepest."""

    bound: int
    shallowness: int
    number: int
    edges: Edges = field(compare=False)
    order: IntArray = field(compare=False)


class Branching:
    """One tree over the orders of a graph, starting from ``order``."""

    def __init__(self, graph: Graph, watch: Watch, best: IntArray, order: IntArray, bound: int) -> None:
        self.graph, self.watch = graph, watch
        self.best, self.peak = best, peak(graph, best)
        self.nodes = 0
        self._touched = touched_granules(graph)
        self._open: list[_Node] = []
        self._add((), order, bound)

    @property
    def bound(self) -> int:
        """Granules that no order can go below, as far as the tree has shown."""
        return min([node.bound for node in self._open] + [self.peak])

    @property
    def finished(self) -> bool:
        """Whether no node is left that could hold a better order."""
        return not self._open

    def run(self, nodes: int) -> None:
        """Split nodes until the tree is done, ``nodes`` have been made, or the watch stops it."""
        until = self.nodes + nodes
        while self._open and self.nodes < until and not self.watch.stopped:
            if self._open[0].bound >= self.peak:
                self._open.clear()
                break
            node = self._open[0]
            answers = self._split(node)
            if answers is None:
                break  # Stopped: the node stays open, and so its bound counts.
            heapq.heappop(self._open)
            for edges, value in answers:
                bound = max(node.bound, value)
                if bound < self.peak:
                    self._add((*node.edges, *edges), node.order, bound)

    def _add(self, edges: Edges, order: IntArray, bound: int) -> None:
        self.nodes += 1
        graph = self.graph.with_edges(edges)
        start = near(graph, order, self.watch.flag)
        if self.watch.stopped:
            heapq.heappush(self._open, _Node(bound, -len(edges), self.nodes, edges, order))
            return
        if start is None:
            return  # The edges close a cycle: no order has this answer.
        cuts = Cuts(graph, self.watch)
        better = reorder(cuts, start, _ROUNDS)
        if (height := peak(graph, better)) < self.peak:
            self.best, self.peak = better, height
        if bound < self.peak:
            cuts.prove([start, better])
        bound = max(bound, cuts.best)
        if bound < self.peak:
            heapq.heappush(self._open, _Node(bound, -len(edges), self.nodes, edges, better))

    def _split(self, node: _Node) -> list[tuple[Edges, int]] | None:
        """Edges and bound of each child; together the children hold every order better than the best.

        A pair of which one answer cannot beat the best order decides itself: all such answers that
        turn up are taken at once, as the node's only child. None when the watch stops it.
        """
        graph = self.graph.with_edges(node.edges)
        nobody = np.zeros(graph.ops, np.bool_)
        chosen: tuple[int, int, int, int] | None = None
        chosen_key = (-1, -1, -1)
        decided: list[tuple[int, int]] = []
        for op, at_peak, alive, slot in self._split_ops(graph, node):
            if not at_peak and (chosen is not None or decided):
                break
            before, after = _reach(graph, op)
            _, downset = minimum_cut(graph, op, nobody, nobody, self.watch.flag)
            for partner in _partners(op, before, after, downset, alive, slot):
                if self.watch.stopped:
                    return None
                earlier, later = _reach(graph, partner)
                first = self._with_pair(graph, op, partner, before, later)
                if first <= node.bound and chosen_key[0] > node.bound:
                    continue  # The smaller of the two cannot beat the pair chosen.
                second = self._with_pair(graph, partner, op, earlier, after)
                if first >= self.peak and second >= self.peak:
                    return []
                if first >= self.peak:
                    decided.append((partner, op))
                elif second >= self.peak:
                    decided.append((op, partner))
                low, high = sorted((max(first, node.bound), max(second, node.bound)))
                key = (low, high, first + second)
                if key > chosen_key:
                    chosen, chosen_key = (op, partner, first, second), key
        if decided:
            return [(tuple(decided), node.bound)]
        if chosen is None:
            raise RuntimeError("an order that cannot be changed is above its bound")
        op, partner, first, second = chosen
        return [(((op, partner),), first), (((partner, op),), second)]

    def _with_pair(
        self, graph: Graph, first: int, second: int, before_first: BoolArray, after_second: BoolArray
    ) -> int:
        """A bound when ``first`` runs before ``second``: the larger cut of the two."""
        nobody = np.zeros(graph.ops, np.bool_)
        one, _ = minimum_cut(graph, first, nobody, after_second, self.watch.flag)
        other, _ = minimum_cut(graph, second, before_first, nobody, self.watch.flag)
        return max(int(one), int(other))

    def _split_ops(self, graph: Graph, node: _Node) -> Iterator[tuple[int, bool, IntArray, IntArray]]:
        """Ops to split on, whether at a peak, live bytes by op and slots of the order that names them.

        Two above the bound in the node's order and two at the peak of the best order, then the rest
        for the case that nothing can be split on these. Of equal ones those that touch most.
        """
        seen: set[int] = set()
        for order, count, above in (
            (node.order, 2, node.bound),
            (self.best, 2, self.peak - 1),
            (node.order, graph.ops, -1),
        ):
            alive, slot = by_op(graph, order), np.empty(graph.ops, np.int64)
            slot[order] = np.arange(graph.ops)
            for op in np.lexsort((-self._touched, -alive))[:count]:
                if int(op) not in seen and alive[op] > above:
                    seen.add(int(op))
                    yield int(op), above >= 0, alive, slot


def _reach(graph: Graph, op: int) -> tuple[BoolArray, BoolArray]:
    """Which ops are before and which after ``op``, itself in both."""
    before, after = np.zeros(graph.ops, np.bool_), np.zeros(graph.ops, np.bool_)
    mark_reachable(graph.predecessors_at, graph.predecessors, op, before)
    mark_reachable(graph.successors_at, graph.successors, op, after)
    return before, after


def _partners(
    op: int,
    before: BoolArray,
    after: BoolArray,
    downset: BoolArray,
    alive: IntArray,
    slot: IntArray,
) -> list[int]:
    """Ops that nothing orders with ``op``, most live bytes first; before them those on which the
    order and the cut disagree."""
    unordered = ~before & ~after
    by_alive = np.argsort(-alive, kind="stable")
    sooner = by_alive[(unordered & downset & (slot > slot[op]))[by_alive]]
    later = by_alive[(unordered & ~downset & (slot < slot[op]))[by_alive]]
    rest = by_alive[unordered[by_alive]]
    picked = [*sooner[: _PARTNERS // 2], *later[: _PARTNERS // 2], *rest[:_PARTNERS]]
    return list(dict.fromkeys(int(partner) for partner in picked))
