"""A loaded step trains the user's model as eager training does, and refuses every other model."""

import copy
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from runtime.replay.errors import ReplayError
from runtime.replay.loading import PlannedStep, load
from tests.runtime.conftest import Exported


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.randn(16, 32, generator=generator), torch.randint(10, (16,), generator=generator))
        for _ in range(count)
    ]


def eager(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[..., torch.Tensor]:
    for group in optimizer.param_groups:
        group["foreach"] = group["fused"] = False

    def step(inputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def twins(mlp: Exported, folder: Path) -> tuple[Any, Any, Any, Any, PlannedStep]:
    """The same model twice with its optimizer, and the planned step of the second."""
    model, _, _, optimizer = mlp.build()
    twin, twin_optimizer = copy.deepcopy((model, optimizer))
    return model, optimizer, twin, twin_optimizer, load(folder, twin, twin_optimizer, strict=True)


def states(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    found = [*model.state_dict().values()]
    for parameter in model.parameters():
        found += [v for _, v in sorted(optimizer.state[parameter].items())]
    return [t.clone() for t in found]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(map(torch.equal, one, other))


def test_it_trains_as_eager_training_does_bit_for_bit(mlp: Exported) -> None:
    model, optimizer, twin, twin_optimizer, step = twins(mlp, mlp.folder)
    reference = eager(model, optimizer)
    for inputs, target in batches(4):
        assert torch.equal(reference(inputs, target), step(inputs, target))
    assert same(states(model, optimizer), states(twin, twin_optimizer))
    assert step.report.planned and not step.report.unmatched


def test_a_step_that_began_in_inference_mode_goes_on_outside_of_it(mlp: Exported) -> None:
    model, optimizer, twin, twin_optimizer, _ = twins(mlp, mlp.folder)
    reference = eager(model, optimizer)
    (first, second, third) = batches(3)
    reference(*first)
    with torch.inference_mode():
        step = load(mlp.folder, twin, twin_optimizer)
        step(*first)
    for way in (step, eager(twin, twin_optimizer)):
        batch = second if way is step else third
        assert torch.equal(reference(*batch), way(*batch))
    assert same(states(model, optimizer), states(twin, twin_optimizer))


def test_the_loss_keeps_its_value_after_later_steps(mlp: Exported) -> None:
    *_, step = twins(mlp, mlp.folder)
    losses, values = [], []
    for inputs, target in batches(4):
        losses.append(step(inputs, target))
        values.append(losses[-1].item())
    step.engine.arena.fill(0xFF)
    assert [loss.item() for loss in losses] == values
    assert len(set(values)) == 4


def test_a_schedule_may_change_the_learning_rate_between_steps(mlp: Exported) -> None:
    model, optimizer, twin, twin_optimizer, step = twins(mlp, mlp.folder)
    schedules = [
        torch.optim.lr_scheduler.StepLR(o, step_size=1, gamma=0.3) for o in (optimizer, twin_optimizer)
    ]
    reference = eager(model, optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns where it thinks that no step was made
        for inputs, target in batches(3):
            reference(inputs, target)
            step(inputs, target)
            for schedule in schedules:
                schedule.step()
    assert same(states(model, optimizer), states(twin, twin_optimizer))


def test_evaluation_and_saving_work_between_steps(mlp: Exported) -> None:
    model, optimizer, twin, twin_optimizer, step = twins(mlp, mlp.folder)
    reference, data = eager(model, optimizer), batches(3)
    reference(*data[0]), step(*data[0])
    with torch.no_grad():
        assert torch.equal(model.eval()(data[0][0]), twin.eval()(data[0][0]))
    model.train(), twin.train()
    saved = copy.deepcopy((twin.state_dict(), twin_optimizer.state_dict()))
    reference(*data[1]), step(*data[1])
    after = states(twin, twin_optimizer)
    assert same(states(model, optimizer), after)
    # Going back makes new state tensors in the optimizer; the step must find those.
    twin.load_state_dict(saved[0])
    twin_optimizer.load_state_dict(saved[1])
    step(*data[1])
    assert same(states(twin, twin_optimizer), after)


def test_planned_and_eager_steps_may_take_turns(mlp: Exported) -> None:
    model, optimizer, twin, twin_optimizer, step = twins(mlp, mlp.folder)
    reference, own = eager(model, optimizer), eager(twin, twin_optimizer)
    for index, (inputs, target) in enumerate(batches(4)):
        reference(inputs, target)
        (own if index % 2 else step)(inputs, target)
    assert same(states(model, optimizer), states(twin, twin_optimizer))


def test_inference_returns_what_the_model_returns(mlp_inference: Exported) -> None:
    model, inputs = mlp_inference.build()
    model.eval()
    step = load(mlp_inference.folder, model, strict=True)
    with torch.no_grad():
        assert torch.equal(step(inputs), model(inputs))
        assert torch.equal(step(inputs + 1), model(inputs + 1))


def test_a_batch_laid_out_otherwise_gives_the_same_result(mlp_inference: Exported) -> None:
    model, inputs = mlp_inference.build()
    step = load(mlp_inference.folder, model.eval(), strict=True)
    assert torch.equal(step(inputs.t().contiguous().t()), step(inputs))


def test_the_recording_step_leaves_no_trace(mlp: Exported, tmp_path: Path) -> None:
    *_, twin, _twin_optimizer, step = twins(mlp, mlp.copy(tmp_path / "fresh"))
    (inputs, target), random_state = batches(1)[0], torch.get_rng_state()
    before = states(twin, torch.optim.Adam(twin.parameters()))
    step.engine._settle(*step.bind(inputs, target))
    assert step.report.recorded and step.report.proved
    assert torch.equal(torch.get_rng_state(), random_state)
    assert same(states(twin, torch.optim.Adam(twin.parameters())), before)


def test_a_machine_is_recorded_once(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "fresh")
    reports = []
    for _ in range(2):
        *_, step = twins(mlp, folder)
        step(*batches(1)[0])
        reports.append(step.report)
    assert [r.recorded for r in reports] == [True, False]
    assert reports[0].arena_bytes == reports[1].arena_bytes >= reports[0].planned_bytes


def test_another_number_of_threads_is_recorded_anew(mlp: Exported, tmp_path: Path) -> None:
    folder, threads = mlp.copy(tmp_path / "fresh"), torch.get_num_threads()
    model, optimizer, twin, twin_optimizer, step = twins(mlp, folder)
    reference, data = eager(model, optimizer), batches(2)
    try:
        for count, (inputs, target) in zip((1, 2), data, strict=True):
            torch.set_num_threads(count)
            reference(inputs, target)
            step(inputs, target)
            assert len(list((folder / "recordings").iterdir())) == count
    finally:
        torch.set_num_threads(threads)
    assert same(states(model, optimizer), states(twin, twin_optimizer))


def test_another_torch_is_recorded_anew_and_proved(
    mlp: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, reports = mlp.copy(tmp_path / "fresh"), []
    for version in ("2.11.0", "2.13.0"):
        monkeypatch.setattr(torch, "__version__", version)
        *_, step = twins(mlp, folder)
        step(*batches(1)[0])
        reports.append(step.report)
    assert [(r.recorded, r.proved) for r in reports] == [(True, True)] * 2
    assert len(list((folder / "recordings").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_recorded_in_memory(
    mlp: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mlp.copy(tmp_path / "fresh")
    (folder / "recordings").write_text("in the way")
    *_, step = twins(mlp, folder)
    step(*batches(1)[0])
    assert step.report.recorded and step.report.planned


def test_without_a_compiler_the_step_runs_in_order_and_says_so(
    mlp: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    model, optimizer, twin, twin_optimizer, step = twins(mlp, mlp.copy(tmp_path / "fresh"))
    reference, (inputs, target) = eager(model, optimizer), batches(1)[0]
    with pytest.warns(UserWarning, match="C\\+\\+ compiler"):
        loss = step(inputs, target)
    assert torch.equal(loss, reference(inputs, target))
    assert same(states(model, optimizer), states(twin, twin_optimizer))
    assert not step.report.planned and "compiler" in step.report.reason


# ---- What is refused -------------------------------------------------------------------------------


def changed(mlp: Exported, change: Callable[[nn.Sequential], None]) -> tuple[nn.Module, Any]:
    model, *_ = mlp.build()
    change(model)
    return model, torch.optim.Adam(model.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.append(nn.Linear(10, 10)), "'5.bias', which is not in the plan"),
        (lambda m: m.__delitem__(4), "no parameter '4.weight'"),
        (lambda m: m.__setitem__(2, nn.Linear(64, 65)), r"shape \(65, 64\)"),
        (lambda m: m.double(), "is float64, the plan was made for float32"),
        (lambda m: m.to("meta"), "is on meta"),
        (lambda m: m.register_buffer("mean", torch.zeros(1)), "'mean', which is not in the plan"),
        (lambda m: setattr(m[0], "bias", m[2].bias), "share memory"),
    ],
)
def test_another_model_is_refused(
    mlp: Exported, change: Callable[[nn.Sequential], None], message: str
) -> None:
    model, optimizer = changed(mlp, change)
    with pytest.raises(ReplayError, match=message):
        load(mlp.folder, model, optimizer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: torch.optim.SGD(m.parameters(), lr=0.1), "that of torch.optim.Adam; the optimizer"),
        (lambda m: torch.optim.AdamW(m.parameters()), "AdamW"),
        (lambda m: torch.optim.Adam(list(m.parameters())[:2]), "parameter groups"),
        (lambda m: torch.optim.Adam([{"params": [p]} for p in m.parameters()]), "parameter groups"),
        (lambda m: None, "needs the optimizer"),
    ],
)
def test_another_optimizer_is_refused(
    mlp: Exported, make: Callable[[nn.Module], Any], message: str
) -> None:
    model, *_ = mlp.build()
    with pytest.raises(ReplayError, match=message):
        load(mlp.folder, model, make(model))


def test_an_inference_step_takes_no_optimizer(mlp_inference: Exported) -> None:
    model, _ = mlp_inference.build()
    with pytest.raises(ReplayError, match="has no optimizer"):
        load(mlp_inference.folder, model.eval(), torch.optim.Adam(model.parameters()))


def test_a_model_in_the_wrong_mode_is_refused(mlp_inference: Exported) -> None:
    model, inputs = mlp_inference.build()
    with pytest.raises(ReplayError, match=r"model\.eval\(\)"):
        load(mlp_inference.folder, model.train())
    step = load(mlp_inference.folder, model.eval())
    model.train()
    with pytest.raises(ReplayError, match=r"model\.eval\(\)"):
        step(inputs)


@pytest.mark.parametrize(
    ("inputs", "target", "message"),
    [
        (torch.zeros(8, 32), torch.zeros(8, dtype=torch.int64), r"shape \(8, 32\)"),
        (torch.zeros(16, 32).double(), torch.zeros(16, dtype=torch.int64), "float64"),
        (torch.zeros(16, 32, device="meta"), torch.zeros(16, dtype=torch.int64), "on meta"),
        (torch.zeros(16, 32), torch.zeros(16), "target is float32, the plan was made for int64"),
        (torch.zeros(16, 32), None, "target has no tensors"),
        (
            (torch.zeros(16, 32),),
            torch.zeros(16, dtype=torch.int64),
            "has '0', the plan was made for a",
        ),
        ({"x": torch.zeros(16, 32)}, torch.zeros(16, dtype=torch.int64), "has 'x'"),
    ],
)
def test_another_batch_is_refused_and_changes_nothing(
    mlp: Exported, inputs: Any, target: Any, message: str
) -> None:
    *_, twin, twin_optimizer, step = twins(mlp, mlp.folder)
    step(*batches(1)[0])
    before = states(twin, twin_optimizer)
    with pytest.raises(ReplayError, match=message):
        step(inputs, target)
    assert same(states(twin, twin_optimizer), before)


def test_hyperparameters_that_change_the_ops_are_refused(mlp: Exported) -> None:
    *_, twin_optimizer, step = twins(mlp, mlp.folder)
    twin_optimizer.param_groups[0]["weight_decay"] = 0.1
    with pytest.raises(ReplayError, match=r"weight_decay=0\.1"):
        step(*batches(1)[0])
    twin_optimizer.param_groups[0]["weight_decay"] = 0
    twin_optimizer.param_groups[0]["amsgrad"] = True
    with pytest.raises(ReplayError, match="amsgrad"):
        step(*batches(1)[0])
    twin_optimizer.param_groups[0]["amsgrad"] = False
    twin_optimizer.param_groups[0]["capturable"] = True
    with pytest.raises(ReplayError, match="capturable=True, which no plan supports"):
        step(*batches(1)[0])


def test_parameters_of_different_age_are_refused(mlp: Exported) -> None:
    *_, _twin, twin_optimizer, step = twins(mlp, mlp.folder)
    step(*batches(1)[0])
    state = twin_optimizer.state_dict()
    state["state"][1]["step"] = torch.tensor(9.0)
    twin_optimizer.load_state_dict(state)
    with pytest.raises(ReplayError, match="different numbers of steps"):
        step(*batches(1)[0])


def test_a_model_that_is_converted_after_loading_is_noticed(mlp: Exported) -> None:
    *_, twin, _, step = twins(mlp, mlp.folder)
    step(*batches(1)[0])
    twin.double()
    with pytest.raises(ReplayError, match="float64"):
        step(*batches(1)[0])


def _freeze(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    model[0].weight.requires_grad_(False)


def _exchange_parameter(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    model[0].weight = nn.Parameter(model[0].weight.detach().clone())


def _exchange_module(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    model[0] = copy.deepcopy(model[0])


def _add_group(model: nn.Sequential, optimizer: torch.optim.Optimizer) -> None:
    optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(3))]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_freeze, "is frozen"),
        (_exchange_parameter, "do not hold the parameters"),
        (_exchange_module, "another module '0'"),
        (_add_group, "do not hold the parameters"),
    ],
)
def test_what_changed_after_loading_is_refused_and_nothing_is_trained(
    mlp: Exported, change: Callable[[Any, Any], None], said: str
) -> None:
    *_, twin, twin_optimizer, step = twins(mlp, mlp.folder)
    data = batches(2)
    step(*data[0])
    before = copy.deepcopy(twin.state_dict())
    change(twin, twin_optimizer)
    with pytest.raises(ReplayError, match=said):
        step(*data[1])
    assert same(list(twin.state_dict().values()), list(before.values()))
