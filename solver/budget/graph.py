"""The budget problem of a step: values, the gaps between their uses, and costs, as arrays.

A *value* is one version of a planned storage: what an op creates, or what it leaves when it writes in
place. First runs follow one base order. Between two of them that use a value lies a *gap*, across which
the value may be kept, or dropped and made again::

    base order   a     b     c     d     e
    value x      made  used              used     gaps: a-b, b-e
                       '------ gap -----'         kept: alive all along; dropped: a runs again before e

An op's repetition needs values of its own, which are made again too unless they are there. A value made
again on the way to another may be retained for its next use. So all there is to decide is a choice per
gap: ``DROP``, ``RETAIN`` (dropped, but kept from where it happens to be made again on) or ``KEEP``.
Gaps that are short, or of small values, are always kept. See ``solver.budget.simulate`` for what a
vector of choices comes to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.budget.costs import Costs, FloatArray
from solver.plan import IntArray
from solver.repetition import Repetitions, find_repetitions
from solver.step import Phase, Step
from solver.timeline import planned_storages

Bits = npt.NDArray[np.uint8]

DROP, RETAIN, KEEP = 0, 1, 2
"""Choices for a gap."""

NO_GAP, SHORT_GAP = 0, 1
"""Gaps that stand for many: after the last use of a value (always DROP), and the undecided (KEEP)."""

_FINENESS = 16384
"""Values smaller than the peak by this factor are kept from use to use."""
_SHORT = 2
"""First runs from one use to the next up to which a value is kept."""


class Tables(NamedTuple):
    """What kernels read. Rows: the entries of op i are ``items[at[i]:at[i + 1]]``. int64 or uint8."""

    order: IntArray
    """Op by position in the base order."""
    needs_at: IntArray
    needs: IntArray
    """Values that an op reads or writes."""
    gap_after_need: IntArray
    """For each need of an op: the gap of the value after the op's first run."""
    consumed: Bits
    """For each need: whether the op writes it in place, so that it becomes another value."""
    reusable: Bits
    """For each need: whether what the op creates may take over its bytes."""
    joins: Bits
    """For each need: whether the op may be fused with the run that made it."""
    makes_at: IntArray
    makes: IntArray
    """Values that an op leaves: created, or written in place."""
    gap_after_make: IntArray
    """For each make: the gap up to the value's first use."""
    written: Bits
    """For each make: whether it is written in place, so that no bytes are allocated."""
    again: Bits
    """By op: whether it may be repeated."""
    until: IntArray
    """By op: the last position before whose first run it may be repeated (later a resident that it
    reads is another version)."""
    begins: Bits
    """By op: whether another run may be fused with it; none where fusing is not allowed."""
    rank: IntArray
    """By op: repetitions that are needed together run in this order."""
    by_rank: IntArray
    saved: IntArray
    """By batch norm: the value it makes when it is repeated from saved statistics, else -1."""
    mean: IntArray
    deviation: IntArray
    """By such an op: the values of its statistics."""
    size: IntArray
    """By value: bytes, rounded up to the granule."""
    producer: IntArray
    """By value: the op that makes it."""
    versions_from: IntArray
    versions_to: IntArray
    """By value: the values of the same storage, which are consecutive, half-open."""
    first: FloatArray
    """By op: seconds of the first run, and of a repetition as captured."""
    repeated: FloatArray
    """By op: seconds of a repetition from saved statistics."""
    fused: FloatArray
    """By op: seconds of a fused repetition."""

    @property
    def ops(self) -> int:
        """Number of ops."""
        return len(self.order)


@dataclass(frozen=True, eq=False)
class BudgetGraph:
    """The problem for one base order. Gaps 0 and 1 are ``NO_GAP`` and ``SHORT_GAP``."""

    step: Step
    costs: Costs
    tables: Tables
    gap_value: IntArray
    """By gap: its value; -1 for the first two."""
    gap_from: IntArray
    gap_to: IntArray
    """By gap: positions of the first runs before and after it."""
    storage_of: IntArray
    """By value: the storage."""
    position: IntArray
    """By op: where its first run is in the base order."""

    @property
    def gaps(self) -> int:
        """Number of gaps, the two that are never decided included."""
        return len(self.gap_value)

    def kept(self) -> Bits:
        """The choices that keep everything: the step as captured, in base order."""
        choice = np.full(self.gaps, KEEP, np.uint8)
        choice[NO_GAP] = DROP
        return choice


def make_graph(
    step: Step,
    costs: Costs,
    order: Sequence[int],
    *,
    fusing: bool = False,
    repetitions: Repetitions | None = None,
) -> BudgetGraph:
    """The budget problem of a step whose first runs follow ``order``, which must be a valid one.

    ``fusing``: repetitions may be fused, as ``repetitions`` (default: those of the step) says.
    """
    from solver.budget.simulate import without_hopeless_gaps  # numba

    may = repetitions or find_repetitions(step)
    return without_hopeless_gaps(_Maker(step, costs, order, fusing, may).graph())


def early_order(step: Step, order: Sequence[int]) -> tuple[int, ...]:
    """``order`` with the optimizer's updates, and what else only frees bytes, as early as may be."""
    early = [
        op.phase is Phase.UPDATE
        or (bool(uses) and not any(step.storages[s].planned for s in op.creates + op.writes))
        for op, uses in zip(step.ops, step.planned_uses, strict=True)
    ]
    waits = [len(before) for before in step.dependencies]
    followers: list[list[int]] = [[] for _ in step.ops]
    place = {op: at for at, op in enumerate(order)}
    for op in reversed(order):
        for other in step.dependencies[op]:
            followers[other].append(op)
    result: list[int] = []
    for op in order:
        ready = [op] if waits[op] == 0 and not (early[op] and step.dependencies[op]) else []
        while ready:
            now = ready.pop()
            result.append(now)
            for follower in followers[now]:
                waits[follower] -= 1
                late = place[follower] < place[op]
                if waits[follower] == 0 and (early[follower] or late):
                    ready.append(follower)
    return tuple(result)


class _Maker:
    """Puts the arrays together."""

    def __init__(
        self, step: Step, costs: Costs, order: Sequence[int], fusing: bool, may: Repetitions
    ) -> None:
        self.step, self.costs, self.fusing, self.may = step, costs, fusing, may
        self.order = np.asarray(order, np.int64)
        self.position = np.empty(len(step.ops), np.int64)
        self.position[self.order] = np.arange(len(step.ops))
        planned = planned_storages(step).tolist()
        writes = np.zeros(len(step.storages), np.int64)
        for op in step.ops:
            writes[list({*op.writes} - {*op.creates})] += 1
        self.writes = writes
        """By storage: the ops that write it in place."""
        self.value_of: dict[int, int] = {}
        """First value by planned storage."""
        self.storage_of: list[int] = []
        for storage in planned:
            self.value_of[storage] = len(self.storage_of)
            self.storage_of += [storage] * (int(writes[storage]) + 1)

    def graph(self) -> BudgetGraph:
        step, may, ops = self.step, self.may, len(self.step.ops)
        values = len(self.storage_of)
        version = dict(self.value_of)
        needs: list[list[int]] = []
        makes: list[list[int]] = []
        consumed: list[int] = []
        written: list[int] = []
        reusable: list[int] = []
        joins: list[int] = []
        producer = np.full(values, -1, np.int64)
        for index, op in enumerate(step.ops):
            writes = {s for s in op.writes if s in version} - {*op.creates}
            uses = step.planned_uses[index]
            needs.append([version[s] for s in uses])
            consumed += [s in writes for s in uses]
            reuse = step.reusable.get(index)
            reusable += [reuse is not None and s in reuse.operands for s in uses]
            joins += [s in may.joins.get(index, ()) for s in uses]
            for storage in writes:
                version[storage] += 1
            made = [s for s in op.creates if s in version] + sorted(writes)
            makes.append([version[s] for s in made])
            written += [s in writes for s in made]
            producer[makes[-1]] = index
        needs_at, needs_flat = _rows(needs)
        makes_at, makes_flat = _rows(makes)
        size = step.rounded_sizes[self.storage_of] if values else np.zeros(0, np.int64)
        gaps = _Gaps(self, needs_at, needs_flat, makes_at, makes_flat, size)
        saved, mean, deviation = np.full((3, ops), -1, np.int64)
        for index, norm in may.saved.items():
            saved[index] = self.value_of[norm.result]
            mean[index], deviation[index] = (self.value_of[s] for s in norm.statistics)
        begins = np.zeros(ops, np.uint8)
        begins[list(may.begins) if self.fusing else []] = 1
        by_rank = self._ranks(needs_at, needs_flat, np.array(joins, np.bool_), producer)
        rank = np.empty(ops, np.int64)
        rank[by_rank] = np.arange(ops)
        first_of = np.array([self.value_of[s] for s in self.storage_of], np.int64)
        versions = np.bincount(first_of, minlength=values + 1) if values else np.zeros(1, np.int64)
        tables = Tables(
            order=self.order,
            needs_at=needs_at,
            needs=needs_flat,
            gap_after_need=gaps.after_need,
            consumed=np.array(consumed, np.uint8),
            reusable=np.array(reusable, np.uint8),
            joins=np.array(joins, np.uint8),
            makes_at=makes_at,
            makes=makes_flat,
            gap_after_make=gaps.after_make,
            written=np.array(written, np.uint8),
            again=np.array([index not in may.hindered for index in range(ops)], np.uint8),
            until=self._until(),
            begins=begins,
            rank=rank,
            by_rank=by_rank,
            saved=saved,
            mean=mean,
            deviation=deviation,
            size=np.asarray(size, np.int64),
            producer=producer,
            versions_from=first_of,
            versions_to=first_of + versions[first_of],
            first=self.costs.first,
            repeated=self.costs.again,
            fused=self.costs.fused,
        )
        return BudgetGraph(
            step,
            self.costs,
            tables,
            np.array(gaps.value, np.int64),
            np.array(gaps.start, np.int64),
            np.array(gaps.end, np.int64),
            np.array(self.storage_of, np.int64),
            self.position,
        )

    def _until(self) -> IntArray:
        """By op: where in the base order a resident that it reads is written next, at the earliest."""
        writers: dict[int, list[int]] = {}
        for index, op in enumerate(self.step.ops):
            for storage in op.writes:
                if storage not in self.value_of:
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

    def _ranks(
        self, needs_at: IntArray, needs: IntArray, joins: npt.NDArray[np.bool_], producer: IntArray
    ) -> IntArray:
        """The base order, in which an op that others may be fused to comes right before one that may.

        Residual additions: of two normalisations that are added, the one written to comes last.
        """
        held_by: dict[int, int] = {}
        """By op the one that is held back until right before it."""
        users: list[list[int]] = [[] for _ in producer]
        for op in range(len(needs_at) - 1):
            for k in range(needs_at[op], needs_at[op + 1]):
                users[needs[k]].append(op)
        for op in self.order.tolist() if self.fusing else ():
            makers = {
                int(producer[needs[k]]): users[needs[k]] == [op]
                for k in range(needs_at[op], needs_at[op + 1])
                if joins[k]
            }
            if any(self.position[op] - self.position[maker] == 1 for maker in makers):
                continue
            for maker, only in makers.items():
                if only and self._may_wait(maker, op, users) and maker not in held_by.values():
                    held_by[op] = maker
                    break
        waiting = set(held_by.values())
        result: list[int] = []
        for op in self.order.tolist():
            if op in held_by:
                result.append(held_by[op])
            if op not in waiting:
                result.append(op)
        return np.array(result, np.int64)

    def _may_wait(self, maker: int, op: int, users: list[list[int]]) -> bool:
        """Whether ``maker`` can run as late as right before ``op``, which may be fused with it."""
        run = self.step.ops[maker]
        values = [self.value_of[s] for s in run.creates if s in self.value_of]
        return (
            maker in self.may.begins
            and not run.random
            and not any(s in self.value_of for s in run.writes)
            and not any(self.writes[s] for s in run.reads if s in self.value_of)
            and all(self.position[user] >= self.position[op] for v in values for user in users[v])
        )


class _Gaps:
    """Numbers the gaps of all values."""

    def __init__(
        self,
        maker: _Maker,
        needs_at: IntArray,
        needs: IntArray,
        makes_at: IntArray,
        makes: IntArray,
        size: IntArray,
    ) -> None:
        self.after_need = np.full(len(needs), NO_GAP, np.int64)
        self.after_make = np.full(len(makes), NO_GAP, np.int64)
        self.value, self.start, self.end = [-1, -1], [-1, -1], [-1, -1]
        threshold = max(1, _largest_sum(maker) // _FINENESS)
        may = maker.may
        touched: list[list[tuple[int, int, IntArray]]] = [[] for _ in range(len(size))]
        for at, op in enumerate(maker.order.tolist()):
            for k in range(makes_at[op], makes_at[op + 1]):
                touched[makes[k]].append((at, k, self.after_make))
            for k in range(needs_at[op], needs_at[op + 1]):
                touched[needs[k]].append((at, k, self.after_need))
        # In order of time, so that neighbours in the vector are neighbours in the step.
        found: list[tuple[int, int, int, int, IntArray]] = []
        for value, row in enumerate(touched):
            row.sort(key=lambda touch: touch[0])
            for (start, k, after), (end, _, _) in pairwise(row):
                producer = int(maker.order[row[0][0]])
                decided = end - start > _SHORT and size[value] >= threshold
                if decided and may.may_repeat(producer):
                    found.append((start, end, value, k, after))
                else:
                    after[k] = SHORT_GAP
        for start, end, value, k, after in sorted(found, key=lambda gap: gap[:3]):
            after[k] = len(self.value)
            self.value.append(value)
            self.start.append(start)
            self.end.append(end)


def _largest_sum(maker: _Maker) -> int:
    """A rough peak: the largest sum of planned bytes in base order."""
    from solver.timeline import order_profile

    return int(order_profile(maker.step, maker.order.tolist()).max(initial=0))


def _rows(rows: Sequence[Sequence[int]]) -> tuple[IntArray, IntArray]:
    at = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=at[1:])
    return at, np.array([item for row in rows for item in row], np.int64)
