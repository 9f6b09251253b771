"""A bound from one moment: what the step still needs when one op first runs must be in memory then, or
cost time later.

Take any schedule that ``solver.check`` accepts, and the moment *t* at which op v runs for the first
time. Ops whose first run comes before that of v in every schedule are *early*, those whose first run
comes after it in every schedule are *late*; any other may be either, which the schedule decides
(``first_after``)::

        early ops, some of the others             v            late ops, the rest of the others
    ------------------------------------------|  t  |------------------------------------------> time
        in memory at t: what v touches,              runs after t of ops that ran before it are
        and every version that is kept               repetitions: they cost time beyond the step's own

For a version x of a planned storage (``solver.budget.history``) and an op u, let in that schedule

    kept(x)     an instance that holds x is alive right after v's run,
    again(u)    u runs after t (late ops do), and its first run was before: a repetition,
    parked(x)   x is brought back from the host after t, neither kept nor made after t,
    first(u)    the first run of u is after t.

**Whoever runs after t finds what it needs.** Let u run after t and need x, made by w. The instance in
which u finds x was alive right after v's run, or was created or brought back later, and since then it
was written by none or some ops. Look at the last thing that gave the instance its content x: it held x
already right after v's run (kept); or w ran on it, after t; or it was filled from the host after t. So

    u runs after t  →  kept(x) or w runs after t or parked(x).                                     (1)

If u is late this is a fact, if u is early or v itself it is about again(u). If w is early or v, then
that w runs after t means again(w); if w is late, (1) says nothing. For the others, first(u) → u runs
after t, and first(a) → first(b) where a comes before b in every schedule. An op that cannot run again
has again = false, and an op that reads a resident does not run again after the op that changes it:
again(u) → first(that op).

**Memory.** While v runs, every instance that was alive right before it or is so right after occupies
its bytes, rounded up; a takeover is the one case in which two instances have the same bytes. Different
versions are in different instances. Each storage that v finds has one instance that v uses and that
then holds a version x' (the one found, or the one that v makes in it); each that v creates has one
with the version that v makes. These take touched(v) bytes together; each *other* kept version takes
the bytes of its storage besides. If v takes over the bytes of an operand, that one's instance is gone:
created bytes count nothing, but its x' is not kept, or kept in another instance, which is as if there
were no takeover::

    touched(v) + Σ bytes(x)·kept(x) − Σ bytes(created)·takes(operand)  ≤  budget − residents       (2)
              x but the x' of what v touches       with takes(operand) → not kept(its x'), one at most

**Time.** What a schedule takes beyond the step's first runs is at least Σ again(u)·seconds(u), with
the cost of a repetition at its fastest. A fused repetition of u runs right after one of the op that
made the operand it takes over, which is then a repetition, too, and after t (u ran before t, so that
op did): it saves at most what ``Costs`` says, and only with again(maker).

**Copies**, where offload is allowed. An x with parked(x) was copied out entirely before t,
since its instance was freed, taken over or written before t and each of these waits for the copy; it
is copied back after t, before the first late op that needs it begins. One engine copies, so between
any two first runs the bytes that must pass fit into bandwidth × the time between; and that is at most
the first runs that can lie between them, and the extra time of that side of t. States of the optimizer
need not be in memory at t; each that is not, and is written in the step, moves to the device and back.

So the least Σ again(u)·seconds(u) (with copies: the least extra time) under these constraints is a
lower bound for every schedule, and where they cannot be met there is none. Nothing in this depends on
the order of the ops, on addresses, or on what happens before t. Rounding: bytes and seconds are
rounded so that every constraint is the weaker for it: bytes of (2) and seconds down, what can be saved
up.

A storage below ``Freedom.smallest`` bytes is left out: it takes nothing and is always there.
"""

from collections.abc import Iterable
from math import ceil, floor, inf
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from solver.budget.cp_sat import solve, true_in_best
from solver.budget.freedom import Freedom
from solver.budget.ways import Way
from solver.solution import CancelCallback

Literal: TypeAlias = Any
"""A variable of CP-SAT or its negation, or a bool where the answer is known."""

_GRID = 40
"""On either side of the moment, the ops up to which copies are summed, at most."""


class Moment:
    """The model at the first run of ``op``, for any budget."""

    def __init__(self, freedom: Freedom, op: int) -> None:
        from ortools.sat.python import cp_model  # heavy

        self.op = op
        self._freedom, self._history, self._costs = freedom, freedom.history, freedom.costs
        self._early = self._history.before[op] | 1 << op
        self._late = self._history.after[op]
        self._model = cp_model.CpModel()
        self._kept: dict[int, Any] = {}
        self._parked: dict[int, Any] = {}
        self._again: dict[int, Literal] = {}
        self._first: dict[int, Any] = {}
        """Of the ops that may first run before or after."""
        self._runs: dict[int, Literal] = {}
        self._pending: list[int] = []
        """Ops that may be repeated, and whose needs are not in the model yet."""
        self._taken: list[tuple[Way, Any]] = []
        """Whether each way of running ops otherwise is taken."""
        self._relief: dict[object, list[Any]] = {}
        """By (op, version) that a way drops, and by version that it frees: whether it is taken."""
        self._build()

    # -- the constraints -----------------------------------------------------------------------------

    def _build(self) -> None:
        ops = range(len(self._history.needs))
        for group in self._freedom.groups:
            self._choose(group)
        for op in ops:
            if not (self._early | self._late) >> op & 1:
                self._first[op] = self._model.new_bool_var("")
        for op in self._first:
            for earlier in self._history.earlier[op]:
                if earlier in self._first:
                    self._model.add_implication(self._first[earlier], self._first[op])
        for op in ops:
            if self._late >> op & 1:
                self._finds_its_needs(op, True)
            elif op in self._first and any(map(self._counts, self._history.needs[op])):
                self._runs_after(op)
        while self._pending:
            op = self._pending.pop()
            self._finds_its_needs(op, self._runs_after(op))
        self._fit()
        self._take_time()

    def _choose(self, group: tuple[Way, ...]) -> None:
        taken = [self._model.new_bool_var("") for _ in group]
        self._model.add_at_most_one(taken)
        for way, literal in zip(group, taken, strict=True):
            self._taken.append((way, literal))
            for relieved in (*way.dropped, *way.free):
                self._relief.setdefault(relieved, []).append(literal)

    def _counts(self, version: int) -> bool:
        return self._freedom.bytes_of(version) >= self._freedom.smallest

    def _clause(self, *literals: Literal) -> None:
        """One of them is true."""
        if not any(literal is True for literal in literals):
            self._model.add_bool_or([literal for literal in literals if literal is not False])

    def _finds_its_needs(self, op: int, runs: Literal) -> None:
        """(1) for all versions that ``op`` needs."""
        for version in self._history.needs[op]:
            maker = self._history.maker[version]
            if not self._counts(version) or self._late >> maker & 1:
                continue
            literals = [self._keeps(version), self._runs_after(maker)]
            if self._freedom.host_bytes_per_second:
                literals.append(self._parks(version))
            relief = self._relief.get((op, version), []) + self._relief.get(version, [])
            self._clause(*literals, *relief, False if runs is True else runs.negated())

    def _keeps(self, version: int) -> Any:
        if version not in self._kept:
            self._kept[version] = self._model.new_bool_var("")
        return self._kept[version]

    def _parks(self, version: int) -> Any:
        if version not in self._parked:
            self._parked[version] = self._model.new_bool_var("")
        return self._parked[version]

    def _runs_after(self, op: int) -> Literal:
        """Whether the op runs after the moment."""
        if self._late >> op & 1:
            return True
        if op not in self._runs:
            again = self._again[op] = self._repeats(op)
            self._runs[op] = again
            if op in self._first:
                self._runs[op] = runs = self._model.new_bool_var("")
                first = self._first[op]
                self._clause(first.negated(), runs)
                self._clause(runs.negated(), first, again)
            if self._runs[op] is not False:
                self._pending.append(op)
        return self._runs[op]

    def _repeats(self, op: int) -> Literal:
        """Whether the op runs after the moment, and before it, too."""
        repetitions, touched = self._history.repetitions, self._freedom.touched
        if not self._freedom.recompute or not (op in touched or repetitions.may_repeat(op)):
            return False
        frozen_by = [frozen for frozen in self._history.frozen_by[op] if frozen not in touched]
        if any(self._early >> frozen & 1 for frozen in frozen_by):
            return False
        again = self._model.new_bool_var("")
        for frozen in frozen_by:
            if frozen in self._first:
                self._model.add_implication(again, self._first[frozen])
        return again

    def _fit(self) -> None:
        """(2): what is in memory while the op runs."""
        history, freedom = self._history, self._freedom
        step, sizes = history.step, history.step.rounded_sizes
        held = {history.storage_of[version]: version for version in history.needs[self.op]}
        held |= {history.storage_of[version]: version for version in history.makes[self.op]}
        self.touched_bytes = int(sum(sizes[storage] for storage in held))
        """That the op takes by itself."""
        weights = {
            version: freedom.bytes_of(version) // freedom.unit
            for version in self._kept
            if held.get(history.storage_of[version]) != version
        }
        takes: list[Any] = []
        reuse = step.reusable.get(self.op)
        self.least_bytes = self.touched_bytes
        """That the op takes at least."""
        if reuse is not None:
            for operand in reuse.operands:
                takes.append(self._model.new_bool_var(""))
                if held[operand] in self._kept:
                    self._model.add_implication(takes[-1], self._kept[held[operand]].negated())
            self._model.add_at_most_one(takes)
            self.least_bytes -= int(sizes[reuse.created])
        taken = -(-int(sizes[reuse.created]) // freedom.unit) if reuse is not None else 0
        total = sum(weights[version] * self._kept[version] for version in weights)
        self._room = self._model.new_int_var(-(1 << 50), 1 << 50, "")
        """Units of memory that are not touched by the op."""
        moving = -(-freedom.home_bytes(written=True) // freedom.unit)
        self._away = self._model.new_int_var(0, moving, "")
        """Units of states in host memory that move within the step."""
        self._model.add(total - taken * sum(takes) <= self._room + self._away)

    def _take_time(self) -> None:
        """The objective, in units: time beyond the step's first runs."""
        tick, costs = self._freedom.tick, self._costs
        terms = []
        for op, again in list(self._again.items()):
            if again is not False:
                fused, saved = self._alone(op) if self._freedom.fusing else (None, 0)
                terms.append((int(costs.again[op] / tick) - saved) * again)
                if fused is not None:
                    terms.append(saved * fused)
        changed = sum(floor(way.seconds / tick) * taken for way, taken in self._taken)
        if not self._freedom.host_bytes_per_second:
            self._extra = sum(terms) + changed
            return
        before, after = (self._model.new_int_var(0, 1 << 40, "") for _ in range(2))
        self._model.add(after >= sum(terms))
        self._copy(before, after)
        self._extra = before + after + changed

    def _alone(self, op: int) -> tuple[Any, int]:
        """Whether a repetition is in no pass with the run before, and the units of time that this costs
        at most; (None, units) where no constraint tells."""
        history, costs = self._history, self._costs
        tick = self._freedom.tick
        if op in self._freedom.touched:
            return None, int(costs.again[op] / tick)
        saved = min(ceil((costs.again[op] - costs.fused[op]) / tick), int(costs.again[op] / tick))
        if saved <= 0:
            return None, 0
        joins = history.repetitions.joins[op]
        joined = [v for v in history.needs[op] if history.storage_of[v] in joins]
        if not all(map(self._counts, joined)):
            return None, saved
        makers = {history.maker[v] for v in joined}
        if self._freedom.touched.intersection(makers):
            return None, saved
        makers &= history.repetitions.begins
        if not makers:
            return None, 0
        alone = self._model.new_bool_var("")
        again = [self._again.get(maker, False) for maker in makers]
        self._clause(self._again[op].negated(), alone, *again)
        return alone, saved

    # -- its solution ------------------------------------------------------------------------------

    def least_seconds(
        self, arena_bytes: int, known: float, effort: float, seconds: float, cancelled: CancelCallback
    ) -> float:
        """A lower bound on the extra time of schedules whose arena has so many bytes; inf: none has.

        Where it is no better than ``known`` seconds, that is found out fast, and ``known`` returned.
        ``effort`` is CP-SAT's deterministic time, about a second each; it ends early, with what it has,
        after ``seconds`` and once ``cancelled``.
        """
        from ortools.sat.python import cp_model  # heavy

        freedom = self._freedom
        room = arena_bytes + freedom.home_bytes(written=False)
        if self.least_bytes - freedom.home_bytes(written=True) > room:
            return inf
        model = self._model.clone()
        model.add(self._room == (room - self.touched_bytes) // freedom.unit)
        least = floor(known / freedom.tick)
        if known > freedom.least_extra:
            faster = model.clone()
            faster.add(self._extra <= least)
            status, _ = solve(faster, effort / 4, seconds, cancelled)
            if status != cp_model.INFEASIBLE:
                return known
            model.add(self._extra >= least + 1)
        model.minimize(self._extra)
        status, bound = solve(model, effort, seconds, cancelled)
        return inf if status == cp_model.INFEASIBLE else max(known, ceil(bound - 1e-3) * freedom.tick)

    def likely_rewrites(
        self, arena_bytes: int, effort: float, seconds: float, cancelled: CancelCallback
    ) -> list[tuple[str, ...]] | None:
        """The rewrites of each way that is taken where the extra time is least, as far as ``effort``
        goes; None: nothing was found."""
        model = self._model.clone()
        room = arena_bytes + self._freedom.home_bytes(written=False)
        model.add(self._room == (room - self.touched_bytes) // self._freedom.unit)
        model.minimize(self._extra)
        literals = [literal for _, literal in self._taken]
        taken = true_in_best(model, literals, effort, seconds, cancelled)
        if taken is None:
            return None
        return [way.rewrites for (way, _), yes in zip(self._taken, taken, strict=True) if yes]

    # -- copies --------------------------------------------------------------------------------------

    def _copy(self, before: Any, after: Any) -> None:
        """One engine copies all that is parked; ``before`` and ``after``: extra time on either side."""
        history, freedom = self._history, self._freedom
        ticks = {version: freedom.copy_ticks(version) for version in self._parked}
        first = np.array(self._costs.first)
        everything = float(first.sum()) + freedom.added_seconds
        makers = {history.maker[version] for version in self._parked}
        for op in _spread(op for op in makers if self._early >> op & 1):
            between = everything - _sum(first, history.before[op] | 1 << op | self._late | 1 << self.op)
            behind = [
                v for v in ticks if (history.before[history.maker[v]] | 1 << history.maker[v]) >> op & 1
            ]
            self._pass(behind, ticks, between, before)
        users = {user for version in ticks for user in history.users[version]}
        needed = {v: sum(1 << u for u in history.users[v] if self._late >> u & 1) for v in ticks}
        for op in _spread(op for op in users if self._late >> op & 1):
            between = everything - _sum(first, self._early | history.after[op] | 1 << op)
            reached = history.before[op] | 1 << op
            self._pass([v for v in ticks if needed[v] & reached], ticks, between, after)
        self._pass(list(ticks), ticks, everything - _sum(first, self._early), after)
        moved = sum(2 * ticks[version] * self._parked[version] for version in ticks)
        per_unit = int(2 * freedom.unit / freedom.host_bytes_per_second / freedom.tick)
        self._model.add(
            moved + per_unit * self._away <= ceil(everything / freedom.tick) + before + after
        )

    def _pass(self, versions: list[int], ticks: dict[int, int], seconds: float, extra: Any) -> None:
        """Copies of these fit into so much time and the extra."""
        moved = sum(ticks[version] * self._parked[version] for version in versions)
        self._model.add(moved <= ceil(seconds / self._freedom.tick) + extra + 1)


def _spread(ops: Iterable[int]) -> list[int]:
    """At most ``_GRID`` of them, evenly, with the first and the last."""
    every = sorted(ops)
    if len(every) <= _GRID:
        return every
    return [every[round(at * (len(every) - 1) / (_GRID - 1))] for at in range(_GRID)]


def _sum(seconds: npt.NDArray[np.float64], ops: int) -> float:
    """Of a set of ops."""
    packed = np.frombuffer(ops.to_bytes((len(seconds) + 7) // 8, "little"), np.uint8)
    return float(seconds[np.unpackbits(packed, count=len(seconds), bitorder="little") == 1].sum())
