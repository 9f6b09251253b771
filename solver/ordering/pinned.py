"""The search for an order that keeps pins: the same search on a step with more dependencies.

Storages that are pinned onto each other are left to themselves at first. Where the best order has two
of them alive together, one must be gone before the other is made: both ways are searched, each with
the edges that it asks for and what follows from them, the one with the lower bound first. An order
found on the way is mended into one that keeps all apart, so that there always is one.
"""

import heapq
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from solver.clashes import Clashes, Edge, nearest_order
from solver.constrained import constrained, renumbered
from solver.ordering.interim import Interim
from solver.ordering.problem import compile_step
from solver.ordering.result import OrderResult
from solver.ordering.reuse import order_with_reuse
from solver.ordering.search import Search
from solver.pin_conflicts import require_pinned_order
from solver.pins import Pins, pinned_addresses
from solver.plan import Proof
from solver.reuse import peak_with_takeovers
from solver.solution import Progress, ProgressCallback
from solver.step import Step
from solver.timeline import order_profile
from solver.watch import Watch


def order_with_pins(
    step: Step,
    pins: Pins,
    reuse: bool,
    seed: int,
    watch: Watch,
    progress: ProgressCallback | None,
    interim: Interim | None = None,
) -> OrderResult:
    """The best order of a step that keeps the pins; see ``order_step``.

    Raises BayplanError that names the pins in conflict where no order keeps all of them.
    """
    known = require_pinned_order(step, pins)
    pinned = constrained(step, known.edges, pinned_addresses(pins))
    clashes = replace(known.clashes, step=pinned)
    search = _Apart(pinned, clashes, known.order, reuse, seed, watch, progress, interim)
    if clashes.pairs:
        return search.run()
    return search.search(pinned, known.order, progress, interim)


@dataclass(order=True)
class _Node:
    """Who is gone before whom, as edges; the heap gives the node with the lowest bound."""

    bound: int
    number: int
    edges: list[Edge] = field(compare=False)


@dataclass
class _Apart:
    """A search among the orders that keep clashing storages apart in time. Bytes."""

    step: Step
    """With what the order pins add."""
    clashes: Clashes
    order: tuple[int, ...]
    """The best that keeps all apart."""
    reuse: bool
    seed: int
    watch: Watch
    progress: ProgressCallback | None
    interim: Interim | None
    lean_order: tuple[int, ...] = ()
    bound: int = 0
    """Of the orders that are left to be searched and of the best."""
    nodes: int = 0

    def __post_init__(self) -> None:
        self.peak = self._peak(self.order)

    def run(self) -> OrderResult:
        """Search until no way is left that could be better, or the time is up."""
        whole = self._try(_Node(0, 0, []))
        self.bound = whole.bound_bytes
        ways = self._ways(_Node(whole.bound_bytes, 0, []), whole.order)
        unfinished: list[int] = []
        if not ways and not whole.optimal:
            unfinished.append(whole.bound_bytes)
        while ways and ways[0].bound < self.peak and not self.watch.stopped:
            node = heapq.heappop(ways)
            found = self._try(node)
            node.bound = max(node.bound, found.bound_bytes)
            if self.clashes.broken(found.order) is not None:
                for way in self._ways(node, found.order):
                    heapq.heappush(ways, way)
            elif not found.optimal:
                unfinished.append(node.bound)
            self.bound = min([self.peak, *unfinished, *(way.bound for way in ways)])
        bound = min([self.peak, *unfinished, *(way.bound for way in ways)])
        proven = bound > whole.bound_bytes
        return OrderResult(
            order=self.order,
            peak_bytes=self.peak,
            bound_bytes=bound,
            proof=Proof.SEARCH if proven else whole.proof,
            proof_op=-1 if proven else whole.proof_op,
            optimal=self.peak == bound,
            lean_order=self.lean_order,
        )

    def _try(self, node: _Node) -> OrderResult:
        """The best order with a node's edges, and those for itself that keep all apart."""
        step = constrained(self.step, node.edges)
        near = nearest_order(step, ())
        if near is None:
            raise RuntimeError("edges that are settled close a cycle")
        on_the_way = None if self.interim is None else self.interim.through(self._with)
        found = self.search(step, near, self._say if self.progress else None, on_the_way)
        for order in (found.order, found.lean_order):
            self._keep(order)
        return found

    def _with(self, found: OrderResult) -> OrderResult:
        """The best order that there is with an interim one, which is not kept."""
        best = copy(self)
        for order in (found.order, found.lean_order):
            best._keep(order)
        return OrderResult(best.order, best.peak, 0, Proof.NONE, -1, False, best.lean_order)

    def _keep(self, order: tuple[int, ...]) -> None:
        """Take an order that is better, mended where it does not keep all apart."""
        if order and self.clashes.broken(order) is not None:
            rank = [0] * len(order)
            for slot, op in enumerate(order):
                rank[op] = slot
            order = tuple(self.clashes.schedule((), rank) or ())
        if not order:
            return
        peak = self._peak(order)
        if peak < self.peak:
            self.order, self.peak, self.lean_order = order, peak, ()
        elif peak == self.peak and order != self.order and not self.lean_order:
            self.lean_order = order

    def _ways(self, node: _Node, order: Sequence[int]) -> list[_Node]:
        """Both ways to keep apart two storages that ``order`` has alive together, where possible."""
        pair = self.clashes.broken(order)
        if pair is None:
            return []
        ways = []
        for gone, made in (pair, pair[::-1]):
            settled = self.clashes.settle([*node.edges, *self.clashes.edges(gone, made)])
            if settled is not None:
                self.nodes += 1
                ways.append(_Node(node.bound, self.nodes, settled[0]))
        return ways

    def _peak(self, order: Sequence[int]) -> int:
        if self.reuse:
            return peak_with_takeovers(self.step, order)
        return int(order_profile(self.step, order).max(initial=0))

    def _say(self, line: Progress) -> None:
        """Hand on what a search says with the figures of this one."""
        if self.progress is not None:
            self.progress(replace(line, peak_bytes=self.peak, bound_bytes=self.bound))

    def search(
        self,
        step: Step,
        near: Sequence[int],
        progress: ProgressCallback | None,
        interim: Interim | None,
    ) -> OrderResult:
        """Search the orders of a step, beginning near one that is valid."""

        def back(found: OrderResult) -> OrderResult:
            return replace(
                found,
                order=tuple(near[op] for op in found.order),
                lean_order=tuple(near[op] for op in found.lean_order),
                proof_op=near[found.proof_op] if found.proof_op >= 0 else -1,
            )

        moved, on_the_way = renumbered(step, near), None if interim is None else interim.through(back)
        if self.reuse:
            return back(order_with_reuse(moved, self.seed, self.watch, progress, on_the_way))
        graph = compile_step(moved).graph
        return back(Search(graph, self.seed, self.watch, progress, interim=on_the_way).run())
