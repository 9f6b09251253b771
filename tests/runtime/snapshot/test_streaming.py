"""Streaming a pickle: the same as reading it as it is, batch by batch, and nothing kept."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.snapshot import read_snapshot
from runtime.snapshot.streaming import read_streamed, survey, warm_up
from runtime.snapshot.tables import Tables, recording_of
from runtime.snapshot.unpickling import RefusedError
from runtime.snapshot.walk import walk
from solver.errors import BayplanError
from tests.runtime.snapshot.snapshots import snapshot, write
from tests.runtime.snapshot.test_reading import HARMFUL


def _looped(one: Any) -> list[Any]:
    """A list that is its own second item."""
    result = [one]
    result.append(result)
    return result


KEYS = st.sampled_from(["device_traces", "segments", "time_us", "action", "frames", "x"])
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.just("long " * 100),
    KEYS,
)
HASHED = st.recursive(PLAIN, lambda inner: st.tuples(inner, inner), max_leaves=4)
ANY = st.recursive(
    PLAIN | st.binary(max_size=300) | st.frozensets(HASHED, max_size=3) | st.sets(HASHED, max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(HASHED, inner, max_size=4),
        # One object in several places.
        inner.map(lambda one: [one, (one, [one])]),
        inner.map(_looped),
    ),
    max_leaves=12,
)
RECORDS = st.lists(st.dictionaries(KEYS, ANY, max_size=3), max_size=4)
TRACES = st.lists(RECORDS, max_size=3)
CONTENTS = st.one_of(
    ANY,
    st.dictionaries(KEYS, ANY, max_size=4),
    st.fixed_dictionaries({"device_traces": TRACES, "segments": RECORDS, "x": ANY}),
    st.fixed_dictionaries({"x": ANY, "segments": RECORDS, "device_traces": TRACES}),
)


def streamed(path: Path) -> Any:
    """All that streaming brings, put together again; None where the file is read as it is."""
    found = survey(path, lambda share: None)
    if found is None:
        return None
    traces: list[list[Any]] = [[] for _ in found.counts]
    segments: list[Any] = []

    def take(device: int, batch: Any) -> None:
        (segments if device < 0 else traces[device]).extend(batch)

    content = read_streamed(path, found, take)
    assert [len(trace) for trace in traces] == found.counts.tolist()
    if isinstance(content, dict):
        if traces:
            assert content["device_traces"] == [[] for _ in traces]
            content["device_traces"] = traces
        if segments:
            assert content["segments"] == []
            content["segments"] = segments
    return [content]


def shape(value: Any) -> bytes:
    """What a value is, sharing aside; equal for equal values."""
    return repr(value).encode()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENTS, protocol=st.integers(2, 5), python=st.booleans())
def test_streaming_builds_what_pickle_builds(
    tmp_path: Path, content: Any, protocol: int, python: bool
) -> None:
    dumps = pickle._dumps if python else pickle.dumps  # type: ignore[attr-defined]
    path = tmp_path / "any.pickle"
    path.write_bytes(dumps(content, protocol))
    read = streamed(path)
    if read is not None:
        assert shape(read[0]) == shape(pickle.loads(path.read_bytes()))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("version", [(2, 0), (2, 13)])
def test_a_snapshot_is_streamed_whatever_wrote_it(
    tmp_path: Path, version: tuple[int, int], protocol: int
) -> None:
    content = snapshot(3000, version=version, devices=2)
    assert streamed(write(tmp_path / "some.pickle", content, protocol)) == [content]


def test_a_streamed_recording_is_the_one_that_is_read_as_it_is(tmp_path: Path) -> None:
    content = snapshot(2500, seed=5)
    expected = recording_of(content, "some.pickle", lambda count, total: None)
    read = read_snapshot(write(tmp_path / "some.pickle", content), streamed_from=0)
    assert read.frames == expected.frames
    assert np.array_equal(read.stack_starts, expected.stack_starts)
    for part in ("events", "allocations", "segments"):
        one, other = getattr(read.trace(), part), getattr(expected.trace(), part)
        for name in type(one).__dataclass_fields__:
            assert np.array_equal(getattr(one, name), getattr(other, name)), (part, name)


def test_the_devices_are_known_before_anything_is_built(tmp_path: Path) -> None:
    content = snapshot(800, devices=2)
    content["device_traces"][1] = [{"action": "alloc", "addr": 512, "size": 9, "stream": 0}]
    found = survey(write(tmp_path / "some.pickle", content), lambda share: None)
    assert found is not None
    entries = content["device_traces"][0]
    assert found.counts.tolist() == [len(entries), 1]
    assert found.times[:, 0].tolist() == [entries[0]["time_us"], entries[-1]["time_us"]]
    assert found.times[:, 1].tolist() == [0, 0]


def test_events_are_gone_once_they_were_taken(tmp_path: Path) -> None:
    content = snapshot(6000)
    path = write(tmp_path / "some.pickle", content)
    found = survey(path, lambda share: None)
    assert found is not None
    # Frames and texts are remembered, events and their lists of frames are not.
    assert (found.numbers >= 0).sum() < 400 < len(found.numbers) / 20

    batches: list[tuple[int, int]] = []

    def take(device: int, batch: Any) -> None:
        batches.append((len(batch), sys.getrefcount(batch[0])))

    read_streamed(path, found, take)
    assert len(batches) > 6
    # Of an event the batch knows, and the one who asks.
    assert max(length for length, _ in batches) <= 1000 and max(known for _, known in batches) <= 2


def test_stacks_are_told_apart_though_their_frames_are_gone() -> None:
    tables = Tables()
    tables.expect(0, 4000)
    for number in range(4000):
        frames = [{"name": f"f{number % 1000}", "filename": "a.py", "line": n} for n in range(30)]
        tables.take_events(0, [{"action": "alloc", "addr": number, "size": 1, "frames": frames}])
    recording = tables.recording({"device_traces": [[]]}, "made")
    for event in range(0, 4000, 7):
        frame = recording.stack(int(recording.trace().events.stack[event]))[0]
        assert frame.function == f"f{event % 1000}"
    assert len(recording.stack_starts) == 1001


def _shared_event() -> dict[str, Any]:
    event = {"action": "alloc", "addr": 512, "size": 9, "stream": 0}
    return {"segments": [], "device_traces": [[event, event]]}


def _shared_trace() -> dict[str, Any]:
    trace = [{"action": "alloc", "addr": 512, "size": 9, "stream": 0}]
    return {"segments": [], "device_traces": [trace, trace]}


@pytest.mark.parametrize("content", [_shared_event(), _shared_trace()])
def test_what_is_referred_to_again_is_read_as_it_is(tmp_path: Path, content: dict[str, Any]) -> None:
    path = write(tmp_path / "some.pickle", content)
    assert survey(path, lambda share: None) is None
    read = read_snapshot(path, streamed_from=0)
    assert [trace.count for trace in read.traces] == [len(t) for t in content["device_traces"]]


ASKS = b"\x80\x04}X\x0d\x00\x00\x00device_traces]](J\x00\x00\x00\x00\x86Q0as."


@pytest.mark.parametrize("kind", sorted({*HARMFUL} - {"a deep key"}))
def test_what_means_harm_is_refused_by_streaming_too(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "some.pickle"
    path.write_bytes(HARMFUL[kind])
    tables = Tables()
    try:
        found = survey(path, lambda share: None)
        if found is None:
            return
        for device, count in enumerate(found.counts.tolist()):
            tables.expect(device, count)

        def take(device: int, batch: Any) -> None:
            tables.take_segments(batch) if device < 0 else tables.take_events(device, batch)

        tables.recording(read_streamed(path, found, take), "some.pickle")
    except RefusedError:
        return
    pytest.fail("it was read")


@pytest.mark.parametrize("kind", ["a deep key", "deep lists", "a persistent object"])
def test_what_breaks_a_process_breaks_the_child_only(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "some.pickle"
    path.write_bytes(HARMFUL[kind])
    with pytest.raises(BayplanError, match=r"some\.pickle"):
        read_snapshot(path, memory=2 << 30, streamed_from=0)


def test_a_file_cannot_hand_over_batches_itself(tmp_path: Path) -> None:
    path = tmp_path / "some.pickle"
    path.write_bytes(ASKS)
    assert survey(path, lambda share: None) is None


def test_a_file_that_is_cut_while_it_is_read_is_refused(tmp_path: Path) -> None:
    event = {"action": "alloc", "addr": 1, "size": 512, "stream": 0, "time_us": 1, "frames": []}
    events = [event | {"addr": at} for at in range(5000)] + [event | {"note": "y" * (8 << 20)}]
    path = tmp_path / "cut.pickle"
    path.write_bytes(pickle.dumps({"segments": [], "device_traces": [events]}, 4))
    found = survey(path, lambda _: None)
    assert found is not None
    # In the middle of the long text.
    with pytest.raises(RefusedError):
        read_streamed(path, found, lambda *_: os.truncate(path, path.stat().st_size // 2))


def test_every_truncation_is_seen_before_anything_is_built(tmp_path: Path) -> None:
    whole = pickle.dumps(snapshot(40))
    path = tmp_path / "some.pickle"
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(RefusedError, match="too early"):
            survey(path, lambda share: None)


FUZZ = """
import random, sys
from pathlib import Path
from runtime.snapshot.unpickling import RefusedError, limit, read_plain
from tests.runtime.snapshot.test_streaming import shape, streamed
limit(4 << 30, 60)
whole, file = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
rng, same = random.Random(7), 0
for _ in range(400):
    data = bytearray(whole)
    for _ in range(rng.randrange(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    file.write_bytes(data)
    try:
        plain = shape(read_plain(file, lambda share: None))
    except (RefusedError, MemoryError):
        plain = None
    try:
        read = streamed(file)
    except (RefusedError, MemoryError):
        assert plain is None, "streaming refused what can be read"
        continue
    if read is not None and plain is not None:
        assert shape(read[0]) == plain
        same += 1
print(same)
"""


def test_flipped_bytes_are_read_alike_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "some.pickle", snapshot(60, seed=9))
    run = subprocess.run(
        [sys.executable, "-c", FUZZ, str(path), str(tmp_path / "bad.pickle")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 20


def test_what_is_compiled_ahead_is_what_streaming_needs(tmp_path: Path) -> None:
    warm_up()
    assert streamed(write(tmp_path / "some.pickle", snapshot(60))) is not None
    assert len(walk.signatures) == 1  # type: ignore[attr-defined]


EVENTS = b"\x80\x04}(\x8c\x08segments]\x8c\x0ddevice_traces](]("
LONG = b"\x8e" + (1 << 20).to_bytes(8, "little") + b"y" * (1 << 20) + b"0"
HOSTILE = {
    "a text that is longer than the file": EVENTS + b"\x8d" + (1 << 40).to_bytes(8, "little") + LONG,
    "a text of negative length": EVENTS + b"\x8d" + b"\xfb" + b"\xff" * 7 + LONG,
    "a number of two billion digits": EVENTS + b"\x8b" + b"\xff\xff\xff\x7f" + LONG,
    "a number of negative length": EVENTS + b"\x8b" + b"\xfb\xff\xff\xff" + LONG,
    "a byte array beyond all memory": b"\x80\x05\x96" + (1 << 45).to_bytes(8, "little") + LONG,
    "a memo entry far away": b"\x80\x04]r\xff\xff\xff\x7f" + LONG + b".",
    "nothing but the memo": b"\x80\x04]" + b"\x94" * (1 << 20) + b".",
    "nothing but marks": b"\x80\x04" + b"(" * (1 << 20) + b".",
    "events that are none": EVENTS + b"N" * (1 << 20) + b"eeu.",
    "a call among the events": EVENTS + b"}\x8c\x01x\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85Rseeu.",
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_what_a_hostile_file_claims_is_refused_within_its_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "some.pickle"
    path.write_bytes(HOSTILE[kind])
    with pytest.raises(BayplanError, match=r"some\.pickle"):
        read_snapshot(path, memory=2 << 30, streamed_from=0)


@pytest.mark.parametrize("length", [0, 3, 1 << 62])
def test_a_frame_that_lies_about_its_length_hides_no_event(tmp_path: Path, length: int) -> None:
    whole = pickle.dumps(snapshot(60), 4)
    assert whole[2] == 0x95
    path = tmp_path / "some.pickle"
    path.write_bytes(whole[:3] + length.to_bytes(8, "little") + whole[11:])
    right = write(tmp_path / "right.pickle", snapshot(60), 4)
    assert shape(streamed(path)) == shape(streamed(right))
