"""The two constructors for alignments and obstacles, compiled: as in ``kernels``, and as exact.

Before what those take they take the ``alignment`` of each storage (units, 1 for none) and the
obstacles by lower end: sections ``[wall_first, wall_last)`` and bytes ``[wall_low, wall_high)`` that
nothing may touch. Obstacles may overlap one another. Of n storages and m obstacles each takes time
O(n² + nm) and memory O(n + m).
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import kernel
from solver.placement.kernels import FAR
from solver.plan import IntArray


@kernel
def dive(
    alignment: IntArray,
    wall_first: IntArray,
    wall_last: IntArray,
    wall_low: IntArray,
    wall_high: IntArray,
    order: IntArray,
    first: IntArray,
    last: IntArray,
    size: IntArray,
    stop: npt.NDArray[np.uint8],
    address: IntArray,
) -> int:
    """Always place the storage whose lowest possible address is lowest; ties in ``order``.

    A storage's lowest possible address is the first one at its alignment, above all those placed that
    live with it, at which it touches no obstacle.
    """
    who = order.copy()
    begin, end, lowest = first[order], last[order], np.empty(len(order), np.int64)
    # Addresses only rise, so an obstacle once passed (below, or at other times) is passed for good.
    passed = np.zeros(len(order), np.int64)
    height = 0
    length = left = len(order)
    # At first everything meets the ground, which ends at 0.
    a, b, top = np.int64(-1), np.int64(FAR), np.int64(0)
    for j in range(length):
        lowest[j] = -1
    while stop[0] == 0:
        chosen, least = -1, FAR
        for j in range(length):
            here = lowest[j]
            if here < top and begin[j] < b and a < end[j]:
                storage = who[j]
                step = alignment[storage]
                here = (top + step - 1) // step * step
                wall = passed[storage]
                while wall < wall_low.shape[0]:
                    if (
                        wall_first[wall] < end[j]
                        and begin[j] < wall_last[wall]
                        and wall_high[wall] > here
                    ):
                        if wall_low[wall] >= here + size[storage]:
                            break
                        here = (wall_high[wall] + step - 1) // step * step
                    wall += 1
                passed[storage] = wall
                lowest[j] = here
            if here < least:
                chosen, least = j, here
        storage = who[chosen]
        address[storage] = least
        a, b, top = begin[chosen], end[chosen], least + size[storage]
        height = max(height, top)
        lowest[chosen] = FAR
        left -= 1
        if left == 0:
            return int(height)
        if 4 * left < 3 * length:
            kept = 0
            for j in range(length):
                if lowest[j] < FAR:
                    begin[kept], end[kept] = begin[j], end[j]
                    who[kept], lowest[kept] = who[j], lowest[j]
                    kept += 1
            length = kept
    return -1


@kernel
def first_fit(
    alignment: IntArray,
    wall_first: IntArray,
    wall_last: IntArray,
    wall_low: IntArray,
    wall_high: IntArray,
    order: IntArray,
    first: IntArray,
    last: IntArray,
    size: IntArray,
    stop: npt.NDArray[np.uint8],
    address: IntArray,
) -> int:
    """Place in ``order``, each storage at the lowest address where it fits."""
    n, walls = order.shape[0], wall_low.shape[0]
    # The obstacles and the placed ones by address.
    low = np.empty(n + walls, np.int64)
    high = np.empty(n + walls, np.int64)
    begin = np.empty(n + walls, np.int64)
    end = np.empty(n + walls, np.int64)
    for j in range(walls):
        low[j], high[j], begin[j], end[j] = wall_low[j], wall_high[j], wall_first[j], wall_last[j]
    height = 0
    for count in range(walls, walls + n):
        if stop[0] != 0:
            return -1
        storage = order[count - walls]
        a, b, units, step = first[storage], last[storage], size[storage], alignment[storage]
        here = 0
        for j in range(count):
            if begin[j] < b and a < end[j]:
                if low[j] - here >= units:
                    break
                if high[j] > here:
                    here = (high[j] + step - 1) // step * step
        address[storage] = here
        height = max(height, here + units)
        # It goes before the first that is not lower.
        at = count
        while at > 0 and low[at - 1] >= here:
            low[at] = low[at - 1]
            high[at] = high[at - 1]
            begin[at] = begin[at - 1]
            end[at] = end[at - 1]
            at -= 1
        low[at] = here
        high[at] = here + units
        begin[at] = a
        end[at] = b
    return int(height)
