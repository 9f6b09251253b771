"""From the containers of a snapshot to arrays; runs in the child process.

Nothing in the file is trusted: what has another type or size than torch writes is refused, or, where
versions of torch differ, left out.
"""

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.snapshot.lifetimes import Block, Range, allocations_of, segments_of
from runtime.snapshot.recording import ACTIONS, Events, Frame, Recording, Trace
from runtime.snapshot.unpickling import RefusedError

MOST = (1 << 62) - 1
"""Larger numbers are cut: addresses, sizes and times stay below."""
MOST_DEVICES = 1024
MOST_TEXT = 1000
"""Characters of a name that are kept."""
TELL_EVERY = 20_000
MOST_ALIVE = 50_000
"""Frames that are kept so that they are known again."""

_NUMBER = {action: number for number, action in enumerate(ACTIONS)}
_OTHER = _NUMBER["other"]
_LIVE = ("active_allocated", "active_awaiting_free", "active_pending_free")


def recording_of(content: Any, name: str, tell: Callable[[int, int], None]) -> Recording:
    """The arrays of a snapshot; ``tell`` gets the number of events so far, and that of all.

    Raises RefusedError.
    """
    tables = Tables()
    content, traces = _parts(content)
    tables.take_segments(_list(content.get("segments", []), "segments"))
    total = sum(len(trace) for trace in traces if isinstance(trace, list))
    before = 0
    for device, trace in enumerate(traces):
        entries = _list(trace, "a device's trace")
        tables.expect(device, len(entries))
        for first in range(0, len(entries), TELL_EVERY):
            tell(before + first, total)
            tables.take_events(device, entries[first : first + TELL_EVERY])
        before += len(entries)
    return tables.recording(content, name)


class Tables:
    """Rows of what was read so far."""

    def __init__(self) -> None:
        self._stacks = _Stacks()
        self._ranges: dict[int, list[Range]] = {}
        self._blocks: dict[int, list[Block]] = {}
        self._columns: dict[int, npt.NDArray[np.int64]] = {}
        """By device, shape (6, events)."""
        self._filled: dict[int, int] = {}

    def expect(self, device: int, count: int) -> None:
        """Have room for all events of a device."""
        self._columns[device] = np.zeros((6, count), np.int64)
        self._filled[device] = 0

    def take_events(self, device: int, entries: Sequence[Any]) -> None:
        """The device's next events. Raises RefusedError for what are none."""
        first = self._filled[device]
        self._filled[device] = last = first + len(entries)
        _events(entries, self._columns[device][:, first:last], first, self._stacks)

    def take_segments(self, entries: Sequence[Any]) -> None:
        """The next segments. Raises RefusedError for what are none."""
        _segments(entries, self._stacks, self._ranges, self._blocks)

    def recording(self, content: Any, name: str) -> Recording:
        """All of it; ``content`` has the rest of the snapshot. Raises RefusedError."""
        content, traces = _parts(content)
        result = []
        for device in sorted({*range(len(traces)), *self._ranges}):
            columns = self._columns.get(device, np.zeros((6, 0), np.int64))
            if not columns.size and device not in self._ranges:
                continue
            events = Events(*columns)
            held, ranges = self._blocks.get(device, []), self._ranges.get(device, [])
            result.append(
                Trace(device, events, allocations_of(events, held), segments_of(events, ranges))
            )
        if not result:
            raise RefusedError(
                "it holds no events and no segments. Record with "
                "torch.cuda.memory._record_memory_history() before the code, and dump after it."
            )
        settings = content.get("allocator_settings")
        stacks = self._stacks
        return Recording(
            name=name,
            traces=tuple(result),
            frames=tuple(stacks.frames),
            stack_frames=np.array(stacks.members, np.int64),
            stack_starts=np.array(stacks.starts, np.int64),
            settings=_plain_settings(settings) if isinstance(settings, dict) else {},
        )


def _parts(content: Any) -> tuple[dict[Any, Any], list[Any]]:
    """A snapshot's dictionary, and its traces by device."""
    if isinstance(content, list):
        content = {"segments": content}  # torch.cuda.memory_snapshot() pickled
    if not isinstance(content, dict) or not ("segments" in content or "device_traces" in content):
        raise RefusedError(
            "it is a pickle, but no memory snapshot: it has neither segments nor traces."
        )
    traces = _list(content.get("device_traces", []), "device_traces")
    if len(traces) > MOST_DEVICES:
        raise RefusedError(f"it has traces of {len(traces):,} devices.")
    return content, traces


def devices_in(content: Any) -> list[tuple[int, int, float]]:
    """Device, events and seconds of every trace with events, at a glance; nothing where it is odd."""
    traces = content.get("device_traces") if isinstance(content, dict) else None
    found = []
    for device, trace in enumerate(traces[:MOST_DEVICES] if isinstance(traces, list) else ()):
        if isinstance(trace, list) and trace:
            ends = [e.get("time_us") if isinstance(e, dict) else None for e in (trace[0], trace[-1])]
            first, last = (e if type(e) is int else 0 for e in ends)
            found.append((device, len(trace), seconds_between(first, last)))
    return found


def seconds_between(first: int, last: int) -> float:
    """Of two times in microseconds, 0 where they are not known."""
    first, last = (min(max(time, 0), MOST) for time in (first, last))
    return max(last - first, 0) / 1e6 if first else 0.0


class _Stacks:
    """Numbers equal stacks, and the frames that they share, once."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.members = array("q")
        self.starts = array("q", [0])
        self._frames: dict[Frame, int] = {}
        self._stacks: dict[tuple[int, ...], int] = {}
        """By the numbers of their frames."""
        self._by_identity: dict[int, int] = {}
        """Frames as the file shares them."""
        self._alike: dict[tuple[int, ...], int] = {}
        """Stacks by the identities of their frames."""
        self._alive: list[Any] = []
        """These frames: while they are here, nothing else has their identities."""

    def number(self, frames: Any) -> int:
        """Of a list of frames, -1 where there is none."""
        if not frames or not isinstance(frames, list):
            return -1
        known = self._alike.get(key := tuple(map(id, frames)))
        if known is None:
            if len(self._alive) > MOST_ALIVE:
                self._forget()
            # Frames that a file does not share are equal nevertheless.
            members = tuple([self._frame(frame) for frame in frames])
            known = self._stacks.get(members, -1)
            if known < 0:
                known = self._stacks[members] = len(self.starts) - 1
                self.members.extend(members)
                self.starts.append(len(self.members))
            self._alike[key] = known
        return known

    def _forget(self) -> None:
        self._by_identity.clear()
        self._alike.clear()
        self._alive.clear()

    def _frame(self, frame: Any) -> int:
        number = self._by_identity.get(id(frame))
        if number is None:
            if not isinstance(frame, dict):
                raise RefusedError(f"a stack holds {_short(frame)} in place of a frame.")
            one = Frame(
                _text(frame.get("name")), _text(frame.get("filename")), _whole(frame.get("line", 0))
            )
            number = self._frames.setdefault(one, len(self.frames))
            if number == len(self.frames):
                self.frames.append(one)
            self._by_identity[id(frame)] = number
            self._alive.append(frame)
        return number


def _events(
    entries: Sequence[Any], columns: npt.NDArray[np.int64], before: int, stacks: _Stacks
) -> None:
    """Fill ``columns``, shape (6, entries); ``before`` events came earlier."""
    rows: list[tuple[int, ...]] = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise RefusedError(f"event {before + len(rows):,} is {_short(entry)}, not a record.")
        kind = entry.get("action")
        rows.append(
            (
                _NUMBER.get(kind, _OTHER) if isinstance(kind, str) else _OTHER,
                _whole(entry.get("addr", entry.get("device_free", 0))),
                _whole(entry.get("size", 0)),
                _whole(entry.get("stream", 0)),
                _whole(entry.get("time_us", 0)),
                stacks.number(entry.get("frames")),
            )
        )
    if rows:
        columns[:] = np.array(rows, np.int64).T


def _segments(
    entries: Sequence[Any],
    stacks: _Stacks,
    ranges: dict[int, list[Range]],
    blocks: dict[int, list[Block]],
) -> None:
    """Add by device what is reserved, and the blocks in use, at the end."""
    for entry in entries:
        if not isinstance(entry, dict):
            raise RefusedError(f"a segment is {_short(entry)}, not a record.")
        device = _whole(entry.get("device", 0))
        if not 0 <= device < MOST_DEVICES:
            raise RefusedError(f"a segment lies on device {device}.")
        at, total = _whole(entry.get("address", 0)), _whole(entry.get("total_size", 0))
        number = stacks.number(entry.get("frames"))
        ranges.setdefault(device, []).append((at, total, number))
        for block in _list(entry.get("blocks", []), "blocks"):
            if not isinstance(block, dict):
                raise RefusedError(f"a block is {_short(block)}, not a record.")
            size = _whole(block.get("size", 0))
            if block.get("state") in _LIVE:
                requested, frames = _of_block(block, size)
                where = _whole(block.get("address", at))
                blocks.setdefault(device, []).append((where, requested, stacks.number(frames)))
            at += size


def _of_block(block: dict[str, Any], size: int) -> tuple[int, Any]:
    """Requested bytes and stack of a block; older versions of torch kept them in its history."""
    history = block.get("history")
    if "frames" not in block and isinstance(history, list) and history and isinstance(history[0], dict):
        return _whole(history[0].get("real_size", size)), history[0].get("frames")
    return _whole(block.get("requested_size", size)) or size, block.get("frames")


def _whole(value: Any) -> int:
    """A number that fits 62 bits; text or a fraction is refused."""
    if type(value) is not int:
        raise RefusedError(f"{_short(value)} stands where a whole number must be.")
    return min(max(value, -MOST), MOST)


def _text(value: Any) -> str:
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise RefusedError(f"{what} is {_short(value)}, not a list.")
    return value


def _short(value: Any) -> str:
    """What stands there, without following containers, which may be deep or cyclic."""
    return repr(value)[:40] if isinstance(value, str | int | float | None) else type(value).__name__


def _plain_settings(settings: dict[Any, Any]) -> dict[str, Any]:
    """Settings that are texts, numbers or truth values."""
    plain: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(key, str) and isinstance(value, bool | int | float | str) and len(plain) < 100:
            plain[key[:MOST_TEXT]] = value[:MOST_TEXT] if isinstance(value, str) else value
    return plain
