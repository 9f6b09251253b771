"""Steps replayed as a graph: buffers, numbers, addresses, and why a graph is given up.

The graph is a stand-in that runs the captured function again at each replay, as a CUDA graph runs its
kernels: at the addresses and with the Python numbers it was captured with.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.replay.engine import Engine
from runtime.replay.graph import KEPT, CaptureFailedError, GraphedStep
from runtime.replay.loading import PlannedStep, load
from runtime.replay.native import ADAPTERS
from runtime.replay.plan_reading import read_plan
from runtime.replay.scalars import scalar
from runtime.replay.selftest import random_residents, scalars_of_step
from runtime.replay.undone import Undone
from tests.runtime.conftest import Exported


class Replayed:
    """A captured function that is run again."""

    def __init__(self, run: Callable[[], tuple[Tensor, ...]], outputs: tuple[Tensor, ...]) -> None:
        self._run, self.outputs = run, outputs

    def replay(self) -> None:
        for output, result in zip(self.outputs, self._run(), strict=True):
            output.copy_(result)


class Stub:
    """A backend on the CPU. ``tensors``: what a step changes, put back after a capture."""

    def __init__(self, engine: Engine, tensors: list[Tensor]) -> None:
        self._engine, self._tensors = engine, tensors
        self.problem = self.failure = ""
        self.extra = 0
        self.log: list[str] = []

    def warm_up(self, run: Callable[[], tuple[Tensor, ...]]) -> tuple[tuple[Tensor, ...], str]:
        self.log.append("warm up")
        return run(), self.problem

    def capture(self, run: Callable[[], tuple[Tensor, ...]]) -> Replayed:
        self.log.append("capture")
        if self.failure:
            raise CaptureFailedError(self.failure)
        with Undone(self._engine.device, self._tensors):
            outputs = tuple(output.clone() for output in run())
        return Replayed(run, outputs)


@pytest.fixture
def inference(mlp_inference: Exported, tmp_path: Path) -> Iterator[tuple[PlannedStep, Stub, Any]]:
    """An inference step with a stand-in for graphs, after its first, checked step."""
    model, inputs = mlp_inference.build()
    step = load(mlp_inference.copy(tmp_path / "planned"), model.eval(), strict=True)
    stub = Stub(step.engine, [])
    step.engine.graphed = GraphedStep(step.plan, stub)
    assert torch.equal(step(inputs), expected(model, inputs))
    assert stub.log == []
    yield step, stub, model


def expected(model: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return model(inputs)


def inputs_of(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(16, 32, generator=generator) for _ in range(count)]


def test_one_capture_serves_all_further_batches(inference: Any) -> None:
    step, stub, model = inference
    results = [(step(x), expected(model, x)) for x in inputs_of(5)]
    assert all(torch.equal(found, due) for found, due in results)
    assert stub.log == ["warm up", "capture"]
    assert step.engine.graphed.replays == 4
    assert step.report.graphed and not step.report.graph_reason


def test_results_keep_their_values_after_later_replays(inference: Any) -> None:
    step, _, model = inference
    batches = inputs_of(4)
    results = [step(x) for x in batches]
    assert len({r.data_ptr() for r in results}) == 4
    assert all(torch.equal(r, expected(model, x)) for r, x in zip(results, batches, strict=True))


def test_parameters_that_change_in_place_are_seen_and_others_captured_anew(inference: Any) -> None:
    step, stub, model = inference
    batches = inputs_of(6)
    for x in batches[:2]:
        step(x)
    with torch.no_grad():
        model[0].weight.mul_(2)
    assert torch.equal(step(batches[2]), expected(model, batches[2]))
    assert stub.log.count("capture") == 1
    model[0].weight = nn.Parameter(model[0].weight.detach() * 3)
    assert torch.equal(step(batches[3]), expected(model, batches[3]))
    assert stub.log.count("capture") == 2


def test_other_settings_are_recorded_and_captured_anew(inference: Any) -> None:
    step, stub, model = inference
    (x, y, *_), threads = inputs_of(4), torch.get_num_threads()
    for _ in range(2):
        step(x)
    try:
        torch.set_num_threads(threads + 1)
        for _ in range(3):  # recorded and checked, warmed up, captured
            assert torch.equal(step(y), expected(model, y))
    finally:
        torch.set_num_threads(threads)
    assert stub.log == ["warm up", "capture"] * 2


@pytest.mark.parametrize(
    ("field", "said"), [("problem", "An op waits"), ("failure", "cannot be captured: An op waits")]
)
def test_what_cannot_be_captured_runs_without_a_graph_and_says_why(
    inference: Any, field: str, said: str
) -> None:
    step, stub, model = inference
    setattr(stub, field, "An op waits.")
    with pytest.warns(UserWarning, match=said):
        for x in inputs_of(3):
            assert torch.equal(step(x), expected(model, x))
    assert said in step.report.graph_reason and not step.report.graphed
    assert stub.log.count("capture") == (field == "failure")


def test_a_capture_that_asks_for_more_than_planned_is_not_used(inference: Any) -> None:
    step, _, model = inference
    real = step.engine._function
    x, y = inputs_of(2)
    step(x)

    def hungry(arm: Any, residents: Any, scalars: Any) -> Any:
        result = real(arm, residents, scalars)
        torch.empty(100_000)
        return result

    step.engine._function, step.engine.strict = hungry, False
    with pytest.warns(UserWarning, match="400,000 bytes that are not planned"):
        assert torch.equal(step(y), expected(model, y))


def test_an_allocator_without_pools_has_no_graphs(
    mlp_inference: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ADAPTERS, "cpu", replace(ADAPTERS["cpu"], graphs=False))
    model, inputs = mlp_inference.build()
    step = load(mlp_inference.copy(tmp_path / "planned"), model.eval())
    step.engine.graphed = GraphedStep(step.plan, Stub(step.engine, []))
    with pytest.warns(UserWarning, match='Graphs need pools of memory.*adapter="native"'):
        assert torch.equal(step(inputs), expected(model, inputs))
    assert step.report.planned and not step.report.graphed


def test_a_plan_for_the_cpu_has_no_graph_and_says_so(mlp_inference: Exported, tmp_path: Path) -> None:
    model, inputs = mlp_inference.build()
    with pytest.warns(UserWarning, match="runs without a CUDA graph"):
        step = load(mlp_inference.copy(tmp_path / "planned"), model.eval(), cuda_graph=True)
    assert torch.equal(step(inputs), expected(model.eval(), inputs))
    assert step.report.graph_reason == "A plan for cpu has no CUDA graph."


def test_without_planned_addresses_there_is_no_graph(
    mlp_inference: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    model, inputs = mlp_inference.build()
    step = load(mlp_inference.copy(tmp_path / "planned"), model.eval())
    step.engine.graphed = GraphedStep(step.plan, Stub(step.engine, []))
    with pytest.warns(UserWarning):
        step(inputs)
    assert "planned addresses" in step.report.graph_reason


# ---- Training: the numbers of the update ------------------------------------------------------------


def graphed_engine(exported: Exported, folder: Path) -> tuple[Engine, Stub, list[Tensor]]:
    """A training step on random data with a stand-in, after its first, checked step."""
    engine = Engine(exported.copy(folder), read_plan(exported.folder), strict=True)
    residents = random_residents(engine.plan, 0)
    stub = Stub(engine, engine._written(residents))
    engine.graphed = GraphedStep(engine.plan, stub)
    torch.manual_seed(0)
    engine.run(residents, scalars_of_step(engine.plan, 1))
    return engine, stub, residents


def test_training_with_the_same_numbers_replays_and_with_others_is_captured_anew(
    mlp: Exported, tmp_path: Path
) -> None:
    engine, stub, residents = graphed_engine(mlp, tmp_path / "planned")
    due = random_residents(engine.plan, 0)
    one, other = (scalars_of_step(engine.plan, count) for count in (1, 2))
    engine.run_traced(due, one)
    for scalars in (one, one, one, other, other, one):
        (found,), (loss,) = engine.run(residents, scalars), engine.run_traced(due, scalars)
        assert torch.equal(found, loss)
    assert all(map(torch.equal, residents, due))
    assert stub.log == ["warm up", "capture", "capture"], "both graphs are kept"


def test_numbers_that_change_in_every_step_end_the_graph_with_advice(
    mlp: Exported, tmp_path: Path
) -> None:
    engine, stub, residents = graphed_engine(mlp, tmp_path / "planned")
    due = random_residents(engine.plan, 0)
    engine.run_traced(due, scalars_of_step(engine.plan, 1))
    with pytest.warns(UserWarning, match="capturable=True"):
        for count in range(2, 10):
            scalars = scalars_of_step(engine.plan, count)
            engine.run(residents, scalars)
            engine.run_traced(due, scalars)
    assert all(map(torch.equal, residents, due))
    assert stub.log.count("capture") == KEPT
    assert "adam.negative_step_size" in engine.report.graph_reason


def test_the_advice_is_one_that_the_optimizer_can_take(mlp: Exported, tmp_path: Path) -> None:
    engine, stub, residents = graphed_engine(mlp, tmp_path / "planned")
    graphed = GraphedStep(replace(engine.plan, optimizer="sgd"), stub)
    with pytest.warns(UserWarning, match="fused=True and a learning rate that is a tensor"):
        for count in range(KEPT + 2):
            graphed.run(lambda *_: (), lambda: 0, None, residents, [float(count)])
    torch.optim.SGD([torch.ones(1)], lr=torch.tensor(0.1), fused=True)


def test_random_numbers_differ_from_replay_to_replay_and_go_on_where_they_were(
    exported: Callable[[str], Exported], tmp_path: Path
) -> None:
    engine, stub, residents = graphed_engine(exported("gpt"), tmp_path / "planned")
    scalars = scalars_of_step(engine.plan, 1)
    frozen = [t.clone() for t in residents]
    losses: dict[bool, list[float]] = {}
    for graph in (True, False):
        torch.manual_seed(5)
        losses[graph] = []
        for _ in range(4):
            for tensor, saved in zip(residents, frozen, strict=True):
                tensor.copy_(saved)
            run = engine.run if graph else engine.run_traced
            losses[graph].append(run(residents, scalars)[0].item())
    assert losses[True] == losses[False] and len(set(losses[True])) == 4
    assert stub.log == ["warm up", "capture"]


def test_an_input_that_the_step_changes_is_changed_for_the_caller(
    exported: Callable[[str, str], Exported], tmp_path: Path
) -> None:
    made = exported("recurrent", "infer")
    model, inputs = made.build()
    step = load(made.copy(tmp_path / "planned"), model.eval(), strict=True)
    stub = Stub(step.engine, [])
    step.engine.graphed = GraphedStep(step.plan, stub)
    for _ in range(4):
        given, due = inputs.clone(), inputs.clone()
        result = step(given)
        assert torch.equal(result, expected(model, due)) and torch.equal(given, due)
    assert step.engine.graphed.replays == 2


def test_a_refusal_is_warned_about_once(inference: Any) -> None:
    step, stub, _ = inference
    stub.problem = "It cannot."
    batches = inputs_of(3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for x in batches:
            step(x)
    assert [str(w.message) for w in caught] == ["The step runs without a CUDA graph. It cannot."]


# ---- Several graphs, and hyperparameters on the device ---------------------------------------------


def test_micro_batches_have_a_graph_for_the_first_those_between_and_the_last(
    exported: Callable[[str, str], Exported], tmp_path: Path
) -> None:
    engine, stub, residents = graphed_engine(exported("extras", "micro_batches"), tmp_path / "planned")
    plan, due = engine.plan, random_residents(engine.plan, 0)
    groups = [group.hyperparameters for group in plan.groups]
    torch.manual_seed(0)
    engine.run_traced(due, scalars_of_step(plan, 1))
    for number in range(1, 12):
        place = (number % plan.micro_batches, plan.micro_batches)
        scalars = [scalar(kind, groups[group], 1.0, place) for kind, group in plan.scalars]
        torch.manual_seed(number)
        found = engine.run(residents, scalars)
        torch.manual_seed(number)
        assert all(map(torch.equal, found, engine.run_traced(due, scalars)))
    assert all(map(torch.equal, residents, due))
    assert stub.log == ["warm up", "capture", "capture", "capture"]


def test_a_schedule_of_a_rate_on_the_device_is_read_by_every_replay(
    exported: Callable[[str, str], Exported], tmp_path: Path
) -> None:
    made = exported("extras", "fused_sgd_on_device")
    results = []
    for graph in (False, True):
        model, (inputs, target), _, optimizer, _ = made.build()
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
        step = load(made.copy(tmp_path / f"planned{graph}"), model, optimizer, strict=True)
        torch.manual_seed(1)
        losses = []
        for number in range(6):
            losses.append(step(inputs, target).item())
            schedule.step()
            if graph and number == 0:
                stub = Stub(step.engine, step.engine._written(step.bind(inputs, target)[0]))
                step.engine.graphed = GraphedStep(step.plan, stub)
        results.append((losses, [p.detach().clone() for p in model.parameters()]))
    (losses, parameters), (graphed_losses, graphed_parameters) = results
    assert losses == graphed_losses and all(map(torch.equal, parameters, graphed_parameters))
    assert stub.log == ["warm up", "capture"] and step.engine.graphed.replays == 4
