"""From events to stays: when every allocation and every segment was there.

A recording begins and ends in the middle of a program's life, so what is there at the end counts back:
what is freed but was never allocated, and what is there at the end but was never allocated, was there
before. An address that is allocated twice was freed in between, whether the trace says so or not.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np

from runtime.snapshot.recording import ACTIONS, BEFORE, Events, IntArray, Stays

Block: TypeAlias = tuple[int, int, int]
"""Address, requested bytes and stack of what is in use at the end."""
Range: TypeAlias = tuple[int, int, int]
"""Address, bytes and stack of what is reserved at the end."""
_Row: TypeAlias = tuple[int, int, int, int, int]
CHUNK = 1 << 16
"""Events in memory at a time as Python's numbers."""

_ALLOC, _REQUESTED, _COMPLETED = (ACTIONS.index(a) for a in ACTIONS[:3])
_OPEN = tuple(ACTIONS.index(a) for a in ("segment_alloc", "segment_map"))
_CLOSE = tuple(ACTIONS.index(a) for a in ("segment_free", "segment_unmap"))


def allocations_of(events: Events, blocks: Iterable[Block]) -> Stays:
    """All allocations, by start; ``blocks`` are in use after the last event."""
    count = len(events.action)
    # A recording may leave out completed frees; then a request gives the bytes back.
    freeing = _COMPLETED if bool((events.action == _COMPLETED).any()) else _REQUESTED
    relevant = np.flatnonzero((events.action == _ALLOC) | (events.action == freeing))
    live: dict[int, tuple[int, int, int]] = {}
    rows = array("q")
    for index, action, address, size, stack in _rows_of(events, relevant):
        known = live.pop(address, None)
        if known is not None:
            rows.extend((address, known[1], known[0], index, known[2]))
        elif action != _ALLOC:
            rows.extend((address, size, BEFORE, index, -1))
        if action == _ALLOC:
            live[address] = index, size, stack
    held = {address: (size, stack) for address, size, stack in blocks}
    for address, (start, size, stack) in live.items():
        rows.extend((address, held.pop(address, (size, stack))[0], start, count, stack))
    for address, (size, stack) in held.items():
        rows.extend((address, size, BEFORE, count, stack))
    return _stays(rows)


def _rows_of(events: Events, indices: IntArray) -> Iterator[_Row]:
    """Index, action, address, size and stack of some events, few of them in memory at a time."""
    for first in range(0, len(indices), CHUNK):
        chunk = indices[first : first + CHUNK]
        columns = (events.action, events.address, events.size, events.stack)
        yield from zip(chunk.tolist(), *(column[chunk].tolist() for column in columns), strict=True)


def segments_of(events: Events, ranges: Iterable[Range]) -> Stays:
    """All stretches of reserved addresses, by start; ``ranges`` are reserved after the last event."""
    count = len(events.action)
    there = _Reserved()
    relevant = np.flatnonzero(np.isin(events.action, _OPEN + _CLOSE))
    for index in relevant.tolist():
        low, size = int(events.address[index]), int(events.size[index])
        opening = events.action[index] in _OPEN
        there.close(low, low + size, index, known_only=opening)
        if opening and size > 0:
            there.open(low, low + size, index, int(events.stack[index]))
    for low, size, stack in sorted(ranges):
        there.fill(low, low + size, stack)
    return _stays(there.end(count))


class _Reserved:
    """Disjoint reserved ranges by address, while events open and close them."""

    def __init__(self) -> None:
        self.lows: list[int] = []
        self.rest: list[tuple[int, int, int]] = []
        """High, start and stack of the range at the same place in ``lows``."""
        self.rows = array("q")
        """Address, size, start, end and stack of every range that is gone, one after another."""

    def open(self, low: int, high: int, index: int, stack: int) -> None:
        at = bisect_left(self.lows, low)
        self.lows.insert(at, low)
        self.rest.insert(at, (high, index, stack))

    def _overlapping(self, low: int, high: int) -> tuple[int, int]:
        first = max(bisect_right(self.lows, low) - 1, 0)
        if first < len(self.lows) and self.rest[first][0] <= low:
            first += 1
        return first, max(bisect_left(self.lows, high), first)

    def close(self, low: int, high: int, index: int, *, known_only: bool) -> None:
        """End what lies in ``[low, high)``; unless ``known_only``, what was not known to be there was
        there before."""
        first, last = self._overlapping(low, high)
        kept: list[tuple[int, tuple[int, int, int]]] = []
        at = low
        for begin, (end, start, stack) in zip(
            self.lows[first:last], self.rest[first:last], strict=True
        ):
            inner_low, inner_high = max(begin, low), min(end, high)
            if inner_low > at and not known_only:
                self._was_before(at, inner_low, index)
            self.rows.extend((inner_low, inner_high - inner_low, start, index, stack))
            if begin < inner_low:
                kept.append((begin, (inner_low, start, stack)))
            if end > inner_high:
                kept.append((inner_high, (end, start, stack)))
            at = inner_high
        if at < high and not known_only:
            self._was_before(at, high, index)
        self.lows[first:last] = [begin for begin, _ in kept]
        self.rest[first:last] = [rest for _, rest in kept]

    def _was_before(self, low: int, high: int, index: int) -> None:
        self.rows.extend((low, high - low, BEFORE, index, -1))

    def fill(self, low: int, high: int, stack: int) -> None:
        """``[low, high)`` is reserved at the end: what is not known to be was there before."""
        first, last = self._overlapping(low, high)
        gaps, at = [], low
        for begin, (end, _, _) in zip(self.lows[first:last], self.rest[first:last], strict=True):
            if begin > at:
                gaps.append((at, begin))
            at = max(at, end)
        if at < high:
            gaps.append((at, high))
        for begin, end in gaps:
            self.open(begin, end, BEFORE, stack)

    def end(self, count: int) -> "array[int]":
        for low, (high, start, stack) in zip(self.lows, self.rest, strict=True):
            self.rows.extend((low, high - low, start, count, stack))
        return self.rows


def _stays(rows: "array[int]") -> Stays:
    """Those with bytes, by start and address; ``rows``: address, size, start, end, stack of each."""
    table = np.array(rows, np.int64).reshape(-1, 5)
    table = table[table[:, 1] > 0]
    table = table[np.lexsort((table[:, 0], table[:, 2]))]
    address, size, start, end, stack = (np.ascontiguousarray(column) for column in table.T)
    return Stays(address, size, start, end, stack)
