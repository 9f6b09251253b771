"""Which reserved bytes of the baseline were free, yet of no use when the allocator opened a segment.

A byte is unusable from the slot where it was freed (or reserved) to the slot where it is handed out
again, if a new segment was opened in between: the request did not fit there. One walk over time
keeps the free pieces of every segment::

    address                 s = a segment is opened at this slot
       ^   [tensor]////////////////
       |   [tensor]///////[tensor]        / unusable
       +------------------s-----------> slot
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from solver.plan import IntArray
from solver.solution import Segment

RELEASE, CLOSE, OPEN, TAKE = range(4)
"""What happens at one slot, in this order."""


def unusable_regions(
    start: IntArray,
    end: IntArray,
    low: IntArray,
    high: IntArray,
    segments: Sequence[Segment],
    slots: int,
    closings: Sequence[tuple[int, int, int]] = (),
) -> IntArray:
    """Regions ``(start slot, end slot, low, high)``, shape (n, 4), of unusable reserved bytes.

    ``start .. high`` are the rectangles of all storages, residents included. ``closings`` are segments
    given back to the device: the slot from which on they are gone, and their bytes ``[low, high)``.
    """
    openings = sorted(s.slot for s in segments if s.slot >= 0)
    lows: list[int] = []
    # (high, free since, first slot whose opening counts) of the piece that starts at lows[i]
    pieces: list[tuple[int, int, int]] = []
    found: list[tuple[int, int, int, int]] = []

    def close(piece_low: int, piece_high: int, since: int, counts: int, slot: int) -> None:
        if bisect_left(openings, slot) > bisect_left(openings, counts):
            found.append((since, slot, piece_low, piece_high))

    def release(free_low: int, free_high: int, slot: int, counts: int) -> None:
        at = bisect_left(lows, free_low)
        lows.insert(at, free_low)
        pieces.insert(at, (free_high, slot, counts))

    def take(used_low: int, used_high: int, slot: int) -> None:
        at = max(bisect_right(lows, used_low) - 1, 0)
        while at < len(lows) and lows[at] < used_high:
            piece_low, (piece_high, since, counts) = lows[at], pieces[at]
            cut_low, cut_high = max(piece_low, used_low), min(piece_high, used_high)
            if cut_low >= cut_high:
                at += 1
                continue
            close(cut_low, cut_high, since, counts, slot)
            del lows[at], pieces[at]
            if piece_low < cut_low:
                lows.insert(at, piece_low)
                pieces.insert(at, (cut_low, since, counts))
                at += 1
            if cut_high < piece_high:
                lows.insert(at, cut_high)
                pieces.insert(at, (piece_high, since, counts))
                at += 1

    # At one slot: what ended before it is released, segments close, then open, tensors take bytes.
    events: list[tuple[int, int, int, int]] = [
        (s.slot, OPEN, s.address, s.address + s.size) for s in segments
    ]
    events += [(slot, CLOSE, a, b) for slot, a, b in closings]
    for s, e, a, b in zip(start.tolist(), end.tolist(), low.tolist(), high.tolist(), strict=True):
        events += [(s, TAKE, a, b), (e, RELEASE, a, b)]
    for slot, kind, event_low, event_high in sorted(events):
        if kind in (TAKE, CLOSE):
            take(event_low, event_high, slot)
        else:  # its own opening does not make what is left of a new segment unusable
            release(event_low, event_high, max(slot, 0), slot + (kind == OPEN))
    for piece_low, (piece_high, since, counts) in zip(lows, pieces, strict=True):
        close(piece_low, piece_high, since, counts, slots)
    return _joined(found)


def _joined(found: list[tuple[int, int, int, int]]) -> IntArray:
    """Regions of equal slots that touch in address become one."""
    result: list[tuple[int, int, int, int]] = []
    for region in sorted(found, key=lambda r: (r[0], r[1], r[2])):
        if result and result[-1][:2] == region[:2] and result[-1][3] == region[2]:
            result[-1] = (*result[-1][:3], region[3])
        else:
            result.append(region)
    return np.array(result, np.int64).reshape(-1, 4)
