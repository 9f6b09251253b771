"""How the parts play together: cheap orders first, then cuts, then search while a gap remains."""

import numpy as np

from solver.ordering import greedy
from solver.ordering.anneal import anneal
from solver.ordering.bounds import Cuts, reorder
from solver.ordering.branch import Branching
from solver.ordering.heuristics import breadth_first, depth_first
from solver.ordering.interim import Interim
from solver.ordering.part_search import PartSearch
from solver.ordering.problem import Graph
from solver.ordering.profile import peak, profile, touched_granules
from solver.ordering.readable import natural, pull_back
from solver.ordering.result import OrderResult
from solver.ordering.windows import Windows
from solver.plan import IntArray, Proof
from solver.solution import Progress, ProgressCallback
from solver.step import GRANULE
from solver.watch import Watch

_NODES = (24, 48, 192, 768, 3072, 12288, 49152)
"""Branch-and-bound nodes of each restart."""
WIDE = 0.05
"""A gap, as a share of the bound, above which parts are searched before branch and bound."""
_SMALL_PART, _VERY_WIDE = 500, 0.25
"""Ops of parts that are searched that early, and a gap above which parts twice as large are."""
_STATES = (20_000, 200_000, 1_000_000)
"""States at a time of each restart's search over downsets."""
_NODE_OPS = 20_000_000
"""Orders in a tree hold at most this many ops together: 160 MB."""
_SLICE = 8
"""Nodes between two reports."""
_RUNS = 8
"""Annealing runs of each restart."""
_MOVES = 100_000
"""Annealing moves of each run of the first restart."""
_HOT, _COLD = (0.2, 0.02, 1.0), 0.001
"""Temperatures at the start of a run, in turn, and at its end, in peaks."""
_FIRST_CUTS = 8
"""Cuts that are made before orders are improved by cuts."""
_LEAST_ROUNDS, _ROUND_OPS = 10, 500_000
"""Rounds of cut reorder of each order: at least so many, and more of graphs with fewer ops."""
_WHOLE = 250
"""Ops up to which CP-SAT is given the whole problem."""
_WIDTHS = (30, 60, 100, 150)
"""Ops in a window."""


class Search:
    """One solve of one step: the best order and the best bound so far."""

    def __init__(
        self,
        graph: Graph,
        seed: int,
        watch: Watch,
        progress: ProgressCallback | None,
        *,
        brief: bool = False,
        interim: Interim | None = None,
    ) -> None:
        """``graph``: its ops are numbered in a valid order, as those of a step are. ``brief``: the
        search ends after cheap orders if the gap is wide then. ``interim`` takes the best order while
        a gap is left."""
        self.brief = brief
        self._interim = interim
        self.watch = watch
        # CP-SAT and numba take 32 bits; this leaves room to count on from it.
        self.seed = seed % (1 << 30)
        self._progress = progress
        self.graph = graph
        self.cuts = Cuts(self.graph, watch)
        self.order: IntArray = np.arange(self.graph.ops, dtype=np.int64)
        self.peak = peak(self.graph, self.order)
        self.bound = int(touched_granules(self.graph).max(initial=0))
        self.proof, self.proof_op = Proof.NONE, -1
        self.known = [self.order]
        self.program, self.natural = self.order, natural(self.graph)

    def closed(self) -> bool:
        """Whether there is nothing left to gain, or no time."""
        return self.peak <= self.bound or self.watch.stopped

    def _ended(self) -> bool:
        """Whether the search is at its end; while it is not, the best order is shown when due."""
        if self.closed():
            return True
        gap = (self.peak - self.bound) / max(1, self.bound)
        if self._interim is not None and self._interim.due(gap):
            self._interim.take(self._result())
        return self.closed()

    def run(self) -> OrderResult:
        """Solve until the peak meets the bound or the time is up."""
        self._say("Build graph", "trivial bound")
        self._cheap_orders()
        if not (self.brief and self._gap_above(WIDE)):
            self._dear_orders()
        result = self._result()
        self.peak = result.peak_bytes // GRANULE
        self._say("Order", "peak meets the bound" if self.peak <= self.bound else "a gap is left")
        return result

    def _result(self) -> OrderResult:
        """What is known now, with the easiest order to read that is as good as the best."""
        order = self._readable()
        height = peak(self.graph, order)
        return OrderResult(
            order=tuple(order.tolist()),
            peak_bytes=height * GRANULE,
            bound_bytes=self.bound * GRANULE,
            proof=self.proof,
            proof_op=self.proof_op,
            optimal=height <= self.bound,
            lean_order=tuple(self.order.tolist()) if height == self.peak else (),
        )

    def _dear_orders(self) -> None:
        """All cuts, and what searches for orders between them."""
        parts = PartSearch(self.graph, self.bound, self.watch) if self._gap_above(WIDE) else None
        very = self.peak - self.bound > _VERY_WIDE * self.bound
        if parts is not None and parts.largest <= (2 * _SMALL_PART if very else _SMALL_PART):
            # Thousands of cuts would say less than a search that finds its end.
            for states in _STATES if parts.count > 1 else _STATES[:1]:
                self._part_search(parts, states)
        self._prove()
        self._search(parts)

    def _cheap_orders(self) -> None:
        """Orders that cost milliseconds; then all are improved by cut reorder until one meets the
        bound. What cuts cost depends on the graph: they must not keep the other orders waiting."""
        orders = {"program order": self.program, "updates beside gradients": self.natural}
        self._offer("Order", "updates beside gradients", self.natural)
        if self._enough():
            return
        for name, build, rule in (
            ("least peak first", greedy.forwards, greedy.LEAST_PEAK),
            ("least growth first", greedy.forwards, greedy.LEAST_NET),
            ("least peak, from the back", greedy.backwards, greedy.LEAST_PEAK),
            ("least growth, from the back", greedy.backwards, greedy.LEAST_NET),
            ("newest first", greedy.forwards, greedy.NEWEST),
            ("newest first, last ones first", greedy.forwards_last_first, greedy.NEWEST),
            ("newest first, from the back", greedy.backwards, greedy.NEWEST),
        ):
            order = build(self.graph, rule, self.watch.flag)
            if order is None:
                return
            orders[name] = order
            self._offer("Order", name, order)
        for name, heuristic in (("breadth first", breadth_first), ("depth first", depth_first)):
            if self._ended():
                return
            self._offer("Order", name, heuristic(self.graph))
        # An op at which every order has much alive is one whose cut says much.
        self._prove(_FIRST_CUTS)
        if self.brief and self._gap_above(_VERY_WIDE):
            return
        for name, order in orders.items():
            self._reorder(name, order)

    def _enough(self) -> bool:
        """Whether the cut at the peak shows that there is nothing to gain."""
        if not self.closed():
            self._prove(1)
        return self.closed()

    def _reorder(self, name: str, order: IntArray) -> None:
        if not self._ended():
            better = reorder(self.cuts, order, max(_LEAST_ROUNDS, _ROUND_OPS // max(1, self.graph.ops)))
            self._adopt_cut()
            self._offer("Cut reorder", f"of {name[0].lower()}{name[1:]}", better)

    def _prove(self, most: int | None = None) -> None:
        """The largest cut over all ops, or of the ``most`` that are likely to have it."""
        if not self._ended():
            self.cuts.prove(self.known, most)
            self._adopt_cut()

    def _gap_above(self, share: float) -> bool:
        """Whether there is a gap of more than this share of the bound, and time left."""
        return not self.closed() and self.peak - self.bound > share * self.bound

    def _search(self, parts: PartSearch | None) -> None:
        """Branch and bound, annealing and windows in turn, each time with more effort."""
        starts = sorted(self.known, key=lambda order: peak(self.graph, order))
        windows = Windows(self.graph, self.watch, self.seed)
        if self.closed():
            return
        parts = parts or PartSearch(self.graph, self.bound, self.watch)
        for restart, nodes in enumerate(_NODES):
            states = _STATES[min(restart, len(_STATES) - 1)]
            start = self.order if restart % 2 == 0 else starts[restart // 2 % len(starts)]
            self._branch(start, min(nodes, max(_SLICE, _NODE_OPS // max(1, self.graph.ops))))
            self._part_search(parts, states)
            self._anneal(starts, restart)
            self._whole(windows, 2.0**restart)
            self._windows(windows, restart)

    def _part_search(self, parts: PartSearch, states: int) -> None:
        """One look at each part with at most so many states at a time."""

        def changed() -> None:
            better = self._keep(parts.order)
            if self._adopt_search(parts.bound) or better:
                self._say("Search over downsets", f"{states:,} states at a time")
            self._ended()

        if not self._ended():
            parts.bound = max(parts.bound, self.bound)
            parts.learn(self.order)
            parts.run(states, changed)

    def _branch(self, start: IntArray, nodes: int) -> None:
        if self._ended():
            return
        tree = Branching(self.graph, self.watch, self.order, start, self.bound)
        while True:
            better = self._keep(tree.best)
            higher = self._adopt_search(tree.bound)
            done = tree.finished or tree.nodes >= nodes or self._ended()
            if better or higher or done:
                self._say("Branch and bound", f"{tree.nodes:,} nodes")
            if done:
                return
            tree.run(_SLICE)

    def _anneal(self, starts: list[IntArray], restart: int) -> None:
        """Many short runs from many orders; one long run from one order does worse."""
        best = self.order
        for run in range(_RUNS):
            if self._ended():
                return
            start = self.order if run % 2 == 0 else starts[(restart * _RUNS + run) // 2 % len(starts)]
            order = anneal(
                self.graph,
                start,
                self.bound,
                _MOVES * (1 + restart),
                _HOT[run // 2 % len(_HOT)] * self.peak,
                _COLD * self.peak,
                self.seed + restart * _RUNS + run,
                self.watch.flag,
            )
            self._keep(order)
            if run == 0 or peak(self.graph, order) < peak(self.graph, best):
                best = order
        self._say("Annealing", f"{_RUNS} runs")
        self._reorder("annealing's best", best)

    def _whole(self, windows: Windows, effort: float) -> None:
        """The whole problem at once, for small steps."""
        if self._ended() or self.graph.ops > _WHOLE:
            return
        result = windows.solve(self.order, 0, self.graph.ops, self.bound, effort)
        self._keep(result.order)
        self._adopt_search(result.bound)
        self._say("CP-SAT", "the whole step")

    def _windows(self, windows: Windows, restart: int) -> None:
        """Windows around the peak, wider and wider."""
        for part, width in enumerate(_WIDTHS):
            if self._ended() or width >= self.graph.ops:
                return
            top = int(np.argmax(profile(self.graph, self.order)))
            # The peak lies in another third of the window each time.
            start = top - width * (1 + (restart + part) % 3) // 4
            start = min(max(start, 0), self.graph.ops - width)
            result = windows.solve(self.order, start, start + width, 0, 0.5 * (1 + restart))
            self._keep(result.order)
            self._say("CP-SAT", f"window of {width} ops")

    def _adopt_search(self, bound: int) -> bool:
        """Take over a bound from a search where it is better; whether it was."""
        if bound <= self.bound:
            return False
        self.bound, self.proof, self.proof_op = bound, Proof.SEARCH, -1
        return True

    def _readable(self) -> IntArray:
        """The easiest order to read of those that need no more than the best; it may need less."""
        for order in (self.program, self.natural):
            if peak(self.graph, order) <= self.peak:
                return order
        limits = np.full(self.graph.ops, self.peak, np.int64)
        order = pull_back(self.graph, self.order, self.natural, limits, self.watch.flag)
        if peak(self.graph, order) > self.peak:
            raise RuntimeError("the more readable order has a higher peak")
        return order

    def _adopt_cut(self) -> None:
        if self.cuts.best_op < 0 or self.cuts.best < self.bound:
            return
        higher = self.cuts.best > self.bound
        self.bound, self.proof, self.proof_op = self.cuts.best, Proof.CUT, self.cuts.best_op
        if higher:
            count = self.cuts.made
            self._say("Lower bound", f"{count} minimum cut{'s' if count > 1 else ''}")

    def _offer(self, phase: str, result: str, order: IntArray) -> None:
        """Keep the order if it is the best so far; report it."""
        self.known.append(order)
        if self._keep(order):
            self._say(phase, result)

    def _keep(self, order: IntArray) -> bool:
        """Keep the order if it is the best so far; whether it is."""
        height = peak(self.graph, order)
        if height >= self.peak:
            return False
        self.order, self.peak = order, height
        return True

    def _say(self, phase: str, result: str) -> None:
        if self._progress is not None:
            self._progress(
                Progress(
                    seconds=self.watch.elapsed,
                    phase=phase,
                    result=result,
                    peak_bytes=self.peak * GRANULE,
                    bound_bytes=self.bound * GRANULE,
                )
            )
