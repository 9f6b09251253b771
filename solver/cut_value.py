"""The live-bytes cut at one op by OR-Tools' max-flow: the validator's own way to recompute a bound.

While op v runs, some downset D of ops is done: it holds v's ancestors and neither v nor any of its
descendants. A storage is alive then if v touches it, or if its creator is in D and some other op
that touches it is not. The least that this can sum up to over all D is a minimum cut (a project
selection network, Picard 1976)::

    source ──inf── ancestors of v        op u ──inf── each predecessor of u   (D is closed downwards)
    v, descendants ──inf── sink          creator ──size── storage ──inf── each other op that touches it

With in-place reuse, v's result may count nothing of its own: where an operand that it may take over
has no other user left. D holds all of them then, and the cut is made with them as v's ancestors.
"""

from dataclasses import dataclass

import numpy as np

from solver.step import GRANULE, Step, round_up

INFINITE = 1 << 45
"""In granules: more than any sum of sizes that ``solver.validate`` lets through."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The least that can be alive while an op runs, and what gives it."""

    bytes: int
    downset: frozenset[int]
    """Ops that have run before it then: no other choice leaves less alive."""
    taken: int = -1
    """The operand whose bytes the op's result takes over then; -1: it has bytes of its own."""


def cut_value(step: Step, op: int, *, reuse: bool = False) -> int:
    """Least bytes alive while ``op`` runs; see ``least_cut``."""
    return least_cut(step, op, reuse=reuse).bytes


def least_cut(step: Step, op: int, *, reuse: bool = False) -> Cut:
    """The minimum cut at ``op`` over all valid orders of the step.

    ``reuse``: over all plans that may reuse memory in place, too. Raises IndexError where there is no
    such op.
    """
    if not 0 <= op < len(step.ops):
        raise IndexError(f"op {op} of {len(step.ops)}")
    done, later = reachable(step, [op])
    least = _cut(step, op, done, later)
    if not reuse or op not in step.reusable:
        return least
    saved = round_up(step.storages[step.reusable[op].created].size)
    for operand in step.reusable[op].operands:
        users = {u for u, other in enumerate(step.ops) if operand in other.touches}
        before = reachable(step, [*users])[0] | (users - {op})
        if not before & later:
            cut = _cut(step, op, before, later)
            if cut.bytes - saved < least.bytes:
                least = Cut(cut.bytes - saved, cut.downset, operand)
    return least


def _cut(step: Step, op: int, done: set[int], later: set[int]) -> Cut:
    """The minimum cut at ``op`` after all of ``done`` and before all of ``later``."""
    # Imported here: it takes half a second, and a window that opens must not wait for it.
    from ortools.graph.python import max_flow

    ops = len(step.ops)
    source, sink = ops, ops + 1
    creator = {s: index for index, o in enumerate(step.ops) for s in o.creates}
    touchers: dict[int, list[int]] = {}
    for index, o in enumerate(step.ops):
        for storage in o.touches:
            if step.storages[storage].planned:
                touchers.setdefault(storage, []).append(index)
    touched = {s for s in step.ops[op].touches if step.storages[s].planned}
    constant = sum(round_up(step.storages[s].size) for s in touched)
    arcs: list[tuple[int, int, int]] = []
    for index, before in enumerate(step.dependencies):
        arcs += [(index, earlier, INFINITE) for earlier in before]
    arcs += [(source, index, INFINITE) for index in done]
    arcs += [(index, sink, INFINITE) for index in (op, *later)]
    node = ops + 2
    for storage, users in touchers.items():
        if storage in touched:
            continue
        size = round_up(step.storages[storage].size) // GRANULE
        arcs.append((creator[storage], node, size))
        arcs += [(node, user, INFINITE) for user in users if user != creator[storage]]
        node += 1
    flow = max_flow.SimpleMaxFlow()
    tails, heads, capacities = np.array(arcs, np.int64).T
    flow.add_arcs_with_capacity(tails, heads, capacities)
    if flow.solve(source, sink) != flow.OPTIMAL:
        raise RuntimeError(f"max-flow failed at op {op}")
    downset = frozenset(int(n) for n in flow.get_source_side_min_cut() if n < ops)
    return Cut(constant + int(flow.optimal_flow()) * GRANULE, downset)


def reachable(step: Step, ops: list[int]) -> tuple[set[int], set[int]]:
    """All ancestors and all descendants of ``ops``, these left out."""
    successors: list[list[int]] = [[] for _ in step.ops]
    for index, before in enumerate(step.dependencies):
        for earlier in before:
            successors[earlier].append(index)
    result = []
    for neighbours in (step.dependencies, successors):
        seen = set(ops)
        pending = list(ops)
        while pending:
            for index in neighbours[pending.pop()]:
                if index not in seen:
                    seen.add(index)
                    pending.append(index)
        result.append(seen.difference(ops))
    return result[0], result[1]
