"""A part of a recording to look at: lifetimes over slots, addresses without the gaps.

::

    slot 0: what was there before      slot k: the k-th allocation of the part

Time advances with every allocation, so that what is freed and what is allocated next may share bytes,
as they do on the device. Segments lie one after another, the gaps between them removed; those whose
addresses touch stay neighbours, and one that is opened when another is gone may have its place.
"""

from bisect import insort
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from runtime.snapshot.recording import ACTIONS, IntArray, Recording, Stays, Trace

GRANULE = 512
"""Bytes that the allocator rounds every request up to."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of a recording."""

    device: int | None = None
    """None: the one with the most events."""
    first: int = 0
    """Event with which it begins."""
    last: int | None = None
    """The event after its last; None: to the end."""
    least: int = 0
    """Allocations of fewer bytes are left out."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Allocations of a part as rectangles; int64 arrays of one length unless they say otherwise."""

    recording: Recording
    trace: Trace
    choice: Choice
    allocation: IntArray
    """Index into the trace's allocations."""
    start: IntArray
    """First slot."""
    end: IntArray
    """The slot after the last: half-open, above ``start``."""
    size: IntArray
    """Bytes, rounded up to the granule."""
    low: IntArray
    """First byte in the space of all segments."""
    events: IntArray
    """The event of every slot from 1 on; of slot 0 the part's first, shape (slots,)."""
    segment: Stays
    """In slots and in that space."""
    reserved: IntArray
    """Bytes reserved at every slot, shape (slots,)."""
    left_out: int
    """Allocations of the part that are too small."""
    unseen: IntArray
    """Their bytes at every slot, shape (slots,)."""

    @property
    def slots(self) -> int:
        return len(self.events)

    @cached_property
    def live(self) -> IntArray:
        """Bytes of the part's allocations at every slot, shape (slots,)."""
        return _live(self.start, self.end, self.size, self.slots)

    @property
    def live_peak(self) -> int:
        """The most bytes of the part's allocations at once."""
        return int(self.live.max(initial=0))

    @property
    def allocated_peak(self) -> int:
        """The most bytes allocated at once, those left out included."""
        return int((self.live + self.unseen).max(initial=0))

    @property
    def reserved_peak(self) -> int:
        """The most bytes reserved at once."""
        return int(self.reserved.max(initial=0))

    @property
    def lost(self) -> int:
        """Bytes that are reserved beyond the most that is allocated: lost to fragmentation."""
        return max(self.reserved_peak - self.allocated_peak, 0)

    @cached_property
    def seconds(self) -> npt.NDArray[np.float64]:
        """Time of every slot since the part's first; empty where the times are not known."""
        times = self.trace.seconds
        if not len(times) or not self.slots:
            return np.zeros(0)
        at = times[np.minimum(self.events, len(times) - 1)]
        return np.asarray(at - at[0], np.float64)

    def slot_of(self, event: int) -> int:
        """The slot of the last allocation up to an event."""
        return max(int(np.searchsorted(self.events[1:], event, side="right")), 0)

    def at_event(self, event: int) -> int:
        """Which of the part's allocations an event makes or gives back; -1: none."""
        stays = self.trace.allocations
        own = (stays.start[self.allocation] == event) | (stays.end[self.allocation] == event)
        found = np.flatnonzero(own)
        return int(found[0]) if len(found) else -1

    @cached_property
    def throughout(self) -> npt.NDArray[np.bool_]:
        """Whether each allocation is there at every slot."""
        return np.asarray((self.start == 0) & (self.end == self.slots))


def excerpt(recording: Recording, choice: Choice = Choice()) -> Excerpt:
    """The chosen part of a recording."""
    trace = recording.trace(choice.device)
    first = min(max(choice.first, 0), trace.count)
    last = trace.count if choice.last is None else min(max(choice.last, first), trace.count)
    all_ = trace.allocations
    inside = _there(all_, first, last, trace.count)
    chosen = np.flatnonzero(inside & (all_.size >= choice.least))
    small = np.flatnonzero(inside & (all_.size < choice.least))
    start, end = all_.start[chosen], all_.end[chosen]
    made = np.unique(start[start >= first])
    events = np.concatenate([[min(first, max(trace.count - 1, 0))], made]).astype(np.int64)
    space = _Space(trace)
    segments = trace.segments
    there = np.flatnonzero(_there(segments, first, last, trace.count))
    return Excerpt(
        recording=recording,
        trace=trace,
        choice=choice,
        allocation=chosen,
        start=_slots(start, made, first),
        end=_ends(end, made, last),
        size=-(-all_.size[chosen] // GRANULE) * GRANULE,
        low=space.of(all_.address[chosen]),
        events=events,
        segment=Stays(
            address=space.of(segments.address[there]),
            size=segments.size[there],
            start=_slots(segments.start[there], made, first),
            end=_ends(segments.end[there], made, last),
            stack=segments.stack[there],
        ),
        # What is reserved when the event of a slot has happened, and at the part's beginning.
        reserved=trace.reserved[np.concatenate([[first], made + 1]).astype(np.int64)],
        left_out=len(small),
        unseen=_live(
            _slots(all_.start[small], made, first),
            _ends(all_.end[small], made, last),
            -(-all_.size[small] // GRANULE) * GRANULE,
            len(events),
        ),
    )


def _there(stays: Stays, first: int, last: int, count: int) -> npt.NDArray[np.bool_]:
    """What is there during some of the events; what is never given back outlives the last of all."""
    return np.asarray(((stays.end > first) | (stays.end >= count)) & (stays.start < last))


def _live(start: IntArray, end: IntArray, size: IntArray, slots: int) -> IntArray:
    """Sum of sizes at every slot."""
    change = np.zeros(slots + 1, np.int64)
    np.add.at(change, start, size)
    np.add.at(change, np.minimum(end, slots), -size)
    return np.cumsum(change[:-1])


def _slots(start: IntArray, made: IntArray, first: int) -> IntArray:
    """The slot of the first allocation at or after each event; 0 for what was there before."""
    inside = np.minimum(np.searchsorted(made, start), max(len(made) - 1, 0)) + 1
    return np.where(start < first, 0, inside).astype(np.int64)


def _ends(end: IntArray, made: IntArray, last: int) -> IntArray:
    """The slot of the first allocation after each event; what outlives the part ends with it."""
    slots = len(made) + 1
    return np.where(end >= last, slots, np.searchsorted(made, end) + 1).astype(np.int64)


class _Space:
    """All addresses that were ever reserved, without the gaps between them.

    What was allocated outside any known segment has a place, too.
    """

    def __init__(self, trace: Trace) -> None:
        segments, allocations = trace.segments, trace.allocations
        low = np.concatenate([segments.address, allocations.address])
        size = -(-allocations.size // GRANULE) * GRANULE
        high = np.concatenate([segments.address + segments.size, allocations.address + size])
        start = np.concatenate([segments.start, allocations.start])
        end = np.concatenate([segments.end, allocations.end])
        order = np.argsort(low, kind="stable")
        low, high = low[order], np.maximum.accumulate(high[order]) if len(low) else high
        at = np.flatnonzero(np.concatenate([[True], low[1:] > high[:-1]])) if len(low) else low
        self.lows, self.bases = low[at], low[at]
        if len(at):
            highs = high[np.concatenate([at[1:] - 1, [len(low) - 1]])]
            begin = np.minimum.reduceat(start[order], at)
            finish = np.maximum(np.maximum.reduceat(end[order], at), begin + 1)
            self.bases = _stacked(begin, finish, highs - self.lows)

    def of(self, address: IntArray) -> IntArray:
        """Where an address lies in the space."""
        if not len(self.lows):
            return np.zeros(len(address), np.int64)
        piece = np.maximum(np.searchsorted(self.lows, address, side="right") - 1, 0)
        return np.asarray(self.bases[piece] + address - self.lows[piece], np.int64)


def _stacked(begin: IntArray, end: IntArray, size: IntArray) -> IntArray:
    """Addresses of pieces, the first to be there the lowest, each in the lowest gap that is free then.

    Unlike a solver's placement this keeps what comes first at the bottom.
    """
    bases = np.zeros(len(begin), np.int64)
    live: list[tuple[int, int, int]] = []
    """Address, its end and when it goes, by address."""
    for piece in np.lexsort((begin,)).tolist():
        live = [one for one in live if one[2] > begin[piece]]
        at = 0
        for low, high, _ in live:
            if low - at >= size[piece]:
                break
            at = max(at, high)
        bases[piece] = at
        insort(live, (at, at + int(size[piece]), int(end[piece])))
    return bases


def out_of_memory(trace: Trace) -> IntArray:
    """The events at which the device ran out of memory."""
    return np.flatnonzero(trace.events.action == ACTIONS.index("oom")).astype(np.int64)
