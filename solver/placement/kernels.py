"""The two constructors, compiled: they place all storages of a part in one pass over an order.

Both take sections and sizes as in ``Part``, write ``address`` (units) and return the height, or -1
when ``stop[0]`` became nonzero meanwhile. They release the GIL, so that other threads can set it.
"""

import numpy as np
from numba import njit

FAR = 1 << 62


@njit(nogil=True, cache=True, boundscheck=False)
def dive(order, first, last, size, stop, address):  # type: ignore[no-untyped-def]
    """Always place the storage whose lowest possible address is lowest; ties in ``order``.

    A storage's lowest possible address is the highest end of those placed that live with it.
    Time O(n²), in one pass over the unplaced that updates, finds the next and closes the gap.
    """
    n = order.shape[0]
    begin, end, units = first[order], last[order], size[order]
    who = order.copy()
    lowest = np.zeros(n, np.int64)
    height = 0
    chosen = 0
    left = n
    while left > 0:
        if stop[0] != 0:
            return -1
        a, b = begin[chosen], end[chosen]
        address[who[chosen]] = lowest[chosen]
        top = lowest[chosen] + units[chosen]
        height = max(height, top)
        least = FAR
        following = 0
        kept = 0
        for j in range(left):
            if j == chosen:
                continue
            here = lowest[j]
            if here < top and begin[j] < b and a < end[j]:
                here = top
            begin[kept] = begin[j]
            end[kept] = end[j]
            units[kept] = units[j]
            who[kept] = who[j]
            lowest[kept] = here
            if here < least:
                least = here
                following = kept
            kept += 1
        left = kept
        chosen = following
    return height


@njit(nogil=True, cache=True, boundscheck=False)
def first_fit(order, first, last, size, stop, address):  # type: ignore[no-untyped-def]
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
        at = np.searchsorted(low[:placed], here)
        for j in range(placed, at, -1):
            low[j] = low[j - 1]
            high[j] = high[j - 1]
            begin[j] = begin[j - 1]
            end[j] = end[j - 1]
        low[at] = here
        high[at] = here + units
        begin[at] = a
        end[at] = b
    return height
