"""The two constructors, compiled: they place all storages of a part in one pass over an order.

Both take sections and sizes as in ``Part``, write ``address`` (units) and return the height, or -1
when ``stop[0]`` became nonzero meanwhile. They release the GIL, so that other threads can set it.
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
    stop: npt.NDArray[np.uint8],
    address: IntArray,
) -> int:
    """Always place the storage whose lowest possible address is lowest; ties in ``order``.

    A storage's lowest possible address is the highest end of those placed that live with it.
    Time O(n²), in passes over the unplaced that have no branches, so that they become vector code.
    """
    begin, end, units = first[order], last[order], size[order]
    who = order.copy()
    lowest = np.zeros(len(order), np.int64)
    height = 0
    chosen = 0
    length = left = len(order)
    while stop[0] == 0:
        a, b = begin[chosen], end[chosen]
        address[who[chosen]] = lowest[chosen]
        top = lowest[chosen] + units[chosen]
        height = max(height, top)
        lowest[chosen] = FAR
        left -= 1
        if left == 0:
            return int(height)
        if 4 * left < 3 * length:
            kept = 0
            for j in range(length):
                if lowest[j] < FAR:
                    begin[kept], end[kept], units[kept] = begin[j], end[j], units[j]
                    who[kept], lowest[kept] = who[j], lowest[j]
                    kept += 1
            length = kept
        least = FAR
        for j in range(length):
            here = lowest[j]
            lives_with = (begin[j] < b) & (a < end[j]) & (here < top)
            here = top if lives_with else here
            lowest[j] = here
            least = min(least, here)
        chosen = 0
        while lowest[chosen] != least:
            chosen += 1
    return -1


@kernel
def first_fit(
    order: IntArray,
    first: IntArray,
    last: IntArray,
    size: IntArray,
    stop: npt.NDArray[np.uint8],
    address: IntArray,
) -> int:
    """Place in ``order``, each storage at the lowest address where it fits. Time O(n²)."""
    n = order.shape[0]
    # The placed ones by address.
    low = np.empty(n, np.int64)
    high = np.empty(n, np.int64)
    begin = np.empty(n, np.int64)
    end = np.empty(n, np.int64)
    height = 0
    for placed in range(n):
        if stop[0] != 0:
            return -1
        storage = order[placed]
        a, b, units = first[storage], last[storage], size[storage]
        here = 0
        for j in range(placed):
            if begin[j] < b and a < end[j]:
                if low[j] - here >= units:
                    break
                if high[j] > here:
                    here = high[j]
        address[storage] = here
        height = max(height, here + units)
        # It goes before the first that is not lower.
        at = placed
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
