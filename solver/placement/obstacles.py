"""What cannot move while storages are placed, and the least height that it leaves them.

::

    address
      │ ██████████████ forbidden for a while     a section's storages need a height under which
      │   ┌────┐   ┌──────────┐                  there are enough bytes that no obstacle takes
      │   └────┘   └──────────┘
      │ ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒ fixed
      └──────────────────────────── slot
"""

from dataclasses import dataclass

import numpy as np

from solver.plan import IntArray


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
        changes = np.unique(np.concatenate([[0], obstacles.first, obstacles.last]))
        for begin, end in zip(changes, [*changes[1:], len(heights)], strict=True):
            taken = obstacles.taken(int(begin))
            here = (first < end) & (begin < last)
            if taken and here.any():
                filled = _without_gaps_below(int(sizes[here].min()), taken)
                heights[begin:end] = _around(heights[begin:end], filled)
    elif alignments is not None:
        step = int(np.gcd.reduce(alignments))
        # All but the highest of a section take a multiple of the step.
        rounded = -(-sizes // step) * step
        spare = np.zeros(len(heights), np.int64)
        for index in np.argsort(rounded - sizes, kind="stable").tolist():
            spare[first[index] : last[index]] = rounded[index] - sizes[index]
        heights = np.maximum(heights, live_sums(first, last, rounded) - spare)
    return heights


def live_sums(first: IntArray, last: IntArray, sizes: IntArray) -> IntArray:
    """Live sum of each section, shape (sections,)."""
    change = np.zeros(int(last.max()) + 1, np.int64)
    np.add.at(change, first, sizes)
    np.add.at(change, last, -sizes)
    return np.cumsum(change[:-1])


def _without_gaps_below(size: int, taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """``taken`` and the gaps between and below them that are smaller than any storage."""
    filled: list[tuple[int, int]] = []
    for low, high in taken:
        floor = filled[-1][1] if filled else 0
        if low - floor >= size:
            filled.append((low, high))
        elif filled:
            filled[-1] = (filled[-1][0], high)
        else:
            filled.append((0, high))
    return filled


def _around(sums: IntArray, taken: list[tuple[int, int]]) -> IntArray:
    """The least height that has ``sums`` free bytes under it."""
    low, high = np.array(taken, np.int64).T
    under = np.concatenate([[0], np.cumsum(high - low)])
    # Whoever does not find enough below a range goes on above it.
    passed = np.searchsorted(low - under[:-1], sums)
    around: IntArray = sums + under[passed]
    return around
