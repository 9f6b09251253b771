"""Requests are placed without overlaps, fixed ones where they are, and thousands in milliseconds."""

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.replay.build import built_placer
from runtime.replay.placing import ALIGNMENT, aligned, height, live_peak, place_anew, place_around
from runtime.replay.plan_check import overlap

Numbers = list[int]


@pytest.fixture(autouse=True, scope="module")
def _compiled(native_cache: Path) -> None:
    """No test waits for the compiler."""
    built_placer()


BOXES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(1, 2000)), max_size=25
).map(lambda items: ([s for s, _, _ in items], [s + d for s, d, _ in items], [n for _, _, n in items]))


def boxes(starts: Numbers, ends: Numbers, sizes: Numbers, addresses: Numbers) -> list:
    return [
        (s, e, a, a + aligned(n)) for s, e, n, a in zip(starts, ends, sizes, addresses, strict=True)
    ]


def brute_force_overlap(found: list[tuple[int, int, int, int]]) -> bool:
    return any(
        a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
        for i, a in enumerate(found)
        for b in found[:i]
    )


def first_fit(starts: Numbers, ends: Numbers, sizes: Numbers) -> Numbers:
    return place_around(starts, ends, sizes, [None] * len(sizes))


def far_apart(sizes: Numbers) -> Numbers:
    """Right addresses: no two boxes share a byte at any time."""
    return [sum(map(aligned, sizes[:at])) for at in range(len(sizes))]


def least_height(starts: Numbers, ends: Numbers, sizes: Numbers) -> int:
    """By all orders: first fit in that of its addresses places no box of the best placement higher."""
    best = sum(map(aligned, sizes))

    def place_next(placed: list[tuple[int, int, int]], left: Numbers, top: int) -> None:
        nonlocal best
        if top >= best:
            return
        if not left:
            best = top
        for i in left:
            address = 0
            for low, high, j in sorted(placed):
                if starts[j] < ends[i] and starts[i] < ends[j]:
                    if low - address >= aligned(sizes[i]):
                        break
                    address = max(address, high)
            end = address + aligned(sizes[i])
            place_next([*placed, (address, end, i)], [j for j in left if j != i], max(top, end))

    place_next([], list(range(len(sizes))), 0)
    return best


def training_step(layers: int) -> tuple[Numbers, Numbers, Numbers]:
    """Activations live until their gradient; of temporaries two live with each op, one is large."""
    dice = random.Random(4)
    starts, ends, sizes = [], [], []
    for layer in range(layers):
        size = dice.randrange(1, 40) * 512
        at, back = 8 * layer, 8 * (2 * layers - layer)
        starts += [at, at - 1, back - 9, at + 1, back - 3]
        ends += [back, at + 5, back + 2, at + 3, back - 1]
        sizes += [size, size // 2 + 64 * dice.randrange(1, 9), size]
        sizes += [dice.randrange(64, 9000), dice.randrange(64, 9000)]
    return starts, ends, sizes


def random_boxes(count: int, seed: int, most: int) -> tuple[Numbers, Numbers, Numbers]:
    """Sizes of up to ``most`` alignments."""
    dice = random.Random(seed)
    lives = [sorted(dice.sample(range(count + 1), 2)) for _ in range(count)]
    sizes = [ALIGNMENT * dice.randrange(1, most + 1) for _ in lives]
    return [start for start, _ in lives], [end for _, end in lives], sizes


@given(BOXES)
def test_nothing_overlaps_and_nothing_beats_what_is_alive_at_once(items: tuple) -> None:
    starts, ends, sizes = items
    known = first_fit(starts, ends, sizes)
    for addresses in (known, place_anew(starts, ends, sizes, known)):
        assert not brute_force_overlap(boxes(starts, ends, sizes, addresses))
        assert all(a % ALIGNMENT == 0 for a in addresses)
        assert height(sizes, addresses) >= live_peak(starts, ends, sizes)


@given(BOXES, st.data())
def test_fixed_boxes_stay_and_the_others_avoid_them(items: tuple, data: st.DataObject) -> None:
    starts, ends, sizes = items
    alone = first_fit(starts, ends, sizes)
    keep = data.draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes)))
    fixed = [a if k else None for a, k in zip(alone, keep, strict=True)]
    found = place_around(starts, ends, sizes, fixed)
    assert all(f is None or f == a for f, a in zip(fixed, found, strict=True))
    assert not brute_force_overlap(boxes(starts, ends, sizes, found))


def test_where_all_are_fixed_nothing_moves() -> None:
    assert place_around([0, 0], [2, 2], [64, 64], [640, 128]) == [640, 128]


@given(BOXES)
def test_everything_placed_anew_is_no_higher_than_before(items: tuple) -> None:
    starts, ends, sizes = items
    known = first_fit(starts, ends, sizes)
    high = [2 * address + 128 for address in known]  # right, and far too high
    for before in (known, high):
        found = place_anew(starts, ends, sizes, before)
        assert not brute_force_overlap(boxes(starts, ends, sizes, found))
        assert height(sizes, found) <= height(sizes, before)


def test_a_few_boxes_are_placed_as_low_as_they_can_be() -> None:
    for seed in range(300):
        starts, ends, sizes = random_boxes(6, seed, 6)
        found = place_anew(starts, ends, sizes, far_apart(sizes))
        assert not brute_force_overlap(boxes(starts, ends, sizes, found))
        assert height(sizes, found) == least_height(starts, ends, sizes), seed


@pytest.mark.parametrize("layers", [60, 1000])
def test_a_training_step_is_placed_at_what_is_alive_at_once(layers: int) -> None:
    starts, ends, sizes = training_step(layers)
    known = far_apart(sizes)
    begin = time.process_time()
    found = place_anew(starts, ends, sizes, known)
    assert time.process_time() - begin < 5  # 0.04 s on an idle machine for 5,000 boxes
    assert height(sizes, found) == live_peak(starts, ends, sizes)
    assert overlap(boxes(starts, ends, sizes, found)) is None


@given(st.lists(st.tuples(*[st.integers(0, 12)] * 4), max_size=12))
def test_the_overlap_check_agrees_with_looking_at_all_pairs(corners: list) -> None:
    found = [(s, s + d + 1, a, a + n + 1) for s, d, a, n in corners]
    assert (overlap(found) is not None) == brute_force_overlap(found)


def test_a_temporary_goes_into_the_lowest_hole_that_is_free_all_its_life() -> None:
    # Two outputs with a hole of 128 between them, which a third one fills from event 5 on.
    starts, ends = [0, 0, 5, 1, 1], [10, 10, 10, 3, 8]
    sizes = [256, 256, 128, 128, 100]
    found = place_around(starts, ends, sizes, [0, 384, 256, None, None])
    assert found == [0, 384, 256, 256, 640]


def test_the_most_alive_at_once_is_counted_in_events() -> None:
    assert live_peak([0, 1, 2], [1, 2, 3], [64, 128, 192]) == 192
    assert live_peak([0, 0, 0], [1, 2, 3], [64, 128, 192]) == 384
    assert live_peak([], [], []) == 0


def test_no_box_and_a_single_box_have_their_place() -> None:
    assert place_around([], [], [], []) == place_anew([], [], [], []) == []
    assert place_anew([3], [4], [100], [6400]) == [0]


def test_boxes_without_bytes_need_no_room() -> None:
    starts, ends, sizes = [0, 0, 1, 2], [9, 3, 4, 3], [0, 128, 0, 64]
    found = place_anew(starts, ends, sizes, [0, 0, 64, 128])
    assert height(sizes, found) == 192
    assert not brute_force_overlap(boxes(starts[1::2], ends[1::2], sizes[1::2], found[1::2]))


def test_boxes_of_one_lifetime_are_stacked() -> None:
    sizes = [64 * n for n in range(1, 41)]
    found = place_anew([5] * 40, [6] * 40, sizes, far_apart(sizes))
    assert height(sizes, found) == sum(sizes)
    assert overlap(boxes([5] * 40, [6] * 40, sizes, found)) is None


def test_times_may_be_any_numbers() -> None:
    starts, ends = [-(1 << 61), 0, 1 << 61], [0, 1 << 61, (1 << 62) - 1]
    assert place_anew(starts, ends, [64] * 3, [0, 64, 128]) == [0, 0, 0]


@pytest.mark.parametrize(
    ("starts", "ends", "sizes", "addresses"),
    [([1], [1], [64], [0]), ([0], [1], [-64], [0]), ([0], [1], [64], [-2])],
)
def test_boxes_that_cannot_be_are_refused(
    starts: Numbers, ends: Numbers, sizes: Numbers, addresses: Numbers
) -> None:
    with pytest.raises(ValueError, match="no lifetime"):
        place_anew(starts, ends, sizes, addresses)


def test_the_same_boxes_are_always_placed_alike_and_the_search_ends() -> None:
    # So hard that the search ends by its effort.
    starts, ends, sizes = random_boxes(400, 0, 1 << 14)
    known = first_fit(starts, ends, sizes)
    begin = time.process_time()
    found = place_anew(starts, ends, sizes, known)
    assert time.process_time() - begin < 10  # 0.7 s on an idle machine
    assert live_peak(starts, ends, sizes) < height(sizes, found) < height(sizes, known)
    assert place_anew(starts, ends, sizes, known) == found


def test_twenty_thousand_requests_take_seconds() -> None:
    starts, ends, sizes = random_boxes(20_000, 0, 1 << 14)
    begin = time.process_time()
    known = first_fit(starts, ends, sizes)
    found = place_anew(starts, ends, sizes, known)
    assert time.process_time() - begin < 20  # about 4 on an idle machine
    assert overlap(boxes(starts, ends, sizes, found)) is None
    assert height(sizes, found) < height(sizes, known) < 1.1 * live_peak(starts, ends, sizes)
