"""The placement problem, and its reduction to what decides the height.

Storages are rectangles whose times are given and whose addresses are sought; two that live at the
same time must not share a byte::

    address
      │  ┌───────┐ c     ┌────┐ d        what is alive at a slot is a clique of the interval graph;
      │  └───────┘       └────┘          only maximal cliques matter: the *sections*
      │  ┌──────────┐ a  ┌─────────┐ b
      │  └──────────┘    └─────────┘     between a and b nothing lives: two *parts*
      └──────────────────────────── slot

Several arenas are several problems (``arenas``). A storage at a fixed address and a forbidden range
cannot move: both are *obstacles* to the storages that can.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from solver.errors import BayplanError
from solver.placement.obstacles import Obstacles, least_heights
from solver.plan import IntArray

FREE = -1
"""In ``PlacementProblem.fixed``: the storage may lie anywhere."""
MOST_BYTES = 1 << 61
"""All storages together, so that no sum of addresses leaves 64 bits."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Bytes of an arena in which no storage may lie, always or for a stretch of slots."""

    low: int
    high: int
    """The byte after the last: half-open, above ``low``."""
    start: int | None = None
    """First slot; None: from the beginning."""
    end: int | None = None
    """The slot after the last; None: to the end."""
    arena: int = 0


@dataclass(frozen=True, eq=False)
class PlacementProblem:
    """Storages to place: int64 arrays of one length. Raises BayplanError where they need too much.

    Whether fixed addresses contradict each other is ``contradictions``' to say.
    """

    starts: IntArray
    """First slot of each storage."""
    ends: IntArray
    """The slot after its last: half-open, above ``starts``."""
    sizes: IntArray
    """Bytes, not negative."""
    capacity: int | tuple[int | None, ...] | None = None
    """Bytes of each arena that are enough: a height up to it is as good as the bound. None: as low as
    can be. A tuple has one for each arena; a number holds for all."""
    alignments: IntArray | None = None
    """Bytes of which each address is a multiple, at least 1; None: 1."""
    fixed: IntArray | None = None
    """The address of each storage that must lie there, ``FREE`` for others; None: all are free."""
    forbidden: tuple[Forbidden, ...] = ()
    arenas: IntArray | None = None
    """Number of the arena of each storage, from 0; None: all lie in one."""
    names: tuple[str, ...] | None = field(default=None, repr=False)
    """What messages call the storages; None: by their index."""

    def __post_init__(self) -> None:
        given = (self.alignments, self.fixed, self.arenas)
        arrays = (self.starts, self.ends, self.sizes, *(a for a in given if a is not None))
        if any(a.ndim != 1 or a.dtype != np.int64 or len(a) != len(self.sizes) for a in arrays):
            raise ValueError("starts, ends, sizes and what goes with them must be int64, of one length")
        if (self.starts >= self.ends).any() or (self.sizes < 0).any():
            raise ValueError("a lifetime is empty or a size is negative")
        if self.alignments is not None and (self.alignments < 1).any():
            raise ValueError("an alignment is below 1")
        if self.fixed is not None and (self.fixed < FREE).any():
            raise ValueError("a fixed address is negative")
        if self.arenas is not None and (self.arenas < 0).any():
            raise ValueError("the number of an arena is negative")
        if any(not 0 <= f.low < f.high or f.arena < 0 for f in self.forbidden):
            raise ValueError("a forbidden range is empty or negative")
        if isinstance(self.capacity, tuple) and len(self.capacity) < self.arena_count:
            raise ValueError("an arena has no capacity")
        # Padding may come before each storage, and everything may have to lie above the obstacles.
        most = float(self.sizes.sum(dtype=np.float64))
        if self.alignments is not None:
            most += float(self.alignments.sum(dtype=np.float64))
        if self.fixed is not None:
            most += float(self.fixed.max(initial=0))
        most += max((f.high for f in self.forbidden), default=0)
        if most > MOST_BYTES:
            raise BayplanError(
                f"The storages need about {most:.3g} bytes, more than the 2^61 that can be planned. "
                "Correct their sizes, alignments or addresses."
            )

    @property
    def arena_count(self) -> int:
        """How many arenas there are: one more than the largest number that is named, at least 1."""
        most = max((f.arena for f in self.forbidden), default=0)
        if self.arenas is not None:
            most = max(most, int(self.arenas.max(initial=0)))
        return most + 1

    def name(self, storage: int) -> str:
        """What a message calls a storage."""
        return self.names[storage] if self.names is not None else str(storage)

    def of_arena(self, arena: int) -> tuple[IntArray, "PlacementProblem"]:
        """The storages of one arena (indices), and the problem that they make alone."""
        if self.arena_count == 1:
            return np.arange(len(self.sizes)), self
        inside = np.zeros(0, np.int64)
        if self.arenas is not None:
            inside = np.flatnonzero(self.arenas == arena)
        elif arena == 0:
            inside = np.arange(len(self.sizes))
        return inside, PlacementProblem(
            self.starts[inside],
            self.ends[inside],
            self.sizes[inside],
            self.capacity_of(arena),
            None if self.alignments is None else self.alignments[inside],
            None if self.fixed is None else self.fixed[inside],
            tuple(replace(f, arena=0) for f in self.forbidden if f.arena == arena),
            names=tuple(self.name(i) for i in inside.tolist()),
        )

    def capacity_of(self, arena: int) -> int | None:
        """Bytes that one arena has, None where any height will do."""
        return self.capacity[arena] if isinstance(self.capacity, tuple) else self.capacity


@dataclass(frozen=True, eq=False)
class Part:
    """Storages to place of which each is tied to the others by others alive with it; sizes in units.

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
    """Least height of each section, shape (sections,): its live sum, and more where obstacles or
    alignments take bytes."""
    alignments: IntArray | None = None
    """Units of which each address is a multiple; None: 1 for all."""
    obstacles: Obstacles | None = None
    """None: there are none."""

    @property
    def bound(self) -> int:
        """No placement is lower, in units: the largest live sum, at the least."""
        return int(self.sums.max())

    @property
    def plain(self) -> bool:
        """Neither alignments nor obstacles: anything may lie anywhere."""
        return self.alignments is None and self.obstacles is None


def reduce(problem: PlacementProblem) -> tuple[int, list[Part]]:
    """The unit (bytes) and the parts, in time order, of a problem with one arena.

    Storages without bytes and fixed ones are in no part. The unit divides all sizes and upper ends of
    obstacles, and of each alignment either it is a multiple or a divisor: then everything that has
    slid down as far as it goes lies at multiples of it.
    """
    movable = problem.sizes > 0
    if problem.fixed is not None:
        movable &= problem.fixed == FREE
    members = np.flatnonzero(movable)
    if not len(members):
        return 1, []
    obstacles = _obstacles(problem)
    starts, ends, sizes = problem.starts[members], problem.ends[members], problem.sizes[members]
    alignments = None if problem.alignments is None else problem.alignments[members]
    unit = _unit(sizes, alignments, obstacles)
    if alignments is not None:
        alignments = np.maximum(alignments // unit, 1)
    if obstacles is None:
        first, last, count = sections(starts, ends)
    else:
        together = (np.concatenate([starts, obstacles.first]), np.concatenate([ends, obstacles.last]))
        first, last, count = sections(*together)
        obstacles = obstacles.in_units(unit, first[len(members) :], last[len(members) :])
        first, last = first[: len(members)], last[: len(members)]
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
        if not len(inside):
            continue  # Only obstacles live here.
        a, b = first[inside] - begin, last[inside] - begin
        units = sizes[inside] // unit
        aligned = None if alignments is None else alignments[inside]
        if aligned is not None and (aligned == 1).all():
            aligned = None
        around = None if obstacles is None else obstacles.between(int(begin), int(begin + b.max()))
        parts.append(
            Part(
                members=members[inside],
                first=a,
                last=b,
                sizes=units,
                lifetimes=ends[inside] - starts[inside],
                sums=least_heights(a, b, units, aligned, around),
                alignments=aligned,
                obstacles=around,
            )
        )
    return unit, parts


def _obstacles(problem: PlacementProblem) -> Obstacles | None:
    """Fixed storages with bytes and forbidden ranges, in slots and bytes, by address."""
    rows = []
    if problem.fixed is not None:
        there = np.flatnonzero((problem.fixed != FREE) & (problem.sizes > 0))
        low = problem.fixed[there]
        rows.append(
            np.stack([problem.starts[there], problem.ends[there], low, low + problem.sizes[there]])
        )
    begin, end = problem.starts.min(), problem.ends.max()
    for ban in problem.forbidden:
        start = begin if ban.start is None else max(begin, ban.start)
        finish = end if ban.end is None else min(end, ban.end)
        if start < finish:
            rows.append(np.array([[start], [finish], [ban.low], [ban.high]], np.int64))
    table = np.concatenate(rows, axis=1) if rows else np.zeros((4, 0), np.int64)
    if not table.shape[1]:
        return None
    return Obstacles(*table[:, np.argsort(table[2], kind="stable")])


def _unit(sizes: IntArray, alignments: IntArray | None, obstacles: Obstacles | None) -> int:
    unit = int(np.gcd.reduce(sizes))
    if obstacles is not None:
        unit = math.gcd(unit, int(np.gcd.reduce(obstacles.high)))
    if alignments is None:
        return unit
    distinct = np.unique(alignments).tolist()
    # A unit made smaller by one alignment may no longer be a multiple of another.
    while odd := [a for a in distinct if unit % a and a % unit]:
        unit = math.gcd(unit, odd[0])
    return unit


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


def fixed_addresses(problem: PlacementProblem) -> IntArray:
    """An address for every storage: the fixed one, or 0."""
    if problem.fixed is None:
        return np.zeros(len(problem.sizes), np.int64)
    return np.maximum(problem.fixed, 0)


def height_of(problem: PlacementProblem, addresses: IntArray) -> int:
    """What the highest storage with bytes needs."""
    return int((addresses + problem.sizes)[problem.sizes > 0].max(initial=0))


def live_sum_bound(problem: PlacementProblem) -> int:
    """Largest sum of bytes alive together, with the obstacles under it: no placement is lower.

    Of a problem with one arena.
    """
    unit, parts = reduce(problem)
    fixed = height_of(problem, fixed_addresses(problem)) if problem.fixed is not None else 0
    return max([fixed, *(unit * part.bound for part in parts)])
