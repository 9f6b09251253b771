"""What other implementations of ops can spare a schedule, for bounds.

A *way* is a set of rewrites that hang together, as they touch the same ops. What it does is told by the
difference between two steps: ops that are there no more, ops that find other storages than before, and
storages that other ops make. Whatever it changes is a relief: in the way's step

- a need that is gone is *dropped*;
- a version that comes about otherwise is *free*: always there;
- an op that it touches can be repeated at the lowest cost of all ways, and needs that are new, ops that
  are new and what they make count nothing;
- an order between two ops that does not hold there is not taken for granted.

Ways touch disjoint ops, so what several of them do is what each of them does. At most one way of a
group of overlapping rewrites is taken. The premise is ``solver.rewriting.available``: it names every
rewrite that a plan may apply.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from solver.budget.costs import Costs, FloatArray, op_costs
from solver.budget.history import History, direct_order, without_edges
from solver.errors import BayplanError
from solver.rewriting import available, rewrite
from solver.step import Op, Step
from solver.terms import Choice, DeviceModel

MOST_REWRITES = 256
"""Of steps with more, nothing is known."""
LARGEST_GROUP = 4
"""Of overlapping rewrites; with larger ones, nothing is known."""


@dataclass(frozen=True, slots=True)
class Way:
    """What one way changes in the step as captured."""

    rewrites: tuple[str, ...]
    seconds: float
    """That the step takes longer; negative: it is faster."""
    added_seconds: float
    """Of the first runs of all ops that it touches or adds."""
    dropped: frozenset[tuple[int, int]]
    """(op, version): the op does not find the version."""
    free: frozenset[int]
    """Versions that come about otherwise."""
    touched: frozenset[int]
    """Ops that are gone or find, make or do something else."""


@dataclass(frozen=True, eq=False)
class Ways:
    """All ways of a step."""

    groups: tuple[tuple[Way, ...], ...]
    """One of each group can be taken, or none."""
    history: History
    """With what holds for every way."""
    again: FloatArray
    """By op: the least seconds of a repetition in any of them."""

    @property
    def touched(self) -> frozenset[int]:
        """By any way."""
        return frozenset(op for group in self.groups for way in group for op in way.touched)


def find_ways(finder: "Finder", allowed: Sequence[Choice], stopped: Callable[[], bool]) -> Ways | None:
    """All ways that are among the choices ``allowed``; None: nothing is known of them, as there are too
    many, or as it ``stopped`` meanwhile: with the same finder the next call goes on from there."""
    step = finder.history.step
    names = [
        found.name
        for found in available(step)
        if (Choice.IMPLEMENTATIONS if found.exact else Choice.APPROXIMATE) in allowed
    ]
    if len(names) > MOST_REWRITES:
        return None
    alone: dict[str, Way | None] = {}
    for name in names:
        if stopped():
            return None
        alone[name] = finder.way((name,))
    groups: list[tuple[Way, ...]] = []
    for group in _overlapping({name: way.touched for name, way in alone.items() if way is not None}):
        if len(group) > LARGEST_GROUP:
            return None
        if stopped():
            return None
        groups.append(tuple(finder.combinations(group)))
    return Ways(tuple(groups), finder.history_of_all(), finder.again)


def _overlapping(touched: dict[str, frozenset[int]]) -> list[list[str]]:
    """The names, those together that touch the same op, directly or through others."""
    group_of: dict[int, list[str]] = {}
    for name, ops in touched.items():
        merged = [name]
        for other in {id(group_of[op]): group_of[op] for op in ops if op in group_of}.values():
            merged += other
        for member in merged:
            group_of |= dict.fromkeys(touched[member], merged)
    unique = {id(group): sorted(group) for group in group_of.values()}
    return list(unique.values())


class Finder:
    """Compares the step with rewritten ones, each once."""

    def __init__(self, history: History, costs: Costs, device: DeviceModel, measured: bool) -> None:
        self.history, self.costs = history, costs
        self.again = costs.again.copy()
        self._device, self._measured = device, measured
        self._step = history.step
        self._op_of = {op.name: index for index, op in enumerate(self._step.ops)}
        # A storage that a rewrite leaves alone is the same object in the step that it makes.
        self._storage_of = {id(storage): index for index, storage in enumerate(self._step.storages)}
        self._known: dict[tuple[str, ...], Way | None] = {}
        self._orders: list[tuple[frozenset[int], frozenset[int], list[int], list[set[int]]]] = []
        """By way: ops that are gone, ops that are touched, the op as captured of each op of its step
        (-1: a new one), and the order in its step."""

    def combinations(self, names: Sequence[str]) -> Iterator[Way]:
        """All that can be done with some of these rewrites."""
        for count in range(1, len(names) + 1):
            found = [way for some in permutations(names, count) if (way := self.way(some)) is not None]
            if not found:
                return
            yield from found

    def way(self, names: tuple[str, ...]) -> Way | None:
        """None: they cannot be applied in this order."""
        if names not in self._known:
            self._known[names] = self._compare(names)
        return self._known[names]

    def _compare(self, names: tuple[str, ...]) -> Way | None:
        try:
            changed = rewrite(self._step, names)
        except BayplanError:
            return None
        old_of = [self._op_of.get(op.name, -1) for op in changed.ops]
        storages = [self._storage_of.get(id(storage), -1) for storage in changed.storages]
        there = {old: index for index, old in enumerate(old_of) if old >= 0}
        gone = frozenset(range(len(self._step.ops))).difference(there)
        differs = frozenset(
            old
            for old, index in there.items()
            if _form(changed.ops[index], storages) != _form(self._step.ops[old])
        )
        touched = gone | differs
        unstable = set(self._made(gone))
        for old in differs:
            op = changed.ops[there[old]]
            after = {storages[s] for s in (*op.writes, *op.creates)}
            unstable |= after.symmetric_difference(self._made((old,)))
        added = [index for index, old in enumerate(old_of) if old < 0]
        for index in added:
            op = changed.ops[index]
            unstable.update(storages[s] for s in (*op.writes, *op.creates))
        dropped = {(op, version) for op in gone for version in self.history.needs[op]}
        for old in differs:
            op = changed.ops[there[old]]
            found = {storages[s] for s in (*op.reads, *op.writes)}
            needs = self.history.needs[old]
            dropped |= {(old, v) for v in needs if self.history.storage_of[v] not in found}
        free = frozenset(v for v, s in enumerate(self.history.storage_of) if s in unstable)
        self._orders.append((gone, touched, old_of, direct_order(changed)))
        new = [*added, *(there[old] for old in sorted(differs))]
        spent = op_costs(_only(changed, new), self._device, self._measured)
        for at, old in enumerate(sorted(differs)):
            self.again[old] = min(self.again[old], spent.again[len(added) + at])
        saved = float(self.costs.first[sorted(touched)].sum())
        seconds = spent.base_seconds
        return Way(names, seconds - saved, seconds, frozenset(dropped), free, touched)

    def _made(self, ops: Sequence[int] | frozenset[int]) -> set[int]:
        return {s for op in ops for s in (*self._step.ops[op].writes, *self._step.ops[op].creates)}

    # -- the order that holds for all ----------------------------------------------------------------

    def history_of_all(self) -> History:
        """Without each order that does not hold in the step of some way."""
        history, edges = self.history, {(-1, -1)}
        while edges:
            captured = self.history.earlier
            edges = {edge for order in self._orders for edge in _broken(history, captured, *order)}
            if edges:
                history = without_edges(history, edges)
        return history


def _form(op: Op, storages: Sequence[int] = ()) -> tuple[object, ...]:
    """What an op is, by the storages of the step as captured."""
    parts = (op.reads, op.writes, op.creates)
    if storages:
        parts = tuple(tuple(storages[s] for s in part) for part in parts)  # type: ignore[assignment]
    return op.target, op.random, *(frozenset(part) for part in parts)


def _only(step: Step, ops: Sequence[int]) -> Step:
    """The step with these ops alone, for their costs."""
    assert step.program is not None, "it was rewritten"
    at = {op: index for index, op in enumerate(ops)}
    calls = [replace(call, op=at[call.op]) for call in step.program.instructions if call.op in at]
    program = replace(step.program, instructions=tuple(sorted(calls, key=lambda call: call.op)))
    return replace(step, ops=tuple(step.ops[op] for op in ops), program=program)


def _broken(
    history: History,
    captured: Sequence[Sequence[int]],
    gone: frozenset[int],
    touched: frozenset[int],
    old_of: Sequence[int],
    order: Sequence[set[int]],
) -> Iterator[tuple[int, int]]:
    """Pairs (op, other) of ``history.earlier`` through which an order would follow that does not hold
    in the step whose op i is ``old_of[i]`` of the captured one, and comes after ``order[i]``.

    ``captured``: the order of the step as captured, of which every trace is looked at again.
    """
    now = {old: index for index, old in enumerate(old_of) if old >= 0}
    for op, earlier in enumerate(history.earlier):
        if op in gone or not (op in touched or touched.intersection((*earlier, *captured[op]))):
            continue
        reached, pending, seen = 0, [now[op]], {now[op]}
        while pending:
            for index in order[pending.pop()] - seen:
                seen.add(index)
                if old_of[index] < 0:
                    pending.append(index)
                else:
                    reached |= history.before[old_of[index]] | 1 << old_of[index]
        through = [(before, op) for before in earlier]
        passed: set[tuple[int, int]] = set()
        while through:
            before, behind = through.pop()
            if (before, behind) in passed:
                continue
            passed.add((before, behind))
            if before in gone:
                through += [(further, before) for further in history.earlier[before]]
            elif not reached >> before & 1:
                yield before, behind
