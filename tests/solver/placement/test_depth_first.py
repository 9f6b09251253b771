"""Depth-first search: it finds a placement exactly where there is one, whatever way it goes."""

import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from solver.check_placement import check_placement
from solver.placement import FREE, place
from solver.placement.answer import Answer
from solver.placement.depth_first import WAYS, DepthFirst, Way
from solver.placement.exact import LimitSearch
from solver.placement.problem import Part, PlacementProblem, fixed_addresses, height_of, reduce
from solver.placement.result import ArenaResult, PlacementResult
from solver.placement.tree import root, shape_of
from solver.plan import IntArray
from solver.watch import Watch
from tests.solver.placement.constrained_problems import FRAGMENTING, contradicts, problems
from tests.solver.placement.constrained_problems import least_height as lowest_of_any_addresses
from tests.solver.placement.placement_cases import (
    CAPACITY,
    find_overlaps,
    least_height,
    load_problem,
    make_problem,
)

NEVER = np.zeros(1, np.uint8)

block = st.tuples(st.integers(0, 7), st.integers(1, 6), st.integers(1, 9))
crowded = st.lists(block, min_size=3, max_size=6)


def search(part: Part, limit: int, way: Way, work: int = 1 << 60) -> tuple[int, IntArray]:
    """How one search for a placement (units) below a limit ends, and the addresses it has then."""
    from solver.placement.tree_kernels import search_slice

    shape = shape_of(part)
    assert shape is not None
    keys = np.argsort(np.argsort(-np.stack([part.sizes, part.lifetimes]), axis=1), axis=1)
    state = root(shape, keys.astype(np.int64))
    again = 0 if way.again else -1
    ended = search_slice(shape, state, limit, work, way.mend, way.swap, again, NEVER)
    return ended, state.address


def assert_placed(part: Part, addresses: IntArray, limit: int) -> None:
    problem = PlacementProblem(part.first, part.last, part.sizes)
    assert find_overlaps(problem, addresses) == []
    assert (addresses >= 0).all()
    assert (addresses + part.sizes).max() <= limit


@given(crowded)
@settings(max_examples=30, deadline=None)
def test_every_way_tells_the_optimum_from_the_unit_below(content: list[tuple[int, int, int]]) -> None:
    from solver.placement.tree_kernels import FOUND, IMPOSSIBLE

    # One storage over all makes it one part, and its odd size makes the unit a granule.
    problem = make_problem([(0, 20, 1), *content])
    _, (part,) = reduce(problem)
    least = least_height(problem) // 512
    for mend, swap, again in itertools.product((False, True), repeat=3):
        way = Way(("size", "lifetime"), again, mend, swap)
        assert search(part, least - 1, way)[0] == IMPOSSIBLE
        ended, addresses = search(part, least, way)
        assert ended == FOUND
        assert_placed(part, addresses, least)


def make_tight_part(random: np.random.Generator, height: int, slots: int) -> Part:
    """Full at every slot: what ends is replaced by as much that is cut up in another way."""
    content: list[tuple[int, int, int]] = []
    alive: list[tuple[int, int]] = []
    free = height
    for slot in range(slots):
        while free:
            size = min(free, int(random.integers(1, 4)))
            alive.append((slot, size))
            free -= size
        ending = (
            []
            if slot == slots - 1
            else random.permutation(len(alive))[: random.integers(1, 3)].tolist()
        )
        for one in sorted(ending, reverse=True):
            start, size = alive.pop(one)
            content.append((start, slot + 1, size))
            free += size
    content.extend((start, slots, size) for start, size in alive)
    starts, ends, sizes = np.array(content, np.int64).T.copy()
    parts = reduce(PlacementProblem(starts, ends, sizes))[1]
    return max(parts, key=lambda part: len(part.sizes))


def test_no_way_contradicts_cp_sat_and_each_proves_that_some_limits_are_impossible() -> None:
    from solver.placement.tree_kernels import FOUND, IMPOSSIBLE, UNDECIDED

    random = np.random.default_rng(1)
    ways = [
        Way((), again, mend, swap) for again, mend, swap in itertools.product((False, True), repeat=3)
    ]
    found, proven = 0, dict.fromkeys(ways, 0)
    for _ in range(40):
        part = make_tight_part(random, 8, 24)
        with Watch(60.0) as watch:
            truth, _ = LimitSearch(part, watch).ask(part.bound, 10.0, 0)
        for way in ways:
            ended, addresses = search(part, part.bound, way, 1_000_000)
            if truth is Answer.FOUND:
                assert ended != IMPOSSIBLE
            else:
                assert ended in (IMPOSSIBLE, UNDECIDED)
            if ended == FOUND:
                found += 1
                assert_placed(part, addresses, part.bound)
            proven[way] += ended == IMPOSSIBLE
    assert found > 100
    assert min(proven.values()) >= 1


def test_a_search_in_slices_ends_as_one_that_is_never_stopped(cases: Path) -> None:
    from solver.placement.tree_kernels import FOUND, UNDECIDED, search_slice

    problem = load_problem(cases / "placement" / "E.1048576.csv", CAPACITY)
    unit, parts = reduce(problem)
    part = max(parts, key=lambda part: len(part.sizes))
    way = WAYS[0]
    with Watch(60.0) as watch:
        keys = DepthFirst(part, watch, 0)._keys(way)
    shape = shape_of(part)
    assert shape is not None
    whole, sliced = root(shape, keys), root(shape, keys)
    limit = CAPACITY // unit
    assert search_slice(shape, whole, limit, 1 << 60, way.mend, way.swap, 0, NEVER) == FOUND
    ended, work = UNDECIDED, 0
    while ended == UNDECIDED:
        work += 10_000
        ended = search_slice(shape, sliced, limit, work, way.mend, way.swap, 0, NEVER)
    assert ended == FOUND
    assert work > 30_000
    assert (whole.address == sliced.address).all()
    assert_placed(part, whole.address, limit)


@pytest.mark.parametrize("name", "ABCDEFGHIJK")
def test_the_hard_problems_fit_in_a_sprint(cases: Path, name: str) -> None:
    problem = load_problem(cases / "placement" / f"{name}.1048576.csv", CAPACITY)
    unit, parts = reduce(problem)
    began = time.process_time()
    with Watch(60.0) as watch:
        for part in parts:
            answer, addresses = DepthFirst(part, watch, 0).sprint(CAPACITY // unit)
            assert answer is Answer.FOUND
            assert addresses is not None
            assert_placed(part, addresses, CAPACITY // unit)
    # A tenth of a second; the kernels may have to be compiled first.
    assert time.process_time() - began < 30


@given(problems(most=5))
@settings(max_examples=150, deadline=None)
def test_around_obstacles_and_with_alignments_every_way_finds_the_optimum_and_nothing_below(
    problem: PlacementProblem,
) -> None:
    from solver.placement.tree_kernels import FOUND, IMPOSSIBLE

    assume(not contradicts(problem))
    least = lowest_of_any_addresses(problem)
    fixed = fixed_addresses(problem)
    unit, parts = reduce(problem)
    for mend, swap in itertools.product((False, True), repeat=2):
        way = Way(("size", "lifetime"), False, mend, swap)
        addresses = fixed.copy()
        for part in parts:
            ended, found = search(part, least // unit, way)
            assert ended == FOUND
            addresses[part.members] = found * unit
        result = PlacementResult(addresses, (ArenaResult(height_of(problem, addresses), 0, None),))
        assert check_placement(problem, result) == []
        assert result.height == least
        if least > height_of(problem, fixed):
            ends = [search(part, (least - 1) // unit, way)[0] for part in parts]
            assert IMPOSSIBLE in ends


pinned = st.lists(st.booleans(), min_size=8, max_size=8)
columns = st.permutations(range(8))


@given(pinned, columns, st.sampled_from([1, 2, 3]))
@settings(max_examples=60, deadline=None)
def test_what_fits_no_line_is_impossible_with_any_of_it_fixed(
    fix: list[bool], order: list[int], by: int
) -> None:
    from solver.placement.tree_kernels import IMPOSSIBLE

    # The addresses are of a placement of height 5 at most, and 4 is not enough for any.
    starts, ends, sizes = np.array([FRAGMENTING[i] for i in order], np.int64).T.copy()
    alone = PlacementProblem(starts, ends, sizes)
    where = place(alone, deadline=5.0).addresses
    fixed = np.where(fix, where, FREE) * np.where(fix, by, 1)
    problem = PlacementProblem(starts, ends, sizes * by, fixed=fixed)
    assume((fixed < 0).any())
    unit, parts = reduce(problem)
    highest = height_of(problem, fixed_addresses(problem))
    ends_of = [search(part, 4 * by // unit, WAYS[5])[0] for part in parts]
    assert IMPOSSIBLE in ends_of or highest > 4 * by


@pytest.mark.parametrize(("name", "share"), [("B", 0.05), ("C", 0.05), ("K", 0.05), ("K", 0.2)])
def test_the_rest_of_a_known_placement_is_found_around_what_is_fixed_of_it(
    cases: Path, name: str, share: float
) -> None:
    problem = load_problem(cases / "placement" / f"{name}.1048576.csv", CAPACITY)
    known = place(problem, deadline=30.0, seed=7).addresses
    fixed = np.where(np.random.default_rng(3).random(len(known)) < share, known, FREE)
    problem = replace(problem, fixed=fixed)
    result = place(problem, deadline=30.0)
    assert check_placement(problem, result) == []
    assert result.height <= CAPACITY
