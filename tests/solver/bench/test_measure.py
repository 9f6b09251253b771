"""One measured case: the row says what the case needs, whatever numbers its table is written in."""

import numpy as np
import pytest

from solver.bench.cases import Case
from solver.bench.measure import measure
from solver.placement import PlacementProblem


@pytest.mark.parametrize(("first", "each"), [(0, 1), (-7, 1), (-(10**15), 10**12)])
def test_the_slots_of_a_table_may_be_time_stamps(first: int, each: int) -> None:
    starts, ends = np.array([[0, 1, 3], [2, 4, 4]], np.int64) * each + first
    problem = PlacementProblem(starts, ends, np.array([5, 7, 9], np.int64))
    row = measure(Case("table", lambda: problem), deadline=5.0, seed=0)
    assert (row.error, row.peak_bytes, row.height_bytes, row.bound_bytes) == ("", 16, 16, 16)


def test_a_table_without_storages_needs_nothing() -> None:
    none = np.zeros(0, np.int64)
    row = measure(Case("table", lambda: PlacementProblem(none, none, none)), deadline=5.0, seed=0)
    assert (row.error, row.peak_bytes, row.height_bytes) == ("", 0, 0)
