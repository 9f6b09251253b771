"""solve, check and the search for a plan's step."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from reuse_steps import simple_step

from app.cli.plan_files import load_plan_with_step
from app.library import Library
from solver.errors import BayplanError
from solver.files import load_plan, load_step, save_plan, save_step
from solver.plan import Run, Status
from solver.solution import Report
from solver.step import Step
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]


def test_a_solved_plan_is_written_and_right(bayplan: Bayplan, toy_files: Path) -> None:
    step, plan = toy_files / "toy.step", toy_files / "solved.plan"

    answer = bayplan("solve", step, "-o", plan, "--seed", 5)

    assert (answer.code, answer.err) == (0, "")
    assert load_plan(plan).provenance.step_file == "toy.step"
    assert load_plan(plan).provenance.seed == 5
    checked = bayplan("check", step, plan)
    assert (checked.code, checked.err) == (0, "")
    assert "is right for toy" in checked.out


def test_the_text_report_has_units_and_exact_bytes(bayplan: Bayplan, toy_files: Path) -> None:
    answer = bayplan("solve", toy_files / "toy.step")

    lines = answer.out.splitlines()
    assert lines[0] == "toy · batch 1 · SGD: 6 ops, 4 storages"
    figures = [line for line in lines if line.endswith(" B")]
    assert len(figures) == 7
    assert len({len(line) for line in figures}) == 1, "the columns are not aligned"
    assert any("Program order, peak" in line and "5,120 B" in line for line in figures)
    assert "not written" in lines[-1]


def test_the_json_report_is_one_object_with_all_figures(bayplan: Bayplan, toy_files: Path) -> None:
    answer = bayplan("solve", toy_files / "toy.step", "--json")

    report = json.loads(answer.out)
    assert list(report) == [field.name for field in fields(Report)]
    assert report["ops"] == 6
    assert report["peak_bytes"] == report["height_bytes"] == report["peak_bound_bytes"]


def test_reuse_in_place_is_off_by_an_option(bayplan: Bayplan, tmp_path: Path) -> None:
    calls = [("mm.default", ("in",), "a"), ("relu.default", ("a",), "b")]
    step = simple_step(calls, {"a": 8, "b": 8})
    save_step(step, tmp_path / "relu.step")
    heights = []
    for option in ((), ("--no-reuse",)):
        plan = tmp_path / "relu.plan"
        assert bayplan("solve", tmp_path / "relu.step", *option, "-o", plan).code == 0
        assert bayplan("check", tmp_path / "relu.step", plan).code == 0
        heights.append(load_plan(plan).height_bytes)
        takes = [action.takes for action in load_plan(plan).actions if isinstance(action, Run)]
        assert takes[1] == (() if option else ((1, 0),))
    assert heights == [4096, 8192]


def test_a_planning_only_step_is_solved_and_checked(
    bayplan: Bayplan, cases: Path, tmp_path: Path
) -> None:
    step = cases / "steps" / "alexnet_b1_sgd.json.gz"
    plan = tmp_path / "alexnet.plan"

    solved = bayplan("solve", step, "-o", plan, "--json")

    assert solved.code == 0
    assert json.loads(solved.out)["status"] == "optimal"
    assert bayplan("check", step, plan).code == 0


def test_a_wrong_plan_is_answered_with_no_and_its_problems(bayplan: Bayplan, toy_files: Path) -> None:
    plan = load_plan(toy_files / "toy.plan")
    overlapping = tuple(replace(instance, address=0) for instance in plan.instances)
    save_plan(replace(plan, instances=overlapping), toy_files / "wrong.plan")

    answer = bayplan("check", toy_files / "toy.step", toy_files / "wrong.plan")

    assert (answer.code, answer.err) == (1, "")
    assert "overlaps" in answer.out


def test_a_solve_without_time_still_gives_a_plan(bayplan: Bayplan, toy_files: Path) -> None:
    plan = toy_files / "quick.plan"

    assert bayplan("solve", toy_files / "toy.step", "--deadline", 0, "-o", plan).code == 0
    assert bayplan("check", toy_files / "toy.step", plan).code == 0


def test_ctrl_c_keeps_the_best_plan_so_far(
    bayplan: Bayplan, toy_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    import solver.solve

    real = solver.solve.solve

    def pressed_meanwhile(*arguments: object, **options: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(solver.solve, "solve", pressed_meanwhile)
    plan = toy_files / "stopped.plan"

    answer = bayplan("solve", toy_files / "toy.step", "-o", plan)

    assert answer.code == 130
    assert load_plan(plan).status in (Status.STOPPED, Status.FEASIBLE, Status.OPTIMAL)
    assert bayplan("check", toy_files / "toy.step", plan).code == 0


def test_a_missing_folder_is_noticed_before_the_work(
    bayplan: Bayplan, toy_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(*_: object, **__: object) -> None:
        raise AssertionError("it solved first")

    monkeypatch.setattr("solver.solve.solve", too_late)

    answer = bayplan("solve", toy_files / "toy.step", "-o", toy_files / "absent" / "x.plan")

    assert answer.code == 2
    assert "folder does not exist" in answer.err


@pytest.mark.parametrize("command", ["solve", "map"])
def test_an_input_is_never_written_over(bayplan: Bayplan, toy_files: Path, command: str) -> None:
    step = toy_files / "toy.step"
    before = step.read_bytes()

    answer = bayplan(command, step, "-o", toy_files / ".." / "toy" / "toy.step")

    assert answer.code == 2
    assert "is the input" in answer.err
    assert step.read_bytes() == before


def test_the_library_is_only_used_when_asked_for(
    bayplan: Bayplan, toy_files: Path, library_path: Path
) -> None:
    bayplan("solve", toy_files / "toy.step", "-o", toy_files / "x.plan")
    assert not library_path.exists()

    bayplan("solve", toy_files / "toy.step", "--store")
    (step,) = Library(library_path).steps()
    (plan,) = step.plans
    assert step.baseline_reserved_bytes is not None
    assert plan.status == "optimal"

    other = toy_files / "other.sqlite"
    bayplan("solve", toy_files / "toy.step", "--store", "--library", other)
    assert len(Library(other).steps()) == 1


def test_a_plans_step_is_the_one_that_is_named(toy_files: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "moved.step"
    (toy_files / "toy.step").rename(elsewhere)

    step, plan = load_plan_with_step(toy_files / "toy.plan", elsewhere, None)

    assert step.fingerprint == plan.fingerprint


def test_a_named_step_that_is_another_one_is_refused(toy_files: Path, toy_step: Step) -> None:
    other = replace(toy_step, origin=replace(toy_step.origin, target="cuda"))
    save_step(other, toy_files / "other.step")

    with pytest.raises(BayplanError, match="another step"):
        load_plan_with_step(toy_files / "toy.plan", toy_files / "other.step", None)


def test_a_plans_step_is_found_beside_it(toy_files: Path) -> None:
    assert load_plan_with_step(toy_files / "toy.plan", None, None)[0].origin.model == "toy"


def test_a_renamed_step_is_found_among_others(toy_files: Path, toy_step: Step) -> None:
    (toy_files / "toy.step").rename(toy_files / "z renamed.step")
    other = replace(toy_step, origin=replace(toy_step.origin, target="cuda"))
    save_step(other, toy_files / "toy.step")
    (toy_files / "a.step").write_bytes(b"not a step")

    step, plan = load_plan_with_step(toy_files / "toy.plan", None, None)

    assert step.fingerprint == plan.fingerprint


def test_a_plan_cannot_name_a_step_in_another_folder(toy_files: Path, tmp_path: Path) -> None:
    (toy_files / "toy.step").rename(tmp_path / "outside.step")
    plan = load_plan(toy_files / "toy.plan")
    made = replace(plan.provenance, step_file="../outside.step")
    save_plan(replace(plan, provenance=made), toy_files / "toy.plan")

    with pytest.raises(BayplanError, match="--step"):
        load_plan_with_step(toy_files / "toy.plan", None, None)


def test_a_plans_step_is_found_in_the_library(toy_files: Path, library_path: Path) -> None:
    Library(library_path).add_step(load_step(toy_files / "toy.step"))
    (toy_files / "toy.step").unlink()

    step, plan = load_plan_with_step(toy_files / "toy.plan", None, library_path)

    assert step.fingerprint == plan.fingerprint


def test_a_step_that_is_nowhere_is_an_error_and_makes_no_library(
    toy_files: Path, library_path: Path
) -> None:
    (toy_files / "toy.step").unlink()

    with pytest.raises(BayplanError, match="Name its file with --step"):
        load_plan_with_step(toy_files / "toy.plan", None, library_path)

    assert not library_path.exists()


def test_a_wrong_plan_is_not_handed_on(toy_files: Path) -> None:
    plan = load_plan(toy_files / "toy.plan")
    save_plan(replace(plan, peak_bytes=512), toy_files / "toy.plan")

    with pytest.raises(BayplanError, match="peak"):
        load_plan_with_step(toy_files / "toy.plan", None, None)
