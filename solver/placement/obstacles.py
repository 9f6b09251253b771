"""What cannot move while storages are placed, and the least height that it leaves them.

::

    address
      │ ██████████████ forbidden for a while     a section's storages need a height under which
      │   ┌────┐   ┌──────────┐                  there are enough bytes that no obstacle takes
      │   └────┘   └──────────┘
      │ ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ fixed
      └──────────────────────────── slot
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solver.plan import IntArray

MAX_ROOM = 1 << 14
"""Units of a gap up to which all the sums of sizes that fit there are found."""


@dataclass(frozen=True, eq=False)
class Obstacles:
    """What cannot move while a part is placed: fixed storages and forbidden ranges, by address.

    The bytes from ``low`` to ``high`` (half-open) are taken from ``first`` to ``last`` (half-open), in
    units and sections as in ``Part``; before the reduction in bytes and slots. Sorted by ``low``.
    Forbidden ranges may overlap one another and fixed storages that lived before them.
    """

    first: IntArray
    last: IntArray
    low: IntArray
    high: IntArray

    def in_units(self, unit: int, first: IntArray, last: IntArray) -> "Obstacles":
        """The same with addresses in units and these sections; ``unit`` divides every ``high``."""
        # Nothing that ends at a multiple of the unit comes between a multiple and ``low``.
        return Obstacles(first, last, self.low // unit, self.high // unit)

    def between(self, first: int, last: int) -> "Obstacles | None":
        """Those of sections from ``first`` to ``last``, which become 0 to last − first."""
        here = (self.first < last) & (first < self.last)
        if not here.any():
            return None
        return Obstacles(
            np.maximum(self.first[here] - first, 0),
            np.minimum(self.last[here], last) - first,
            self.low[here],
            self.high[here],
        )

    def among(self, taken: IntArray, first: int, last: int) -> IntArray:
        """``taken`` (lower and upper ends, shape (2, n)) and what is there meanwhile, by address."""
        here = (self.first < last) & (first < self.last)
        merged = np.concatenate([taken, np.stack([self.low[here], self.high[here]])], axis=1)
        return merged[:, np.argsort(merged[0], kind="stable")]

    def taken(self, section: int) -> list[tuple[int, int]]:
        """Disjoint ranges ``[low, high)`` that are taken in a section, ascending."""
        alive = (self.first <= section) & (section < self.last)
        merged: list[tuple[int, int]] = []
        for low, high in zip(self.low[alive].tolist(), self.high[alive].tolist(), strict=True):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return merged


def least_heights(
    first: IntArray,
    last: IntArray,
    sizes: IntArray,
    alignments: IntArray | None = None,
    obstacles: Obstacles | None = None,
) -> IntArray:
    """A height for each section under which what lives there cannot be placed, shape (sections,).

    Without alignments and obstacles it is the live sum.
    """
    heights = live_sums(first, last, sizes)
    if obstacles is not None:
        for begin, end, walls in runs(obstacles, first, last, sizes, alignments):
            heights[begin:end] = _around(heights[begin:end], walls)
    elif alignments is not None:
        step = int(np.gcd.reduce(alignments))
        # All but the highest of a section take a multiple of the step.
        rounded = -(-sizes // step) * step
        spare = np.zeros(len(heights), np.int64)
        for index in np.argsort(rounded - sizes, kind="stable").tolist():
            spare[first[index] : last[index]] = rounded[index] - sizes[index]
        heights = np.maximum(heights, live_sums(first, last, rounded) - spare)
    return heights


def runs(
    obstacles: Obstacles,
    first: IntArray,
    last: IntArray,
    sizes: IntArray,
    alignments: IntArray | None = None,
) -> Iterator[tuple[int, int, IntArray]]:
    """Sections [begin, end) in which the same is taken, and what: its *walls*, shape (walls, 3).

    A wall is a range of bytes, half-open, and how many of the gap below it must stay empty, because no
    set of the storages there can fill it. Walls are disjoint and ascending.
    """
    step = np.ones(len(sizes), np.int64) if alignments is None else alignments
    changes = np.unique(np.concatenate([[0], obstacles.first, obstacles.last])).tolist()
    for begin, end in zip(changes, [*changes[1:], int(last.max())], strict=True):
        taken = obstacles.taken(begin)
        here = (first < end) & (begin < last)
        if taken and here.any():
            yield begin, end, _walls(taken, sizes[here], step[here])


def live_sums(first: IntArray, last: IntArray, sizes: IntArray) -> IntArray:
    """Live sum of each section, shape (sections,)."""
    change = np.zeros(int(last.max()) + 1, np.int64)
    np.add.at(change, first, sizes)
    np.add.at(change, last, -sizes)
    return np.cumsum(change[:-1])


def _walls(taken: list[tuple[int, int]], sizes: IntArray, step: IntArray) -> IntArray:
    """The walls of some ranges, where these storages live."""
    walls: list[tuple[int, int, int]] = []
    floor = 0
    for low, high in taken:
        fit = sizes[-(-floor // step) * step + sizes <= low]
        if len(fit):
            walls.append((low, high, low - floor - _most(fit, low - floor)))
        elif walls:
            walls[-1] = (walls[-1][0], high, walls[-1][2])
        else:
            walls.append((0, high, 0))
        floor = high
    return np.array(walls, np.int64)


def _most(sizes: IntArray, room: int) -> int:
    """The largest sum of some of the sizes that is at most ``room``; a bound where that is large."""
    total = int(sizes.sum())
    if total <= room or room > MAX_ROOM:
        return min(total, room)
    mask, sums = (1 << (room + 1)) - 1, 1
    for size in sizes.tolist():
        sums |= sums << size & mask
        if sums >> room:
            break
    return sums.bit_length() - 1


def _around(sums: IntArray, walls: IntArray) -> IntArray:
    """The least height that has room for ``sums`` under it."""
    low, high, waste = walls.T
    floors = np.concatenate([[0], high])
    under = np.concatenate([[0], np.cumsum(low - floors[:-1] - waste)])
    # Whoever does not find enough below a range goes on above it.
    passed = np.searchsorted(under[1:], sums)
    around: IntArray = floors[passed] + sums - under[passed]
    return around
