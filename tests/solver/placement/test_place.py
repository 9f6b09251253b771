"""Placement: never an overlap, never below the bound, the optimum where it can be known."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.placement import PlacementProblem, PlacementResult, place
from solver.placement.answer import Answer
from solver.placement.exact import LimitSearch
from solver.placement.place import place_by_start
from solver.placement.problem import live_sum_bound, reduce
from solver.solution import Progress
from solver.watch import Watch
from tests.memory import STATUS
from tests.solver.placement.placement_cases import (
    CAPACITY,
    find_overlaps,
    least_height,
    load_problem,
    make_problem,
)

block = st.tuples(st.integers(0, 15), st.integers(1, 9), st.integers(1, 12))


def assert_right(problem: PlacementProblem, result: PlacementResult) -> None:
    """What must hold of any result."""
    assert find_overlaps(problem, result.addresses) == []
    assert (result.addresses >= 0).all()
    assert result.height == (result.addresses + problem.sizes)[problem.sizes > 0].max(initial=0)
    assert result.height >= result.bound >= live_sum_bound(problem)
    assert result.optimal == (result.height == result.bound)


@given(st.lists(block, max_size=40))
@settings(max_examples=60, deadline=None)
def test_no_two_storages_that_live_together_share_a_byte(content: list[tuple[int, int, int]]) -> None:
    problem = make_problem(content)
    assert_right(problem, place(problem, fast=True))
    assert find_overlaps(problem, place_by_start(problem)) == []


@given(st.lists(block, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_tiny_problems_are_placed_at_the_optimum_and_it_is_proven(
    content: list[tuple[int, int, int]],
) -> None:
    problem = make_problem(content)
    result = place(problem, deadline=30.0)
    assert_right(problem, result)
    assert result.height == result.bound == least_height(problem)


@given(st.lists(block, min_size=2, max_size=5))
@settings(max_examples=15, deadline=None)
def test_cp_sat_tells_the_optimum_from_the_granule_below(content: list[tuple[int, int, int]]) -> None:
    problem = make_problem([(0, 30, 13), *content])
    least = least_height(problem)
    unit, (part,) = reduce(problem)
    with Watch(30.0) as watch:
        search = LimitSearch(part, watch)
        assert search.ask(least // unit - 1, 1.0, 0) == (Answer.IMPOSSIBLE, None)
        answer, addresses = search.ask(least // unit, 1.0, 0)
    assert answer is Answer.FOUND
    assert addresses is not None
    placed = np.zeros(len(problem.sizes), np.int64)
    placed[part.members] = addresses * unit
    assert find_overlaps(problem, placed) == []


def test_any_height_up_to_the_capacity_will_do() -> None:
    problem = make_problem([(0, 2, 3), (1, 2, 5), (2, 3, 4)], capacity=1 << 20)
    assert_right(problem, place(problem, deadline=5.0))
    assert place(problem, deadline=5.0).height <= 1 << 20


def test_a_capacity_below_the_bound_still_gives_the_lowest_placement() -> None:
    problem = make_problem([(0, 2, 3), (1, 2, 5)], capacity=512)
    assert place(problem, deadline=5.0).height == 8 * 512


def test_storages_without_bytes_and_no_storages_at_all_are_placed() -> None:
    nothing = np.zeros(0, np.int64)
    assert place(PlacementProblem(nothing, nothing, nothing)).height == 0
    empty = PlacementProblem(np.zeros(2, np.int64), np.ones(2, np.int64), np.array([0, 512]))
    result = place(empty)
    assert (result.height, result.optimal) == (512, True)


def test_what_lives_longest_lies_lowest() -> None:
    # Nested lifetimes, as forward and backward make them, and short ones on the flank.
    nested = [(i, 40 - 2 * i, 3) for i in range(10)]
    flank = [(40 - i, 2, 2) for i in range(10)]
    addresses = place(make_problem([*flank, *nested]), fast=True).addresses
    assert addresses[10:].tolist() == [i * 3 * 512 for i in range(10)]


def test_one_seed_gives_one_placement(cases: Path) -> None:
    problem = load_problem(cases / "placement" / "J.1048576.csv")
    first, second = (place(problem, fast=True, seed=3) for _ in range(2))
    assert (first.addresses == second.addresses).all()


@pytest.mark.parametrize("name", ["resnet50", "G_1"])
def test_recorded_problems_meet_the_live_sum(cases: Path, name: str) -> None:
    problem = load_problem(cases / "placement" / f"{name}.csv")
    result = place(problem, fast=True)
    assert_right(problem, result)
    assert result.height == live_sum_bound(problem)


@pytest.mark.parametrize("name", "ABCDEFGHIJK")
def test_hard_problems_fit_their_capacity_whatever_the_seed(cases: Path, name: str) -> None:
    problem = load_problem(cases / "placement" / f"{name}.1048576.csv", CAPACITY)
    for seed in (0, 1):
        result = place(problem, deadline=90.0, seed=seed)
        assert_right(problem, result)
        assert result.height <= CAPACITY


def test_without_a_capacity_the_least_height_is_found_and_proven(cases: Path) -> None:
    problem = load_problem(cases / "placement" / "C.1048576.csv")
    result = place(problem, deadline=90.0)
    assert_right(problem, result)
    assert result.height == result.bound == live_sum_bound(problem)


def test_twenty_thousand_storages_take_seconds() -> None:
    random = np.random.default_rng(0)
    starts = random.integers(0, 40_000, 20_000)
    ends = starts + 1 + random.integers(1, 2_000, 20_000) ** 2 // 200
    problem = PlacementProblem(starts, ends, random.integers(1, 4_000, 20_000) * 512)
    began = time.process_time()
    result = place(problem, deadline=3.0)
    assert time.process_time() - began < 12
    assert result.height < 1.1 * result.bound


MANY = """
import time
from solver.placement import PlacementProblem, place
from tests.memory import most_kibibytes
from tests.solver.placement.placement_cases import make_training_problem
result = place(make_training_problem(100_000, 0), deadline=60.0, fast=True)
print(time.process_time(), most_kibibytes(), result.height / result.bound)
"""


@pytest.mark.skipif(not STATUS.is_file(), reason="only Linux tells the most memory used")
def test_a_hundred_thousand_storages_are_placed_in_little_memory() -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", MANY], cwd=root, capture_output=True, text=True, check=True
    )
    seconds, kibibytes, over = map(float, done.stdout.split())
    assert seconds < 40
    assert kibibytes < 1 << 20
    assert over <= 1.005


@pytest.mark.alone
def test_a_cancel_stops_a_hard_search_at_once(cases: Path) -> None:
    problem = load_problem(cases / "placement" / "D.1048576.csv")
    place(problem, deadline=1.0)  # Everything is compiled and imported now.
    stopped: list[float] = []
    timer = threading.Timer(1.5, lambda: stopped.append(time.monotonic()))
    timer.start()
    result = place(problem, deadline=60.0, cancelled=lambda: bool(stopped))
    late = time.monotonic() - stopped[0]
    assert_right(problem, result)
    # 100 ms on a machine of its own; this one may be busy.
    assert late < 0.5


def test_a_search_cancelled_before_it_starts_still_places() -> None:
    problem = make_problem([(0, 2, 3), (1, 2, 5), (2, 3, 4)])
    assert_right(problem, place(problem, cancelled=lambda: True))
    assert_right(problem, place(problem, deadline=0.0))


def test_progress_names_what_placed_lower_and_lower() -> None:
    random = np.random.default_rng(1)
    content = [(int(s), int(n), int(z)) for s, n, z in random.integers(1, 30, (200, 3))]
    lines: list[Progress] = []
    result = place(make_problem(content), fast=True, progress=lines.append)
    heights = [line.height_bytes for line in lines]
    assert heights == sorted(heights, key=lambda h: -(h or 0))
    assert heights[-1] == result.height
    assert all(line.phase and line.result for line in lines)
