"""The two constructors for alignments and obstacles, compiled: as in ``kernels``, and as exact.

Besides sections and sizes they take the ``alignment`` of each storage (units, 1 for none) and the
obstacles by lower end: sections ``[wall_first, wall_last)`` and bytes ``[wall_low, wall_high)`` that
nothing may touch. Obstacles may overlap one another. Of n storages and m obstacles each takes time
O(n² + nm) and memory O(n + m).
"""

import numpy as np
import numpy.typing as npt

from solver.compiled import kernel
from solver.plan import IntArray

FAR = 1 << 62


@kernel
def dive(
    order: IntArray,
    first: IntArray,
    last: IntArray,
    size: IntArray,
    alignment: IntArray,
    wall_first: IntArray,
    wall_last: IntArray,
    wall_low: IntArray,
    wall_high: IntArray,
    stop: npt.NDArray[np.uint8],
    address: IntArray,
) -> int:
    """Always place the storage whose lowest possible address is lowest; ties in ``order``.

    A storage's lowest possible address is the first one at its alignment, above all those placed that
    live with it, at which it touches no obstacle.
    """
    n = order.shape[0]
    walls = wall_low.shape[0]
    who = order.copy()
    lowest = np.zeros(n, np.int64)
    # Addresses only rise, so an obstacle once passed (below, or at other times) is passed for good.
    passed = np.zeros(n, np.int64)
    height = 0
    left = n
    a, b, top = -1, -1, 0
    while stop[0] == 0:
        chosen, least = -1, FAR
        for j in range(left):
            storage = who[j]
            here = lowest[storage]
            if a < 0 or (first[storage] < b and a < last[storage] and here < top):
                here = max(here, top)
                step = alignment[storage]
                here = (here + step - 1) // step * step
                wall = passed[storage]
                while wall < walls:
                    alive = wall_first[wall] < last[storage] and first[storage] < wall_last[wall]
                    if alive and wall_high[wall] > here:
                        if wall_low[wall] >= here + size[storage]:
                            break
                        here = (wall_high[wall] + step - 1) // step * step
                    wall += 1
                passed[storage] = wall
                lowest[storage] = here
            if here < least:
                chosen, least = j, here
        storage = who[chosen]
        address[storage] = least
        a, b, top = first[storage], last[storage], least + size[storage]
        height = max(height, top)
        left -= 1
        if left == 0:
            return int(height)
        for j in range(chosen, left):
            who[j] = who[j + 1]
    return -1


@kernel
def first_fit(
    order: IntArray,
    first: IntArray,
    last: IntArray,
    size: IntArray,
    alignment: IntArray,
    wall_first: IntArray,
    wall_last: IntArray,
    wall_low: IntArray,
    wall_high: IntArray,
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
    low[:walls], high[:walls] = wall_low, wall_high
    begin[:walls], end[:walls] = wall_first, wall_last
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
        at = np.searchsorted(low[:count], here)
        for j in range(count, at, -1):
            low[j] = low[j - 1]
            high[j] = high[j - 1]
            begin[j] = begin[j - 1]
            end[j] = end[j - 1]
        low[at] = here
        high[at] = here + units
        begin[at] = a
        end[at] = b
    return int(height)
