"""Which further moments are looked at: where what others keep does not fit, or most is touched."""

from itertools import combinations

import pytest

from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.freedom import Freedom
from solver.budget.history import make_history
from solver.budget.moments import Moments
from solver.budget.pressure import Pressure
from solver.budget.relaxation import Relaxed, relax
from solver.timeline import order_profile
from tests.solver.budget.chain_steps import chain_step

STEP = chain_step(8)
HISTORY = make_history(STEP)
FREEDOM = Freedom(HISTORY, op_costs(STEP, V100, False), True, False, 0.0)
PRESSURE = Pressure(FREEDOM)
PROFILE = order_profile(STEP, range(len(STEP.ops)))
NOTHING = Relaxed(0.0, True, (frozenset(),), (frozenset(),))


def solved(op: int, arena: int) -> Relaxed:
    return relax(Moments(FREEDOM, (op,)), arena, 0.0, 1.0, 10.0, lambda: False)


def test_where_all_fits_everywhere_the_largest_ops_are_next() -> None:
    arena = int(PROFILE.max())
    first = PRESSURE.next_moments((5,), solved(5, arena), arena, {5}, 3)
    assert len(first) == 3
    left_out = [op for op in range(len(STEP.ops)) if op not in (*first, 5)]
    chain = [op for op in left_out if all(_ordered(op, other) for other in (*first, 5))]
    smallest = min(PRESSURE.alone[op] for op in first)
    assert all(PRESSURE.alone[op] <= smallest for op in chain)


def test_where_what_one_moment_keeps_does_not_fit_at_another_that_is_next() -> None:
    # The first op's moment leaves all that comes later open: the peak of program order is there.
    arena = int(PROFILE.max()) // 2
    found = PRESSURE.next_moments((0,), solved(0, arena), arena, {0}, 4)
    assert 0 < len(found) <= 2
    assert all(PROFILE[op] > arena for op in found)


@pytest.mark.parametrize("most", [1, 4, 20])
def test_what_was_tried_is_not_proposed_and_all_that_is_has_one_order(most: int) -> None:
    tried = set(range(0, len(STEP.ops), 2))
    found = PRESSURE.next_moments((4,), NOTHING, 1 << 60, tried, most)
    assert not tried.intersection(found)
    assert all(_ordered(one, other) for one, other in combinations((*found, 4), 2))


def _ordered(one: int, other: int) -> bool:
    return bool((HISTORY.before[one] | HISTORY.after[one]) >> other & 1)
