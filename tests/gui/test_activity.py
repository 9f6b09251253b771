"""What the tool bar says of a plan."""

from dataclasses import replace

from app.window.activity import Activity, distinct_plans, duration, outcome
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


def test_the_bar_follows_what_is_done_or_the_deadline_whichever_is_further() -> None:
    running = Activity("Solving", running=True, began=100.0)
    assert running.share(105.0) is None
    assert replace(running, limit=20.0).share(105.0) == 0.25
    assert replace(running, limit=20.0, done=0.5).share(105.0) == 0.5
    assert replace(running, limit=20.0).share(500.0) == 1.0
    assert replace(running, running=False, done=0.5).share(105.0) is None


def test_the_time_that_is_left_is_said_as_far_as_it_is_known() -> None:
    running = Activity("Reading", running=True, began=100.0)
    assert running.time_text(101.0) == ""
    assert running.time_text(107.4) == "8 s"
    assert replace(running, done=0.25).time_text(110.0) == "about 30 s left"
    assert replace(running, done=0.001).time_text(110.0) == "10 s"
    assert replace(running, limit=60.0, done=0.5).time_text(110.0) == "at most 50 s left"
    assert replace(running, limit=60.0).time_text(200.0) == "ending"
    assert Activity("Solved").time_text(200.0) == ""
    assert [duration(s) for s in (0.2, 90, 91, 5400, 5401)] == ["1 s", "90 s", "2 min", "90 min", "2 h"]
