"""Puts the arrays of a budget problem together: values, gaps, and what is static."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from solver.budget.costs import Costs
from solver.budget.graph import NO_GAP, SHORT_GAP, BudgetGraph, Tables
from solver.plan import IntArray
from solver.repetition import find_repetitions
from solver.step import Step
from solver.timeline import live_bytes, order_lifetimes, order_profile, planned_storages

_FINENESS = 16384
"""Values smaller than the peak by this factor are kept from use to use."""
_SHORT = 2
"""First runs from one use to the next up to which a value is kept."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Between the first runs at positions ``start`` and ``end``, which touch ``value`` in turn."""

    start: int
    end: int
    value: int


@dataclass(frozen=True, slots=True)
class _Touch:
    """What an op does to a value."""

    value: int
    position: int
    consumed: bool = False
    reusable: bool = False
    joins: bool = False
    """Of a need; see ``Tables``."""
    written: bool = False
    """Of a make."""


class Values:
    """All values of a step in one base order; ``graph`` numbers anew those that are not static."""

    def __init__(self, step: Step, costs: Costs, order: Sequence[int], fusing: bool) -> None:
        self.step, self.costs, self.fusing = step, costs, fusing
        self.may = find_repetitions(step)
        self.order = np.asarray(order, np.int64)
        self.position = np.empty(len(step.ops), np.int64)
        self.position[self.order] = np.arange(len(step.ops))
        self.first_of: dict[int, int] = {}
        """First value by planned storage."""
        self.storage_of: list[int] = []
        self.writes = np.zeros(len(step.storages), np.int64)
        """By storage: the ops that write it in place."""
        for op in step.ops:
            self.writes[list({*op.writes} - {*op.creates})] += 1
        for storage in planned_storages(step).tolist():
            self.first_of[storage] = len(self.storage_of)
            self.storage_of += [storage] * (int(self.writes[storage]) + 1)
        self.size = step.rounded_sizes[np.array(self.storage_of, np.int64)]
        self.producer = np.full(len(self.storage_of), -1, np.int64)
        self.needs: list[list[_Touch]] = []
        self.makes: list[list[_Touch]] = []
        self._touches()

    def _touches(self) -> None:
        version = dict(self.first_of)
        for index, op in enumerate(self.step.ops):
            at = int(self.position[index])
            writes = {s for s in op.writes if s in version} - {*op.creates}
            reuse = self.step.reusable.get(index)
            takes = reuse.operands if reuse is not None else ()
            joins = self.may.joins.get(index, frozenset())
            self.needs.append(
                [
                    _Touch(version[s], at, s in writes, s in takes, s in joins)
                    for s in self.step.planned_uses[index]
                ]
            )
            for storage in writes:
                version[storage] += 1
            self.makes.append(
                [_Touch(version[s], at) for s in op.creates if s in version]
                + [_Touch(version[s], at, written=True) for s in sorted(writes)]
            )
            self.producer[[touch.value for touch in self.makes[-1]]] = index

    def gaps(self) -> list[Gap]:
        """All gaps that are worth a decision, by time."""
        positions: list[list[int]] = [[] for _ in self.storage_of]
        for op in self.order.tolist():
            for touch in chain(self.makes[op], self.needs[op]):
                positions[touch.value].append(touch.position)
        return sorted(
            (
                Gap(start, end, value)
                for value, touched in enumerate(positions)
                if self.size[value] >= self._threshold
                and self.may.may_repeat(int(self.producer[value]))
                for start, end in pairwise(touched)
                if end - start > _SHORT
            ),
            key=lambda gap: (gap.start, gap.end, gap.value),
        )

    def ends(self, gaps: Sequence[Gap]) -> list[Gap]:
        """After last first runs: gaps of values that several ops need if they are repeated."""
        repeated, _ = self._reach(gaps)
        users = Counter(touch.value for op in repeated for touch in self.needs[op])
        last: dict[int, _Touch] = {}
        for op in self.order.tolist():
            last.update((touch.value, touch) for touch in chain(self.makes[op], self.needs[op]))
        return [
            Gap(last[value].position, len(self.order), value)
            for value, count in sorted(users.items())
            if count > 1
            and int(self.producer[value]) in repeated
            and self.size[value] >= self._threshold
            and not last[value].consumed
        ]

    @cached_property
    def _threshold(self) -> int:
        """Bytes of the smallest values that are worth a decision."""
        peak = int(order_profile(self.step, self.order.tolist()).max(initial=0))
        return max(1, peak // _FINENESS)

    def graph(self, gaps: Sequence[Gap]) -> BudgetGraph:
        """The problem of deciding these gaps."""
        step, may, count = self.step, self.may, len(self.step.ops)
        repeated, storages = self._reach(gaps)
        kept_values = [v for v, storage in enumerate(self.storage_of) if storage in storages]
        number = np.full(len(self.storage_of), -1, np.int64)
        number[kept_values] = np.arange(len(kept_values))
        old = np.array(kept_values, np.int64)
        static = _Static(self, storages)
        needs = [[t for t in row if number[t.value] >= 0] for row in self.needs]
        makes = [[t for t in row if number[t.value] >= 0] for row in self.makes]
        flat_needs, flat_makes = list(chain.from_iterable(needs)), list(chain.from_iterable(makes))
        follows = self._follows(gaps)
        events = [op for op in self.order.tolist() if needs[op] or makes[op]]
        at = self.position[np.array(events, np.int64)]
        by_rank = self._ranks(repeated)
        rank = np.full(count, -1, np.int64)
        rank[by_rank] = np.arange(len(by_rank))
        saved, mean, deviation = np.full((3, count), -1, np.int64)
        for index in repeated & may.saved.keys():
            norm = may.saved[index]
            saved[index], mean[index], deviation[index] = (
                number[self.first_of[s]] for s in (norm.result, *norm.statistics)
            )
        along = self._along(repeated)
        begins = np.zeros(count, np.uint8)
        begins[list(may.begins) if self.fusing else []] = 1
        storage_of = np.array([self.storage_of[v] for v in kept_values], np.int64)
        first = np.array([number[self.first_of[s]] for s in storage_of.tolist()], np.int64)
        tables = Tables(
            event_op=np.array(events, np.int64),
            event_position=at,
            between=static.between(at),
            before=static.across[at],
            during=static.live[at],
            needs_at=_starts(needs),
            needs=number[[t.value for t in flat_needs]],
            gap_after_need=_numbers(follows, flat_needs),
            consumed=np.array([t.consumed for t in flat_needs], np.uint8),
            reusable=np.array(
                [t.reusable and t.position not in static.taken for t in flat_needs], np.uint8
            ),
            joins=np.array([t.joins for t in flat_needs], np.uint8),
            makes_at=_starts(makes),
            makes=number[[t.value for t in flat_makes]],
            gap_after_make=_numbers(follows, flat_makes),
            written=np.array([t.written for t in flat_makes], np.uint8),
            along_at=_starts(along),
            along=np.array([*chain.from_iterable(along)], np.int64),
            until=self._until(),
            begins=begins,
            rank=rank,
            by_rank=by_rank,
            saved=saved,
            mean=mean,
            deviation=deviation,
            size=self.size[old],
            producer=self.producer[old],
            versions_from=first,
            versions_to=first + 1 + self.writes[storage_of],
            first=self.costs.first,
            repeated=self.costs.again,
            fused=self.costs.fused,
            base_seconds=self.costs.base_seconds,
        )
        lone = [-1] * (SHORT_GAP + 1)
        return BudgetGraph(
            step,
            self.costs,
            self.order,
            tables,
            storage_of,
            np.array([*lone, *(number[gap.value] for gap in gaps)], np.int64),
            np.array([*lone, *(gap.start for gap in gaps)], np.int64),
            np.array([*lone, *(gap.end for gap in gaps)], np.int64),
        )

    def _reach(self, gaps: Sequence[Gap]) -> tuple[set[int], set[int]]:
        """The ops that may have to be repeated if the gaps are not kept, and the storages that those
        touch, whose values are not static."""
        ops: set[int] = set()
        storages: set[int] = set()
        pending = [self.storage_of[gap.value] for gap in gaps]
        while pending:
            storage = pending.pop()
            if storage in storages:
                continue
            storages.add(storage)
            first = self.first_of[storage]
            for op in self.producer[first : first + 1 + int(self.writes[storage])].tolist():
                if op not in ops and self.may.may_repeat(op):
                    ops.add(op)
                    touched = chain(self.needs[op], self.makes[op])
                    pending += [self.storage_of[touch.value] for touch in touched]
        return ops, storages

    def _follows(self, gaps: Sequence[Gap]) -> dict[tuple[int, int], int]:
        """By (value, position) that a gap follows, its number."""
        last: dict[int, int] = {}
        result: dict[tuple[int, int], int] = {}
        for op in self.order.tolist():
            for touch in chain(self.makes[op], self.needs[op]):
                if touch.value in last:
                    result[touch.value, last[touch.value]] = SHORT_GAP
                last[touch.value] = touch.position
        for index, gap in enumerate(gaps, SHORT_GAP + 1):
            result[gap.value, gap.start] = index
        return result

    def _along(self, repeated: set[int]) -> list[list[int]]:
        """By op: who else reads what it writes in place, of those that may have to be repeated."""
        readers: dict[int, list[int]] = {}
        for op in sorted(repeated):
            for touch in self.needs[op]:
                readers.setdefault(touch.value, []).append(op)
        return [
            [o for t in row if t.consumed for o in readers.get(t.value, ()) if o != op]
            if op in repeated
            else []
            for op, row in enumerate(self.needs)
        ]

    def _until(self) -> IntArray:
        """By op: where in the base order a resident that it reads is written next, at the earliest."""
        writers: dict[int, list[int]] = {}
        for index, op in enumerate(self.step.ops):
            for storage in op.writes:
                if storage not in self.first_of:
                    writers.setdefault(storage, []).append(index)
        last = len(self.step.ops)
        until = np.full(last, last, np.int64)
        for index, op in enumerate(self.step.ops):
            uncounted = self.may.uncounted.get(index, frozenset())
            for storage in op.reads:
                later = [w for w in writers.get(storage, ()) if w > index and storage not in uncounted]
                if later:
                    until[index] = min(until[index], self.position[later[0]])
        return until

    def _ranks(self, repeated: set[int]) -> IntArray:
        """The ops that may be repeated, in base order, but an op that others may be fused to comes
        right before one that may.

        Residual additions: of two normalisations that are added, the one written to comes last.
        """
        held_by: dict[int, int] = {}
        """By op the one that is held back until right before it."""
        users: list[list[int]] = [[] for _ in self.producer]
        for op, row in enumerate(self.needs):
            for touch in row:
                users[touch.value].append(op)
        order = [op for op in self.order.tolist() if op in repeated]
        for previous, op in pairwise(order) if self.fusing else ():
            makers = {
                int(self.producer[touch.value]): users[touch.value] == [op]
                for touch in self.needs[op]
                if touch.joins
            }
            if previous in makers:
                continue
            for maker, only in makers.items():
                if only and self._may_wait(maker, op, users) and maker not in held_by.values():
                    held_by[op] = maker
                    break
        waiting = set(held_by.values())
        result: list[int] = []
        for op in order:
            if op in held_by:
                result.append(held_by[op])
            if op not in waiting:
                result.append(op)
        return np.array(result, np.int64)

    def _may_wait(self, maker: int, op: int, users: list[list[int]]) -> bool:
        """Whether ``maker`` can run as late as right before ``op``, which may be fused with it."""
        run = self.step.ops[maker]
        values = [self.first_of[s] for s in run.creates if s in self.first_of]
        return (
            maker in self.may.begins
            and not run.random
            and not any(s in self.first_of for s in run.writes)
            and not any(self.writes[s] for s in run.reads if s in self.first_of)
            and all(self.position[user] >= self.position[op] for v in values for user in users[v])
        )


class _Static:
    """What static storages take, by position in the base order."""

    def __init__(self, values: Values, storages: set[int]) -> None:
        step, order = values.step, values.order.tolist()
        static = np.array([s for s in planned_storages(step).tolist() if s not in storages], np.int64)
        lifetimes = order_lifetimes(step, order)[static]
        sizes = step.rounded_sizes[static]
        end = dict(zip(static.tolist(), lifetimes[:, 1].tolist(), strict=True))
        self.live = live_bytes(lifetimes, sizes, len(order))
        """In the slot of each first run."""
        self.across = live_bytes(lifetimes + np.array([1, 0]), sizes, len(order))
        """Between it and the one before."""
        self.taken: set[int] = set()
        """Positions of ops whose result takes over the bytes of a static storage."""
        for op, reuse in step.reusable.items():
            position = int(values.position[op])
            if any(end.get(s) == position + 1 for s in reuse.operands):
                self.live[position] -= step.rounded_sizes[reuse.created]
                self.taken.add(position)

    def between(self, events: IntArray) -> IntArray:
        """See ``Tables.between``."""
        bounds = [-1, *events.tolist(), len(self.live)]
        return np.array([self.live[a + 1 : b].max(initial=-1) for a, b in pairwise(bounds)], np.int64)


def _starts(rows: Sequence[Sequence[object]]) -> IntArray:
    at = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=at[1:])
    return at


def _numbers(follows: dict[tuple[int, int], int], touches: Sequence[_Touch]) -> npt.NDArray[np.int64]:
    return np.array([follows.get((t.value, t.position), NO_GAP) for t in touches], np.int64)
