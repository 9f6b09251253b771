"""Requests are placed without overlaps, fixed ones where they are, and thousands in seconds."""

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from runtime.replay.placing import ALIGNMENT, aligned, dive, first_fit, height, live_peak, lowest
from runtime.replay.plan_data import overlap

BOXES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(1, 2000)), min_size=1, max_size=25
)


def boxes(starts: list[int], ends: list[int], sizes: list[int], addresses: list[int]) -> list:
    return [
        (s, e, a, a + aligned(n)) for s, e, n, a in zip(starts, ends, sizes, addresses, strict=True)
    ]


def brute_force_overlap(found: list[tuple[int, int, int, int]]) -> bool:
    return any(
        a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
        for i, a in enumerate(found)
        for b in found[:i]
    )


@given(BOXES)
def test_nothing_overlaps_and_nothing_beats_what_is_alive_at_once(items: list) -> None:
    starts, ends = [s for s, _, _ in items], [s + d for s, d, _ in items]
    sizes = [n for _, _, n in items]
    addresses = first_fit(starts, ends, sizes, [None] * len(items))
    assert not brute_force_overlap(boxes(starts, ends, sizes, addresses))
    assert all(a % ALIGNMENT == 0 for a in addresses)
    assert height(sizes, addresses) >= live_peak(starts, ends, sizes)


@given(BOXES, st.data())
def test_fixed_boxes_stay_and_the_others_avoid_them(items: list, data: st.DataObject) -> None:
    starts, ends = [s for s, _, _ in items], [s + d for s, d, _ in items]
    sizes = [n for _, _, n in items]
    alone = first_fit(starts, ends, sizes, [None] * len(items))
    keep = data.draw(st.lists(st.booleans(), min_size=len(items), max_size=len(items)))
    fixed = [a if k else None for a, k in zip(alone, keep, strict=True)]
    found = first_fit(starts, ends, sizes, fixed)
    assert all(f is None or f == a for f, a in zip(fixed, found, strict=True))
    assert not brute_force_overlap(boxes(starts, ends, sizes, found))


@given(BOXES)
def test_everything_placed_anew_is_no_higher_than_before(items: list) -> None:
    starts, ends = [s for s, _, _ in items], [s + d for s, d, _ in items]
    sizes = [n for _, _, n in items]
    known = first_fit(starts, ends, sizes, [None] * len(items))
    known = [2 * address + 128 for address in known]  # right, and far too high
    found = lowest(starts, ends, sizes, known)
    assert not brute_force_overlap(boxes(starts, ends, sizes, found))
    assert all(a % ALIGNMENT == 0 for a in found)
    alone = first_fit(starts, ends, sizes, [None] * len(items))
    assert live_peak(starts, ends, sizes) <= height(sizes, found) <= height(sizes, known)
    assert height(sizes, alone) <= height(sizes, known)


@given(BOXES)
def test_a_dive_overlaps_nothing(items: list) -> None:
    starts, ends = [s for s, _, _ in items], [s + d for s, d, _ in items]
    sizes = [n for _, _, n in items]
    found = dive(starts, ends, sizes, range(len(items)))
    assert not brute_force_overlap(boxes(starts, ends, sizes, found))


def test_a_training_step_is_placed_at_what_is_alive_at_once() -> None:
    # Activations live until their gradient; temporaries as large as half of them live with each op.
    dice = random.Random(4)
    layers = 60
    kept = [dice.randrange(1, 40) * 512 for _ in range(layers)]
    starts, ends, sizes = [], [], []
    for layer, size in enumerate(kept):
        at, back = 4 * layer, 4 * (2 * layers - layer)
        starts += [at, at - 1, back - 5]
        ends += [back, at + 2, back + 2]
        sizes += [size, size // 2 + 64 * dice.randrange(1, 9), size]
    target = live_peak(starts, ends, sizes)
    known = first_fit(starts, ends, sizes, [None] * len(sizes))
    assert height(sizes, known) > target
    assert height(sizes, lowest(starts, ends, sizes, known)) == target


@given(st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=12))
def test_the_overlap_check_agrees_with_looking_at_all_pairs(corners: list) -> None:
    found = [(s, s + d + 1, a, a + n + 1) for s, d, a, n in corners]
    assert (overlap(found) is not None) == brute_force_overlap(found)


def test_a_temporary_goes_into_the_lowest_hole_that_is_free_all_its_life() -> None:
    # Two outputs with a hole of 128 between them, which a third one fills from event 5 on.
    starts, ends = [0, 0, 5, 1, 1], [10, 10, 10, 3, 8]
    sizes = [256, 256, 128, 128, 100]
    found = first_fit(starts, ends, sizes, [0, 384, 256, None, None])
    assert found == [0, 384, 256, 256, 640]


def test_the_most_alive_at_once_is_counted_in_events() -> None:
    assert live_peak([0, 1, 2], [1, 2, 3], [64, 128, 192]) == 192
    assert live_peak([0, 0, 0], [1, 2, 3], [64, 128, 192]) == 384
    assert live_peak([], [], []) == 0


def test_ten_thousand_requests_take_seconds() -> None:
    dice = random.Random(0)
    starts = list(range(0, 20_000, 2))
    long = [dice.random() < 0.2 for _ in starts]
    ends = [s + (dice.randrange(2, 8000) if far else 3) for s, far in zip(starts, long, strict=True)]
    sizes = [dice.randrange(64, 1 << 20) for _ in starts]
    plan = first_fit(starts, ends, sizes, [None] * len(starts))
    fixed = [a if far else None for a, far in zip(plan, long, strict=True)]
    begin = time.process_time()
    found = first_fit(starts, ends, sizes, fixed)
    assert time.process_time() - begin < 15  # about 2 on an idle machine
    assert overlap(boxes(starts, ends, sizes, found)) is None
