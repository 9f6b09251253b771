"""Place recorded requests in the arena: what is fixed stays, the rest goes into the lowest hole.

Time is counted in allocation events, not in ops: an op's temporaries are not alive all through it,
and counting them as if they were reserves about 13 % too much.
"""

from collections.abc import Sequence

import torch

ALIGNMENT = 64
"""Bytes: what PyTorch's CPU allocator promises and vector instructions want."""


def aligned(size: int) -> int:
    """``size`` rounded up to whole alignments."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def first_fit(
    starts: Sequence[int],
    ends: Sequence[int],
    sizes: Sequence[int],
    fixed: Sequence[int | None],
) -> list[int]:
    """Addresses so that no two boxes ``[start, end) × [address, address + size)`` overlap.

    ``fixed[i]`` is kept where it is a number; the caller answers for those not overlapping. The
    others are placed largest first, each at the lowest address that is free all its life.
    """
    result = [0 if address is None else address for address in fixed]
    # The placed ones, ascending by address, as tensors: one pass over thousands takes microseconds.
    placed = sorted((i for i, a in enumerate(fixed) if a is not None), key=result.__getitem__)
    boxes = torch.tensor(
        [
            [result[i] for i in placed],
            [result[i] + aligned(sizes[i]) for i in placed],
            [starts[i] for i in placed],
            [ends[i] for i in placed],
        ],
        dtype=torch.int64,
    )
    waiting = [i for i, address in enumerate(fixed) if address is None]
    for i in sorted(waiting, key=lambda i: (-sizes[i], starts[i])):
        bottoms, tops, first, last = boxes
        together = (first < ends[i]) & (last > starts[i])
        size = aligned(sizes[i])
        address = _lowest_gap(bottoms[together], tops[together], size)
        at = int(torch.searchsorted(bottoms, address))
        box = torch.tensor([[address], [address + size], [starts[i]], [ends[i]]], dtype=torch.int64)
        boxes = torch.cat([boxes[:, :at], box, boxes[:, at:]], dim=1)
        result[i] = address
    return result


def _lowest_gap(bottoms: torch.Tensor, tops: torch.Tensor, size: int) -> int:
    """Lowest address with ``size`` free bytes among boxes given in ascending order of their bottoms."""
    if len(bottoms) == 0:
        return 0
    covered = torch.cummax(tops, 0).values
    gap_starts = torch.cat([torch.zeros(1, dtype=torch.int64), covered])
    fits = torch.nonzero(bottoms - gap_starts[:-1] >= size)
    return int(gap_starts[fits[0, 0]]) if len(fits) else int(covered[-1])


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
