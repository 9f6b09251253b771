"""The trade-off: a checked plan for every budget, and never less overhead for fewer bytes."""

import threading

import pytest

from solver.budget.curve import BUDGETS, Point, spread, trade_off
from solver.budget.devices import V100
from solver.check import check
from solver.errors import BayplanError
from solver.step import Step
from solver.terms import Choice

from .chain_steps import MIB, chain_step

STEP = chain_step(10)


@pytest.fixture(scope="module")
def points() -> list[Point]:
    """All that come, for budgets that are chosen here."""
    return list(trade_off(STEP, device=V100, allowed=(Choice.RECOMPUTE,), deadline=20.0))


def last(points: list[Point]) -> dict[int, Point]:
    """The point that came last for each budget."""
    return {point.budget_bytes: point for point in points}


def test_every_budget_has_a_checked_plan_on_its_terms(points: list[Point]) -> None:
    for point in points:
        plan = point.solution.plan
        assert plan is not None and plan.terms is not None
        assert check(STEP, plan) == []
        assert plan.terms.budget_bytes == point.budget_bytes == point.solution.report.budget_bytes
        assert STEP.resident_bytes + plan.height_bytes <= point.budget_bytes


def test_fewer_bytes_never_take_less_time(points: list[Point]) -> None:
    by_budget = last(points)
    overheads = [by_budget[budget].solution.report.overhead for budget in sorted(by_budget)]
    assert overheads == sorted(overheads, reverse=True)
    assert overheads[-1] == 0.0 < overheads[0]


def test_bounds_never_rise_with_the_budget(points: list[Point]) -> None:
    by_budget = last(points)
    bounds = [by_budget[budget].solution.report.overhead_bound for budget in sorted(by_budget)]
    assert bounds == sorted(bounds, reverse=True)


def test_about_twelve_budgets_reach_from_the_smallest_to_the_unmodified_step(
    points: list[Point],
) -> None:
    budgets = sorted(last(points))
    assert len(budgets) == BUDGETS
    report = points[-1].solution.report
    assert 0 <= budgets[-1] - report.unmodified_bytes < MIB
    assert budgets[0] - report.feasible_bytes < 8 * MIB


def test_a_later_point_for_a_budget_is_a_better_one(points: list[Point]) -> None:
    best: dict[int, float] = {}
    for point in points:
        overhead = point.solution.report.overhead
        assert overhead is not None
        assert overhead < best.get(point.budget_bytes, 1e9)
        best[point.budget_bytes] = overhead


def test_given_budgets_are_the_ones_that_are_solved() -> None:
    budgets = [STEP.resident_bytes + size * MIB for size in (30, 60, 2)]
    points = last(
        list(trade_off(STEP, budgets, device=V100, allowed=(Choice.RECOMPUTE,), deadline=3.0))
    )
    assert sorted(points) == sorted(budgets)
    assert points[budgets[2]].solution.plan is None
    assert points[budgets[1]].solution.report.overhead == 0.0


def test_points_come_one_by_one_and_a_cancel_ends_them() -> None:
    cancel = threading.Event()
    budgets = [STEP.resident_bytes + size * MIB for size in range(20, 60, 4)]
    points = trade_off(STEP, budgets, device=V100, allowed=(Choice.RECOMPUTE,), cancelled=cancel.is_set)
    assert next(points).budget_bytes == max(budgets)
    cancel.set()
    assert list(points) == []


def test_no_budget_at_all_is_refused() -> None:
    with pytest.raises(BayplanError, match="no budget"):
        next(trade_off(STEP, [], device=V100))


def test_chosen_budgets_are_even_and_whole() -> None:
    budgets = spread(3 * MIB - 5, 25 * MIB + 1)
    assert budgets == sorted(budgets) and all(budget % MIB == 0 for budget in budgets)
    assert (budgets[0], budgets[-1], len(budgets)) == (3 * MIB, 26 * MIB, BUDGETS)
    assert spread(MIB, MIB) == [MIB]


def test_a_step_that_needs_no_bytes_has_a_curve_of_one_point() -> None:
    step = Step(STEP.origin, (), ())
    (only,) = trade_off(step, device=V100, allowed=(Choice.RECOMPUTE,), deadline=1.0)
    assert only.solution.report.overhead == 0.0
