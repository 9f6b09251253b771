"""Plans with several instances of a storage, in all the ways that a step can be run."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.capture import capture
from runtime.export import export
from runtime.replay import selftest
from runtime.replay.engine import Engine
from runtime.replay.graph import GraphedStep
from runtime.replay.plan_reading import read_plan
from runtime.replay.tensors import same_bits
from solver.plan import Plan, Run
from solver.step import Step
from tests.runtime.conftest import MODELS
from tests.runtime.recomputing import planned, repeated, without
from tests.runtime.replay.test_compiling import compiled, model_and_inputs, same
from tests.runtime.replay.test_graph import Stub
from tests.solver.budget.random_schedules import random_schedule


@pytest.fixture(scope="module")
def step_of(native_cache: Path) -> Any:
    made: dict[str, Step] = {}

    def make(name: str) -> Step:
        if name not in made:
            file, function = name.split(":")
            made[name] = capture(f"{MODELS / file}.py:{function}", batch=None, optimizer=None)
        return made[name]

    return make


def engine_of(step: Step, plan: Plan, folder: Path) -> Engine:
    export(step, plan, folder)
    return Engine(folder, read_plan(folder), strict=True)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["unet:build", "extras:everything", "ranks:mlp"])
def test_random_plans_with_repetitions_and_trips_run_bitwise_right(
    step_of: Any, tmp_path: Path, name: str, seed: int
) -> None:
    step = step_of(name)
    plan = planned(step, random_schedule(step, seed, repeats=0.25, trips=0.1))
    assert len(repeated(plan)) > 5 and plan.host_slots
    assert any(isinstance(action, Run) and action.takes for action in plan.actions)
    engine = engine_of(step, plan, tmp_path / "planned")
    assert selftest.compare(engine, 3).equal
    assert engine.report.repeated == len(repeated(plan)) == len(engine.plan.repeated)
    assert engine.report.transfers == 2 * len(plan.host_slots)


def test_what_runs_again_goes_to_the_host_and_comes_back(step_of: Any, tmp_path: Path) -> None:
    step = step_of("unet:build")
    found = random_schedule(step, 3, repeats=0.3, trips=0.6)
    plan = planned(step, found)
    again = {instance for run in repeated(plan) for instance in run.creates}
    offloaded = {action.instance for action in plan.actions if type(action).__name__ == "Offload"}
    assert again & offloaded
    assert selftest.compare(engine_of(step, plan, tmp_path / "planned"), 2).equal


def test_without_a_compiler_the_repetitions_are_right_at_any_address(
    step_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = step_of("unet:build")
    engine = engine_of(step, planned(step, without(step)), tmp_path / "planned")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert selftest.compare(engine, 2).equal
    assert not engine.report.planned


def test_replays_of_a_graph_draw_anew_and_repeat_what_they_drew(step_of: Any, tmp_path: Path) -> None:
    step = step_of("unet:build")
    engine = engine_of(step, planned(step, without(step)), tmp_path / "planned")
    residents = selftest.random_residents(engine.plan, 0)
    due = [tensor.clone() for tensor in residents]
    written = [t for r, t in zip(engine.plan.residents, residents, strict=False) if r.written]
    engine.graphed = GraphedStep(engine.plan, Stub(engine, written))
    scalars = selftest.scalars_of_step(engine.plan, 1)
    for way in (engine.run_traced, engine.run):
        torch.manual_seed(5)
        for _ in range(6):
            way(due if way == engine.run_traced else residents, scalars)
    assert engine.graphed.replays == 4 and engine.graphed.captures == 1
    assert all(map(same_bits, due, residents))


def test_torch_compile_runs_a_plan_in_which_ops_run_again(step_of: Any, tmp_path: Path) -> None:
    step = step_of("inference:cnn")
    plans = (planned(step, random_schedule(step, seed, repeats=0.9, trips=0.0)) for seed in range(40))
    plan = next(found for found in plans if repeated(found))
    export(step, plan, tmp_path / "planned")
    model, inputs = model_and_inputs("cnn")
    torch._dynamo.reset()
    run, backend = compiled(model, tmp_path / "planned")
    with torch.no_grad():
        for _ in range(3):
            assert same(run(inputs), model(inputs))
    assert backend.calls == 2 and not backend.reasons
