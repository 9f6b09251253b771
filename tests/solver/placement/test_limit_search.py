"""CP-SAT at a limit ends when it is told to, whoever finds out that the time is up."""

import time

import numpy as np

from solver.placement.exact import LimitSearch
from solver.placement.problem import Part, PlacementProblem, reduce
from solver.watch import Watch


def part_of_three() -> Part:
    """Three storages alive together."""
    starts, ends = np.zeros(3, np.int64), np.ones(3, np.int64)
    (part,) = reduce(PlacementProblem(starts, ends, np.array([3, 4, 5], np.int64)))[1]
    return part


def test_a_search_that_finds_its_own_time_up_does_not_wait_for_itself() -> None:
    # Not entered: no thread watches, so the one that searches is the first to look.
    watch = Watch(60.0, cancelled=lambda: True)
    began = time.monotonic()
    answer, addresses = LimitSearch(part_of_three(), watch).ask(12, 1.0, 0)
    assert (answer.name, addresses) == ("UNKNOWN", None)
    assert time.monotonic() - began < 30


def test_a_search_with_time_answers() -> None:
    watch = Watch(60.0)
    search = LimitSearch(part_of_three(), watch)
    assert search.ask(12, 1.0, 0)[0].name == "FOUND"
    assert search.ask(11, 1.0, 0)[0].name == "IMPOSSIBLE"


def test_any_seed_is_one_for_cp_sat() -> None:
    assert LimitSearch(part_of_three(), Watch(60.0)).ask(12, 1.0, (1 << 31) + 5)[0].name == "FOUND"
