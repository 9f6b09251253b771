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
PARTS = 256
"""Of the address space, at most about so many."""

_Pieces = tuple[list[int], list[tuple[int, int, int]]]
"""Free pieces: where each starts, ascending, and (its end, free since, openings behind it)."""


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
    events = _events(start, end, low, high, segments, closings)
    slot, kind = events[:, 0], events[:, 1]
    # How many openings a piece that is freed here has behind it: those after them count.
    behind = np.searchsorted(openings, slot + (kind == OPEN))
    # What is freed after the last one is never unusable.
    used = (kind == TAKE) | (kind == CLOSE) | (behind < len(openings))
    # Pieces lie in parts of the address space, so that a list of them stays short.
    edges = np.unique(events[kind == OPEN, 2])
    edges = edges[:: 1 + len(edges) // PARTS].tolist()
    parts: list[_Pieces] = [([], []) for _ in range(max(len(edges), 1))]
    found: list[tuple[int, int, int, int]] = []

    def close(piece_low: int, piece_high: int, since: int, counts: int, at: int, now: int) -> None:
        if now > counts:
            found.append((since, at, piece_low, piece_high))

    def release(part: _Pieces, free_low: int, free_high: int, since: int, counts: int) -> None:
        lows, pieces = part
        at = bisect_left(lows, free_low)
        lows.insert(at, free_low)
        pieces.insert(at, (free_high, since, counts))

    def take(part: _Pieces, used_low: int, used_high: int, slot: int, now: int) -> None:
        lows, pieces = part
        at = max(bisect_right(lows, used_low) - 1, 0)
        while at < len(lows) and lows[at] < used_high:
            piece_low, (piece_high, since, counts) = lows[at], pieces[at]
            cut_low, cut_high = max(piece_low, used_low), min(piece_high, used_high)
            if cut_low >= cut_high:
                at += 1
                continue
            close(cut_low, cut_high, since, counts, slot, now)
            del lows[at], pieces[at]
            if piece_low < cut_low:
                lows.insert(at, piece_low)
                pieces.insert(at, (cut_low, since, counts))
                at += 1
            if cut_high < piece_high:
                lows.insert(at, cut_high)
                pieces.insert(at, (piece_high, since, counts))
                at += 1

    rows = zip(events[used].tolist(), behind[used].tolist(), strict=True)
    for (at, what, event_low, event_high), now in rows:
        part = max(bisect_right(edges, event_low) - 1, 0)
        while event_low < event_high:
            top = min(event_high, edges[part + 1]) if part + 1 < len(edges) else event_high
            if what in (TAKE, CLOSE):
                take(parts[part], event_low, top, at, now)
            else:  # its own opening does not make what is left of a new segment unusable
                release(parts[part], event_low, top, max(at, 0), now)
            event_low, part = top, part + 1
    at_end = int(np.searchsorted(openings, slots))
    for lows, pieces in parts:
        for piece_low, (piece_high, since, counts) in zip(lows, pieces, strict=True):
            close(piece_low, piece_high, since, counts, slots, at_end)
    return _joined(np.array(found, np.int64).reshape(-1, 4))


def _events(
    start: IntArray,
    end: IntArray,
    low: IntArray,
    high: IntArray,
    segments: Sequence[Segment],
    closings: Sequence[tuple[int, int, int]],
) -> IntArray:
    """Rows (slot, what happens, low, high) as they happen, shape (n, 4).

    At one slot: what ended before it is released, segments close, then open, tensors take bytes.
    """
    opened = np.array([(s.slot, s.address, s.size) for s in segments], np.int64).reshape(-1, 3)
    closed = np.array(closings, np.int64).reshape(-1, 3)
    kinds = np.repeat([OPEN, CLOSE, TAKE, RELEASE], [len(opened), len(closed), len(start), len(start)])
    events = np.column_stack(
        [
            np.concatenate([opened[:, 0], closed[:, 0], start, end]),
            kinds,
            np.concatenate([opened[:, 1], closed[:, 1], low, low]),
            np.concatenate([opened[:, 1] + opened[:, 2], closed[:, 2], high, high]),
        ]
    )
    return events[np.lexsort(events.T[::-1])]


def _joined(found: IntArray) -> IntArray:
    """Regions of equal slots that touch in address become one."""
    if not len(found):
        return found
    found = found[np.lexsort(found.T[[2, 1, 0]])]
    first = np.ones(len(found), bool)
    first[1:] = (found[1:, :2] != found[:-1, :2]).any(axis=1) | (found[1:, 2] != found[:-1, 3])
    last = np.append(first[1:], True)
    return np.column_stack([found[first, :3], found[last, 3]])
