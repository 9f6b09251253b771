"""Unusable regions, held against a count byte by byte and slot by slot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.map import unusable
from app.map.unusable import unusable_regions
from solver.solution import Segment

SLOTS, SIZE = 8, 4


def segment(address: int, slot: int) -> Segment:
    return Segment(address, SIZE, slot, 0, 0, 0)


def brute_force(rectangles: list[tuple[int, int, int, int]], segments: list[Segment]) -> np.ndarray:
    """(slots, bytes): free, and within its free span a segment other than its own was opened."""
    top = SIZE * len(segments)
    result = np.zeros((SLOTS, top), bool)
    for byte in range(top):
        own = segments[byte // SIZE]
        used = [any(s <= t < e and a <= byte < b for s, e, a, b in rectangles) for t in range(SLOTS)]
        slot = max(own.slot, 0)
        while slot < SLOTS:
            if used[slot]:
                slot += 1
                continue
            end = slot
            while end < SLOTS and not used[end]:
                end += 1
            if any(slot <= o.slot < end and o is not own for o in segments):
                result[slot:end, byte] = True
            slot = end
    return result


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_regions_are_the_bytes_that_were_free_when_a_segment_was_opened(data: st.DataObject) -> None:
    opened = sorted(data.draw(st.lists(st.integers(-1, SLOTS - 1), min_size=1, max_size=5)))
    # One segment a slot, as one request opens one; any number before the step.
    slots = [s for i, s in enumerate(opened) if s < 0 or s not in opened[:i]]
    segments = [segment(SIZE * i, slot) for i, slot in enumerate(slots)]
    taken = np.zeros((SLOTS, SIZE * len(segments)), bool)
    rectangles: list[tuple[int, int, int, int]] = []
    for _ in range(data.draw(st.integers(0, 8))):
        home = data.draw(st.sampled_from(segments))
        start = data.draw(st.integers(max(home.slot, 0), SLOTS - 1))
        end = data.draw(st.integers(start + 1, SLOTS))
        low = home.address + data.draw(st.integers(0, SIZE - 1))
        high = data.draw(st.integers(low + 1, home.address + SIZE))
        if not taken[start:end, low:high].any():
            taken[start:end, low:high] = True
            rectangles.append((start, end, low, high))
    columns = np.array(rectangles, np.int64).reshape(-1, 4).T
    with pytest.MonkeyPatch.context() as patch:
        # Several segments in one part of the address space, or each in one of its own.
        patch.setattr(unusable, "PARTS", data.draw(st.sampled_from([1, unusable.PARTS])))
        regions = unusable_regions(*columns, segments, SLOTS)
    drawn = np.zeros_like(taken)
    for start, end, low, high in regions.tolist():
        assert not drawn[start:end, low:high].any()
        drawn[start:end, low:high] = True
    assert np.array_equal(drawn, brute_force(rectangles, segments))
