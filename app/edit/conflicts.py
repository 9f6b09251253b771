"""What is wrong with a draft, and where: shared bytes, and ops on the wrong side of others. No Qt.

This is to be shown at once, also while something is dragged; ``solver.check`` has the last word.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np

from solver.plan import IntArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two instances that share bytes ``[low, high)`` of the arena at the slots ``[start, end)``."""

    one: int
    other: int
    start: int
    end: int
    low: int
    high: int

    @property
    def size(self) -> int:
        """Shared bytes."""
        return self.high - self.low

    @property
    def slots(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Violation:
    """An action that must come before another, but comes after it; slots are as things are now."""

    first: int
    """Index of the one that must come first, among the original's actions."""
    second: int
    first_slot: int
    """Of the one that must come first: the slot at which it runs, or before which it happens."""
    second_slot: int
    first_op: int
    """-1: it is a copy between device and host."""
    second_op: int
    storage: int
    """Whose content makes them depend on each other; -1: it is the random numbers that they draw, or
    an op that would run again before it ran."""


@dataclass(frozen=True, slots=True)
class Conflicts:
    """All that is wrong with a draft."""

    overlaps: tuple[Overlap, ...] = ()
    violations: tuple[Violation, ...] = ()
    others: tuple[str, ...] = ()
    """What only the validator sees, a sentence each."""

    @property
    def count(self) -> int:
        return len(self.overlaps) + len(self.violations) + len(self.others)

    def __bool__(self) -> bool:
        return self.count > 0


@dataclass(slots=True)
class Verdict:
    """What the validator says of a draft, once it has spoken. Written in the UI thread only."""

    problems: tuple[str, ...] | None = None
    """A sentence each, none where all is right; None: it has not judged yet."""


def find_overlaps(lifetimes: IntArray, addresses: IntArray, sizes: IntArray) -> tuple[Overlap, ...]:
    """All pairs of instances that share a byte at a slot, by the slot at which they begin to.

    One walk over time: those that overlap nothing are kept sorted, where only neighbours can meet.
    """
    low, high = addresses.tolist(), (addresses + sizes).tolist()
    starts, ends = lifetimes[:, 0].tolist(), lifetimes[:, 1].tolist()
    real = np.flatnonzero((lifetimes[:, 1] > lifetimes[:, 0]) & (sizes > 0)).tolist()
    events = sorted([(ends[i], 0, i) for i in real] + [(starts[i], 1, i) for i in real])
    apart: list[tuple[int, int]] = []
    stacked: list[int] = []
    found: list[Overlap] = []
    for _, begins, i in events:
        if not begins:
            if i in stacked:
                stacked.remove(i)
            else:
                del apart[bisect_left(apart, (low[i], i))]
            continue
        at = bisect_left(apart, (low[i], -1))
        first = at - 1 if at > 0 and high[apart[at - 1][1]] > low[i] else at
        met = [other for _, other in apart[first : bisect_left(apart, (high[i], -1))]]
        met += [other for other in stacked if low[other] < high[i] and low[i] < high[other]]
        for other in met:
            one, two = sorted((i, other))
            end = min(ends[i], ends[other])
            bytes_ = max(low[i], low[other]), min(high[i], high[other])
            found.append(Overlap(one, two, starts[i], end, *bytes_))
        if met:
            stacked.append(i)
        else:
            insort(apart, (low[i], i))
    return tuple(found)
