"""A bound from moments: what the step still needs when certain ops first run must be in memory then, or
cost time later.

Take any schedule that ``solver.check`` accepts, and one op v after the other, each of which comes
before the next one in every schedule. The *moment* of an op is its first run. Between the moments of v
and v' lies v's *span*, both excluded; the last one ends with the schedule, and what happens before the
first moment is left open. For v's moment, ops whose first run comes before it in every schedule are
*early*, those whose first run comes after it in every schedule are *late*; any other may be either,
which the schedule decides (``first``)::

        early ops, some of the others             v            late ops, the rest of the others
    ------------------------------------------|  t  |-------- span of v --------|  t'  |-------> time
        in memory at t: what v touches,              runs of ops that ran before t are
        and every version that is kept               repetitions: they cost time beyond the step's own

For a version x of a planned storage (``solver.budget.history``) and an op u, let in that schedule

    first(v, u)   the first run of u is after v's moment,
    runs(v, u)    u runs within v's span,
    again(v, u)   it does, and had run before v's moment or at it: a repetition,
    kept(v, x)    an instance that holds x is alive right after v's moment,
    parked(x)     x is brought back from the host after v's moment, neither kept nor made after it.

**Who runs when.** u does not run before its first run, and v' not before its moment::

    first(v, u) and not first(v', u)  →  runs(v, u), for u other than v'
    runs(v, u)  →  not first(v', u)
    runs(v, u)  →  first(v, u) or again(v, u)                                runs(v, v') is false

and first(v, a) → first(v, b) where a comes before b in every schedule, first(v', u) → first(v, u). An
op that cannot run again has again = false, and one that reads a resident does not run again after the
op that changes it: again(v, u) → first(v, that op).

**Whoever runs finds what it needs.** Let u run within v's span, or be v' at its moment, and need x,
made by w. Look at the last thing that gave the instance in which u finds x its content: it held x
already right after v's moment (kept); or w ran on it, later, and within the span, since before u; or it
was filled from the host in between. So

    runs(v, u)  →  kept(v, x) or runs(v, w) or parked(x)        and as well for v' in place of u    (1)

**What is kept was there or is made.** In the same way, an instance that is alive right after the moment
of v' was so with x right after v's, or was given x within v's span, or by v' itself::

    kept(v', x)  →  kept(v, x) or runs(v, w), where w is not v'                                   (2)

**Memory.** While v runs, every instance that was alive right before it or is so right after occupies
its bytes, rounded up; a takeover is the one case in which two instances have the same bytes. Different
versions are in different instances. Each storage that v finds has one instance that v uses and that
then holds a version x' (the one found, or the one that v makes in it); each that v creates has one
with the version that v makes. These take touched(v) bytes together; each *other* kept version takes
the bytes of its storage besides. If v takes over the bytes of an operand, that one's instance is gone:
created bytes count nothing, but its x' is not kept, or kept in another instance, which is as if there
were no takeover::

    touched(v) + Σ bytes(x)·kept(v, x) − Σ bytes(created)·takes(operand)  ≤  budget − residents    (3)
              x but the x' of what v touches     with takes(operand) → not kept(v, its x'), one at most

**Time.** A run lies in one span at most, or in none, so no repetition is counted twice: however often u
runs again, it does so at least once in each span with again(v, u). What a schedule takes beyond the
step's first runs is at least Σ again(v, u)·seconds(u), with the cost of a repetition at its fastest; a
repetition of an op in the span of its own first run counts nothing. A fused repetition of u runs right
after one of the op that made the operand it takes over. With again(v, u) that one is a repetition, too,
as that op first ran before u did, and in the same span, as only v's first run is at its moment. So
fusing saves at most what ``Costs`` says, and only with again(v, maker).

**Copies**, where offload is allowed; then there is one moment, t. An x with parked(x) was copied out
entirely before t, since its instance was freed, taken over or written before t and each of these waits
for the copy; it is copied back after t, before the first late op that needs it begins. One engine
copies, so between any two first runs the bytes that must pass fit into bandwidth × the time between;
and that is at most the first runs that can lie between them, and the extra time of that side of t.
States of the optimizer need not be in memory at t; each that is not, and is written in the step, moves
to the device and back.

So the least Σ again(v, u)·seconds(u) (with copies: the least extra time) under these constraints is a
lower bound for every schedule, and where they cannot be met there is none. Nothing in this depends on
the order of the ops, on addresses, or on what happens before the first moment. Rounding: bytes and
seconds are rounded so that every constraint is the weaker for it: bytes of (3) and seconds down, what
can be saved up.

A storage below ``Freedom.smallest`` bytes is left out: it takes nothing and is always there.
"""

from collections.abc import Sequence
from math import ceil, floor
from typing import Any, TypeAlias

from solver.budget.copies import constrain_copies
from solver.budget.freedom import Freedom
from solver.budget.ways import Way
from solver.solution import CancelCallback

Literal: TypeAlias = Any
"""A variable of CP-SAT or its negation, or a bool where the answer is known."""
At: TypeAlias = tuple[int, int]
"""A moment or its span, by its place among the moments, and an op or a version."""


class Moments:
    """The model at the first runs of ``ops``, each of which comes before the next one in every
    schedule; for any budget."""

    def __init__(
        self, freedom: Freedom, ops: Sequence[int], stopped: CancelCallback = lambda: False
    ) -> None:
        """Left unfinished, as ``is_whole`` tells, once ``stopped``."""
        from ortools.sat.python import cp_model  # heavy

        assert len(ops) == 1 or not freedom.host_bytes_per_second, "copies know of one moment"
        self.ops = tuple(ops)
        self.freedom, self._history, self._costs = freedom, freedom.history, freedom.costs
        self._model = cp_model.CpModel()
        self._first: dict[At, Any] = {}
        """By moment and op: those that may first run before or after."""
        self._runs: dict[At, Literal] = {}
        """By span and op."""
        self.again: dict[At, Literal] = {}
        """By span and op."""
        self.kept: dict[At, Any] = {}
        """By moment and version."""
        self._parked: dict[int, Any] = {}
        self._pending: list[tuple[int, int, Literal]] = []
        """Spans, ops, and whether these run there: their needs are not in the model yet."""
        self._later: list[At] = []
        """Moments and versions: where these come from is not in the model yet."""
        self.taken: list[tuple[Way, Any]] = []
        """Whether each way of running ops otherwise is taken."""
        self._relief: dict[object, list[Any]] = {}
        """By (op, version) that a way drops, and by version that it frees: whether it is taken."""
        self.is_whole = self._build(stopped)

    # -- the constraints -----------------------------------------------------------------------------

    def _build(self, stopped: CancelCallback) -> bool:
        for group in self.freedom.groups:
            self._choose(group)
        for at in range(len(self.ops)):
            if stopped():
                return False
            self._order(at)
        for at in range(len(self.ops)):
            for op, needs in enumerate(self._history.needs):
                if self._first_after(at, op) is not False and any(map(self._counts, needs)):
                    self._runs_within(at, op)
            if at + 1 < len(self.ops):
                self._pending.append((at, self.ops[at + 1], True))
            while self._pending or self._later:
                if stopped():
                    return False
                while self._pending:
                    self._finds_its_needs(*self._pending.pop())
                while self._later:
                    self._was_there(*self._later.pop())
        self._rooms: list[Any] = []
        """By moment: units of memory that are not touched by its op."""
        self.touched_bytes: list[int] = []
        """By moment: bytes that its op takes by itself."""
        self.least_bytes = 0
        """That each op takes at least."""
        moving = -(-self.freedom.home_bytes(written=True) // self.freedom.unit)
        self._away = self._model.new_int_var(0, moving, "")
        """Units of states in host memory that move within the step."""
        for at in range(len(self.ops)):
            self._fit(at)
        self._take_time()
        return True

    def _choose(self, group: tuple[Way, ...]) -> None:
        taken = [self._model.new_bool_var("") for _ in group]
        self._model.add_at_most_one(taken)
        for way, literal in zip(group, taken, strict=True):
            self.taken.append((way, literal))
            for relieved in (*way.dropped, *way.free):
                self._relief.setdefault(relieved, []).append(literal)

    def _order(self, at: int) -> None:
        """Which first runs are after the moment, as far as the schedule decides."""
        history, own = self._history, self.ops[at]
        known = history.before[own] | history.after[own] | 1 << own
        for op, earlier in enumerate(history.earlier):
            if known >> op & 1:
                continue
            first = self._first[at, op] = self._model.new_bool_var("")
            for other in earlier:
                if (at, other) in self._first:
                    self._model.add_implication(self._first[at, other], first)
            if (at - 1, op) in self._first:
                self._model.add_implication(first, self._first[at - 1, op])

    def _first_after(self, at: int, op: int) -> Literal:
        """Whether the op first runs after the moment; after the last one there is the end."""
        if at == len(self.ops):
            return False
        return self._first.get((at, op), bool(self._history.after[self.ops[at]] >> op & 1))

    def _counts(self, version: int) -> bool:
        return self.freedom.bytes_of(version) >= self.freedom.smallest

    def _clause(self, *literals: Literal) -> None:
        """One of them is true."""
        if not any(literal is True for literal in literals):
            self._model.add_bool_or([literal for literal in literals if literal is not False])

    def _finds_its_needs(self, at: int, op: int, runs: Literal) -> None:
        """(1) for all versions that ``op`` needs."""
        for version in self._history.needs[op]:
            if not self._counts(version):
                continue
            made = self._runs_within(at, self._history.maker[version])
            if made is True:
                continue
            literals = [self._keeps(at, version), made]
            if self.freedom.host_bytes_per_second:
                literals.append(self._parks(version))
            relief = self._relief.get((op, version), []) + self._relief.get(version, [])
            self._clause(*literals, *relief, _not(runs))

    def _keeps(self, at: int, version: int) -> Literal:
        """Whether it is in memory right after the moment."""
        maker = self._history.maker[version]
        if self._first_after(at, maker) is True:
            return False
        if (at, version) not in self.kept:
            self.kept[at, version] = self._model.new_bool_var("")
            if at > 0 and maker != self.ops[at]:
                self._later.append((at, version))
        return self.kept[at, version]

    def _was_there(self, at: int, version: int) -> None:
        """(2)"""
        made = self._runs_within(at - 1, self._history.maker[version])
        kept = self._keeps(at - 1, version)
        self._clause(_not(self.kept[at, version]), kept, made, *self._relief.get(version, []))

    def _parks(self, version: int) -> Any:
        if version not in self._parked:
            self._parked[version] = self._model.new_bool_var("")
        return self._parked[version]

    def _runs_within(self, at: int, op: int) -> Literal:
        """Whether the op runs within the span."""
        if (at, op) not in self._runs:
            self._runs[at, op] = runs = self._new_run(at, op)
            if runs is not False:
                self._pending.append((at, op, runs))
        return self._runs[at, op]

    def _new_run(self, at: int, op: int) -> Literal:
        began, over = self._first_after(at, op), self._first_after(at + 1, op)
        if over is True or op in self.ops[at + 1 : at + 2]:
            return False
        if began is True and over is False:
            return True
        again = False if began is True else self._repeats(at, op)
        self.again[at, op] = again
        if began is False:
            return again
        runs = self._model.new_bool_var("")
        self._clause(_not(began), over, runs)
        self._clause(_not(runs), _not(over))
        self._clause(_not(runs), began, again)
        self._clause(_not(again), runs)
        return runs

    def _repeats(self, at: int, op: int) -> Literal:
        """Whether the op runs within the span, and before it, too."""
        repetitions, touched = self._history.repetitions, self.freedom.touched
        if not self.freedom.recompute or not (op in touched or repetitions.may_repeat(op)):
            return False
        frozen_by = [frozen for frozen in self._history.frozen_by[op] if frozen not in touched]
        held_back = [self._first_after(at, frozen) for frozen in frozen_by]
        if any(first is False for first in held_back):
            return False
        again = self._model.new_bool_var("")
        for first in held_back:
            self._clause(_not(again), first)
        return again

    def _fit(self, at: int) -> None:
        """(3): what is in memory while the op of the moment runs."""
        history, freedom, op = self._history, self.freedom, self.ops[at]
        step, sizes = history.step, history.step.rounded_sizes
        held = {history.storage_of[version]: version for version in history.needs[op]}
        held |= {history.storage_of[version]: version for version in history.makes[op]}
        touched = int(sum(sizes[storage] for storage in held))
        least = touched
        weights = {
            version: freedom.bytes_of(version) // freedom.unit
            for moment, version in self.kept
            if moment == at and held.get(history.storage_of[version]) != version
        }
        takes: list[Any] = []
        reuse = step.reusable.get(op)
        taken = 0
        if reuse is not None:
            for operand in reuse.operands:
                takes.append(self._model.new_bool_var(""))
                if (at, held[operand]) in self.kept:
                    self._clause(_not(takes[-1]), _not(self.kept[at, held[operand]]))
            self._model.add_at_most_one(takes)
            least -= int(sizes[reuse.created])
            taken = -(-int(sizes[reuse.created]) // freedom.unit)
        total = sum(weights[version] * self.kept[at, version] for version in weights)
        room = self._model.new_int_var(-(1 << 50), 1 << 50, "")
        self._model.add(total - taken * sum(takes) <= room + self._away)
        self._rooms.append(room)
        self.touched_bytes.append(touched)
        self.least_bytes = max(self.least_bytes, least)

    def _take_time(self) -> None:
        """The objective, in units: time beyond the step's first runs."""
        tick, costs = self.freedom.tick, self._costs
        terms = []
        for (at, op), again in list(self.again.items()):
            if again is not False:
                fused, saved = self._alone(at, op) if self.freedom.fusing else (None, 0)
                terms.append((int(costs.again[op] / tick) - saved) * again)
                if fused is not None:
                    terms.append(saved * fused)
        changed = sum(floor(way.seconds / tick) * taken for way, taken in self.taken)
        if not self.freedom.host_bytes_per_second:
            self.extra = sum(terms) + changed
            return
        before, after = (self._model.new_int_var(0, 1 << 40, "") for _ in range(2))
        self._model.add(after >= sum(terms))
        constrain_copies(
            self._model, self.freedom, self.ops[0], self._parked, before, after, self._away
        )
        self.extra = before + after + changed

    def _alone(self, at: int, op: int) -> tuple[Any, int]:
        """Whether a repetition is in no pass with the run before, and the units of time that this costs
        at most; (None, units) where no constraint tells."""
        history, costs = self._history, self._costs
        tick = self.freedom.tick
        if op in self.freedom.touched:
            return None, int(costs.again[op] / tick)
        saved = min(ceil((costs.again[op] - costs.fused[op]) / tick), int(costs.again[op] / tick))
        if saved <= 0:
            return None, 0
        joins = history.repetitions.joins[op]
        joined = [v for v in history.needs[op] if history.storage_of[v] in joins]
        if not all(map(self._counts, joined)):
            return None, saved
        makers = {history.maker[v] for v in joined}
        if self.freedom.touched.intersection(makers):
            return None, saved
        makers &= history.repetitions.begins
        if not makers:
            return None, 0
        alone = self._model.new_bool_var("")
        again = [self.again.get((at, maker), False) for maker in makers]
        self._clause(_not(self.again[at, op]), alone, *again)
        return alone, saved

    # -- what is asked of it -------------------------------------------------------------------------

    def within(self, arena_bytes: int) -> Any:
        """The model with so many bytes in the arena; None: too few for one of the ops alone."""
        freedom = self.freedom
        fitting = arena_bytes + freedom.home_bytes(written=False)
        if self.least_bytes - freedom.home_bytes(written=True) > fitting:
            return None
        model = self._model.clone()
        for room, touched in zip(self._rooms, self.touched_bytes, strict=True):
            model.add(room == (fitting - touched) // freedom.unit)
        return model


def _not(literal: Literal) -> Literal:
    return not literal if isinstance(literal, bool) else literal.negated()
