"""Solving a step: what comes out is checked, optimal where it says so, and always there."""

import csv
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import is_order, optimal_peak, random_step

from solver.check import check
from solver.plan import Plan, Status
from solver.planning_step import load_any_step
from solver.solution import Progress, Solution
from solver.solve import solve
from solver.step import Category, Op, Origin, Step, Storage

ORIGIN = Origin("small", "small", 1, "", False, "cpu", "float32")

SHARED_STEPS = """
    alexnet_b1_sgd alexnet_b32_sgd bert_b1_adam bert_b1_sgd efficientnet_b0_b1_sgd
    efficientnet_b0_b32_sgd googlenet_b1_sgd googlenet_b32_sgd gpt2-hid_b1_sgd gpt2-xl-hid_b1_adam
    gpt2_b1_adam mnasnet0_5_b1_sgd mobilenet_v2_b1_sgd opt-350m-hid_b1_sgd r3d_18_b1_sgd
    r3d_18_b32_sgd resnet18_b1_sgd resnet50_b1_sgd resnet50_b32_sgd swin_t_b1_sgd transformer_b1_sgd
    transformer_b32_sgd vgg11_b1_sgd vgg11_b32_sgd vit_b_16_b1_sgd vit_b_16_b32_sgd xlmr_b1_sgd
"""


def assert_right(step: Step, solution: Solution) -> None:
    """What must hold of any solution."""
    for plan in (solution.plan, solution.program_plan, solution.baseline.plan):
        assert check(step, plan) == []
    report, plan = solution.report, solution.plan
    assert solution.program_plan.order == solution.baseline.plan.order == tuple(range(len(step.ops)))
    assert is_order(step, plan.order)
    assert plan.height_bytes <= solution.program_plan.height_bytes
    assert (report.peak_bytes, report.height_bytes) == (plan.peak_bytes, plan.height_bytes)
    assert report.peak_bound_bytes == plan.certificate.peak_bound_bytes
    assert report.program_order_peak_bytes == solution.baseline.plan.peak_bytes
    assert report.status == plan.status.value
    assert (plan.status is Status.OPTIMAL) == (
        report.height_bytes == report.peak_bytes == report.peak_bound_bytes
    )
    assert report.seconds >= 0
    assert [line.seconds for line in solution.log] == sorted(line.seconds for line in solution.log)


def without_times(plan: Plan) -> Plan:
    """What must be the same when a step is solved again."""
    return replace(plan, provenance=replace(plan.provenance, seconds=0, created=""))


def test_the_toy_step_is_solved_to_the_optimum_found_by_hand(toy_step: Step) -> None:
    solution = solve(toy_step, deadline=20.0, name="Best")
    assert_right(toy_step, solution)
    # relu_backward holds mm (2 KiB), relu (1 KiB) and its own result (2 KiB): no order avoids it.
    assert solution.report.peak_bytes == solution.report.height_bytes == 5 * 1024
    assert solution.plan.status is Status.OPTIMAL
    assert (solution.plan.name, solution.program_plan.name) == ("Best", "Program order, placed")
    assert solution.report.as_dict() | {"seconds": 0} == {
        "model": "toy",
        "ops": 6,
        "storages": 4,
        "resident_bytes": 3 * 512,
        "program_order_peak_bytes": 5 * 1024,
        "baseline_reserved_bytes": 2 << 20,
        "peak_bytes": 5 * 1024,
        "peak_bound_bytes": 5 * 1024,
        "height_bytes": 5 * 1024,
        "gap": 0.0,
        "seconds": 0,
        "status": "optimal",
        "seed": 0,
    }


@given(st.integers(0, 11), st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_random_small_steps_are_solved_to_the_optimum_of_all_their_orders(ops: int, seed: int) -> None:
    step = random_step(ops, seed)
    solution = solve(step, deadline=20.0)
    assert_right(step, solution)
    assert solution.report.peak_bytes == optimal_peak(step)


@pytest.mark.parametrize("name", SHARED_STEPS.split())
def test_shared_steps_are_solved_to_their_proven_optimum(cases: Path, name: str) -> None:
    with (cases / "steps" / "OPTIMA.tsv").open() as file:
        rows = {row["step"]: row for row in csv.DictReader(file, delimiter="\t")}
    step = load_any_step(cases / "steps" / f"{name}.json.gz")
    began = time.process_time()
    solution = solve(step, deadline=60.0)
    spent = time.process_time() - began
    assert_right(step, solution)
    assert solution.report.resident_bytes == int(rows[name]["resident_bytes"])
    assert solution.report.program_order_peak_bytes == int(rows[name]["program_order_peak_bytes"])
    assert solution.report.peak_bytes == int(rows[name]["optimal_peak_bytes"])
    assert solution.report.height_bytes == solution.report.peak_bytes
    # Ten seconds is the promise; the first of these also compiles.
    assert spent < 20


def make_step(storages: list[Storage], ops: list[Op]) -> Step:
    return Step(ORIGIN, tuple(storages), tuple(ops))


@pytest.mark.parametrize(
    "step",
    [
        make_step([], []),
        make_step([Storage(512, Category.PARAMETER, "weight")], []),
        make_step([Storage(100, Category.TEMPORARY, "x")], [Op("a", "a", (), (), (0,))]),
        make_step([Storage(0, Category.TEMPORARY, "x")], [Op("a", "a", (), (), (0,))]),
        make_step([Storage(4, Category.TEMPORARY, "x", output=True)], [Op("a", "a", (), (), (0,))]),
        make_step([], [Op("a", "a", (), (), ()), Op("b", "b", (), (), ())]),
    ],
    ids=["empty", "residents only", "one op", "no bytes", "only an output", "ops without storages"],
)
def test_the_smallest_steps_are_solved(step: Step) -> None:
    solution = solve(step, deadline=10.0)
    assert_right(step, solution)
    assert solution.plan.status is Status.OPTIMAL
    assert solution.report.gap == 0


@pytest.mark.parametrize("deadline", [0.0, -1.0])
def test_without_time_there_is_program_order_with_a_first_fit(
    resnet50_step: Step, deadline: float
) -> None:
    solution = solve(resnet50_step, deadline=deadline)
    assert_right(resnet50_step, solution)
    assert solution.plan.status is Status.STOPPED
    assert solution.plan.order == tuple(range(622))


def test_a_solve_cancelled_before_it_starts_gives_the_same(resnet50_step: Step) -> None:
    solution = solve(resnet50_step, cancelled=lambda: True)
    assert_right(resnet50_step, solution)
    assert solution.plan.status is Status.STOPPED
    assert solution.plan.name == "Program order, placed"
    assert solution.plan.instances == solve(resnet50_step, deadline=0.0).plan.instances


@pytest.mark.alone
@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5])
def test_a_cancel_is_answered_at_once_with_the_best_so_far(cases: Path, seconds: float) -> None:
    step = load_any_step(cases / "steps" / "gpt2_b1_adam.json.gz")
    begun: list[float] = []
    lines: list[Progress] = []

    def note(line: Progress) -> None:
        lines.append(line)
        if line.plan is not None:
            begun.append(time.monotonic())

    solution = solve(
        step,
        progress=note,
        cancelled=lambda: bool(begun) and time.monotonic() > begun[0] + seconds,
    )
    late = time.monotonic() - begun[0] - seconds
    assert_right(step, solution)
    # 100 ms on a machine of its own; this one may be busy.
    assert late < 0.5
    told = len(lines)
    time.sleep(0.2)
    assert len(lines) == told, "nothing is told after the solve has returned"


def test_one_seed_gives_one_plan(cases: Path) -> None:
    step = load_any_step(cases / "steps" / "googlenet_b1_sgd.json.gz")
    first, second = (solve(step, deadline=60.0, seed=5) for _ in range(2))
    assert without_times(first.plan) == without_times(second.plan)
    assert without_times(first.program_plan) == without_times(second.program_plan)
    assert first.plan.provenance.seed == 5


def test_plans_that_are_told_while_it_runs_are_right_and_get_better(resnet50_step: Step) -> None:
    lines: list[Progress] = []
    threads: set[int] = set()

    def note(line: Progress) -> None:
        lines.append(line)
        threads.add(threading.get_ident())

    solution = solve(resnet50_step, deadline=60.0, progress=note)
    plans = [line.plan for line in lines if line.plan is not None]
    assert [check(resnet50_step, plan) for plan in plans] == [[]] * len(plans)
    heights = [plan.height_bytes for plan in plans]
    assert heights == sorted(heights, reverse=True)
    assert heights[-1] == solution.plan.height_bytes
    assert tuple(lines) == solution.log
    assert threads == {threading.get_ident()}, "progress comes in the thread that asked for it"


def test_the_provenance_says_how_the_plan_came_to_be(toy_step: Step) -> None:
    provenance = solve(toy_step, deadline=7.0, seed=3).plan.provenance
    assert (provenance.seed, provenance.deadline) == (3, 7.0)
    assert provenance.seconds > 0
    assert provenance.created.startswith("20")
    assert {"numpy", "numba", "ortools", "python"} <= set(provenance.versions)
    assert provenance.machine


def test_an_error_inside_reaches_the_caller(toy_step: Step, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("solver.ordering.order_step", fail)
    with pytest.raises(RuntimeError, match="broken"):
        solve(toy_step, deadline=5.0)


def test_an_error_of_the_listener_ends_the_solve(toy_step: Step) -> None:
    def refuse(line: Progress) -> None:
        if line.phase == "Check plan":
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        solve(toy_step, deadline=60.0, progress=refuse)
    for thread in threading.enumerate():
        if thread.name == "bayplan-solve":
            thread.join(timeout=5.0)
            assert not thread.is_alive()


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "numba", "ortools", "torch", "PySide6"
    code = f"import sys, solver.solve; print([m for m in {heavy!r} if m in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr
