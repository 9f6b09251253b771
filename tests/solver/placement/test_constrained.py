"""Alignments, fixed addresses, forbidden ranges, arenas, capacities: right, optimal, no false no."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.check_placement import check_placement
from solver.errors import BayplanError
from solver.placement import FREE, Forbidden, PlacementProblem, PlacementStatus, place
from solver.placement.csv_table import decode_table
from solver.placement.place import place_by_start
from solver.placement.problem import live_sum_bound, reduce
from solver.plan import IntArray
from tests.solver.placement.constrained_problems import (
    FRAGMENTING,
    contradicts,
    fits,
    least_height,
    problems,
)


def make_problem(content: list[tuple[int, int, int]], **given: object) -> PlacementProblem:
    """From (start, end, size)."""
    starts, ends, sizes = np.array(content, np.int64).reshape(-1, 3).T.copy()
    problem = PlacementProblem(starts, ends, sizes)
    return replace(problem, **given)  # type: ignore[arg-type]


def array(*values: int) -> IntArray:
    return np.array(values, np.int64)


@given(problems())
@settings(max_examples=80, deadline=None)
def test_the_height_is_the_least_that_any_addresses_give_and_it_is_proven(
    problem: PlacementProblem,
) -> None:
    assume(not contradicts(problem))
    result = place(problem, deadline=30.0)
    assert check_placement(problem, result) == []
    assert (result.height, result.status) == (least_height(problem), PlacementStatus.OPTIMAL)


@given(problems(), st.integers(1, 16))
@settings(max_examples=80, deadline=None)
def test_infeasible_is_said_exactly_where_nothing_fits(
    problem: PlacementProblem, capacity: int
) -> None:
    problem = replace(problem, capacity=capacity)
    tops = np.where(problem.fixed != FREE, problem.fixed + problem.sizes, 0)
    assume(not contradicts(problem) and tops.max() <= capacity)
    result = place(problem, deadline=30.0)
    assert check_placement(problem, result) == []
    if fits(problem, capacity):
        assert result.status in (PlacementStatus.OPTIMAL, PlacementStatus.FITS)
        assert result.height <= capacity
    else:
        assert result.status is PlacementStatus.INFEASIBLE


@given(problems())
@settings(max_examples=40, deadline=None)
def test_an_address_that_is_fixed_never_lowers_the_optimum(problem: PlacementProblem) -> None:
    assume(not contradicts(problem))
    free = replace(problem, fixed=np.full(len(problem.sizes), FREE))
    assert place(free, deadline=30.0).height <= place(problem, deadline=30.0).height


@given(problems(most=30))
@settings(max_examples=80, deadline=None)
def test_placements_of_any_size_are_right_and_never_below_their_bound(
    problem: PlacementProblem,
) -> None:
    free = np.full(len(problem.sizes), FREE)
    problem = replace(problem, fixed=free) if contradicts(problem) else problem
    result = place(problem, fast=True)
    assert check_placement(problem, result) == []
    at_once = place_by_start(problem)
    assert (
        check_placement(problem, replace(result, addresses=at_once)) == []
        or (at_once + problem.sizes).max() > result.height
    )


@given(problems(most=6, arenas=3))
@settings(max_examples=60, deadline=None)
def test_every_arena_is_placed_as_if_it_were_alone(problem: PlacementProblem) -> None:
    assume(not contradicts(problem))
    result = place(problem, deadline=30.0)
    assert check_placement(problem, result) == []
    for number, arena in enumerate(result.arenas):
        inside, alone = problem.of_arena(number)
        there = place(alone, deadline=30.0)
        assert (arena.height, arena.bound) == (there.height, there.bound)
        assert (result.addresses[inside] == there.addresses).all()


@given(problems())
@settings(max_examples=100, deadline=None)
def test_contradictions_are_errors_and_nothing_else_is(problem: PlacementProblem) -> None:
    if contradicts(problem):
        with pytest.raises(BayplanError, match=r"Storages? \d"):
            place(problem)
    else:
        assert check_placement(problem, place(problem, fast=True)) == []


@given(problems(most=12), st.integers(2, 512))
@settings(max_examples=60, deadline=None)
def test_scaling_all_bytes_scales_the_height_and_the_bound(problem: PlacementProblem, by: int) -> None:
    assume(not contradicts(problem))
    assert problem.fixed is not None
    assert problem.alignments is not None
    scaled = replace(
        problem,
        sizes=problem.sizes * by,
        alignments=problem.alignments * by,
        fixed=np.where(problem.fixed == FREE, FREE, problem.fixed * by),
        forbidden=tuple(replace(f, low=f.low * by, high=f.high * by) for f in problem.forbidden),
    )
    small, large = place(problem, fast=True), place(scaled, fast=True)
    assert (large.height, large.bound) == (small.height * by, small.bound * by)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"fixed": array(0, 4)},
            "Storages a and b live at the same time and are fixed at bytes 0 to",
        ),
        (
            {"fixed": array(FREE, 100)},
            "Storage b is fixed at 100 and ends at 104, beyond the capacity",
        ),
        (
            {"fixed": array(6, FREE), "alignments": array(4, 1)},
            "Storage a is fixed at 6, which is no multiple of its alignment, 4. Fix it at 4 or 8",
        ),
        (
            {"fixed": array(FREE, 8), "forbidden": (Forbidden(11, 20, 3, 4),)},
            "Storage b is fixed at bytes 8 to 12, but bytes 11 to 20 are forbidden from slot 3",
        ),
    ],
)
def test_a_contradiction_names_what_contradicts(given: dict[str, object], message: str) -> None:
    problem = make_problem([(0, 5, 8), (2, 9, 4)], names=("a", "b"), capacity=64, **given)
    with pytest.raises(BayplanError) as error:
        place(problem)
    assert message in str(error.value)


def test_fixed_storages_that_never_meet_may_share_bytes() -> None:
    problem = make_problem([(0, 5, 8), (5, 9, 8), (0, 9, 3)], fixed=array(4, 4, FREE))
    result = place(problem)
    assert (result.addresses.tolist(), result.height) == ([4, 4, 0], 12)


def test_a_forbidden_range_takes_bytes_only_while_it_lasts() -> None:
    ban = Forbidden(0, 10, 4, 6)
    problem = make_problem([(0, 3, 5), (3, 5, 5), (7, 9, 5)], forbidden=(ban,))
    result = place(problem)
    assert (result.addresses.tolist(), result.height, result.bound) == ([0, 10, 0], 15, 15)


def test_what_is_forbidden_beyond_all_storages_does_not_raise_the_height() -> None:
    problem = make_problem([(0, 3, 5), (1, 5, 5)], forbidden=(Forbidden(10, 1 << 40),))
    assert place(problem).height == 10
    assert place(make_problem([], forbidden=(Forbidden(0, 9),))).height == 0


def test_alignment_costs_what_it_must() -> None:
    problem = make_problem([(0, 2, 10), (0, 2, 12), (0, 2, 16)], alignments=array(16, 16, 16))
    result = place(problem, deadline=10.0)
    assert (result.height, result.status) == (42, PlacementStatus.OPTIMAL)


def test_an_alignment_that_every_size_has_anyway_leaves_a_part_plain() -> None:
    content = [(0, 2, 1024), (0, 2, 512), (3, 4, 2048)]
    _, parts = reduce(make_problem(content, alignments=array(256, 512, 1)))
    assert all(part.plain for part in parts)
    _, parts = reduce(make_problem(content, alignments=array(256, 512, 4096)))
    assert [part.plain for part in parts] == [True, False]


def test_arenas_have_capacities_and_answers_of_their_own() -> None:
    content = [(0, 2, 6), (0, 2, 6), (0, 2, 6), (1, 3, 9)]
    problem = make_problem(content, arenas=array(0, 0, 1, 2), capacity=(11, 6, None))
    result = place(problem, deadline=5.0)
    statuses = [arena.status for arena in result.arenas]
    assert statuses == [PlacementStatus.INFEASIBLE, PlacementStatus.OPTIMAL, PlacementStatus.OPTIMAL]
    assert (result.status, result.height) == (PlacementStatus.INFEASIBLE, 27)


def test_the_fragmenting_problem_is_one() -> None:
    alone = make_problem(FRAGMENTING, alignments=np.ones(8, np.int64), fixed=np.full(8, FREE))
    assert live_sum_bound(alone) == 4
    assert (fits(alone, 4), fits(alone, 5)) == (False, True)


extra = st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(1, 3))


@given(st.sets(st.integers(0, 7), max_size=2), st.lists(extra, max_size=3), st.integers(1, 3))
@settings(max_examples=120, deadline=None)
def test_near_the_fragmenting_problem_the_answer_is_that_of_brute_force(
    left_out: set[int], extras: list[tuple[int, int, int]], factor: int
) -> None:
    content = [block for i, block in enumerate(FRAGMENTING) if i not in left_out]
    content += [(start, start + slots, size) for start, slots, size in extras]
    count = len(content)
    alone = make_problem(content, alignments=np.ones(count, np.int64), fixed=np.full(count, FREE))
    capacity = live_sum_bound(alone)
    problem = make_problem([(s, e, z * factor) for s, e, z in content], capacity=capacity * factor)
    result = place(problem, deadline=30.0)
    assert check_placement(problem, result) == []
    assert (result.status is not PlacementStatus.INFEASIBLE) == fits(alone, capacity)
    assert (result.height <= capacity * factor) == fits(alone, capacity)


@pytest.mark.parametrize("copies", [1, 4, 20])
def test_what_fits_its_live_sum_but_no_placement_is_proven_infeasible(copies: int) -> None:
    lid = (0, 5 * copies, 7)
    content = [(s + 5 * i, e + 5 * i, z) for i in range(copies) for s, e, z in FRAGMENTING]
    problem = make_problem([*content, lid], capacity=11)
    assert live_sum_bound(problem) == 11
    result = place(problem, deadline=30.0)
    assert check_placement(problem, result) == []
    assert (result.status, result.bound) == (PlacementStatus.INFEASIBLE, 12)
    assert place(replace(problem, capacity=12), deadline=30.0).height == 12


def test_a_height_far_above_its_bound_is_proven_without_a_proof_for_each_byte_between() -> None:
    content = [(start, end, 1_000_000 * size) for start, end, size in FRAGMENTING]
    content[0] = (0, 2, 2_000_001)  # Its odd size makes the unit a byte.
    wide = make_problem(content)
    strides = make_problem(
        [(0, 3, 5), (0, 3, 5), (1, 3, 7)], alignments=array(1_000_003, 999_983, 65_537)
    )
    for problem, least in ((wide, 5_000_000), (strides, 999_988)):
        result = place(problem, deadline=20.0)
        assert check_placement(problem, result) == []
        assert (result.height, result.status) == (least, PlacementStatus.OPTIMAL)


def test_infeasibility_by_the_live_sum_alone_is_told_at_once() -> None:
    random = np.random.default_rng(3)
    content = [(int(s), int(s + n), int(z)) for s, n, z in random.integers(1, 99, (400, 3))]
    problem = make_problem(content)
    capacity = live_sum_bound(problem) - 1
    result = place(replace(problem, capacity=capacity), deadline=60.0)
    assert result.status is PlacementStatus.INFEASIBLE


@pytest.mark.parametrize("name", "AJ")
def test_recorded_problems_do_not_fit_less_than_their_live_sum(cases: Path, name: str) -> None:
    path = cases / "placement" / f"{name}.1048576.csv"
    storages = decode_table(path.read_bytes(), path.name).storages
    problem = replace(storages, capacity=live_sum_bound(storages) - 1)
    result = place(problem, deadline=60.0)
    assert check_placement(problem, result) == []
    assert result.status is PlacementStatus.INFEASIBLE


def test_nothing_fits_an_arena_that_is_forbidden_as_a_whole() -> None:
    problem = make_problem([(0, 3, 5)], capacity=64, forbidden=(Forbidden(0, 60, 2), Forbidden(60, 64)))
    result = place(problem)
    assert (result.status, result.bound) == (PlacementStatus.INFEASIBLE, 69)


def test_without_time_a_capacity_is_neither_met_nor_called_infeasible() -> None:
    result = place(make_problem(FRAGMENTING, capacity=4), deadline=0.0)
    assert (result.status, result.bound) == (PlacementStatus.FEASIBLE, 4)


def test_a_number_too_large_for_addresses_is_an_error() -> None:
    with pytest.raises(BayplanError, match="more than the 2\\^61"):
        make_problem([(0, 1, 1 << 60), (0, 1, 1 << 60), (0, 1, 1 << 60)])


def test_the_live_sum_bound_counts_what_is_fixed_and_forbidden() -> None:
    problem = make_problem([(0, 5, 8), (2, 9, 4)], fixed=array(FREE, 2), forbidden=(Forbidden(0, 1),))
    assert live_sum_bound(problem) == 14  # A gap of one byte holds nothing.


def test_the_live_sum_bound_counts_what_no_set_of_sizes_can_fill_below_an_obstacle() -> None:
    content = [(0, 5, 6), (0, 5, 6), (0, 5, 4), (0, 5, 3)]
    # Of 11 bytes below the range at most 10 can be filled: 9 of 19 lie above it.
    problem = make_problem(content, forbidden=(Forbidden(11, 20),))
    assert live_sum_bound(problem) == 29
    assert place(problem).height == 29


def test_a_gap_below_an_obstacle_counts_as_it_is_where_all_lies_below() -> None:
    problem = make_problem([(0, 5, 6), (0, 5, 4)], forbidden=(Forbidden(11, 20),))
    assert live_sum_bound(problem) == 10
    assert place(problem).height == 10
