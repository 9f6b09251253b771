"""The validator of placements: finds what is wrong, whatever the solver said."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.check_placement import MAX_PROBLEMS, check_placement, require_right_placement
from solver.errors import BayplanError
from solver.placement import FREE, ArenaResult, Forbidden, PlacementProblem, PlacementResult
from solver.plan import IntArray
from tests.solver.placement.constrained_problems import clash, may_lie, problems


def array(*values: int) -> IntArray:
    return np.array(values, np.int64)


PAIR = PlacementProblem(array(0, 2), array(3, 5), array(4, 6), capacity=16, names=("a", "b"))
RIGHT = PlacementResult(array(0, 4), (ArenaResult(10, 10, 16),))


def stated(problem: PlacementProblem, addresses: IntArray) -> PlacementResult:
    """The result with these addresses that states what is true of them."""
    arenas = []
    for number in range(problem.arena_count):
        inside, alone = problem.of_arena(number)
        tops = (addresses[inside] + alone.sizes)[alone.sizes > 0]
        arenas.append(ArenaResult(int(tops.max(initial=0)), 0, alone.capacity_of(0)))
    return PlacementResult(addresses, tuple(arenas))


@given(problems(most=5, arenas=2), st.lists(st.integers(0, 12), min_size=5, max_size=5))
def test_a_placement_is_right_exactly_when_every_byte_is(
    problem: PlacementProblem, addresses: list[int]
) -> None:
    count = len(problem.sizes)
    right = all(may_lie(problem, s, addresses[s]) for s in range(count)) and not any(
        clash(problem, s, addresses[s], t, addresses[t])
        for s, t in itertools.combinations(range(count), 2)
    )
    result = stated(problem, array(*addresses[:count]))
    assert (check_placement(problem, result) == []) == right


def test_a_right_placement_passes() -> None:
    assert check_placement(PAIR, RIGHT) == []
    require_right_placement(PAIR, RIGHT)


@pytest.mark.parametrize(
    ("problem", "result", "message"),
    [
        (PAIR, replace(RIGHT, addresses=array(0, 3)), "a and b both live at slot 2 and overlap"),
        (PAIR, replace(RIGHT, addresses=array(-1, 4)), "a lies at the negative address -1"),
        (PAIR, replace(RIGHT, addresses=array(0)), "1 addresses for 2 storages"),
        (PAIR, replace(RIGHT, arenas=()), "states 0 arenas"),
        (PAIR, replace(RIGHT, arenas=(ArenaResult(9, 9, 16),)), "stated to be 9 high; it is 10"),
        (PAIR, replace(RIGHT, arenas=(ArenaResult(10, 11, 16),)), "bound 11, above its height"),
        (PAIR, replace(RIGHT, arenas=(ArenaResult(10, 10, 9),)), "another capacity"),
        (
            replace(PAIR, capacity=9),
            replace(RIGHT, arenas=(ArenaResult(9, 9, 9),)),
            "said to fit its capacity and does not",
        ),
        (
            PAIR,
            replace(RIGHT, arenas=(ArenaResult(10, 17, 16),)),
            "said to be infeasible, but this placement fits",
        ),
        (replace(PAIR, fixed=array(FREE, 5)), RIGHT, "b is fixed at 5 but lies at 4"),
        (replace(PAIR, alignments=array(1, 8)), RIGHT, "b lies at 4, which is no multiple"),
        (
            replace(PAIR, forbidden=(Forbidden(3, 5, 4),)),
            RIGHT,
            "b lies at bytes 4 to 10, of which 3 to 5",
        ),
    ],
)
def test_what_is_wrong_is_said(
    problem: PlacementProblem, result: PlacementResult, message: str
) -> None:
    assert any(message in line for line in check_placement(problem, result))
    with pytest.raises(BayplanError, match="not right"):
        require_right_placement(problem, result)


def test_the_list_of_problems_ends_somewhere() -> None:
    many = np.zeros(300, np.int64)
    problem = PlacementProblem(many, many + 1, many + 8)
    assert len(check_placement(problem, stated(problem, many))) == MAX_PROBLEMS


def test_a_hundred_thousand_storages_are_checked_in_seconds() -> None:
    import time

    count = 100_000
    starts = np.arange(count)
    problem = PlacementProblem(starts, starts + 1_000, np.full(count, 512))
    result = stated(problem, starts % 1_000 * 512)
    began = time.process_time()
    assert check_placement(problem, result) == []
    assert time.process_time() - began < 10
