"""Place recorded requests in the arena: around what is fixed, or everything anew as low as can be.

Time is counted in allocation events, not in ops: an op's temporaries are not alive all through it,
and counting them as if they were reserves about 13 % too much. The work is done in C++ (placing.cpp);
that what it finds does not overlap is for ``table.check_table`` to see.
"""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

from .build import built_placer
from .errors import ReplayError

ALIGNMENT = 64
"""Bytes: what PyTorch's CPU allocator promises and vector instructions want."""
FREE = -1
"""Address of what is not placed."""
_BOXES, _STEPS_PER_BOX = 5_000, 120_000
"""Effort of ``place_anew`` where the least height is not met: for each box, but at least for so many.
About 0.7 s for up to 5,000 boxes, and 3 s for 20,000."""
_NO_MEMORY = 1


def aligned(size: int) -> int:
    """``size`` rounded up to whole alignments."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def place_around(
    starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int], fixed: Sequence[int | None]
) -> list[int]:
    """Addresses so that no two boxes ``[start, end) × [address, address + size)`` overlap.

    ``fixed[i]`` is kept where it is a number; the caller answers for those not overlapping. The
    others are placed largest first, each at the lowest address that is free all its life.
    """
    addresses = _numbers([FREE if address is None else address for address in fixed])
    failed = _placer().bayplan_place_around(*_boxes(starts, ends, sizes), addresses)
    return _checked(failed, addresses)


def place_anew(
    starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int], known: Sequence[int]
) -> list[int]:
    """Addresses of a small height, at the best the most that is alive at once; never above ``known``'s.

    ``known``: addresses that are right.
    """
    addresses = _numbers(known)
    effort = _STEPS_PER_BOX * max(_BOXES, len(sizes))
    failed = _placer().bayplan_place_anew(*_boxes(starts, ends, sizes), addresses, effort)
    return _checked(failed, addresses)


def height(sizes: Sequence[int], addresses: Sequence[int]) -> int:
    """Bytes that an arena needs to hold them."""
    return max((a + aligned(s) for s, a in zip(sizes, addresses, strict=True)), default=0)


def live_peak(starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int]) -> int:
    """The most bytes alive at one event: no placement is lower."""
    change: dict[int, int] = {}
    for start, end, size in zip(starts, ends, sizes, strict=True):
        change[start] = change.get(start, 0) + aligned(size)
        change[end] = change.get(end, 0) - aligned(size)
    live = peak = 0
    for event in sorted(change):
        live += change[event]
        peak = max(peak, live)
    return peak


@cache
def _placer() -> ctypes.CDLL:
    try:
        loaded = ctypes.CDLL(str(built_placer()))
    except OSError:
        # Damaged in the cache, as by a full disk: built once more.
        built_placer().unlink(missing_ok=True)
        loaded = ctypes.CDLL(str(built_placer()))
    number, numbers = ctypes.c_int64, ctypes.POINTER(ctypes.c_int64)
    loaded.bayplan_place_around.argtypes = [number, *[numbers] * 4]
    loaded.bayplan_place_anew.argtypes = [number, *[numbers] * 4, number]
    return loaded


def _boxes(starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int]) -> tuple[Any, ...]:
    return len(sizes), _numbers(starts), _numbers(ends), _numbers([aligned(size) for size in sizes])


def _numbers(values: Sequence[int]) -> Any:
    return (ctypes.c_int64 * len(values))(*values)


def _checked(failed: int, addresses: Any) -> list[int]:
    if failed == _NO_MEMORY:
        raise ReplayError(f"There is no memory to place {len(addresses):,} requests. Free some.")
    if failed:
        raise ValueError("a box has no lifetime, a negative size or a negative address")
    return list(addresses)
