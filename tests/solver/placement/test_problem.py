"""Reduction of a placement problem: sections are the maximal cliques, parts share nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.placement.problem import PlacementProblem, live_sum_bound, reduce, sections

lifetimes = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda t: (t[0], t[0] + t[1]))
blocks = st.lists(st.tuples(lifetimes, st.integers(0, 9)), max_size=12)


def make_problem(content: list[tuple[tuple[int, int], int]], unit: int = 512) -> PlacementProblem:
    table = np.array([(s, e, z * unit) for (s, e), z in content], np.int64).reshape(-1, 3)
    return PlacementProblem(*(np.ascontiguousarray(column) for column in table.T))


@given(st.lists(lifetimes, min_size=1, max_size=12))
def test_sections_are_the_maximal_cliques_in_time_order(spans: list[tuple[int, int]]) -> None:
    alive = [frozenset(i for i, (s, e) in enumerate(spans) if s <= t < e) for t in range(20)]
    maximal = {clique for clique in alive if clique and not any(clique < other for other in alive)}
    starts, ends = np.array(spans, np.int64).T
    first, last, count = sections(starts, ends)
    found = [frozenset(np.flatnonzero((first <= s) & (s < last)).tolist()) for s in range(count)]
    assert set(found) == maximal
    assert len(found) == len(maximal)
    assert [alive.index(clique) for clique in found] == sorted(alive.index(c) for c in found)


@given(blocks)
def test_the_bound_is_the_largest_live_sum(content: list[tuple[tuple[int, int], int]]) -> None:
    sums = [sum(512 * z for (s, e), z in content if s <= t < e) for t in range(20)]
    assert live_sum_bound(make_problem(content)) == max(sums)


@given(blocks)
def test_parts_hold_every_storage_with_bytes_once_and_never_live_together(
    content: list[tuple[tuple[int, int], int]],
) -> None:
    problem = make_problem(content)
    unit, parts = reduce(problem)
    members = [int(i) for part in parts for i in part.members]
    assert sorted(members) == np.flatnonzero(problem.sizes > 0).tolist()
    for part, following in itertools.pairwise(parts):
        assert problem.ends[part.members].max() <= problem.starts[following.members].min()
    for part in parts:
        assert (part.sizes * unit == problem.sizes[part.members]).all()
        here = [
            int(part.sizes[(part.first <= s) & (s < part.last)].sum()) for s in range(len(part.sums))
        ]
        assert part.sums.tolist() == here
        # It cannot be split further: every section but the first is tied to the one before.
        for section in range(1, len(part.sums)):
            assert ((part.first < section) & (section < part.last)).any()


def test_sizes_are_counted_in_their_greatest_common_divisor() -> None:
    unit, parts = reduce(make_problem([((0, 2), 4), ((1, 3), 6)], unit=512))
    assert unit == 1024
    assert parts[0].sizes.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("starts", "ends", "sizes"),
    [([0], [0], [512]), ([2], [1], [512]), ([0], [1], [-1]), ([0], [1], [])],
)
def test_impossible_problems_are_refused(starts: list[int], ends: list[int], sizes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"lifetime|one length"):
        PlacementProblem(*(np.array(a, np.int64) for a in (starts, ends, sizes)))
