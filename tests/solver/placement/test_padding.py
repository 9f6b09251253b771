"""Padding: an aligned part searched as a plain one, without losing a byte where all align alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.check_placement import check_placement
from solver.placement import ArenaResult, Forbidden, PlacementProblem, PlacementResult, place
from solver.placement.csv_table import decode_table
from solver.placement.padding import pad
from solver.placement.place import first_fit_by_start
from solver.placement.problem import Part, reduce

blocks = st.lists(
    st.tuples(st.integers(0, 9), st.integers(1, 5), st.integers(1, 40)), min_size=1, max_size=12
)
CAPACITY = 1048576


def make_problem(content: list[tuple[int, int, int]], alignments: list[int]) -> PlacementProblem:
    """From (start, slots, size)."""
    table = np.array([(s, s + n, z) for s, n, z in content], np.int64)
    return PlacementProblem(*table.T.copy(), alignments=np.array(alignments, np.int64))


def parts_of(problem: PlacementProblem) -> list[Part]:
    return reduce(problem)[1]


@given(blocks, st.data())
@settings(max_examples=60, deadline=None)
def test_a_padded_part_is_plain_and_its_placements_are_right(
    content: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    step_of = st.sampled_from([1, 2, 4, 6])
    problem = make_problem(content, [data.draw(step_of) for _ in content])
    unit, parts = reduce(problem)
    for part in parts:
        padded = pad(part)
        if padded is not None:
            step, plain = padded
            assert plain.plain
            addresses = first_fit_by_start(plain) * step * unit
            alone = problem_of(problem, part)
            height = int((addresses + alone.sizes).max())
            result = PlacementResult(addresses, (ArenaResult(height, 0),))
            assert check_placement(alone, result) == []


def problem_of(problem: PlacementProblem, part: Part) -> PlacementProblem:
    """The problem of a part's storages."""
    assert problem.alignments is not None
    here = part.members
    return PlacementProblem(
        problem.starts[here],
        problem.ends[here],
        problem.sizes[here],
        alignments=problem.alignments[here],
    )


def test_obstacles_and_alignments_beyond_every_size_are_not_padded() -> None:
    content = [(0, 3, 5), (1, 3, 7)]
    assert [pad(part) for part in parts_of(make_problem(content, [64, 64]))] == [None]
    assert [pad(part) for part in parts_of(make_problem(content, [1, 1]))] == [None]
    banned = replace(make_problem(content, [4, 4]), forbidden=(Forbidden(1, 2),))
    assert [pad(part) for part in parts_of(banned)] == [None]
    (padded,) = (pad(part) for part in parts_of(make_problem(content, [2, 4])))
    assert padded is not None
    assert (padded[0], padded[1].sizes.tolist()) == (4, [2, 2])


def test_a_hard_problem_of_odd_sizes_that_all_align_alike_fits_its_capacity(cases: Path) -> None:
    path = cases / "placement" / "E.1048576.csv"
    storages = decode_table(path.read_bytes(), path.name).storages
    count = len(storages.sizes)
    odd = storages.sizes - np.random.default_rng(0).integers(0, 1000, count)
    problem = replace(storages, sizes=odd, alignments=np.full(count, 1024), capacity=CAPACITY)
    result = place(problem, deadline=60.0)
    assert check_placement(problem, result) == []
    assert result.height <= CAPACITY


@pytest.mark.parametrize("name", "AEK")
def test_a_hard_problem_with_mixed_alignments_fits_what_rounding_up_fits(
    cases: Path, name: str
) -> None:
    path = cases / "placement" / f"{name}.1048576.csv"
    storages = decode_table(path.read_bytes(), path.name).storages
    random = np.random.default_rng(1)
    count = len(storages.sizes)
    # All sizes are multiples of 1024: four times as large, of 4096.
    problem = replace(
        storages,
        sizes=4 * storages.sizes - random.integers(0, 64, count),
        alignments=random.choice(np.array([1, 64, 512, 4096]), count),
        capacity=4 * CAPACITY,
    )
    result = place(problem, deadline=60.0)
    assert check_placement(problem, result) == []
    assert result.height <= 4 * CAPACITY
