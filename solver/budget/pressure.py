"""Which further moments are likely to prove more: those at which what others keep does not fit.

What a model of several moments (``solver.budget.moments``) keeps at each says what must be in memory
between two of them, as things stand in program order: what was kept and is still needed, what is made
there first, and what is made again, from its first use on. This only guides the choice: whichever
moments are taken, what they prove holds.
"""

from collections.abc import Sequence
from math import inf

import numpy as np
import numpy.typing as npt

from solver.budget.freedom import Freedom
from solver.budget.least_bytes import alone_bytes
from solver.budget.relaxation import Relaxed


class Pressure:
    """Of the ops of one step."""

    def __init__(self, freedom: Freedom) -> None:
        self._freedom, self._history = freedom, freedom.history
        step = self._history.step
        every = range(len(step.ops))
        self.alone: npt.NDArray[np.int64] = np.array(
            [alone_bytes(self._history, op, frozenset()) for op in every], np.int64
        )
        """By op: bytes that it takes by itself."""
        self._spared = np.zeros(len(step.ops), np.int64)
        for op, reuse in step.reusable.items():
            self._spared[op] = step.rounded_sizes[reuse.created]
        self._counted = [
            (version, freedom.bytes_of(version), self._history.users[version])
            for version in range(len(self._history.maker))
            if freedom.bytes_of(version) >= freedom.smallest
        ]

    def next_moments(
        self, ops: Sequence[int], relaxed: Relaxed, arena_bytes: int, tried: set[int], most: int
    ) -> list[int]:
        """At most ``most`` ops, none of them ``tried``, each before or after each other one and each of
        ``ops`` in every schedule: those that do not fit, else those that take most by themselves."""
        alive = self._alive(ops, relaxed)
        crowded = np.flatnonzero(alive > arena_bytes)
        found: list[int] = []
        for op in sorted(crowded.tolist(), key=lambda op: (-int(alive[op]), op)):
            near = any(abs(op - other) <= _APART for other in found)
            if len(found) < _CROWDED and not near and op not in tried:
                self._add(op, ops, found)
        if not found:
            for op in np.argsort(-self.alone, kind="stable").tolist():
                if len(found) < most and op not in tried:
                    self._add(op, ops, found)
        return found

    def _add(self, op: int, ops: Sequence[int], found: list[int]) -> None:
        known = self._history.before[op] | self._history.after[op]
        if op not in self._freedom.touched and all(known >> other & 1 for other in (*ops, *found)):
            found.append(op)

    def _alive(self, ops: Sequence[int], relaxed: Relaxed) -> npt.NDArray[np.int64]:
        """By op: the bytes alive while it runs, as far as that is told."""
        count = len(self._history.step.ops)
        change = np.zeros(count + 1, np.int64)
        none: frozenset[int] = frozenset()
        kept, again = relaxed.kept or (none,) * len(ops), relaxed.again or (none,) * len(ops)
        for span in range(-1, len(ops)):
            low = ops[span] if span >= 0 else -1
            high = ops[span + 1] if span + 1 < len(ops) else count
            there = kept[span] if span >= 0 else none
            repeated = again[span] if span >= 0 else none
            wanted: set[int] = set()
            if high < count:
                wanted = {*kept[span + 1], *self._history.needs[high]}
            for version, size, users in self._counted:
                maker = self._history.maker[version]
                if maker >= high:
                    continue
                within = [user for user in users if low < user < high]
                if maker > low:
                    begin: float = maker
                elif maker in repeated:
                    begin = min(within, default=inf)
                else:
                    begin = low + 1 if version in there else inf
                end = high - 1 if version in wanted else max(within, default=maker)
                if begin <= end:
                    change[int(begin)] += size
                    change[end + 1] -= size
        return np.cumsum(change)[:count] - self._spared


_CROWDED = 2
"""So many at a time that do not fit."""
_APART = 3
"""Ops so near to each other are likely to prove the same."""
