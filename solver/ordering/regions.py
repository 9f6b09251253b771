"""Parts of a step that can be ordered one by one: between ops that every other op is before or after.

At such an op every order has run the same ops, so the peak of the step is the largest of its parts'
and each part's order is its own matter::

    a ── b ─┬─ c ─┬─ e ─┬─ f ─┬─ h        parts: a | b | c d e | f g h
            └─ d ─┘     └─ g ─┘

Two kinds of ops do not count when such an op is looked for. Those that allocate nothing and that
nothing but such ops waits for run right after the last op they wait for; those that wait for nothing
and only make what all their followers touch run right before the first of them. Both are best there.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from solver.ordering.problem import Graph
from solver.plan import IntArray


@dataclass(frozen=True)
class Region:
    """One part as a graph of its own, with two ops more.

    The first one makes what is alive when the part begins, the last one uses what is when it ends.
    """

    graph: Graph
    ops: IntArray
    """The step's ops that the part's ops 1 to n are, in program order."""


def split(graph: Graph) -> list[Region]:
    """The parts, first to last. Every op is in one."""
    if graph.ops == 0:
        return []
    part = _parts(graph)
    count = int(part.max()) + 1
    storages = len(graph.sizes)
    row = np.repeat(np.arange(storages), np.diff(graph.users_at))
    begins, ends = np.full(storages, count, np.int64), np.full(storages, -1, np.int64)
    np.minimum.at(begins, row, part[graph.users])
    np.maximum.at(ends, row, part[graph.users])
    alive = np.zeros(count + 1, np.int64)
    np.add.at(alive, begins, graph.sizes)
    np.add.at(alive, ends + 1, -graph.sizes)
    alive = np.cumsum(alive)
    by_part = np.argsort(part, kind="stable")
    limits = np.searchsorted(part[by_part], np.arange(count + 1))
    return [
        _region(graph, by_part[limits[k] : limits[k + 1]], k, begins, ends, int(alive[k]))
        for k in range(count)
    ]


def _parts(graph: Graph) -> IntArray:
    """The part of each op."""
    # Lists: element by element they are several times faster than arrays.
    before = _lists(graph.predecessors_at, graph.predecessors)
    after = _lists(graph.successors_at, graph.successors)
    order = _topological(before, after)
    late = _enders(graph, order, after)
    early = _makers(graph, before, after, late)
    core = [op for op in order if not early[op] and not late[op]]
    counts = [not early[op] and not late[op] for op in range(graph.ops)]
    below = _joins(core, before, counts)
    above = _joins(core[::-1], after, counts)[::-1]
    part = [0] * graph.ops
    current = 0
    for op, one, other in zip(core, below, above, strict=True):
        part[op] = current
        current += one and other
    for op in order:
        if late[op]:
            part[op] = max((part[b] for b in before[op]), default=0)
        elif early[op]:
            part[op] = min(part[a] for a in after[op])
    return np.unique(np.array(part, np.int64), return_inverse=True)[1].astype(np.int64)


def _lists(at: IntArray, items: IntArray) -> list[list[int]]:
    flat, ends = items.tolist(), at.tolist()
    return [flat[first:last] for first, last in pairwise(ends)]


def _topological(before: list[list[int]], after: list[list[int]]) -> list[int]:
    """A valid order: program order need not be one where a pin adds an edge."""
    waiting = [len(row) for row in before]
    order = [op for op, count in enumerate(waiting) if count == 0]
    for op in order:
        for later in after[op]:
            waiting[later] -= 1
            if waiting[later] == 0:
                order.append(later)
    return order


def _makers(
    graph: Graph, before: list[list[int]], after: list[list[int]], late: list[bool]
) -> list[bool]:
    """Which ops wait for nothing and only make what all their followers touch, none of them late:
    those may be worth to be run early."""
    touches = _lists(graph.touches_at, graph.touches)
    creator = graph.creator.tolist()
    result = []
    for op, row in enumerate(touches):
        mine = set(row)
        result.append(
            bool(after[op])
            and not before[op]
            and all(creator[storage] == op for storage in mine)
            and all(not late[later] and mine.issubset(touches[later]) for later in after[op])
        )
    return result


def _enders(graph: Graph, order: list[int], after: list[list[int]]) -> list[bool]:
    """Which ops allocate nothing, and only such ops wait for them."""
    makes = np.zeros(graph.ops, np.bool_)
    makes[graph.creator] = True
    result = (~makes).tolist()
    for op in reversed(order):
        result[op] = result[op] and all(result[later] for later in after[op])
    return list(result)


def _joins(core: list[int], before: list[list[int]], counts: list[bool]) -> list[bool]:
    """For each op of an order whether all earlier ones are before it: no other one is without a
    follower among them."""
    followed = [False] * len(counts)
    open_ends = 0
    result = []
    for op in core:
        open_ends += 1
        for earlier in before[op]:
            if counts[earlier] and not followed[earlier]:
                followed[earlier] = True
                open_ends -= 1
        result.append(open_ends == 1)
    return result


def _region(
    graph: Graph, ops: IntArray, part: int, begins: IntArray, ends: IntArray, alive: int
) -> Region:
    """Part number ``part``; ``alive`` granules are alive at some time in it."""
    last = len(ops) + 1
    number = {op: index + 1 for index, op in enumerate(ops.tolist())}
    edges: list[tuple[int, int]] = []
    for op, here in number.items():
        row = graph.predecessors[graph.predecessors_at[op] : graph.predecessors_at[op + 1]].tolist()
        edges += [(number[p], here) for p in row if p in number]
    followed = {first for first, _ in edges}
    waiting = {second for _, second in edges}
    edges += [(0, here) for here in range(1, last) if here not in waiting]
    edges += [(here, last) for here in range(1, last) if here not in followed]
    index: dict[int, int] = {}
    uses: list[tuple[int, int]] = []
    for op, here in number.items():
        row = graph.touches[graph.touches_at[op] : graph.touches_at[op + 1]].tolist()
        uses += [(here, index.setdefault(storage, len(index))) for storage in row]
    storages = np.array(list(index), np.int64)
    sizes = graph.sizes[storages]
    comes, stays = begins[storages] < part, ends[storages] > part
    creator = [0 if c else number[int(graph.creator[s])] for s, c in zip(storages, comes, strict=True)]
    uses = [(0, int(i)) for i in np.flatnonzero(comes)] + uses
    uses += [(last, int(i)) for i in np.flatnonzero(stays)]
    if (untouched := alive - int(sizes.sum())) > 0:
        uses = [(0, len(storages)), *uses, (last, len(storages))]
        sizes, creator = np.append(sizes, untouched), [*creator, 0]
    return Region(Graph.of(edges, uses, np.array(creator, np.int64), sizes, last + 1), ops)


def joined(regions: list[Region], orders: list[IntArray]) -> IntArray:
    """The order of the step from those of its parts."""
    rows: list[npt.NDArray[np.int64]] = []
    for region, order in zip(regions, orders, strict=True):
        inner = order[(order > 0) & (order <= len(region.ops))]
        rows.append(region.ops[inner - 1])
    return np.concatenate(rows) if rows else np.empty(0, np.int64)
