"""How the parts play together: cheap orders first, then cuts, then search while a gap remains."""

import numpy as np

from solver.ordering import greedy
from solver.ordering.bounds import Cuts, reorder
from solver.ordering.branch import Branching
from solver.ordering.order import OrderResult
from solver.ordering.problem import compile_step
from solver.ordering.profile import peak, touched_granules
from solver.ordering.readable import natural, pull_back
from solver.plan import IntArray, Proof
from solver.solution import Progress, ProgressCallback
from solver.step import GRANULE, Step
from solver.watch import Watch


class Search:
    """One solve of one step: the best order and the best bound so far."""

    def __init__(self, step: Step, seed: int, watch: Watch, progress: ProgressCallback | None) -> None:
        self.step, self.seed, self.watch = step, seed, watch
        self._progress = progress
        self.graph = compile_step(step).graph
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

    def run(self) -> OrderResult:
        """Solve until the peak meets the bound or the time is up."""
        self._say("Program order", f"{self.graph.ops:,} ops")
        self._greedy()
        self._bound()
        self._branch()
        lean = self.order
        self._settle()
        return OrderResult(
            order=tuple(int(op) for op in self.order),
            peak_bytes=self.peak * GRANULE,
            bound_bytes=self.bound * GRANULE,
            proof=self.proof,
            proof_op=self.proof_op,
            optimal=self.peak <= self.bound,
            lean_order=tuple(int(op) for op in lean),
        )

    def _greedy(self) -> None:
        """Every cheap order, each improved by cut reorder, until one meets the bound."""
        flag = self.watch.flag
        self._reorder("Program order", self.order)
        if self.closed():
            return
        self._offer("Updates beside gradients", self.natural)
        self._reorder("Updates beside gradients", self.natural)
        for name, build, rule in (
            ("Least peak first", greedy.forwards, greedy.LEAST_PEAK),
            ("Least net growth first", greedy.forwards, greedy.LEAST_NET),
            ("Least peak first, backwards", greedy.backwards, greedy.LEAST_PEAK),
            ("Least net growth first, backwards", greedy.backwards, greedy.LEAST_NET),
        ):
            if self.closed():
                return
            order = build(self.graph, rule, flag)
            if order is None:
                return
            self._offer(name, order)
            self._reorder(name, order)

    def _reorder(self, name: str, order: IntArray) -> None:
        if not self.closed():
            self._offer(f"{name}, cut reorder", reorder(self.cuts, order))
            self._adopt_cut()

    def _bound(self) -> None:
        if self.closed():
            return
        made = self.cuts.made
        finished = self.cuts.prove(self.known)
        self._adopt_cut()
        count = self.cuts.made - made
        self._say("Lower bound", f"{count} minimum cuts" if finished else "stopped")

    def _branch(self) -> None:
        """Branch and bound with restarts from other orders."""
        starts = sorted(self.known, key=lambda order: peak(self.graph, order))
        for restart, nodes in enumerate((40, 80, 320, 1280, 5120, 20480)):
            if self.closed():
                return
            start = starts[restart % len(starts)]
            tree = Branching(self.graph, self.watch, self.order, start, self.bound)
            tree.run(nodes)
            if tree.bound > self.bound:
                self.bound, self.proof, self.proof_op = tree.bound, Proof.SEARCH, -1
            self._offer(f"Branch and bound, {tree.nodes:,} nodes", tree.best)

    def _settle(self) -> None:
        """Take the easiest order to read that has the peak of the best."""
        for order in (self.program, self.natural):
            if peak(self.graph, order) <= self.peak:
                self.order = order
                return
        self.order = pull_back(self.graph, self.order, self.natural, self.peak, self.watch.flag)
        height = peak(self.graph, self.order)
        if height > self.peak:
            raise RuntimeError("the more readable order has a higher peak")
        self.peak = height

    def _adopt_cut(self) -> None:
        if self.cuts.best >= self.bound and self.cuts.best_op >= 0:
            self.bound, self.proof, self.proof_op = self.cuts.best, Proof.CUT, self.cuts.best_op

    def _offer(self, name: str, order: IntArray) -> None:
        """Keep the order if it is the best so far; report it."""
        height = peak(self.graph, order)
        self.known.append(order)
        better = height < self.peak
        if better:
            self.order, self.peak = order, height
        self._say(name, f"{height * GRANULE:,} bytes")

    def _say(self, phase: str, result: str) -> None:
        if self._progress is not None:
            self._progress(
                Progress(
                    seconds=self.watch.elapsed,
                    phase=phase,
                    result=result,
                    peak_bytes=self.peak * GRANULE,
                    bound_bytes=self.bound * GRANULE if self.proof is not Proof.NONE else None,
                )
            )
