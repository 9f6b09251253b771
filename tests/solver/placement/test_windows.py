"""Windows of a part: what lives in a stretch of time, and what its not fitting proves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.placement import PlacementProblem, PlacementStatus, place
from solver.placement.problem import Part, reduce
from solver.placement.windows import CENTRES, SIZES, Windows, cut, find_windows
from solver.watch import Watch
from tests.solver.placement.constrained_problems import FRAGMENTING

blocks = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 12), st.integers(1, 9)), min_size=30, max_size=120
)


def make_part(content: list[tuple[int, int, int]]) -> Part:
    """From (start, slots, size), under one lid that ties everything."""
    table = np.array([(0, 80, 1), *((s, s + n, z) for s, n, z in content)], np.int64)
    _, (part,) = reduce(PlacementProblem(*table.T.copy()))
    return part


@given(blocks)
@settings(max_examples=40, deadline=None)
def test_windows_hold_what_lives_in_them_and_grow(content: list[tuple[int, int, int]]) -> None:
    part = make_part(content)
    windows = find_windows(part)
    assert len(windows) <= CENTRES * len(SIZES)
    counts = []
    for first, last in windows:
        inside = cut(part, first, last)
        alive = [i for i in range(len(part.sizes)) if part.first[i] < last and first < part.last[i]]
        assert inside.members.tolist() == part.members[alive].tolist()
        assert inside.sums.tolist() == part.sums[first:last].tolist()
        assert (inside.first >= 0).all()
        assert (inside.last <= last - first).all()
        counts.append(len(alive))
    single = {(s, s + 1) for s in range(len(part.sums))}
    for window, count in zip(windows, counts, strict=True):
        assert count <= SIZES[-1] or window in single


@given(blocks)
@settings(max_examples=8, deadline=None)
def test_no_window_refutes_a_height_that_a_placement_has(content: list[tuple[int, int, int]]) -> None:
    table = np.array([(s, s + n, z) for s, n, z in content], np.int64)
    problem = PlacementProblem(*table.T.copy())
    height = place(problem, fast=True).height
    unit, parts = reduce(problem)
    with Watch(60.0) as watch:
        for part in parts:
            assert not Windows(part, watch).refute(height // unit, 0.02, 0)


@pytest.mark.parametrize("copies", [100, 600])
def test_a_stretch_that_does_not_fit_proves_it_of_thousands_of_storages(copies: int) -> None:
    content = [(s + 5 * i, e + 5 * i, z) for i in range(copies) for s, e, z in FRAGMENTING]
    table = np.array([*content, (0, 5 * copies, 7)], np.int64)
    result = place(PlacementProblem(*table.T.copy(), capacity=11), deadline=60.0)
    assert (result.status, result.bound) == (PlacementStatus.INFEASIBLE, 12)
