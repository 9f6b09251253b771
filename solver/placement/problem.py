"""The placement problem, and its reduction to what decides the height.

Storages are rectangles whose times are given and whose addresses are sought; two that live at the
same time must not share a byte::

    address
      │  ┌───────┐ c     ┌────┐ d        what is alive at a slot is a clique of the interval graph;
      │  └───────┘       └────┘          only maximal cliques matter: the *sections*
      │  ┌──────────┐ a  ┌─────────┐ b
      │  └──────────┘    └─────────┘     between a and b nothing lives: two *parts*
      └──────────────────────────── slot
"""

from dataclasses import dataclass

import numpy as np

from solver.plan import IntArray


@dataclass(frozen=True, eq=False)
class PlacementProblem:
    """Storages to place: int64 arrays of one length."""

    starts: IntArray
    """First slot of each storage."""
    ends: IntArray
    """The slot after its last: half-open, above ``starts``."""
    sizes: IntArray
    """Bytes, not negative."""
    capacity: int | None = None
    """Bytes that are enough: a height up to it is as good as the bound. None: as low as can be."""

    def __post_init__(self) -> None:
        arrays = (self.starts, self.ends, self.sizes)
        if any(a.ndim != 1 or a.dtype != np.int64 or len(a) != len(self.sizes) for a in arrays):
            raise ValueError("starts, ends and sizes must be int64 arrays of one length")
        if (self.starts >= self.ends).any() or (self.sizes < 0).any():
            raise ValueError("a lifetime is empty or a size is negative")


@dataclass(frozen=True, eq=False)
class PlacementResult:
    """Addresses in bytes, one for each storage, and what is known of the height they need."""

    addresses: IntArray
    height: int
    bound: int
    """No placement is lower: the largest live sum, or more where a search proved more."""
    optimal: bool
    """``height == bound``."""


@dataclass(frozen=True, eq=False)
class Part:
    """Storages of which each is tied to the others by others alive with it; sizes in units.

    Time is counted in sections, one for each maximal clique, so ``first`` and ``last`` (half-open)
    say exactly who lives at the same time as whom.
    """

    members: IntArray
    """Indices into the problem."""
    first: IntArray
    last: IntArray
    sizes: IntArray
    lifetimes: IntArray
    """Slots, which sections no longer tell."""
    sums: IntArray
    """Live sum of each section, shape (sections,)."""

    @property
    def bound(self) -> int:
        """Largest live sum, in units."""
        return int(self.sums.max())


def reduce(problem: PlacementProblem) -> tuple[int, list[Part]]:
    """The unit (bytes; the greatest common divisor of all sizes) and the parts, in time order.

    Storages without bytes are in no part: any address is right for them.
    """
    members = np.flatnonzero(problem.sizes > 0)
    if not len(members):
        return 1, []
    unit = int(np.gcd.reduce(problem.sizes[members]))
    starts, ends = problem.starts[members], problem.ends[members]
    first, last, count = sections(starts, ends)
    # A section is tied to the one before it by every storage that lives in both.
    ties = np.zeros(count + 1, np.int64)
    np.add.at(ties, first + 1, 1)
    np.add.at(ties, last, -1)
    part_starts = np.flatnonzero(np.cumsum(ties)[:count] == 0)
    part_of = np.searchsorted(part_starts, first, side="right") - 1
    by_part = np.argsort(part_of, kind="stable")
    bounds = np.searchsorted(part_of[by_part], np.arange(len(part_starts) + 1))
    parts = []
    for number, begin in enumerate(part_starts):
        inside = by_part[bounds[number] : bounds[number + 1]]
        a, b = first[inside] - begin, last[inside] - begin
        units = problem.sizes[members[inside]] // unit
        change = np.zeros(int(b.max()) + 1, np.int64)
        np.add.at(change, a, units)
        np.add.at(change, b, -units)
        parts.append(
            Part(
                members=members[inside],
                first=a,
                last=b,
                sizes=units,
                lifetimes=ends[inside] - starts[inside],
                sums=np.cumsum(change[:-1]),
            )
        )
    return unit, parts


def sections(starts: IntArray, ends: IntArray) -> tuple[IntArray, IntArray, int]:
    """Sections ``[first, last)`` of every lifetime, and how many sections there are.

    A section is a stretch of time between two events before which something began since the section
    before, and after which something ends: exactly there a clique is maximal.
    """
    times = np.unique(np.concatenate([starts, ends]))
    begin, end = np.searchsorted(times, starts), np.searchsorted(times, ends)
    stretches = len(times) - 1
    begins = np.zeros(stretches + 1, bool)
    begins[begin] = True
    finishes = np.zeros(stretches + 1, bool)
    finishes[end] = True
    # A stretch is a section when it closes at an end and something began since the end before it:
    # number the closing stretches, and keep of each run of begins the first that closes.
    closing = np.flatnonzero(finishes[1:])
    began = np.concatenate([[0], np.cumsum(begins[:stretches])])
    kept = closing[np.diff(began[np.concatenate([[0], closing + 1])]) > 0]
    return (
        np.searchsorted(kept, begin, side="left").astype(np.int64),
        np.searchsorted(kept, end, side="left").astype(np.int64),
        len(kept),
    )


def live_sum_bound(problem: PlacementProblem) -> int:
    """Largest sum of bytes alive together: no placement is lower."""
    unit, parts = reduce(problem)
    return unit * max((part.bound for part in parts), default=0)
