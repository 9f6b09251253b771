"""What all schedules of a step have in common, whatever they repeat: versions, and who comes first.

A storage goes through *versions*, one more with each op that creates or writes it; an op finds the
version that program order gives it, in its first run and in any repetition. Schedules may run ops again
and bring storages back from the host, so less is fixed than in an order without that: an op that reads
an old version need not come before the write of the next one, as the old one can be made again. What
remains holds for the first runs of every schedule that ``solver.check`` accepts:

- who needs a version comes after who makes it;
- who finds a version of a resident on the device comes before who makes the next one;
- ops that draw random numbers come in program order.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from solver.repetition import Repetitions, find_repetitions
from solver.step import Category, Step


@dataclass(frozen=True, eq=False)
class History:
    """Versions of planned storages are numbered through; sets of ops are bit masks."""

    step: Step
    repetitions: Repetitions
    storage_of: tuple[int, ...]
    """By version."""
    maker: tuple[int, ...]
    """By version: the op that creates or writes it."""
    users: tuple[tuple[int, ...], ...]
    """By version: the ops (ascending) that find it; whoever makes the next one is among them."""
    needs: tuple[tuple[int, ...], ...]
    """By op: the versions that it finds."""
    makes: tuple[tuple[int, ...], ...]
    """By op: the versions that it makes."""
    frozen_by: tuple[tuple[int, ...], ...]
    """By op: those that change a resident which it reads, so that it cannot run again after them."""
    earlier: tuple[tuple[int, ...], ...]
    """By op: ops that come before it in every schedule, with which all others follow."""
    before: tuple[int, ...]
    """By op: all the ops whose first runs come before its own in every schedule."""
    after: tuple[int, ...]
    """By op: all the ops whose first runs come after its own in every schedule."""


def make_history(step: Step) -> History:
    """What holds for every schedule of ``step``.

    A state of the optimizer may have a home on the host, where an old version of it can be found again:
    its readers need not come before its next write.
    """
    maker = _Maker(step, find_repetitions(step))
    maker.run()
    earlier = tuple(tuple(sorted(ops)) for ops in maker.earlier)
    return History(
        step,
        maker.repetitions,
        tuple(maker.storage_of),
        tuple(maker.maker),
        tuple(map(tuple, maker.users)),
        tuple(map(tuple, maker.needs)),
        tuple(map(tuple, maker.makes)),
        tuple(map(tuple, maker.frozen_by)),
        earlier,
        *_closures(earlier),
    )


def without_edges(history: History, edges: Collection[tuple[int, int]]) -> History:
    """The same, but for these pairs (op, other) it is not taken for granted that op comes first; what
    comes before op still comes before other."""
    earlier = []
    for index, ops in enumerate(history.earlier):
        kept = {op for op in ops if (op, index) not in edges}
        for op in kept.symmetric_difference(ops):
            kept.update(history.earlier[op])
        earlier.append(tuple(sorted(kept)))
    before, after = _closures(earlier)
    return replace(history, earlier=tuple(earlier), before=before, after=after)


def direct_order(step: Step) -> list[set[int]]:
    """``History.earlier`` alone."""
    maker = _Maker(step, Repetitions({}, {}, {}, frozenset(), {}))
    maker.run()
    return maker.earlier


def _closures(earlier: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """By op, as bit masks: all ops before it, and all after it."""
    before: list[int] = []
    for ops in earlier:
        reached = 0
        for op in ops:
            reached |= before[op] | 1 << op
        before.append(reached)
    after = [0] * len(before)
    for index in range(len(before) - 1, -1, -1):
        reached = after[index] | 1 << index
        for op in earlier[index]:
            after[op] |= reached
    return tuple(before), tuple(after)


class _Maker:
    """Walks through the ops in program order."""

    def __init__(self, step: Step, repetitions: Repetitions) -> None:
        self.step, self.repetitions = step, repetitions
        self.storage_of: list[int] = []
        self.maker: list[int] = []
        self.users: list[list[int]] = []
        self.needs: list[list[int]] = [[] for _ in step.ops]
        self.makes: list[list[int]] = [[] for _ in step.ops]
        self.frozen_by: list[list[int]] = [[] for _ in step.ops]
        self.earlier: list[set[int]] = []
        self._version: dict[int, int] = {}
        """By planned storage: its current version."""
        self._written_by: dict[int, int] = {}
        """By resident: the op that made its current version."""
        self._found_by: dict[int, list[int]] = {}
        """By resident: the ops that find its current version."""
        self._last_random = -1

    def run(self) -> None:
        for index in range(len(self.step.ops)):
            self._add(index)

    def _add(self, index: int) -> None:
        op = self.step.ops[index]
        earlier: set[int] = set()
        found = {*op.reads, *op.writes}.difference(op.creates)
        for storage in sorted(found):
            if storage in self._version:
                version = self._version[storage]
                self.needs[index].append(version)
                self.users[version].append(index)
                earlier.add(self.maker[version])
            else:
                if storage in self._written_by:
                    earlier.add(self._written_by[storage])
                self._found_by.setdefault(storage, []).append(index)
        for storage in sorted({*op.writes, *op.creates}):
            if self.step.storages[storage].planned:
                self._version[storage] = len(self.maker)
                self.makes[index].append(len(self.maker))
                self.storage_of.append(storage)
                self.maker.append(index)
                self.users.append([])
            else:
                earlier.update(self._change(storage, index))
        if op.random:
            if self._last_random >= 0:
                earlier.add(self._last_random)
            self._last_random = index
        self.earlier.append(earlier - {index})

    def _change(self, resident: int, index: int) -> list[int]:
        """The op makes the resident's next version; who must come before it."""
        self._written_by[resident] = index
        finders = self._found_by.pop(resident, [])
        if self.step.storages[resident].category is Category.OPTIMIZER_STATE:
            return []
        for op in finders:
            if op != index and resident not in self.repetitions.uncounted.get(op, ()):
                self.frozen_by[op].append(index)
        return finders
