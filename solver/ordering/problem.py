"""The ordering problem of a step: ops, what they wait for, and the bytes they keep alive, as arrays.

Four relations in compressed rows: the entries of row i of a relation are
``items[at[i]:at[i + 1]]``::

    op      -> ops it waits for              predecessors
    op      -> ops that wait for it          successors
    op      -> planned storages it touches   touches
    storage -> ops that touch it             users (ascending)

Only planned storages that some op touches are here, numbered anew; sizes are in granules, divided
by nothing else. Memory is linear in the number of entries.

In-place reuse: a storage and the one that takes over its bytes are one storage here, whatever the
order, which all users of both touch. So the arrays say all there is to know, and no search needs to
know of takeovers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from solver.plan import IntArray
from solver.reuse import NONE, first_owners
from solver.step import GRANULE, Step, round_up
from solver.timeline import planned_storages

NOTHING: Mapping[int, Collection[int]] = MappingProxyType({})


class Graph(NamedTuple):
    """What kernels read; all arrays int64. A named tuple because numba takes those as they are."""

    predecessors_at: IntArray
    predecessors: IntArray
    successors_at: IntArray
    successors: IntArray
    touches_at: IntArray
    touches: IntArray
    users_at: IntArray
    users: IntArray
    creator: IntArray
    """Op that creates each storage."""
    sizes: IntArray
    """Granules of each storage, at least 1."""

    @property
    def ops(self) -> int:
        """Number of ops."""
        return len(self.predecessors_at) - 1

    @classmethod
    def of(
        cls,
        edges: Sequence[tuple[int, int]],
        uses: Sequence[tuple[int, int]],
        creator: IntArray,
        sizes: IntArray,
        ops: int,
    ) -> "Graph":
        """The graph with these (before, after) and, by ascending ops, (op, storage) pairs."""
        before, after = np.array(edges, np.int64).reshape(-1, 2).T
        user, used = np.array(uses, np.int64).reshape(-1, 2).T
        return cls(
            *_rows(after, before, ops),
            *_rows(before, after, ops),
            *_rows(user, used, ops),
            *_rows(used, user, len(sizes)),
            creator,
            sizes,
        )

    def reversed(self) -> "Graph":
        """The same step run backwards: its orders are this one's from the back, profiles included."""
        return self._replace(
            predecessors_at=self.successors_at,
            predecessors=self.successors,
            successors_at=self.predecessors_at,
            successors=self.predecessors,
        )

    def with_edges(self, edges: Sequence[tuple[int, int]]) -> "Graph":
        """The same with more to wait for: each (before, after) is a pair of ops."""
        if not edges:
            return self
        before, after = _pairs(self.predecessors_at, self.predecessors)
        extra = np.array(edges, np.int64)
        after = np.concatenate([after, extra[:, 1]])
        before = np.concatenate([before, extra[:, 0]])
        predecessors_at, predecessors = _rows(after, before, self.ops)
        successors_at, successors = _rows(before, after, self.ops)
        return self._replace(
            predecessors_at=predecessors_at,
            predecessors=predecessors,
            successors_at=successors_at,
            successors=successors,
        )


@dataclass(frozen=True)
class OrderingProblem:
    """A step's graph and the way back to its storages."""

    graph: Graph
    storages: IntArray
    """Index in the step of each storage of the graph; of the first in a chain of takeovers."""


def compile_step(
    step: Step, takeovers: Mapping[int, int] = NONE, untouched: Mapping[int, Collection[int]] = NOTHING
) -> OrderingProblem:
    """The ordering problem of a step that ``solver.validate`` accepts.

    ``takeovers``: by op the storage whose bytes its result takes over, in every order; who asks for
    one sees to it that no other op can use that storage later. ``untouched``: by op storages that it
    is taken not to need in memory, which makes an easier problem.
    """
    ops = len(step.ops)
    touched = {storage for op in step.ops for storage in op.touches}
    first = first_owners(step, takeovers)
    planned = [int(s) for s in planned_storages(step) if int(s) in touched]
    storages = np.array([s for s in planned if s not in first], np.int64)
    number = {int(storage): index for index, storage in enumerate(storages)}
    number |= {new: number[old] for new, old in first.items()}
    creator = np.full(len(storages), -1, np.int64)
    before: list[int] = []
    after: list[int] = []
    user: list[int] = []
    used: list[int] = []
    for index, (op, earlier) in enumerate(zip(step.ops, step.dependencies, strict=True)):
        before += earlier
        after += [index] * len(earlier)
        needed = (s for s in op.touches if s in number and s not in untouched.get(index, ()))
        own = list(dict.fromkeys(number[storage] for storage in needed))
        used += own
        user += [index] * len(own)
        for storage in op.creates:
            if storage in number and storage not in first:
                creator[number[storage]] = index
    if np.any(creator < 0):
        orphan = int(storages[int(np.argmin(creator))])
        raise ValueError(f"no op creates storage {orphan} ({step.storages[orphan].name})")
    waits, waited = np.array(after, np.int64), np.array(before, np.int64)
    by_op, by_storage = np.array(user, np.int64), np.array(used, np.int64)
    sizes = np.array([round_up(step.storages[s].size) // GRANULE for s in storages], np.int64)
    graph = Graph(
        *_rows(waits, waited, ops),
        *_rows(waited, waits, ops),
        *_rows(by_op, by_storage, ops),
        *_rows(by_storage, by_op, len(storages)),
        creator,
        sizes,
    )
    return OrderingProblem(graph, storages)


def _rows(row: IntArray, item: IntArray, count: int) -> tuple[IntArray, IntArray]:
    """Compressed rows of the pairs; the items of a row keep the order of the pairs."""
    at = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=count), out=at[1:])
    return at, item[np.argsort(row, kind="stable")]


def _pairs(at: IntArray, items: IntArray) -> tuple[IntArray, IntArray]:
    """(item, row) of every entry of compressed rows."""
    return items, np.repeat(np.arange(len(at) - 1), np.diff(at))
