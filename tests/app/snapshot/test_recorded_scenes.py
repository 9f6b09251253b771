"""What recorded lifetimes look like on the map, and placed anew; no window."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.snapshot.placing import lost_text, place_excerpt
from app.snapshot.recorded import Recorded, of_snapshot, of_table, with_placement
from runtime.snapshot.excerpt import Choice, excerpt
from runtime.snapshot.tables import recording_of
from solver.placement.csv_table import decode_table
from tests.runtime.snapshot.snapshots import snapshot

MIB = 1 << 20


def recorded(seed: int, *, expandable: bool = False, least: int = 0, events: int = 700) -> Recorded:
    content = snapshot(events, seed=seed, expandable=expandable)
    recording = recording_of(content, "made", lambda count, total: None)
    return of_snapshot(excerpt(recording, Choice(least=least)), Path("made.pickle"))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), expandable=st.booleans())
def test_unusable_bytes_are_reserved_and_free(seed: int, expandable: bool) -> None:
    shown = recorded(seed, expandable=expandable)
    scene, part = shown.scene, shown.part
    assert part is not None
    segment = part.segment
    for start, end, low, high in scene.unusable.tolist():
        assert start < end and low < high
        beside = (scene.start >= end) | (scene.end <= start) | (scene.low >= high) | (scene.high <= low)
        assert beside.all(), "an allocation is on unusable bytes"
        inside = (segment.start <= start) & (segment.end >= end)
        own = np.minimum(segment.address + segment.size, high) - np.maximum(segment.address, low)
        assert own[inside].clip(min=0).sum() >= high - low, "unusable bytes are not reserved"


def test_what_is_placed_anew_is_the_same_lifetimes_lower() -> None:
    shown = recorded(3)
    assert shown.part is not None and shown.lost > 0
    placed = place_excerpt(shown.part, deadline=20)
    both = with_placement(shown, placed)
    assert both.placed_scene is not None
    assert (both.placed_scene.start == shown.scene.start).all()
    assert both.placed_scene.live_peak == shown.scene.live_peak <= placed.height <= shown.reserved
    assert placed.optimal and "needs none of it" in both.sentence
    assert (placed.low[shown.throughout] < shown.problem.sizes[shown.throughout].sum()).all()


def test_what_is_left_out_is_said() -> None:
    shown = recorded(4, least=MIB)
    assert shown.part is not None
    assert f"{shown.part.left_out:,} allocations below 1.0 MiB" in shown.sentence


@pytest.mark.parametrize(
    ("lost", "needed", "said"),
    [
        (0, 0, "Nothing is lost to fragmentation."),
        (3 * MIB, 0, "You lose 3.0 MiB to fragmentation; this placement needs none of it."),
        (3 * MIB, MIB, "You lose 3.0 MiB to fragmentation; this placement needs 1.0 MiB of it."),
        (MIB, MIB, "You lose 1.0 MiB to fragmentation; no better placement was found in time."),
    ],
)
def test_the_sentence_says_no_more_than_is_known(lost: int, needed: int, said: str) -> None:
    assert lost_text(lost, needed) == said


def table_of(text: str) -> Recorded:
    return of_table(decode_table(text.encode(), "x.csv"), Path("x.csv"))


def test_a_tables_times_become_slots() -> None:
    shown = table_of("id,lower,upper,size\na,-50,1000,8\nb,1000,1000000,4\nc,0,2000,2\n")
    assert shown.scene.start.tolist() == [0, 2, 1]
    assert shown.scene.end.tolist() == [2, 4, 3]
    assert shown.scene.name(1) == "b"
    assert shown.how == "First fit in order of start"


def test_a_tables_own_addresses_are_shown() -> None:
    shown = table_of("id,lower,upper,size,offset\na,0,2,8,16\nb,1,3,4,0\n")
    assert shown.scene.low.tolist() == [16, 0]
    assert shown.how == "As in the file"


def test_arenas_lie_one_above_the_other() -> None:
    shown = table_of("id,lower,upper,size,arena\na,0,2,8,x\nb,0,2,4,y\nc,0,1,5,x\n")
    low, high = shown.scene.low, shown.scene.high
    assert high[[0, 2]].max() <= low[1]
    assert "arenas" in shown.note
