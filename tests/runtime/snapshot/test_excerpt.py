"""Parts of recordings: lifetimes over slots, addresses without gaps, and what they add up to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.snapshot.excerpt import GRANULE, Choice, Excerpt, excerpt, out_of_memory
from runtime.snapshot.recording import Frame, Recording
from runtime.snapshot.stacks import Places, place_of, shares_at
from runtime.snapshot.tables import recording_of
from solver.step import Category
from tests.runtime.snapshot.snapshots import snapshot


def recorded(events: int = 1500, **options: object) -> Recording:
    """A recording as its file would give it, without the detour through a process."""
    return recording_of(snapshot(events, **options), "made", lambda count, total: None)  # type: ignore[arg-type]


def assert_disjoint(part: Excerpt) -> None:
    """No two allocations share a byte at a slot, by brute force over slots."""
    for slot in range(part.slots):
        there = np.flatnonzero((part.start <= slot) & (slot < part.end))
        low = part.low[there]
        order = np.argsort(low)
        ends = (low + part.size[there])[order]
        assert (low[order][1:] >= ends[:-1]).all()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    expandable=st.booleans(),
    first=st.integers(0, 400),
    length=st.integers(1, 500),
)
def test_no_part_of_any_recording_has_two_allocations_on_one_byte(
    seed: int, expandable: bool, first: int, length: int
) -> None:
    recording = recorded(500, seed=seed, expandable=expandable)
    part = excerpt(recording, Choice(first=first, last=first + length))
    assert (part.end > part.start).all() and (part.start >= 0).all() and (part.end <= part.slots).all()
    assert_disjoint(part)


def test_live_bytes_are_those_after_each_allocation() -> None:
    recording = recorded()
    part = excerpt(recording)
    stays = part.trace.allocations
    rounded = -(-stays.size // GRANULE) * GRANULE
    for slot in range(1, part.slots, 37):
        event = int(part.events[slot])
        alive = (stays.start <= event) & (stays.end > event)
        assert part.live[slot] == rounded[alive].sum()
        assert part.reserved[slot] == part.trace.reserved[event + 1]


def test_segments_hold_their_allocations_in_the_space_without_gaps() -> None:
    part = excerpt(recorded(800))
    for at in range(0, len(part.low), 11):
        inside = (part.segment.address <= part.low[at]) & (
            part.low[at] + part.size[at] <= part.segment.address + part.segment.size
        )
        assert inside.any()
    top = int((part.segment.address + part.segment.size).max())
    assert top < 2 * part.reserved_peak


def test_what_is_too_small_still_counts_among_what_is_allocated() -> None:
    recording = recorded()
    whole, large = excerpt(recording), excerpt(recording, Choice(least=1 << 20))
    assert (large.trace.allocations.size[large.allocation] >= 1 << 20).all()
    assert large.left_out == len(whole.size) - len(large.size) > 0
    assert large.live_peak < large.allocated_peak <= whole.allocated_peak
    assert large.lost >= whole.lost


def test_a_part_has_what_outlives_it_and_nothing_else() -> None:
    recording = recorded()
    stays = recording.trace().allocations
    part = excerpt(recording, Choice(first=600, last=700))
    expected = np.flatnonzero((stays.end > 600) & (stays.start < 700))
    assert part.allocation.tolist() == expected.tolist()
    assert part.throughout.sum() == ((stays.start < 600) & (stays.end >= 700)).sum()


def test_an_event_leads_to_its_allocation_and_its_slot() -> None:
    part = excerpt(recorded(400))
    for rectangle in range(0, len(part.size), 7):
        begin = int(part.trace.allocations.start[part.allocation[rectangle]])
        if begin >= 0:
            assert part.at_event(begin) == rectangle
            assert part.slot_of(begin) == part.start[rectangle]


def test_times_choose_events() -> None:
    trace = recorded(1000).trace()
    first, last = trace.events_between(0.003, 0.006)
    assert ((trace.seconds[first:last] >= 0.003) & (trace.seconds[first:last] <= 0.006)).all()
    assert first == 0 or trace.seconds[first - 1] < 0.003
    assert trace.events_between(None, None) == (0, trace.count)


def test_the_peak_is_told_by_the_users_lines() -> None:
    recording = recorded()
    part = excerpt(recording)
    slot = int(part.live.argmax())
    shares = shares_at(part, Places(recording), slot)
    assert sum(share.bytes for share in shares) == part.live_peak
    assert shares == sorted(shares, key=lambda share: (-share.bytes, share.place))
    assert any(share.place.startswith("model.py:") for share in shares)


LIBRARY = "/x/site-packages/torch"
FORWARD, BACKWARD, ELSEWHERE = Category.ACTIVATION, Category.GRADIENT, Category.TEMPORARY


@pytest.mark.parametrize(
    ("frames", "text", "category"),
    [
        ([("forward", f"{LIBRARY}/nn/a.py", 1), ("f", "/me/a.py", 7)], "a.py:7 f · forward", FORWARD),
        ([("at::_ops::addmm::call(x)", "", 0), ("f", "/me/a.py", 7)], "a.py:7 f · addmm", FORWARD),
        ([("torch::autograd::Engine::x", "", 0)], "torch::autograd::Engine::x", BACKWARD),
        ([("step", f"{LIBRARY}/optim/a.py", 3), ("f", "/me/a.py", 8)], "a.py:8 f · step", ELSEWHERE),
        ([], "no stack", ELSEWHERE),
    ],
)
def test_a_stack_says_where_in_the_program_it_was(
    frames: list[tuple[str, str, int]], text: str, category: Category
) -> None:
    place = place_of([Frame(*frame) for frame in frames])
    assert text in place.text
    assert place.category is category


def test_running_out_of_memory_is_found() -> None:
    content = snapshot(100)
    content["device_traces"][0].append({"action": "oom", "device_free": 5, "size": 9, "stream": 0})
    trace = recording_of(content, "made", lambda count, total: None).trace()
    assert out_of_memory(trace).tolist() == [trace.count - 1]


def test_a_recording_of_segments_alone_has_what_is_there_at_its_end() -> None:
    content = snapshot(300)
    content["device_traces"] = []
    part = excerpt(recording_of(content, "made", lambda count, total: None))
    assert part.slots == 1
    assert part.live_peak == sum(
        -(-b["requested_size"] // GRANULE) * GRANULE
        for s in content["segments"]
        for b in s["blocks"]
        if b["state"] != "inactive"
    )
