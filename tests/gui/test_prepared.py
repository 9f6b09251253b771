"""What the library and the map show of a plan is worked out by the job that brings it."""

from pathlib import Path

import pytest

from app.facts.plan import plan_facts
from app.jobs.load import LoadJob
from app.jobs.solve import SolveJob
from solver.files import save_plan
from solver.plan import Plan
from solver.solution import Baseline
from solver.step import Step

pytestmark = pytest.mark.usefixtures("qapp")


def known(step: Step, plan: Plan, baseline: Baseline | None = None) -> set[str]:
    """What is known of a plan without having been asked for here."""
    return {"profile", "largest"} & vars(plan_facts(step, plan, baseline)).keys()


def test_of_all_plans_that_a_solve_leaves(toy_step: Step) -> None:
    solution = SolveJob(toy_step, deadline=10.0, seed=0).run()
    assert known(toy_step, solution.plan) == {"profile", "largest"}
    assert known(toy_step, solution.program_plan) == {"profile", "largest"}
    baseline = solution.baseline
    assert known(toy_step, baseline.plan, baseline) == {"profile", "largest"}


def test_of_all_that_is_opened(toy_step: Step, toy_file: Path, tmp_path: Path) -> None:
    plan = SolveJob(toy_step, deadline=10.0, seed=0).run().plan
    path = tmp_path / "toy.plan"
    save_plan(plan, path)
    loaded = LoadJob(toy_file, plan=path).run()
    assert loaded.baseline is not None
    assert known(loaded.step, loaded.plans[0]) == {"profile", "largest"}
    assert known(loaded.step, loaded.baseline.plan, loaded.baseline) == {"profile", "largest"}
