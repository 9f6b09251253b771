"""The search for an order with in-place reuse: what is sure lies in the graph, what is open follows.

A takeover that is possible in every order makes two storages one (``compile_step``): the search then
needs to know nothing of it. Whether an *open* one is possible depends on the order: the operand dies
at the op, or later. It changes the live bytes of its op's slot alone, and two graphs enclose it::

    light   the op does not touch the operand   its peaks are too low, if at all: its bound is right
    heavy   no open takeover is made            its peaks are too high, if at all

An order found in either has the peak that the takeovers it allows give it. Mostly the one found in
the light graph has the peak that it has there, and is optimal. Else the heavy graph is searched; and
where open ops alone keep its peak above the bound, their takeovers are made sure by edges, from the
operand's other users to the op, and it is searched again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from solver.constrained import renumbered
from solver.ordering.cut import minimum_cut
from solver.ordering.problem import Graph, compile_step
from solver.ordering.profile import touched_granules
from solver.ordering.result import OrderResult
from solver.ordering.search import Search
from solver.plan import IntArray, Proof
from solver.reuse import NONE, Outlook, outlook, peak_with_takeovers, possible_takeovers, users_of
from solver.solution import Progress, ProgressCallback
from solver.step import GRANULE, Step
from solver.timeline import order_profile
from solver.watch import Watch

_ROUNDS = 3
"""Searches with more and more takeovers made sure."""

Edges = tuple[tuple[int, int], ...]


def order_with_reuse(
    step: Step, seed: int, watch: Watch, progress: ProgressCallback | None
) -> OrderResult:
    """The best order of a step whose plan may reuse memory in place; see ``order_step``."""
    known = outlook(step)
    if known.open:
        found = _Open(step, known, seed, watch, progress).run()
    else:
        found = Search(compile_step(step, known.sure).graph, seed, watch, progress).run()
    if found.proof is Proof.NONE and step.reusable:
        # The largest op alone; that it cannot take over what it could elsewhere takes a cut to show.
        alone = touched_granules(compile_step(step, known.sure, known.open).graph)
        return replace(found, proof=Proof.CUT, proof_op=int(alone.argmax()))
    return found


@dataclass
class _Open:
    """A step with takeovers that depend on the order, and what is known of it."""

    step: Step
    known: Outlook
    seed: int
    watch: Watch
    progress: ProgressCallback | None
    bound: int = 0
    """Granules."""
    proof: Proof = Proof.NONE
    proof_op: int = -1
    order: tuple[int, ...] = ()
    """The best one."""
    lean_order: tuple[int, ...] = ()
    peak: int = 1 << 62
    """Granules; of the best order with all takeovers that it allows."""
    cuts: dict[int, int] = field(default_factory=dict)
    """Granules: the cut of each op in the heavy graph."""

    def __post_init__(self) -> None:
        self.heavy = compile_step(self.step, self.known.sure).graph
        self.users = users_of(self.step)

    def run(self) -> OrderResult:
        """Search until the peak meets the bound, the ways are all tried, or the time is up."""
        light = self._search(compile_step(self.step, self.known.sure, self.known.open).graph)
        self.bound = light.bound_bytes // GRANULE
        self.proof, self.proof_op = light.proof, light.proof_op
        if not self._closed():
            self._search(self.heavy)
        made: dict[int, int] = {}
        for _ in range(_ROUNDS):
            self._prove()
            more = {} if self._closed() else self._in_the_way(made)
            if not more:
                break
            made |= more
            self._search_with(made)
        return OrderResult(
            order=self.order,
            peak_bytes=self.peak * GRANULE,
            bound_bytes=self.bound * GRANULE,
            proof=self.proof,
            proof_op=self.proof_op,
            optimal=self.peak == self.bound,
            lean_order=self.lean_order,
        )

    def _closed(self) -> bool:
        return self.peak <= self.bound or self.watch.stopped

    def _search(self, graph: Graph, ops: Sequence[int] | None = None) -> OrderResult:
        """Search a graph, ``ops`` being the numbers of its ops here; keep its order if it is better."""
        found = Search(graph, self.seed, self.watch, self._say if self.progress else None).run()
        orders = [
            order if ops is None else tuple(ops[op] for op in order)
            for order in (found.order, found.lean_order)
        ]
        peaks = [self._peak(order) if order else self.peak for order in orders]
        if min(peaks) < self.peak:
            self.order, self.peak = min(zip(orders, peaks, strict=True), key=lambda pair: pair[1])
            self.lean_order = orders[1] if peaks[0] == peaks[1] else ()
        return found

    def _peak(self, order: Sequence[int]) -> int:
        return peak_with_takeovers(self.step, order) // GRANULE

    def _say(self, line: Progress) -> None:
        """Hand on what a search says, without its figures: they are those of its graph."""
        if self.progress is not None:
            self.progress(replace(line, peak_bytes=None, bound_bytes=None))

    def _prove(self) -> None:
        """Raise the bound to the largest cut; ops with no more alive in the order cannot raise it."""
        alive = self._alive(possible_takeovers(self.step, self.order))
        for op in np.argsort(-alive, kind="stable").tolist():
            if alive[op] <= self.bound or self.watch.stopped:
                return
            if (cut := self._least(op)) > self.bound:
                self.bound, self.proof, self.proof_op = cut, Proof.CUT, op

    def _alive(self, takeovers: Mapping[int, int]) -> IntArray:
        """Granules alive while each op runs in the best order."""
        result = np.zeros(len(self.order), np.int64)
        result[list(self.order)] = order_profile(self.step, self.order, takeovers) // GRANULE
        return result

    def _least(self, op: int) -> int:
        """The least granules alive while ``op`` runs, whether its result takes bytes over or not."""
        return min([self._cut(op), *(self._taken(op, x) for x in self.known.open.get(op, ()))])

    def _cut(self, op: int) -> int:
        if op not in self.cuts:
            self.cuts[op] = self._minimum_cut(self.heavy, op)
        return self.cuts[op]

    def _taken(self, op: int, operand: int) -> int:
        """The same where the result of ``op`` takes over the bytes of ``operand``."""
        saved = int(self.step.rounded_sizes[operand]) // GRANULE
        return self._minimum_cut(self.heavy.with_edges(self._edges({op: operand})), op) - saved

    def _minimum_cut(self, graph: Graph, op: int) -> int:
        nobody = np.zeros(graph.ops, np.bool_)
        return int(minimum_cut(graph, op, nobody, nobody, self.watch.flag)[0])

    def _edges(self, takeovers: Mapping[int, int]) -> Edges:
        """What makes these takeovers possible: the other users of each operand first."""
        return tuple(
            (user, op)
            for op, operand in takeovers.items()
            for user in self.users[operand]
            if user != op
        )

    def _in_the_way(self, made: Mapping[int, int]) -> dict[int, int]:
        """Open ops that need more than the bound unless their takeover is made, and with what."""
        alive = self._alive(NONE)
        result: dict[int, int] = {}
        for op, operands in self.known.open.items():
            if self.watch.stopped:
                return {}
            if op not in made and alive[op] > self.bound and self._cut(op) > self.bound:
                result[op] = min(operands, key=lambda operand: self._taken(op, operand))
        return result

    def _search_with(self, made: Mapping[int, int]) -> None:
        """Search the heavy graph with these takeovers made sure, unless they exclude each other."""
        edges = self._edges(made)
        ops = _sorted(self.heavy.with_edges(edges), self.order)
        if ops is None:
            return
        # A search wants ops that are numbered in a valid order.
        moved = renumbered(replace(self.step, program=None), ops)
        at = {op: position for position, op in enumerate(ops)}
        takeovers = {at[op]: operand for op, operand in {**self.known.sure, **made}.items()}
        graph = compile_step(moved, takeovers).graph
        self._search(graph.with_edges([(at[before], at[after]) for before, after in edges]), ops)


def _sorted(graph: Graph, near: Sequence[int]) -> list[int] | None:
    """A valid order near a given one: what must wait is moved back; None where there is a cycle."""
    at, items = graph.predecessors_at.tolist(), graph.predecessors.tolist()
    state: dict[int, bool] = {}
    result: list[int] = []
    for op in near:
        pending = [op]
        while pending:
            last = pending[-1]
            if state.get(last):
                pending.pop()
                continue
            waiting = [before for before in items[at[last] : at[last + 1]] if not state.get(before)]
            if not waiting:
                state[last] = True
                result.append(last)
                pending.pop()
            elif last in state:
                return None
            else:
                state[last] = False
                pending += waiting[::-1]
    return result
