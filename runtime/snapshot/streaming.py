"""Reads a large snapshot's pickle in little memory: events become rows, batch by batch.

Two walks over the file: the first finds what must be remembered and how many events there are, the
second feeds the unpickler (see ``walk``), which builds one batch of events at a time.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from runtime.snapshot.tables import MOST_DEVICES
from runtime.snapshot.unpickling import BUFFER, PlainUnpickler, RefusedError, loaded
from runtime.snapshot.walk import (
    COPY,
    DONE,
    FULL,
    MARGIN,
    MORE,
    ODD,
    POS,
    PUTS,
    SHORT,
    STATE,
    TALL,
    TRACE_COUNT,
    Bytes,
    Numbers,
    Words,
    walk,
)

VIEW: Final = 8 << 20
"""Bytes of the file in memory at a time."""


@dataclass(frozen=True, eq=False)
class Survey:
    """What the first walk found."""

    counts: Words
    """Events of every device, shape (devices,)."""
    times: Words
    """First and last time of every device, 0 where not known, shape (2, devices)."""
    numbers: Numbers
    """New number of every entry of the memo, -1: never fetched."""


def warm_up() -> None:
    """Compile what walks through files, or load it; ``app.heavy`` names this function."""
    empty = np.frombuffer(bytearray(b"}."), np.uint8)
    state, tags, kinds = np.zeros(STATE, np.int64), np.zeros(4, np.int8), np.zeros(1, np.int8)
    numbers, counts = np.full(1, -1, np.int32), np.zeros(1, np.int64)
    times, out = np.zeros((2, 1), np.int64), np.zeros(MARGIN, np.uint8)
    walk(empty, 0, len(empty), state, tags, kinds, numbers, counts, times, out, False)


class _Walk:
    """Through one file; tags and memo grow as they must."""

    def __init__(self, path: Path, survey: Survey | None = None) -> None:
        self.file = path.open("rb", buffering=0)
        self.size = self.file.seek(0, io.SEEK_END)
        self.state = np.zeros(STATE, np.int64)
        self.tags = np.zeros(1 << 10, np.int8)
        entries = len(survey.numbers) if survey is not None else 1 << 10
        self.kinds = np.zeros(entries, np.int8)
        self.numbers = survey.numbers if survey is not None else np.full(entries, -1, np.int32)
        self.counts = np.zeros(MOST_DEVICES, np.int64)
        self.times = np.zeros((2, MOST_DEVICES), np.int64)
        self._writing = survey is not None
        self._view: Bytes = np.zeros(0, np.uint8)
        self._base = 0

    @property
    def share(self) -> float:
        return min(int(self.state[POS]) / max(self.size, 1), 1.0)

    def go_on(self, out: Bytes) -> tuple[int, int]:
        """Until the bytes in memory are used up, ``out`` is full, or it ends; see ``walk``."""
        self._see()
        status, written = walk(
            self._view,
            self._base,
            self.size,
            self.state,
            self.tags,
            self.kinds,
            self.numbers,
            self.counts,
            self.times,
            out,
            self._writing,
        )
        if status == TALL:
            self.tags = np.concatenate([self.tags, np.zeros_like(self.tags)])
        elif status == FULL:
            self.kinds = np.concatenate([self.kinds, np.zeros_like(self.kinds)])
            more = np.full(len(self.kinds) - len(self.numbers), -1, np.int32)
            self.numbers = np.concatenate([self.numbers, more])
        return (MORE if status in (TALL, FULL) else status), written

    def _see(self) -> None:
        """Have the bytes at the walk's position in memory."""
        pos, end = int(self.state[POS]), self._base + len(self._view)
        needed = 1 if self.state[COPY] else MARGIN
        if self._base <= pos < end and (pos + needed <= end or end == self.size):
            return
        self.file.seek(pos)
        self._base = pos
        # A large read may return less; only at the end of the file it returns nothing.
        data = bytearray()
        while len(data) < MARGIN and (more := self.file.read(VIEW)):
            data += more
        self._view = np.frombuffer(data, np.uint8)
        if not data:
            self.size = min(self.size, pos)


def survey(path: Path, tell: Callable[[float], None]) -> Survey | None:
    """The first walk; None for a file that is to be read as it is. Raises RefusedError."""
    going = _Walk(path)
    with going.file:
        nothing = np.zeros(MARGIN, np.uint8)
        while True:
            status, _ = going.go_on(nothing)
            if status == SHORT:
                raise RefusedError("it ends too early. Copy or record it again.")
            if status == ODD:
                return None
            if status == DONE:
                break
            tell(going.share)
    devices = int(going.state[TRACE_COUNT])
    puts = max(int(going.state[PUTS]), 1)
    return Survey(going.counts[:devices], going.times[:, :devices], going.numbers[:puts].copy())


class _Rewritten(io.RawIOBase):
    """The file as the unpickler is to see it."""

    def __init__(self, path: Path, found: Survey) -> None:
        super().__init__()
        self._walk = _Walk(path, found)
        self._done = False
        self._out = np.zeros(BUFFER, np.uint8)
        self._left = memoryview(self._out.data)[:0]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._left and not self._done:
            status, written = self._walk.go_on(self._out)
            self._left = memoryview(self._out.data)[:written]
            self._done = status != MORE
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        self._walk.file.close()
        super().close()


class _StreamUnpickler(PlainUnpickler):
    """Hands over the batches that ``walk`` made."""

    def __init__(self, file: Any, take: Callable[[int, list[Any] | tuple[Any]], None]) -> None:
        super().__init__(file)
        self._take = take

    def persistent_load(self, pid: Any, /) -> Any:
        # Only what the walk wrote asks for one: a file that asks itself is odd.
        batch, device = pid
        self._take(device, batch)


def read_streamed(
    path: Path,
    found: Survey,
    take: Callable[[int, list[Any] | tuple[Any]], None],
) -> Any:
    """What the pickle in ``path`` builds, its traces and segments as empty lists.

    ``take`` gets the number of a device (-1: segments) and what comes next in its list, in order.
    Raises RefusedError.
    """
    with io.BufferedReader(_Rewritten(path, found), BUFFER) as file:
        return loaded(_StreamUnpickler(file, take))
