"""From the containers of a snapshot to arrays; runs in the child process.

Nothing in the file is trusted: what has another type or size than torch writes is refused, or, where
versions of torch differ, left out.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from runtime.snapshot.lifetimes import Block, Range, allocations_of, segments_of
from runtime.snapshot.recording import ACTIONS, Events, Frame, Recording, Trace
from runtime.snapshot.unpickling import RefusedError

MOST = (1 << 62) - 1
"""Larger numbers are cut: addresses, sizes and times stay below."""
MOST_DEVICES = 1024
MOST_TEXT = 1000
"""Characters of a name that are kept."""
TELL_EVERY = 20_000

_NUMBER = {action: number for number, action in enumerate(ACTIONS)}
_OTHER = _NUMBER["other"]
_LIVE = ("active_allocated", "active_awaiting_free", "active_pending_free")


def recording_of(content: Any, name: str, tell: Callable[[int, int], None]) -> Recording:
    """The arrays of a snapshot; ``tell`` gets the number of events so far, and that of all.

    Raises RefusedError.
    """
    if isinstance(content, list):
        content = {"segments": content}  # torch.cuda.memory_snapshot() pickled
    if not isinstance(content, dict) or not ("segments" in content or "device_traces" in content):
        raise RefusedError(
            "it is a pickle, but no memory snapshot: it has neither segments nor traces."
        )
    stacks = _Stacks()
    segments, blocks = _segments(_list(content.get("segments", []), "segments"), stacks)
    traces = _list(content.get("device_traces", []), "device_traces")
    if len(traces) > MOST_DEVICES:
        raise RefusedError(f"it has traces of {len(traces):,} devices.")
    result, before = [], 0
    total = sum(len(trace) for trace in traces if isinstance(trace, list))
    for device in sorted({*range(len(traces)), *segments}):
        entries = _list(traces[device], "a device's trace") if device < len(traces) else []
        if not entries and device not in segments:
            continue
        events = _events(entries, stacks, partial(_tell_more, tell, before, total))
        before += len(entries)
        held, ranges = blocks.get(device, []), segments.get(device, [])
        result.append(Trace(device, events, allocations_of(events, held), segments_of(events, ranges)))
    if not result:
        raise RefusedError(
            "it holds no events and no segments. Record with "
            "torch.cuda.memory._record_memory_history() before the code, and dump after it."
        )
    settings = content.get("allocator_settings")
    return Recording(
        name=name,
        traces=tuple(result),
        frames=tuple(stacks.frames),
        stack_frames=np.array(stacks.members, np.int64),
        stack_starts=np.array(stacks.starts, np.int64),
        settings=_plain_settings(settings) if isinstance(settings, dict) else {},
    )


def devices_in(content: Any) -> list[tuple[int, int, float]]:
    """Device, events and seconds of every trace with events, at a glance; nothing where it is odd."""
    traces = content.get("device_traces") if isinstance(content, dict) else None
    found = []
    for device, trace in enumerate(traces[:MOST_DEVICES] if isinstance(traces, list) else ()):
        if isinstance(trace, list) and trace:
            ends = [e.get("time_us") if isinstance(e, dict) else None for e in (trace[0], trace[-1])]
            first, last = (min(max(e, 0), MOST) if type(e) is int else 0 for e in ends)
            found.append((device, len(trace), max(last - first, 0) / 1e6 if first else 0.0))
    return found


def _tell_more(tell: Callable[[int, int], None], before: int, total: int, count: int) -> None:
    tell(before + count, total)


class _Stacks:
    """Numbers equal stacks, and the frames that they share, once."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.members: list[int] = []
        self.starts: list[int] = [0]
        self._frames: dict[Frame, int] = {}
        self._by_identity: dict[int, int] = {}
        """Frames as the file shares them; all of it is alive while this is."""
        self._stacks: dict[tuple[int, ...], int] = {}

    def number(self, frames: Any) -> int:
        """Of a list of frames, -1 where there is none."""
        if not frames or not isinstance(frames, list):
            return -1
        known = self._stacks.get(key := tuple(map(id, frames)))
        if known is None:
            members = [self._frame(frame) for frame in frames]
            # Frames that a file does not share are equal nevertheless.
            same = tuple([-1 - member for member in members])
            known = self._stacks.get(same, -1)
            if known < 0:
                known = self._stacks[same] = len(self.starts) - 1
                self.members += members
                self.starts.append(len(self.members))
            self._stacks[key] = known
        return known

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
        return number


def _events(entries: list[Any], stacks: _Stacks, tell: Callable[[int], None]) -> Events:
    columns = np.zeros((6, len(entries)), np.int64)
    action, address, size, stream, time, stack = columns
    for index, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise RefusedError(f"event {index:,} is {_short(entry)}, not a record.")
        kind = entry.get("action")
        action[index] = _NUMBER.get(kind, _OTHER) if isinstance(kind, str) else _OTHER
        address[index] = _whole(entry.get("addr", entry.get("device_free", 0)))
        size[index] = _whole(entry.get("size", 0))
        stream[index] = _whole(entry.get("stream", 0))
        time[index] = _whole(entry.get("time_us", 0))
        stack[index] = stacks.number(entry.get("frames"))
        if index % TELL_EVERY == 0:
            tell(index)
    return Events(action, address, size, stream, time, stack)


def _segments(
    entries: list[Any], stacks: _Stacks
) -> tuple[dict[int, list[Range]], dict[int, list[Block]]]:
    """By device what is reserved, and the blocks in use, at the end."""
    ranges: dict[int, list[Range]] = {}
    blocks: dict[int, list[Block]] = {}
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
    return ranges, blocks


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
