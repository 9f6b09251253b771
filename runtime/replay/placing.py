"""Place recorded requests in the arena: around what is fixed, or everything anew as low as can be.

Time is counted in allocation events, not in ops: an op's temporaries are not alive all through it,
and counting them as if they were reserves about 13 % too much.
"""

from collections.abc import Callable, Sequence

import torch

ALIGNMENT = 64
"""Bytes: what PyTorch's CPU allocator promises and vector instructions want."""
_PAIRS = 500_000_000
"""Pairs of boxes after which ``lowest`` tries no other order: a few seconds."""
_TURNS = 2
"""Times that all slide to the top and down again."""
_FAR = 1 << 62


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


def lowest(
    starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int], known: Sequence[int]
) -> list[int]:
    """Addresses of a small height, at the best the most that is alive at once; never above ``known``'s.

    ``known``: addresses that are right, which are first let slide down. Then ``dive`` tries orders
    until one meets what is alive at once, or ``_PAIRS`` pairs of boxes were looked at.
    """
    boxes = range(len(sizes))
    target = live_peak(starts, ends, sizes)
    best = _slid_down(starts, ends, sizes, known)
    for _ in range(_TURNS):
        top = height(sizes, best)
        if top <= target:
            return best
        # Upside down the highest lie lowest, and again the other way.
        turned = [top - address - aligned(size) for address, size in zip(best, sizes, strict=True)]
        turned = _slid_down(starts, ends, sizes, turned)
        top = height(sizes, turned)
        back = [top - address - aligned(size) for address, size in zip(turned, sizes, strict=True)]
        best = _slid_down(starts, ends, sizes, back)
    lives = [end - start for start, end in zip(starts, ends, strict=True)]
    orders: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-lives[i], -sizes[i]),
        lambda i: (starts[i], -sizes[i]),
        lambda i: (-ends[i], -sizes[i]),
        lambda i: (-lives[i] * sizes[i],),
        lambda i: (-sizes[i], -lives[i]),
        lambda i: (-starts[i], -sizes[i]),
        lambda i: (ends[i], -sizes[i]),
    )
    for number, key in enumerate(orders):
        if height(sizes, best) <= target or number * len(sizes) ** 2 > _PAIRS:
            break
        found = dive(starts, ends, sizes, sorted(boxes, key=key))
        best = min(best, found, key=lambda addresses: height(sizes, addresses))
    return best


def _slid_down(
    starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int], known: Sequence[int]
) -> list[int]:
    """All as low as they go from the right addresses ``known``.

    In the order of their addresses each comes to lie on what is under it: none rises.
    """
    begin = min(starts, default=0)
    skyline = torch.zeros(max(ends, default=0) - begin, dtype=torch.int64)
    result = [0] * len(sizes)
    for i in sorted(range(len(sizes)), key=lambda i: (known[i], starts[i])):
        life = skyline[starts[i] - begin : ends[i] - begin]
        result[i] = int(life.max())
        life.fill_(result[i] + aligned(sizes[i]))
    return result


def dive(
    starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int], order: Sequence[int]
) -> list[int]:
    """Always place the box whose lowest possible address is lowest; ties in ``order``.

    That address is the highest end of those placed that live with it. Time O(n²), in vector code.
    """
    result = [0] * len(sizes)
    who = torch.tensor(order, dtype=torch.int64)
    first, last = (torch.tensor(of, dtype=torch.int64)[who] for of in (starts, ends))
    low = torch.zeros(len(order), dtype=torch.int64)
    left = len(order)
    while left:
        if 4 * left < 3 * len(low):
            # What is placed is in the way of those passes.
            waiting = low < _FAR
            who, first, last, low = who[waiting], first[waiting], last[waiting], low[waiting]
        at = int(low.argmin())
        i = int(who[at])
        result[i] = int(low[at])
        low[at] = _FAR
        together = (first < ends[i]) & (last > starts[i])
        low = torch.where(together, low.clamp(min=result[i] + aligned(sizes[i])), low)
        left -= 1
    return result


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
