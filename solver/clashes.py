"""Storages pinned onto each other: one of the two must be gone before the other is made.

A choice between two sets of edges. For s to be gone before t is made, every op that touches s runs
before the creator of t, which is possible as long as that is not before (or is) one of them::

    s ──touched by──> a, b        edges a -> c, b -> c, where c creates t
    t <──made by───── c           impossible when c is before a or before b, or is one of them

What is impossible one way is decided the other way. What stays open is for a search to decide.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from solver.pins import Pins, pinned_addresses
from solver.step import Step

Edge = tuple[int, int]
"""(before, after): two ops."""
Pair = tuple[int, int]
"""Two storages."""


@dataclass(frozen=True)
class Clashes:
    """All pairs of storages of a step whose pinned bytes overlap."""

    step: Step
    pairs: tuple[Pair, ...]
    """Each with the one that program order makes first in front."""

    @cached_property
    def touchers(self) -> dict[int, tuple[int, ...]]:
        """For each storage of a pair the ops that touch it, ascending: its creator first."""
        result: dict[int, list[int]] = {storage: [] for pair in self.pairs for storage in pair}
        for index, op in enumerate(self.step.ops):
            for storage in op.touches:
                if storage in result:
                    result[storage].append(index)
        return {storage: tuple(ops) for storage, ops in result.items()}

    @cached_property
    def partners(self) -> dict[int, tuple[int, ...]]:
        """For each storage of a pair those that must not be alive with it."""
        result: dict[int, list[int]] = {}
        for one, other in self.pairs:
            result.setdefault(one, []).append(other)
            result.setdefault(other, []).append(one)
        return {storage: tuple(others) for storage, others in result.items()}

    def creator(self, storage: int) -> int:
        """The op that makes a storage of a pair."""
        return self.touchers[storage][0]

    def edges(self, gone: int, made: int) -> list[Edge]:
        """What has storage ``gone`` freed before storage ``made`` is created."""
        return [(op, self.creator(made)) for op in self.touchers[gone]]

    def broken(self, order: Sequence[int]) -> Pair | None:
        """A pair that is alive together when the ops run in ``order``, or None."""
        slot = {op: position for position, op in enumerate(order)}
        lives = {
            storage: (slot[ops[0]], max(slot[op] for op in ops))
            for storage, ops in self.touchers.items()
        }
        for one, other in self.pairs:
            if lives[one][0] <= lives[other][1] and lives[other][0] <= lives[one][1]:
                return one, other
        return None

    def settle(self, edges: Sequence[Edge]) -> tuple[list[Edge], list[Pair]] | None:
        """The edges and all that they decide, and the pairs that are still open.

        None when no order has these edges and keeps the pairs apart.
        """
        settled = list(edges)
        while True:
            after = self._after(settled)
            if after is None:
                return None
            decided: list[Edge] = []
            still_open: list[Pair] = []
            for one, other in self.pairs:
                ways = [
                    way
                    for way in ((one, other), (other, one))
                    if not (after[self.creator(way[1])] | self._bit[self.creator(way[1])])
                    & self._mask[way[0]]
                ]
                if not ways:
                    return None
                if len(ways) == 2:
                    still_open.append((one, other))
                    continue
                made = self._bit[self.creator(ways[0][1])]
                decided += [edge for edge in self.edges(*ways[0]) if not after[edge[0]] & made]
            if not decided:
                return settled, still_open
            settled += decided

    @cached_property
    def _bit(self) -> dict[int, int]:
        """A bit for each op that touches a storage of a pair."""
        ops = sorted({op for touchers in self.touchers.values() for op in touchers})
        return {op: 1 << position for position, op in enumerate(ops)}

    @cached_property
    def _mask(self) -> dict[int, int]:
        return {s: sum(self._bit[op] for op in ops) for s, ops in self.touchers.items()}

    def _after(self, edges: Sequence[Edge]) -> list[int] | None:
        """For each op the bits of those that must run after it; None when the edges close a cycle."""
        before, after = neighbours(self.step, edges)
        order = schedule(before, after, range(len(after)))
        if order is None:
            return None
        result = [0] * len(after)
        for op in reversed(order):
            for later in after[op]:
                result[op] |= result[later] | self._bit.get(later, 0)
        return result

    def schedule(self, edges: Sequence[Edge], rank: Sequence[int]) -> list[int] | None:
        """An order with these edges that keeps all pairs apart, the ops of low ``rank`` early.

        An op waits while what it makes would lie on something alive. None where that comes to a
        stop, which does not say that there is no such order.
        """
        before, after = neighbours(self.step, edges)
        waiting = [len(ops) for ops in before]
        ready = [(rank[op], op) for op, count in enumerate(waiting) if count == 0]
        heapq.heapify(ready)
        left = {storage: len(ops) for storage, ops in self.touchers.items()}
        touched: dict[int, list[int]] = {}
        made: dict[int, list[int]] = {}
        for storage, ops in self.touchers.items():
            made.setdefault(ops[0], []).append(storage)
            for op in ops:
                touched.setdefault(op, []).append(storage)
        alive: set[int] = set()
        blocked: list[tuple[int, int]] = []
        result: list[int] = []
        while ready:
            entry = heapq.heappop(ready)
            op = entry[1]
            new = made.get(op, ())
            if any(p in alive or p in new for storage in new for p in self.partners[storage]):
                blocked.append(entry)
                continue
            result.append(op)
            alive.update(new)
            for storage in touched.get(op, ()):
                left[storage] -= 1
                if not left[storage]:
                    alive.discard(storage)
                    for entry in blocked:
                        heapq.heappush(ready, entry)
                    blocked.clear()
            for later in after[op]:
                waiting[later] -= 1
                if not waiting[later]:
                    heapq.heappush(ready, (rank[later], later))
        return result if len(result) == len(after) else None


def find_clashes(step: Step, pins: Pins) -> Clashes:
    """The pairs of storages that ``pins`` place onto each other."""
    places = sorted(
        (address, address + int(step.rounded_sizes[storage]), storage)
        for storage, address in pinned_addresses(pins).items()
    )
    creator = {storage: index for index, op in enumerate(step.ops) for storage in op.creates}
    pairs: list[Pair] = []
    for position, (_, end, one) in enumerate(places):
        for start, _, other in places[position + 1 :]:
            if start >= end:
                break
            pairs.append((one, other) if creator[one] <= creator[other] else (other, one))
    return Clashes(step, tuple(pairs))


def neighbours(step: Step, edges: Iterable[Edge]) -> tuple[list[list[int]], list[list[int]]]:
    """For each op those right before it and those right after it: dependencies and ``edges``."""
    before = [list(earlier) for earlier in step.dependencies]
    for first, second in edges:
        before[second].append(first)
    after: list[list[int]] = [[] for _ in before]
    for op, earlier in enumerate(before):
        for other in earlier:
            after[other].append(op)
    return before, after


def schedule(
    before: Sequence[Sequence[int]], after: Sequence[Sequence[int]], rank: Sequence[int]
) -> list[int] | None:
    """Of the orders that ``before`` and ``after`` allow the one that always runs the op of least
    ``rank`` that is ready; None when they close a cycle."""
    waiting = [len(ops) for ops in before]
    ready = [(rank[op], op) for op, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    result: list[int] = []
    while ready:
        op = heapq.heappop(ready)[1]
        result.append(op)
        for later in after[op]:
            waiting[later] -= 1
            if not waiting[later]:
                heapq.heappush(ready, (rank[later], later))
    return result if len(result) == len(before) else None


def nearest_order(step: Step, edges: Sequence[Edge]) -> list[int] | None:
    """An order with these edges near program order; None when they close a cycle.

    What is late can wait or what is early can be called forward: the one that moves ops less.
    """
    before, after = neighbours(step, edges)
    ops = len(before)
    waited = schedule(before, after, range(ops))
    called = schedule(after, before, range(ops, 0, -1))
    if waited is None or called is None:
        return None
    return min(waited, called[::-1], key=lambda order: sum(abs(op - at) for at, op in enumerate(order)))
