"""Solving for a budget: within it, checked, with a bound; and an answer also where nothing fits."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from solver.budget import job
from solver.budget.devices import V100, with_bandwidth
from solver.budget.solve import BudgetSolution, share, solve_budget
from solver.check import check
from solver.errors import BayplanError
from solver.files import load_step
from solver.plan import Plan, Run, Status
from solver.solution import Progress
from solver.step import Step
from solver.terms import Choice

from .chain_steps import MIB, chain_step

RECOMPUTE = (Choice.RECOMPUTE,)


def needed(step: Step, plan: Plan) -> int:
    return step.resident_bytes + plan.height_bytes


def solved(step: Step, budget: int, **options: object) -> BudgetSolution:
    """Enough time to find something; where more is needed the test says so."""
    given = {"device": V100, "allowed": RECOMPUTE, "deadline": 3.0, **options}
    return solve_budget(step, budget, **given)  # type: ignore[arg-type]


STEP = chain_step(12)
UNMODIFIED = STEP.resident_bytes + 14 * 4 * MIB
"""Twelve activations, a gradient, and one weight's gradient and another gradient."""


@pytest.fixture(scope="module")
def half() -> BudgetSolution:
    """At about 0.6 of what the step needs unmodified."""
    return solved(STEP, STEP.resident_bytes + 34 * MIB, deadline=10.0)


def test_a_plan_within_the_budget_makes_activations_again(half: BudgetSolution) -> None:
    plan = half.plan
    assert plan is not None and plan.terms is not None
    assert check(STEP, plan) == []
    assert needed(STEP, plan) <= half.report.budget_bytes == plan.terms.budget_bytes
    assert half.report.recomputed_ops == len(plan.order) - len({*plan.order}) > 0
    assert half.report.overhead == plan.terms.overhead > 0
    assert 0 <= half.report.overhead_bound == plan.terms.overhead_bound <= plan.terms.overhead


def test_where_ops_may_not_run_again_what_is_parked_comes_back_for_all_that_read_it() -> None:
    step = load_step(Path(__file__).resolve().parents[3] / "resources/lessons/residual.step")
    device = with_bandwidth(V100, 25e9)
    solution = solved(step, 50 * MIB, allowed=(Choice.OFFLOAD,), device=device, deadline=15.0)
    assert solution.plan is not None and check(step, solution.plan) == []
    assert solution.report.recomputed_ops == 0 < solution.report.offloaded_bytes


def test_a_step_that_fits_loses_nothing() -> None:
    solution = solved(STEP, UNMODIFIED + 8 * MIB)
    assert solution.plan is not None and check(STEP, solution.plan) == []
    report = solution.report
    assert (report.overhead, report.overhead_bound, report.recomputed_ops) == (0.0, 0.0, 0)
    assert solution.plan.status is Status.OPTIMAL


def test_better_order_and_addresses_alone_come_first() -> None:
    """Program order does not fit, the best order does."""
    program = solved(STEP, 10 * UNMODIFIED, deadline=0.0)
    best = solved(STEP, 10 * UNMODIFIED)
    assert program.plan is not None and best.plan is not None
    assert best.report.unmodified_bytes <= program.report.unmodified_bytes
    exact = solved(STEP, best.report.unmodified_bytes)
    assert exact.report.overhead == 0.0


def test_where_nothing_is_allowed_the_least_of_any_order_is_what_is_needed() -> None:
    report = solved(STEP, STEP.resident_bytes + 2 * MIB, allowed=(), deadline=20.0).report
    assert report.overhead is None
    assert report.feasible_bytes == report.impossible_bytes + 1 == report.unmodified_bytes


def test_a_budget_below_the_residents_is_impossible_at_first_sight() -> None:
    solution = solved(STEP, 1, allowed=(Choice.RECOMPUTE, Choice.IMPLEMENTATIONS), deadline=0.0)
    assert solution.report.impossible_bytes == STEP.resident_bytes - 1


def test_a_device_on_which_the_step_would_take_years_is_refused() -> None:
    slow = replace(V100, flops_per_second={"float32": 1.0}, bytes_per_second=1.0)
    with pytest.raises(BayplanError, match="per second, not in millions or billions"):
        solved(STEP, UNMODIFIED, device=slow, deadline=0.0)


def test_where_nothing_fits_the_answer_says_what_would() -> None:
    solution = solved(STEP, STEP.resident_bytes + 2 * MIB)
    report = solution.report
    assert solution.plan is None and report.overhead is None and report.status == "infeasible"
    assert report.budget_bytes <= report.impossible_bytes < report.feasible_bytes
    assert report.overhead_bound is None
    assert check(STEP, solution.lowest) == []
    assert needed(STEP, solution.lowest) == report.feasible_bytes
    assert report.feasible_bytes < report.unmodified_bytes


def test_without_any_choice_only_order_and_addresses_are_left() -> None:
    solution = solved(STEP, STEP.resident_bytes + 34 * MIB, allowed=())
    assert solution.plan is None
    assert solution.report.recomputed_ops == 0


def test_without_time_there_is_still_an_answer() -> None:
    solution = solved(STEP, STEP.resident_bytes + 34 * MIB, deadline=0.0)
    assert solution.plan is None and check(STEP, solution.lowest) == []
    assert solution.report.feasible_bytes == needed(STEP, solution.lowest)


@pytest.mark.alone
def test_a_cancel_is_answered_at_once() -> None:
    step = chain_step(300)
    cancel, log = threading.Event(), list[Progress]()
    at: list[float] = []

    def stop() -> None:
        at.append(time.monotonic())
        cancel.set()

    timer = threading.Timer(1.5, stop)
    timer.start()
    solution = solved(
        step,
        step.resident_bytes + 120 * MIB,
        cancelled=cancel.is_set,
        progress=log.append,
        deadline=60.0,
    )
    assert time.monotonic() - at[0] < 0.5  # 0.1 s and what a busy machine adds
    assert solution.lowest is not None and log


def test_progress_comes_in_the_callers_thread_with_checked_plans() -> None:
    threads, plans = set(), []

    def tell(line: Progress) -> None:
        threads.add(threading.get_ident())
        if line.plan is not None:
            plans.append(line.plan)

    solution = solved(STEP, STEP.resident_bytes + 34 * MIB, progress=tell)
    assert threads == {threading.get_ident()}
    assert solution.plan is not None and plans
    assert all(check(STEP, plan) == [] for plan in plans)


def test_the_same_seed_gives_the_same_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "STALE", 1)
    step = chain_step(6)
    budget = step.resident_bytes + 24 * MIB
    one, other = (solved(step, budget, deadline=100.0) for _ in range(2))
    assert one.plan is not None and other.plan is not None
    assert one.plan.actions == other.plan.actions and one.plan.instances == other.plan.instances


def test_what_one_budget_taught_is_there_for_the_next(half: BudgetSolution) -> None:
    shared = share(STEP, device=V100, allowed=RECOMPUTE)
    first = solved(STEP, half.report.budget_bytes, shared=shared)
    again = solved(STEP, half.report.budget_bytes, shared=shared, deadline=0.0)
    assert first.plan is not None and again.plan is not None
    assert again.report.overhead == first.report.overhead
    larger = solved(STEP, half.report.budget_bytes + 4 * MIB, shared=shared, deadline=0.0)
    assert larger.plan is not None and larger.report.overhead == first.report.overhead
    assert larger.plan.terms is not None
    assert larger.plan.terms.budget_bytes == half.report.budget_bytes + 4 * MIB


def test_a_plan_of_a_solve_states_another_budget_in_vain(half: BudgetSolution) -> None:
    plan = half.plan
    assert plan is not None and plan.terms is not None
    low = replace(plan, terms=replace(plan.terms, budget_bytes=needed(STEP, plan) - 1))
    assert any("budget" in problem for problem in check(STEP, low))
    cheap = replace(plan, terms=replace(plan.terms, overhead=plan.terms.overhead / 2))
    assert any("overhead" in problem for problem in check(STEP, cheap))


def test_measured_times_are_taken_where_there_are_some() -> None:
    timed = replace(STEP, ops=tuple(replace(op, seconds=1e-3) for op in STEP.ops))
    solution = solved(timed, STEP.resident_bytes + 34 * MIB, measured=True)
    report = solution.report
    assert report.measured and report.base_seconds == pytest.approx(1e-3 * len(STEP.ops))
    assert report.overhead == pytest.approx(report.recomputed_ops / len(STEP.ops))
    assert not solved(STEP, UNMODIFIED, measured=True, deadline=0.0).report.measured


def test_the_report_is_json(half: BudgetSolution) -> None:
    found = half.report.as_dict()
    assert {"overhead", "overhead_bound", "recomputed_ops", "offloaded_bytes", "budget_bytes"} <= {
        *found
    }
    assert found["device"] == "v100" and found["measured"] is False


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_that_holds_nothing_is_refused(budget: int) -> None:
    with pytest.raises(BayplanError, match="holds nothing"):
        solved(STEP, budget)


def test_no_run_is_fused_unless_implementations_are_allowed(half: BudgetSolution) -> None:
    assert half.plan is not None
    assert not any(run.fused for run in half.plan.actions if isinstance(run, Run))
