"""The placement without compiled code: each storage at the lowest address where it fits."""

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.placement import PlacementProblem
from solver.placement.at_once import first_fit_in_gaps
from solver.placement.problem import Part, reduce

storages = st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(1, 9))


def parts_of(rows: list[tuple[int, int, int]]) -> list[Part]:
    """(start, slots, size) of each storage."""
    starts, lengths, sizes = np.array(rows, np.int64).T.copy()
    return reduce(PlacementProblem(starts, starts + lengths, sizes))[1]


def lowest_fit(part: Part) -> list[int]:
    """By the definition: try every address from 0 on."""
    result = [-1] * len(part.sizes)
    keys = zip(part.first, -part.last, -part.sizes, range(len(part.sizes)), strict=True)
    for *_, index in sorted(keys):
        alive = [i for i, at in enumerate(result) if at >= 0 and part.first[index] < part.last[i]]
        here = 0
        while any(
            here < result[i] + part.sizes[i] and result[i] < here + part.sizes[index] for i in alive
        ):
            here += 1
        result[index] = here
    return result


@given(st.lists(storages, min_size=1, max_size=25))
@settings(max_examples=200, deadline=None)
def test_it_is_first_fit_in_order_of_start(rows: list[tuple[int, int, int]]) -> None:
    for part in parts_of(rows):
        assert first_fit_in_gaps(part).tolist() == lowest_fit(part)


def test_twenty_thousand_storages_take_no_time() -> None:
    random = np.random.default_rng(0)
    starts = random.integers(0, 20_000, 20_000)
    lengths, sizes = random.geometric(0.01, 20_000), random.integers(1, 1000, 20_000)
    parts = parts_of(np.stack([starts, lengths, sizes], axis=1).tolist())
    began = time.process_time()
    for part in parts:
        first_fit_in_gaps(part)
    # A tenth of a second on an idle machine.
    assert time.process_time() - began < 1.0
