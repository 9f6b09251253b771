"""What the tool bar says of a plan."""

from dataclasses import replace

from app.window.activity import distinct_plans, outcome
from solver.plan import Status
from solver.solve import solve
from tests.conftest import make_toy_step

STEP = make_toy_step()


def test_a_proven_plan_says_how_long_it_took() -> None:
    plan = solve(STEP, deadline=5.0).plan
    for seconds, text in ((0.0254, "25 ms"), (1.94, "1.9 s")):
        timed = replace(plan, provenance=replace(plan.provenance, seconds=seconds))
        activity = outcome(timed, STEP)
        assert activity.text == f"Proven optimal, {text}"
        assert activity.good and not activity.running


def test_a_stopped_plan_says_its_height_and_its_bound_with_residents() -> None:
    plan = solve(STEP, deadline=5.0).plan
    gib = 1 << 30
    bound = replace(plan.certificate, peak_bound_bytes=2 * gib)
    stopped = replace(plan, status=Status.STOPPED, height_bytes=3 * gib, certificate=bound)
    assert outcome(stopped, STEP).text == "Stopped: best 3.000 GiB, bound 2.000 GiB"
    feasible = replace(stopped, status=Status.FEASIBLE)
    assert outcome(feasible, STEP).text == "Gap 50.0 %: best 3.000 GiB, bound 2.000 GiB"


def test_program_order_is_kept_only_where_the_plan_is_another() -> None:
    solution = solve(STEP, deadline=5.0)
    same = replace(solution, program_plan=replace(solution.plan, name="Program order, placed"))
    assert distinct_plans(same) == [solution.plan]
    other = replace(solution, program_plan=replace(solution.plan, instances=()))
    assert distinct_plans(other) == [other.program_plan, solution.plan]
