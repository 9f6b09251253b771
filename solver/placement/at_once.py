"""First fit in order of start, without compiled code: the placement that is always there at once.

What is free at the moment is a list of gaps by address, of which the last has no end. A storage that
begins takes the first gap that is large enough; one that ends gives its bytes back::

    address    0 ──▓▓▓──────▓▓▓▓▓▓▓──▓▓───────────────▶
    gaps        └┘    └────┘        └┘  └ the last
"""

from bisect import bisect_left

import numpy as np

from solver.placement.problem import Part
from solver.plan import IntArray

_NO_END = 1 << 62


def first_fit_in_gaps(part: Part) -> IntArray:
    """Addresses in units for a part without obstacles and alignments; of equal starts the one that
    lives longest goes first, then the largest."""
    result = [0] * len(part.sizes)
    sizes, starts = part.sizes.tolist(), part.first.tolist()
    order = np.lexsort((-part.sizes, -part.last, part.first)).tolist()
    leaving = np.argsort(part.last, kind="stable").tolist()
    ends = part.last[leaving].tolist()
    gap_starts, gap_ends = [0], [_NO_END]
    gone = 0
    for index in order:
        while ends[gone] <= starts[index]:
            old = leaving[gone]
            _give_back(gap_starts, gap_ends, result[old], result[old] + sizes[old])
            gone += 1
        size = sizes[index]
        at = 0
        while gap_ends[at] - gap_starts[at] < size:
            at += 1
        result[index] = gap_starts[at]
        gap_starts[at] += size
        if gap_starts[at] == gap_ends[at]:
            del gap_starts[at], gap_ends[at]
    return np.array(result, np.int64)


def _give_back(gap_starts: list[int], gap_ends: list[int], start: int, end: int) -> None:
    """``[start, end)`` is free again, one gap with its free neighbours."""
    at = bisect_left(gap_starts, start)
    after = gap_starts[at] == end  # The last gap lies behind all that is placed.
    before = at > 0 and gap_ends[at - 1] == start
    if before and after:
        gap_ends[at - 1] = gap_ends[at]
        del gap_starts[at], gap_ends[at]
    elif before:
        gap_ends[at - 1] = end
    elif after:
        gap_starts[at] = start
    else:
        gap_starts.insert(at, start)
        gap_ends.insert(at, end)
