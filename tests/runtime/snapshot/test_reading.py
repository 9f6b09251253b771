"""Reading memory snapshots: every version and protocol, and files that mean harm."""

import os
import pickle
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.snapshot import read_snapshot
from runtime.snapshot.recording import ACTIONS, Recording
from solver.errors import BayplanError
from tests.runtime.snapshot.snapshots import snapshot, write

VERSIONS = ((2, 0), (2, 1), (2, 5), (2, 9), (2, 13))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.pickle"


def live_at_end(content: dict[str, Any]) -> list[tuple[int, int]]:
    """Address and requested bytes of every block in use, from the segments alone."""
    found = []
    for segment in content["segments"]:
        at = segment["address"]
        for block in segment["blocks"]:
            if block["state"] != "inactive":
                history = block.get("history", [{}])
                requested = block.get("requested_size", history[0].get("real_size"))
                found.append((block.get("address", at), requested))
            at += block["size"]
    return sorted(found)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_every_version_and_protocol_is_read_alike(
    file: Path, version: tuple[int, int], protocol: int
) -> None:
    content = snapshot(300, version=version, seed=1)
    trace = read_snapshot(write(file, content, protocol)).trace()
    entries = content["device_traces"][0]
    assert trace.count == len(entries)
    assert [ACTIONS[a] for a in trace.events.action.tolist()] == [e["action"] for e in entries]
    assert trace.events.size.tolist() == [e["size"] for e in entries]
    alive = trace.allocations.end == trace.count
    found = zip(
        trace.allocations.address[alive].tolist(), trace.allocations.size[alive].tolist(), strict=True
    )
    assert sorted(found) == live_at_end(content)
    assert trace.reserved[-1] == sum(s["total_size"] for s in content["segments"])
    assert bool(len(trace.seconds)) == (version >= (2, 2))


def test_expandable_segments_are_followed_as_they_grow_and_shrink(file: Path) -> None:
    content = snapshot(6000, expandable=True, seed=3)
    trace = read_snapshot(write(file, content)).trace()
    assert "segment_map" in {e["action"] for e in content["device_traces"][0]}
    assert trace.reserved[-1] == sum(s["total_size"] for s in content["segments"])
    assert (trace.reserved >= trace.allocated).all()
    assert (trace.allocated >= 0).all()


def test_what_was_there_before_the_recording_is_there_from_its_start(file: Path) -> None:
    block = {"address": 4096, "size": 512, "requested_size": 500, "state": "active_allocated"}
    content = {
        "segments": [
            {
                "device": 0,
                "address": 4096,
                "total_size": 2 << 20,
                "stream": 0,
                "blocks": [block],
            }
        ],
        "device_traces": [
            [
                {"action": "free_completed", "addr": 9216, "size": 700, "stream": 0},
                {"action": "alloc", "addr": 5120, "size": 100, "stream": 0},
                {"action": "segment_free", "addr": 1 << 30, "size": 20 << 20, "stream": 0},
            ]
        ],
    }
    trace = read_snapshot(write(file, content)).trace()
    stays = trace.allocations
    rows = zip(*(a.tolist() for a in (stays.address, stays.size, stays.start, stays.end)), strict=True)
    assert sorted(rows) == [(4096, 500, -1, 3), (5120, 100, 1, 3), (9216, 700, -1, 0)]
    assert trace.reserved.tolist() == [22 << 20, 22 << 20, 22 << 20, 2 << 20]


def test_frees_asked_for_count_where_completed_ones_were_not_recorded(
    file: Path,
) -> None:
    content = snapshot(400, seed=2, before=0)
    trace = [e for e in content["device_traces"][0] if e["action"] != "free_completed"]
    content["device_traces"][0] = trace
    read = read_snapshot(write(file, content)).trace()
    ended = read.allocations.end[read.allocations.end < read.count]
    assert len(ended) == sum(e["action"] == "free_requested" for e in trace)


def test_equal_stacks_are_kept_once_and_come_back_whole(file: Path) -> None:
    content = snapshot(500, seed=4)
    recording: Recording = read_snapshot(write(file, content))
    entries = content["device_traces"][0]
    for number in (0, 17, len(entries) - 1):
        stack = recording.stack(int(recording.trace().events.stack[number]))
        assert [(f.function, f.file, f.line) for f in stack] == [
            (f["name"], f["filename"], f["line"]) for f in entries[number]["frames"]
        ]
    assert len(recording.stack_starts) - 1 <= 200
    # The same without shared objects, as another writer may leave it.
    apart = pickle.loads(pickle.dumps(content))
    for entry in apart["device_traces"][0]:
        entry["frames"] = [dict(frame) for frame in entry["frames"]]
    again = read_snapshot(write(file, apart))
    assert len(again.stack_starts) == len(recording.stack_starts)
    assert np.array_equal(again.trace().events.stack, recording.trace().events.stack)


# Files that mean harm


class Touching:
    """Unpickled by anything trusting, this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_no_code_of_a_file_is_ever_run(file: Path, tmp_path: Path, protocol: int) -> None:
    made = tmp_path / "made"
    content = snapshot(20) | {"extra": Touching(made)}
    with pytest.raises(BayplanError, match=r"mkdir.*never does\. It was not run"):
        read_snapshot(write(file, content, protocol))
    assert not made.exists()


def _deep_tuple() -> bytes:
    # As a key it has to be hashed, all the way down.
    return b"\x80\x04}" + b")" + b"\x85" * 3_000_000 + b"K\x01s."


HARMFUL = {
    "empty": b"",
    "nothing": b"\x80\x04N.",
    "a number": pickle.dumps(7),
    "another dictionary": pickle.dumps({"state_dict": [1, 2]}),
    "text": b"this is no pickle at all",
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(200),
    "deep lists": b"\x80\x04" + b"]" * 2_000_000 + b"a" * 1_999_999 + b".",
    "a deep key": _deep_tuple(),
    "a length that is a lie": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"x",
    "a frame that is a lie": b"\x80\x05\x95" + struct.pack("<Q", 1 << 62) + b"}.",
    "a memo far away": b"\x80\x04}r" + struct.pack("<I", 0xFFFFFFF0) + b".",
    "a stack that is empty": b"\x80\x04a.",
    "another protocol": b"\x80\x63}.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent object": b"\x80\x02U\x01xQ.",
    "events that are numbers": pickle.dumps({"segments": [], "device_traces": [[1, 2]]}),
    "events that are a text": pickle.dumps({"segments": [], "device_traces": "abc"}),
    "sizes that are texts": pickle.dumps({"device_traces": [[{"action": "alloc", "size": "a"}]]}),
    "frames that are numbers": pickle.dumps({"device_traces": [[{"action": "alloc", "frames": [3]}]]}),
    "segments of nothing": pickle.dumps({"segments": [None]}),
    "a device far away": pickle.dumps({"segments": [{"device": 1 << 40, "total_size": 5}]}),
    "too many devices": pickle.dumps({"device_traces": [[]] * 5000}),
    "nothing recorded": pickle.dumps({"segments": [], "device_traces": [[], []]}),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_a_file_that_is_no_snapshot_is_refused_in_words(file: Path, kind: str) -> None:
    file.write_bytes(HARMFUL[kind])
    with pytest.raises(BayplanError) as caught:
        read_snapshot(file, memory=2 << 30)
    assert "some.pickle" in str(caught.value)


def test_every_truncation_is_refused(file: Path) -> None:
    whole = pickle.dumps(snapshot(200), protocol=4)
    for share in (0.001, 0.3, 0.9, 0.999):
        file.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BayplanError, match=r"some\.pickle cannot be opened"):
            read_snapshot(file)


def test_numbers_beyond_64_bits_do_no_harm(file: Path) -> None:
    huge = 1 << 200
    entries = [
        {"action": "alloc", "addr": huge, "size": huge, "stream": -huge, "time_us": huge},
        {"action": "oom", "device_free": huge, "size": 5, "stream": 0},
    ]
    trace = read_snapshot(write(file, {"segments": [], "device_traces": [entries]})).trace()
    assert trace.count == 2
    assert trace.events.address.max() < 1 << 62


def test_what_needs_too_much_memory_is_refused(file: Path) -> None:
    # 300 MB of small dictionaries from a file of 6 MB, where 400 MiB are allowed with the interpreter.
    file.write_bytes(b"\x80\x04]" + b"(" + b"}" * 6_000_000 + b"e.")
    with pytest.raises(BayplanError, match="memory"):
        read_snapshot(file, memory=400 << 20)


def test_reading_is_cancelled_at_once(file: Path) -> None:
    write(file, snapshot(30_000))
    asked: list[float] = []

    def cancelled() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 2

    with pytest.raises(BayplanError, match="cancelled"):
        read_snapshot(file, cancelled=cancelled)
    assert time.monotonic() - asked[2] < 1.0


def test_progress_comes_in_order(file: Path) -> None:
    said: list[float] = []
    read_snapshot(write(file, snapshot(25_000)), progress=lambda share, what: said.append(share))
    assert said == sorted(said) and said[-1] <= 1.0
    assert len(said) > 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match=r"There is no file gone\.pickle"):
        read_snapshot(tmp_path / "gone.pickle")


FUZZ = """
import random, sys
from pathlib import Path
from runtime.snapshot.tables import recording_of
from runtime.snapshot.unpickling import RefusedError, limit, read_plain
limit(3 << 30, 60)
whole, file = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
rng, refused = random.Random(7), 0
for _ in range(400):
    data = bytearray(whole)
    for _ in range(rng.randrange(1, 6)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    file.write_bytes(data)
    try:
        recording_of(read_plain(file, lambda share: None), "x", lambda count, total: None)
    except (RefusedError, MemoryError):
        refused += 1
print(refused)
"""


def test_no_flipped_bytes_are_more_than_refused(file: Path, tmp_path: Path) -> None:
    write(file, snapshot(60, seed=9))
    run = subprocess.run(
        [sys.executable, "-c", FUZZ, str(file), str(tmp_path / "bad.pickle")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 20


def test_preparing_to_stream_is_said_and_can_be_cancelled(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = file.parent / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    write(file, snapshot(300))
    said: list[str] = []
    with pytest.raises(BayplanError, match="cancelled"):
        read_snapshot(
            file,
            progress=lambda _, what: said.append(what),
            cancelled=lambda: "Preparing" in said,
            streamed_from=0,
        )
    assert said[0] == "Preparing"
    assert list(folder.iterdir()) == []
