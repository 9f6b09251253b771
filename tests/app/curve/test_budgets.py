"""The trade-off as the window shows it: which budgets are solved; nothing is made up between them."""

import pytest

from app.curve.budgets import (
    BUDGET_UNITS,
    GB,
    BudgetPoint,
    Infeasible,
    Wanted,
    at_budget,
    budget_facts,
    budget_points,
    infeasible_text,
    neighbour,
    snapped,
    suggested,
)
from app.document import Entry
from app.facts.compare import done_text
from app.facts.plan import plan_facts
from app.numbers import GIB
from solver.budget.devices import A100, V100
from solver.step import Step
from solver.terms import Choice
from tests.app.toy_budgets import ALLOWED, FREE, LOW, MIDDLE, solved_plans, within
from tests.app.toy_case import loose_plan, toy_baseline, toy_plan
from tests.app.toy_several import recomputed_plan

WANTED = Wanted(frozenset(ALLOWED), V100, False)
RECOMPUTE = Wanted(frozenset({Choice.RECOMPUTE}), V100, False)


@pytest.fixture
def points(toy_step: Step) -> tuple[BudgetPoint, ...]:
    return budget_points(toy_step, [Entry(plan) for plan in solved_plans(toy_step)], WANTED)


def test_the_points_are_the_solved_budgets_and_the_plan_without_added_time(
    points: tuple[BudgetPoint, ...],
) -> None:
    assert [(p.budget_bytes, p.overhead, p.free) for p in points] == [
        (LOW, 0.1579, False),
        (MIDDLE, 0.0611, False),
        (FREE, 0.0, True),
    ]
    assert points[1].gap == pytest.approx(0.0008)


def test_only_plans_under_the_wanted_terms_are_on_the_curve(toy_step: Step) -> None:
    other = within(recomputed_plan(toy_step), MIDDLE, 0.05, 0.04, device=A100)
    fewer = within(recomputed_plan(toy_step), MIDDLE, 0.05, 0.04, allowed=(Choice.RECOMPUTE,))
    as_run = toy_baseline(toy_step)
    entries = [Entry(other), Entry(fewer), Entry(as_run.plan, as_run)]
    assert budget_points(toy_step, entries, WANTED) == ()
    assert [p.entry for p in budget_points(toy_step, entries, RECOMPUTE)] == [entries[1]]


def test_of_two_plans_within_one_budget_the_faster_one_counts(toy_step: Step) -> None:
    slow = Entry(within(recomputed_plan(toy_step), MIDDLE, 0.08, 0.04))
    fast = Entry(within(recomputed_plan(toy_step), MIDDLE, 0.06, 0.04))
    for entries in ([slow, fast], [fast, slow]):
        assert [p.entry for p in budget_points(toy_step, entries, WANTED)] == [fast]


def test_of_several_plans_without_added_time_the_lowest_counts(toy_step: Step) -> None:
    low, high = Entry(toy_plan(toy_step)), Entry(loose_plan(toy_step))
    for entries in ([low, high], [high, low]):
        (point,) = budget_points(toy_step, entries, WANTED)
        assert (point.entry, point.budget_bytes) == (low, FREE)


def test_that_nothing_is_faster_is_known_only_where_ops_stay_as_they_are(toy_step: Step) -> None:
    entry = Entry(toy_plan(toy_step))
    assert budget_points(toy_step, [entry], WANTED)[0].bound is None
    assert budget_points(toy_step, [entry], RECOMPUTE)[0].bound == 0.0


def test_a_plan_without_added_time_is_left_out_where_a_lower_one_costs_none_either(
    toy_step: Step,
) -> None:
    faster = Entry(within(recomputed_plan(toy_step), MIDDLE, -0.01, -0.02))
    entries = [Entry(toy_plan(toy_step)), faster]
    assert [p.entry for p in budget_points(toy_step, entries, WANTED)] == [faster]


def test_a_bound_that_says_nothing_is_not_shown(toy_step: Step) -> None:
    entry = Entry(within(recomputed_plan(toy_step), MIDDLE, 0.06, -1.0))
    (point,) = budget_points(toy_step, [entry], WANTED)
    assert (point.bound, point.gap) == (None, None)
    said = budget_facts([point], MIDDLE, BUDGET_UNITS[0], plan_facts(toy_step, entry.plan))
    assert said.rows[1] == ("Lower bound", "nothing is proven") and said.callout_bound == ""


def test_the_line_snaps_to_solved_budgets_only_when_they_are_near(
    points: tuple[BudgetPoint, ...],
) -> None:
    assert snapped(points, MIDDLE + 60, 60) == MIDDLE
    assert snapped(points, MIDDLE + 61, 60) == MIDDLE + 61
    assert snapped((), 7, 60) == 7


def test_the_keys_go_from_one_solved_budget_to_the_next(points: tuple[BudgetPoint, ...]) -> None:
    assert neighbour(points, MIDDLE, 1) == FREE and neighbour(points, MIDDLE, -1) == LOW
    assert neighbour(points, MIDDLE + 1, 1) == FREE and neighbour(points, MIDDLE + 1, -1) == MIDDLE
    assert neighbour(points, FREE, 1) is None and neighbour(points, LOW, -1) is None


def test_the_next_budget_proposed_halves_the_steepest_part(points: tuple[BudgetPoint, ...]) -> None:
    assert suggested(points) == (LOW + MIDDLE) // 2
    assert suggested(points[-1:]) == FREE * 3 // 4 and suggested(()) is None


def test_a_solved_budget_has_its_figures(points: tuple[BudgetPoint, ...], toy_step: Step) -> None:
    facts = plan_facts(toy_step, points[1].entry.plan)
    said = budget_facts(points, MIDDLE, BUDGET_UNITS[0], facts)
    assert said.rows[:3] == (
        ("Overhead", "+6.11 % time"),
        ("Lower bound", "+6.03 %"),
        ("Gap", "0.08 points"),
    )
    assert said.below == "23.1 % below the step without added time"
    assert said.callout.startswith("+6.11 % time at") and "gap 0.08 points" in said.callout_bound
    assert done_text(facts) == "1 op runs again (2.0 KiB made again)"


def test_between_solved_budgets_there_are_no_figures(points: tuple[BudgetPoint, ...]) -> None:
    between = (LOW + MIDDLE) // 2
    said = budget_facts(points, between, BUDGET_UNITS[0], None)
    assert at_budget(points, between) is None
    assert (said.rows, said.callout_bound) == ((), "") and said.callout.endswith("is not solved")


def test_a_budget_that_is_too_small_says_what_is_needed() -> None:
    unit = BUDGET_UNITS[0]
    proven = Infeasible(2 * GIB, 3 * GIB - 1, 4 * GIB)
    assert infeasible_text(proven, unit) == "Needs at least 3.000 GiB, budget 2.000 GiB"
    assert infeasible_text(Infeasible(2 * GIB, 2 * GIB, None), unit) == (
        "Proven: no plan fits into 2.000 GiB"
    )
    tried = Infeasible(2 * 10**9, 10**9, None)
    assert infeasible_text(tried, GB) == "No plan was found within 2.000 GB"
