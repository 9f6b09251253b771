"""What a memory snapshot says, as arrays: events, allocations and segments of every device, and stacks.

::

    event        0     1     2     3     4     5      one action of the allocator each
    action       seg   alloc alloc free  alloc free
    allocation         [a────────────────────────     start is the event that made it, end the one
                             [b────)     [c────)      that gave its bytes back: half-open

An allocation older than the recording starts at ``BEFORE``; what is still there at its end ends with
the number of events. Bytes; microseconds since 1970.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]

BEFORE = -1
"""The start of what was there before the first event."""
ACTIONS = (
    "alloc",
    "free_requested",
    "free_completed",
    "segment_alloc",
    "segment_free",
    "segment_map",
    "segment_unmap",
    "oom",
    "snapshot",
    "other",
)
"""What the numbers in ``Events.action`` stand for."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, eq=False)
class Events:
    """What the allocator did, in order: int64 arrays of one length."""

    action: IntArray
    """Index into ``ACTIONS``."""
    address: IntArray
    """Of an ``oom``: the bytes that were free on the device."""
    size: IntArray
    """As requested, not rounded."""
    stream: IntArray
    time: IntArray
    """0 where the version of torch did not say."""
    stack: IntArray
    """Index into the recording's stacks, -1: none."""


@dataclass(frozen=True, eq=False)
class Stays:
    """Stretches of addresses that were in use for a while: int64 arrays of one length."""

    address: IntArray
    size: IntArray
    start: IntArray
    end: IntArray
    stack: IntArray


@dataclass(frozen=True, eq=False)
class Trace:
    """One device's part of a recording."""

    device: int
    events: Events
    allocations: Stays
    """By start."""
    segments: Stays
    """What was reserved from the device, by start."""

    @property
    def count(self) -> int:
        """Events."""
        return len(self.events.action)

    @cached_property
    def reserved(self) -> IntArray:
        """Bytes reserved after the beginning and after every event, shape (events + 1,)."""
        return bytes_over_events(self.segments, self.count)

    @cached_property
    def allocated(self) -> IntArray:
        """Bytes allocated, as requested, after the beginning and after every event."""
        return bytes_over_events(self.allocations, self.count)

    @cached_property
    def seconds(self) -> npt.NDArray[np.float64]:
        """Time of every event since the first one; empty where the times are not known."""
        time = self.events.time
        known = len(time) and bool((time > 0).all())
        return np.maximum.accumulate(time - time[0]) / 1e6 if known else np.zeros(0)

    def events_between(self, begin: float | None, end: float | None) -> tuple[int, int]:
        """First event and the one after the last of these seconds; None, or times unknown: all."""
        if not len(self.seconds):
            return 0, self.count
        first = 0 if begin is None else int(np.searchsorted(self.seconds, begin, "left"))
        last = self.count if end is None else int(np.searchsorted(self.seconds, end, "right"))
        return first, max(last, first)


def bytes_over_events(stays: Stays, events: int) -> IntArray:
    """Sum of sizes in use after the beginning and after every event, shape (events + 1,)."""
    change = np.zeros(events + 2, np.int64)
    np.add.at(change, stays.start + 1, stays.size)
    np.add.at(change, stays.end + 1, -stays.size)
    return np.cumsum(change[:-1])


@dataclass(frozen=True, eq=False)
class Recording:
    """A snapshot that was read."""

    name: str
    """Of its file."""
    traces: tuple[Trace, ...]
    """Of the devices that have events or segments, by number."""
    frames: tuple[Frame, ...]
    stack_frames: IntArray
    """The frames of all stacks, one after another, each stack's innermost first."""
    stack_starts: IntArray
    """Where each stack starts, and the end of the last one, shape (stacks + 1,)."""
    settings: Mapping[str, Any]
    """The allocator's, as torch wrote them."""

    def stack(self, number: int) -> list[Frame]:
        """The frames of a stack, the innermost first; none for -1."""
        if not 0 <= number < len(self.stack_starts) - 1:
            return []
        first, last = self.stack_starts[number : number + 2].tolist()
        return [self.frames[i] for i in self.stack_frames[first:last].tolist()]

    def trace(self, device: int | None = None) -> Trace:
        """A device's trace; None: that with the most events."""
        if device is None:
            return max(self.traces, key=lambda trace: (trace.count, -trace.device))
        return next(trace for trace in self.traces if trace.device == device)


def save(recording: Recording, folder: Path) -> None:
    """Write a recording's arrays and texts into ``folder``."""
    arrays = {"stack_frames": recording.stack_frames, "stack_starts": recording.stack_starts}
    for trace in recording.traces:
        for part in ("events", "allocations", "segments"):
            table = getattr(trace, part)
            for field in fields(table):
                arrays[f"{trace.device}.{part}.{field.name}"] = getattr(table, field.name)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    texts = {
        "devices": [trace.device for trace in recording.traces],
        "frames": [[f.function, f.file, f.line] for f in recording.frames],
        "settings": dict(recording.settings),
    }
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")


def load(name: str, folder: Path) -> Recording:
    """The recording that ``save`` wrote into ``folder``."""
    texts = json.loads((folder / "texts.json").read_text(encoding="utf-8"))

    def array(key: str) -> IntArray:
        result: IntArray = np.load(folder / f"{key}.npy", allow_pickle=False)
        return result

    def table(kind: type[Any], device: int, part: str) -> Any:
        return kind(**{f.name: array(f"{device}.{part}.{f.name}") for f in fields(kind)})

    return Recording(
        name=name,
        traces=tuple(
            Trace(
                device,
                table(Events, device, "events"),
                table(Stays, device, "allocations"),
                table(Stays, device, "segments"),
            )
            for device in texts["devices"]
        ),
        frames=tuple(Frame(*frame) for frame in texts["frames"]),
        stack_frames=array("stack_frames"),
        stack_starts=array("stack_starts"),
        settings=texts["settings"],
    )
