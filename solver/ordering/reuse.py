"""The search for an order with in-place reuse: what is sure lies in the graph, what is open is decided.

A takeover that is possible in every order makes two storages one (``compile_step``): the search then
needs to know nothing of it. Whether an *open* one is possible depends on the order: the operand dies
at the op, or later. It changes the live bytes of its op's slot alone. So the op is first taken not to
need the operand in memory, which makes peaks too low, if at all, and bounds right; mostly the order
that is found so has its peak in truth, and is optimal. Else an open op whose operand was left out at
the peak is decided, and both ways are searched, the one with the lower bound first::

    made       the operand's other users come before the op: the takeover is sure now
    not made   the op needs the operand in memory, as any other does

On a large step whose gap stays wide all of that would take the time and find little. There a glance at
the easier problem is all that comes before the search that is made without reuse, on the same graph and
with nearly all of the time; each order that it finds can only gain by the takeovers that it allows. The
time of the glance is what such a plan may lack against one without reuse.
"""

import heapq
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np

from solver.clashes import Edge, nearest_order
from solver.constrained import constrained, renumbered
from solver.ordering.cut import minimum_cut
from solver.ordering.interim import Interim
from solver.ordering.problem import compile_step
from solver.ordering.profile import touched_granules
from solver.ordering.result import OrderResult
from solver.ordering.search import WIDE, Search
from solver.plan import Proof
from solver.reuse import peak_with_takeovers, possible_takeovers, users_of
from solver.solution import Progress, ProgressCallback
from solver.step import GRANULE, Step
from solver.timeline import order_profile
from solver.watch import Watch

_FIRST_SECONDS, _FIRST_OPS = 1.0, 10_000
"""What the first search gets where more follows: so many seconds, and one for each so many ops."""
_SMALL = 250
"""Ops up to which the first search looks further where the gap is wide: it may come to its end."""
_NODE_OPS = 100_000
"""Ops of all graphs together that are searched before the rest is left open."""
_NODES = 8
"""Graphs that are searched at least."""


def order_with_reuse(
    step: Step,
    seed: int,
    watch: Watch,
    progress: ProgressCallback | None,
    interim: Interim | None = None,
) -> OrderResult:
    """The best order of a step whose plan may reuse memory in place; see ``order_step``."""
    known = step.outlook

    def proven(found: OrderResult) -> OrderResult:
        if found.proof is Proof.NONE and step.reusable:
            # The largest op alone; that it cannot take over what others can takes a cut to show.
            alone = touched_granules(compile_step(step, known.sure, known.open).graph)
            return replace(found, proof=Proof.CUT, proof_op=int(alone.argmax()))
        return found

    if known.open:
        return proven(_Open(step, seed, watch, progress, interim).run())
    graph = compile_step(step, known.sure).graph
    on_the_way = None if interim is None else interim.through(proven)
    return proven(Search(graph, seed, watch, progress, interim=on_the_way).run())


@dataclass(order=True)
class _Node:
    """What was decided; the heap gives the node with the lowest bound (bytes)."""

    bound: int
    number: int
    edges: tuple[Edge, ...] = field(compare=False)
    """Of the takeovers that are made."""
    refused: frozenset[int] = field(compare=False)
    """Ops that make none of theirs."""
    next: tuple[int, tuple[int, ...]] | None = field(compare=False)
    """The open op to decide next, with its operands; None: nothing is left that would help."""


@dataclass
class _Open:
    """A step with takeovers that depend on the order. Bytes."""

    step: Step
    seed: int
    watch: Watch
    progress: ProgressCallback | None
    interim: Interim | None
    order: tuple[int, ...] = ()
    """The best one."""
    lean_order: tuple[int, ...] = ()
    peak: int = 1 << 62
    """Of the best order with all takeovers that it allows."""
    made: int = 0
    """Nodes so far."""

    def __post_init__(self) -> None:
        self.users = users_of(self.step)

    def run(self) -> OrderResult:
        """Search until the peak meets the bound, the decisions are all made, or the time is up."""
        seconds = _FIRST_SECONDS + len(self.step.ops) / _FIRST_OPS
        brief = len(self.step.ops) > _SMALL
        # A glance is soon over: the interim order is that of what comes after it.
        with Watch(seconds, lambda: self.watch.stopped) as watch:
            root, first = self._search((), frozenset(), watch, self.progress, brief=brief)
        cut, cut_op = 0, -1
        if root.bound < self.peak and not self._wide(root.bound):
            cut, cut_op = self._largest_cut(root.bound)
        if max(root.bound, cut) < self.peak and not self.watch.stopped:
            apart, apart_op = self._search_without_reuse()
            root = replace(root, bound=max(root.bound, apart))
            if apart_op >= 0 and apart > cut:
                cut, cut_op = apart, apart_op
            cut, cut_op = max((cut, cut_op), self._largest_cut(max(root.bound, cut)))
        if max(root.bound, cut) < self.peak and not first.optimal and not self.watch.stopped:
            again, first = self._search((), frozenset(), self.watch, self.progress)
            root = replace(again, bound=max(again.bound, root.bound))
        heap = [replace(root, bound=max(root.bound, cut))]
        most = max(_NODES, _NODE_OPS // len(self.step.ops))
        while heap and heap[0].bound < self.peak and heap[0].next is not None:
            if self.made >= most or self.watch.stopped:
                break
            for child in self._children(heapq.heappop(heap)):
                heapq.heappush(heap, child)
            self._say(min([self.peak, *(node.bound for node in heap[:1])]))
        bound = min([self.peak, *(node.bound for node in heap[:1])])
        proof, proof_op = Proof.SEARCH, -1
        if bound == cut:
            proof, proof_op = Proof.CUT, cut_op
        elif bound == first.bound_bytes:
            proof, proof_op = first.proof, first.proof_op
        return OrderResult(
            order=self.order,
            peak_bytes=self.peak,
            bound_bytes=bound,
            proof=proof,
            proof_op=proof_op,
            optimal=self.peak == bound,
            lean_order=self.lean_order,
        )

    def _wide(self, bound: int) -> bool:
        """Whether the gap is one that cuts do not close soon."""
        return self.peak - bound > WIDE * bound

    def _search_without_reuse(self) -> tuple[int, int]:
        """The search as it is made without reuse, for its orders; a bound, and its op if it is a cut.

        An op saves its result by a takeover at the most, and only while it runs.
        """
        tell = None if self.progress is None else _without_figures(self.progress)
        graph, on_the_way = compile_step(self.step).graph, self._on_the_way(range(len(self.step.ops)))
        found = Search(graph, self.seed, self.watch, tell, interim=on_the_way).run()
        self._keep(found.order, found.lean_order)
        self.made += 1
        saved = {
            op: int(self.step.rounded_sizes[reuse.created]) for op, reuse in self.step.reusable.items()
        }
        if found.proof is Proof.CUT:
            return found.bound_bytes - saved.get(found.proof_op, 0), found.proof_op
        return found.bound_bytes - max(saved.values(), default=0), -1

    def _largest_cut(self, above: int) -> tuple[int, int]:
        """The largest cut over all ops, all operands in memory, if it is ``above``; and its op.

        An open takeover changes nothing at other ops, and saves its result at its own at the most.
        """
        known = self.step.outlook
        graph = compile_step(self.step, known.sure).graph
        nobody = np.zeros(graph.ops, np.bool_)
        alive = np.zeros(graph.ops, np.int64)
        takeovers = possible_takeovers(self.step, self.order)
        alive[list(self.order)] = order_profile(self.step, self.order, takeovers)
        best, best_op = 0, -1
        for op in np.argsort(-alive, kind="stable").tolist():
            if alive[op] <= max(above, best) or self.watch.stopped:
                break
            cut = int(minimum_cut(graph, op, nobody, nobody, self.watch.flag)[0]) * GRANULE
            if op in known.open:
                cut -= int(self.step.rounded_sizes[self.step.reusable[op].created])
            if cut > max(above, best):
                best, best_op = cut, op
        return best, best_op

    def _children(self, node: _Node) -> list[_Node]:
        """The node with one more op decided, each way searched."""
        assert node.next is not None
        op, operands = node.next
        ways = [(node.edges, node.refused | {op})]
        for operand in operands:
            others = tuple((user, op) for user in self.users[operand] if user != op)
            ways.append((node.edges + others, node.refused))
        children = [
            self._search(edges, refused, self.watch, None)[0]
            for edges, refused in ways
            if nearest_order(self.step, edges) is not None
        ]
        return [replace(child, bound=max(child.bound, node.bound)) for child in children]

    def _search(
        self,
        edges: tuple[Edge, ...],
        refused: frozenset[int],
        watch: Watch,
        progress: ProgressCallback | None,
        *,
        brief: bool = False,
    ) -> tuple[_Node, OrderResult]:
        """Search what is left after these decisions, and keep the order if it is the best."""
        # A search wants ops that are numbered in a valid order.
        ops = nearest_order(self.step, edges) or []
        step = renumbered(constrained(self.step, edges), ops) if edges else self.step
        known = step.outlook
        light = {op: operands for op, operands in known.open.items() if ops[op] not in refused}
        graph = compile_step(step, known.sure, light).graph
        tell = None if progress is None else _without_figures(progress)
        on_the_way = None if watch is not self.watch else self._on_the_way(ops)
        found = Search(graph, self.seed, watch, tell, brief=brief, interim=on_the_way).run()
        order, lean = (tuple(ops[op] for op in one) for one in (found.order, found.lean_order))
        peak = self._keep(order, lean)
        self.made += 1
        following = None
        if peak > found.bound_bytes:
            following = self._to_decide(order, {ops[op]: light[op] for op in light})
        return _Node(found.bound_bytes, self.made, edges, refused, following), found

    def _on_the_way(self, ops: Sequence[int]) -> Interim | None:
        """For a search whose op number i is ``ops[i]``: hands on the best order that there is with its
        own, which is not kept."""

        def best_with(found: OrderResult) -> OrderResult:
            best = copy(self)
            order, lean = (tuple(ops[op] for op in one) for one in (found.order, found.lean_order))
            best._keep(order, lean)
            return OrderResult(best.order, best.peak, 0, Proof.NONE, -1, False, best.lean_order)

        return None if self.interim is None else self.interim.through(best_with)

    def _keep(self, order: tuple[int, ...], lean: tuple[int, ...]) -> int:
        """Keep the order, or the lean one, if it is the best; the order's peak."""
        peak = peak_with_takeovers(self.step, order)
        lean_peak = peak_with_takeovers(self.step, lean) if lean else peak
        if min(peak, lean_peak) < self.peak:
            self.peak = min(peak, lean_peak)
            self.order = order if peak <= lean_peak else lean
            self.lean_order = lean if peak == lean_peak else ()
        return peak

    def _to_decide(
        self, order: Sequence[int], light: Mapping[int, tuple[int, ...]]
    ) -> tuple[int, tuple[int, ...]] | None:
        """The op with the largest operand that is alive at the peak but was left out there."""
        top = int(order_profile(self.step, order, possible_takeovers(self.step, order)).argmax())
        slot_of = {op: slot for slot, op in enumerate(order)}
        left_out = []
        for op, operands in light.items():
            for operand in operands:
                needing = [user for user in self.users[operand] if operand not in light.get(user, ())]
                if max(slot_of[user] for user in needing) < top <= slot_of[op]:
                    left_out.append((int(self.step.rounded_sizes[operand]), op))
        if not left_out:
            return None
        op = max(left_out)[1]
        return op, light[op]

    def _say(self, bound: int) -> None:
        if self.progress is not None:
            self.progress(
                Progress(
                    seconds=self.watch.elapsed,
                    phase="In-place reuse",
                    result=f"{self.made:,} ways searched",
                    peak_bytes=self.peak,
                    bound_bytes=bound,
                )
            )


def _without_figures(progress: ProgressCallback) -> ProgressCallback:
    """For a search whose peaks may be too low: its phases without its figures."""
    return lambda line: progress(replace(line, peak_bytes=None, bound_bytes=None))
