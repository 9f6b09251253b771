"""Autocast, loss scaling, clipping, micro-batches, fused optimizers: bit for bit as eager training."""

import copy
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from runtime.capture import named_step
from runtime.capture.bayplan_capture.build import Model, build
from runtime.capture.bayplan_capture.capture import capture_step
from runtime.capture.bayplan_capture.eager import eager_step
from runtime.export import export
from runtime.replay.errors import ReplayError
from runtime.replay.loading import PlannedStep, load
from runtime.replay.tensors import same_bits
from runtime.verify import verify
from solver.check import require_valid
from solver.files import decode_step_object
from solver.plan import Plan
from solver.solve import solve
from solver.step import Step
from tests.runtime.conftest import MODELS
from tests.runtime.training_state import state

STEPS = 6


@dataclass(frozen=True)
class Way:
    """One function of the model file, captured, solved and exported."""

    source: str
    step: Step
    plan: Plan
    folder: Path

    def model(self) -> Model:
        """The model with its optimizer, as its function builds it."""
        return build(self.source, None, None, None, seed=3)

    def load(self, model: Model) -> PlannedStep:
        return load(self.folder, model.module, model.optimizer, model.options.scaler, strict=True)


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory, native_cache: Path) -> Iterator[Callable[[str], Way]]:
    made: dict[str, Way] = {}

    def make(name: str) -> Way:
        if name not in made:
            source = f"{MODELS / 'extras.py'}:{name}"
            step = named_step(decode_step_object(capture_step(source, None, None), name))
            plan = solve(step, deadline=20).plan
            require_valid(step, plan)
            folder = tmp_path_factory.mktemp("extras") / name
            export(step, plan, folder)
            made[name] = Way(source, step, plan, folder)
        return made[name]

    yield make


def batches(count: int = STEPS) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(7)
    return [
        (torch.randn(16, 12, generator=generator), torch.randint(5, (16,), generator=generator))
        for _ in range(count)
    ]


def eagerly(model: Model, batch: tuple[Tensor, Tensor]) -> Tensor:
    loss: Tensor = eager_step(replace(model, inputs=batch[0], target=batch[1]))
    return loss


def assert_same(one: Model, other: Model) -> None:
    mine, its = state(one), state(other)
    assert mine.keys() == its.keys()
    assert [key for key in mine if not same_bits(mine[key], its[key])] == []


@pytest.mark.parametrize(
    "name",
    [
        "bfloat16",
        "scaled",
        "overflow",
        "clipped",
        "clipped_by_value",
        "micro_batches",
        "everything",
        "fused_adamw",
        "fused_sgd",
        "fused_adam_on_device",
        "fused_amsgrad",
        "amsgrad",
        "fused_sgd_on_device",
        "fused_overflow",
        "fused_everything",
        "tensor_rate",
        "tensor_rate_sgd",
    ],
)
def test_training_under_a_schedule_is_equal_to_eager_training(
    way: Callable[[str], Way], name: str
) -> None:
    eager, planned = way(name).model(), way(name).model()
    step = way(name).load(planned)
    schedules = [
        torch.optim.lr_scheduler.StepLR(model.optimizer, step_size=2, gamma=0.3)
        for model in (eager, planned)
    ]
    for number, batch in enumerate(batches()):
        torch.manual_seed(number)
        expected = eagerly(eager, batch)
        torch.manual_seed(number)
        assert same_bits(expected, step(*batch)), number
        for schedule in schedules:
            with warnings.catch_warnings():
                # A step that overflows is none to a schedule, which says so.
                warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
                schedule.step()
        assert_same(eager, planned)
    assert all(p.grad is None for p in planned.module.parameters())
    assert step.report.planned and not step.report.unmatched


@pytest.mark.parametrize("name", ["overflow", "fused_overflow", "everything"])
def test_a_step_that_overflows_updates_nothing_but_the_scale(
    way: Callable[[str], Way], name: str
) -> None:
    model = way(name).model()
    step, scaler = way(name).load(model), model.options.scaler
    assert scaler is not None
    before = {key: value.clone() for key, value in model.module.state_dict().items()}
    skipped = 0
    for batch in batches(12):
        scale = scaler.get_scale()
        assert math.isfinite(step(*batch))
        if scaler.get_scale() >= scale:
            break
        assert scaler.get_scale() == scale / 2
        assert all(same_bits(before[k], v) for k, v in model.module.state_dict().items())
        skipped += 1
    assert 0 < skipped < 12
    assert not all(same_bits(before[k], v) for k, v in model.module.state_dict().items())
    assert model.optimizer is not None
    counts = [state["step"].item() for state in model.optimizer.state.values()]
    assert counts == [1.0] * 8  # only the step that updated counts


@pytest.mark.parametrize("name", ["everything", "fused_everything"])
def test_training_goes_on_from_a_checkpoint_after_evaluation(
    way: Callable[[str], Way], name: str
) -> None:
    eager, first, second = (way(name).model() for _ in range(3))
    data = batches()
    step = way(name).load(first)
    for number, batch in enumerate(data[:3]):
        torch.manual_seed(number)
        eagerly(eager, batch)
        torch.manual_seed(number)
        step(*batch)
        first.module.eval()
        with torch.no_grad():
            first.module(batch[0])
        first.module.train()
    assert first.optimizer is not None and second.optimizer is not None
    assert first.options.scaler is not None and second.options.scaler is not None
    second.module.load_state_dict(first.module.state_dict())
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    second.options.scaler.load_state_dict(first.options.scaler.state_dict())
    later = way(name).load(second)
    for number, batch in enumerate(data[3:]):
        torch.manual_seed(number)
        expected = eagerly(eager, batch)
        torch.manual_seed(number)
        assert same_bits(expected, later(*batch))
    assert_same(eager, second)


@pytest.mark.parametrize("name", ["everything", "fused_everything"])
def test_eager_and_planned_steps_may_take_turns(way: Callable[[str], Way], name: str) -> None:
    eager, mixed = way(name).model(), way(name).model()
    step = way(name).load(mixed)
    for number, batch in enumerate(batches(8)):
        torch.manual_seed(number)
        expected = eagerly(eager, batch)
        torch.manual_seed(number)
        found = step(*batch) if number % 4 < 2 else eagerly(mixed, batch)
        assert same_bits(expected, found)
    assert_same(eager, mixed)


@pytest.mark.parametrize("name", ["fused_adam_on_device", "fused_sgd_on_device", "fused_overflow"])
def test_a_fused_update_with_its_rate_on_the_device_takes_no_number_from_python(
    way: Callable[[str], Way], name: str
) -> None:
    program = way(name).step.program
    assert program is not None and program.scalars == ()
    assert not any(instruction.guard for instruction in program.instructions)
    assert [p.key for p in program.placeholders if p.role == "hyperparameter"] == ["0/lr"]


def test_a_fused_update_is_one_op_a_parameter(way: Callable[[str], Way]) -> None:
    targets = [op.target for op in way("fused_adamw").step.ops]
    assert targets.count("_fused_adamw_.default") == 8
    assert targets.count("_foreach_add_.Scalar") == 1


def test_autocast_casts_a_weight_once_in_a_step(way: Callable[[str], Way]) -> None:
    step = way("bfloat16").step
    assert step.program is not None
    names = {p.value: p.key for p in step.program.placeholders}
    casts = [
        names.get(i.args[0]["value"])
        for i in step.program.instructions
        if i.target == "aten._to_copy.default"
    ]
    assert casts.count("twice.weight") == 1
    assert step.title == "Net · batch 16 · AdamW · bfloat16"


def test_micro_batches_take_less_memory_and_their_sums_are_resident(
    way: Callable[[str], Way],
) -> None:
    whole, divided = way("clipped"), way("micro_batches")
    assert divided.step.title == "Net · batch 16 · Adam · 4 micro-batches"
    sums = [s for s in divided.step.storages if s.name.endswith(", added up")]
    parameters = list(divided.model().module.parameters())
    assert sorted(s.size for s in sums) == sorted(p.numel() * 4 for p in parameters)
    assert all(s.resident for s in sums)
    assert divided.plan.height_bytes <= whole.plan.height_bytes / 2


def test_a_batch_that_is_not_the_plans_is_refused_and_changes_nothing(
    way: Callable[[str], Way],
) -> None:
    model = way("micro_batches").model()
    step = way("micro_batches").load(model)
    step(*batches(1)[0])
    before = state(model)
    for rows in (8, 18):
        with pytest.raises(ReplayError, match=rf"shape \({rows}, 12\)"):
            step(torch.zeros(rows, 12), torch.zeros(rows, dtype=torch.int64))
    assert all(same_bits(value, before[key]) for key, value in state(model).items())


def test_one_micro_batch_is_not_taken_for_the_whole_batch(way: Callable[[str], Way]) -> None:
    model = way("micro_batches").model()
    step = way("micro_batches").load(model)
    inputs, target = batches(1)[0]
    with pytest.raises(
        ReplayError, match=r"input has shape \(4, 12\), the plan was made for \(16, 12\)"
    ):
        step(inputs[:4], target[:4])
    with pytest.raises(
        ReplayError, match=r"target has shape \(4,\), the plan was made for \(16,\), run as 4"
    ):
        step(inputs, target[:4])


def test_a_scaler_must_be_the_one_that_was_captured(way: Callable[[str], Way]) -> None:
    model = way("scaled").model()
    with pytest.raises(ReplayError, match=r"scales its loss: load\(model, optimizer, scaler=scaler\)"):
        load(way("scaled").folder, model.module, model.optimizer)
    off = torch.amp.GradScaler("cpu", enabled=False)
    with pytest.raises(ReplayError, match="with an enabled one"):
        load(way("scaled").folder, model.module, model.optimizer, off)
    other = way("clipped").model()
    with pytest.raises(ReplayError, match="does not scale its loss"):
        load(way("clipped").folder, other.module, other.optimizer, torch.amp.GradScaler("cpu"))
    step = way("scaled").load(model)
    assert model.options.scaler is not None
    model.options.scaler.set_growth_factor(3.0)
    with pytest.raises(ReplayError, match=r"growth_factor=3\.0, the plan was made with 2\.0"):
        step(*batches(1)[0])


def _rate_as_number(optimizer: torch.optim.Optimizer) -> None:
    optimizer.param_groups[0]["lr"] = 0.1


def _other_decay(optimizer: torch.optim.Optimizer) -> None:
    optimizer.param_groups[0]["weight_decay"] = 0.2


def _not_fused(optimizer: torch.optim.Optimizer) -> None:
    optimizer.param_groups[0]["fused"] = False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_rate_as_number, r"is 0\.1; the plan reads it from a tensor"),
        (_other_decay, r"weight_decay=0\.2, the plan was made with 0\.1"),
        (_not_fused, "fused=False"),
    ],
)
def test_what_a_step_on_the_device_cannot_follow_is_refused(
    way: Callable[[str], Way], change: Callable[[torch.optim.Optimizer], None], said: str
) -> None:
    model = way("fused_adam_on_device").model()
    step = way("fused_adam_on_device").load(model)
    assert model.optimizer is not None
    change(model.optimizer)
    with pytest.raises(ReplayError, match=said):
        step(*batches(1)[0])


@pytest.mark.parametrize("name", ["clipped", "scaled"])
def test_torchs_updates_of_lists_of_tensors_give_the_same_bits(
    way: Callable[[str], Way], name: str
) -> None:
    eager, planned = way(name).model(), way(name).model()
    assert eager.optimizer is not None
    for group in eager.optimizer.param_groups:
        group["foreach"] = True
    step = way(name).load(planned)
    for number, batch in enumerate(batches(3)):
        torch.manual_seed(number)
        expected = eagerly(eager, batch)
        torch.manual_seed(number)
        assert same_bits(expected, step(*batch))
    assert_same(eager, planned)


def test_verification_builds_scaler_and_options_again(way: Callable[[str], Way]) -> None:
    report = verify(way("everything").folder, steps=3)
    assert report.ok and report.eager, report.lines()


@pytest.mark.parametrize(
    ("fused", "options"), [(False, '{"clip_grad_norm": 0.1}'), (True, "{}"), (True, '{"scaler": True}')]
)
def test_a_gradient_that_two_parameters_share_is_changed_once_for_each(
    tmp_path: Path, native_cache: Path, fused: bool, options: str
) -> None:
    file = tmp_path / "shared_gradient.py"
    file.write_text(SHARED.format(fused=fused, options=options))
    source = f"{file}:build"
    step = named_step(decode_step_object(capture_step(source, None, None), "shared"))
    export(step, solve(step, deadline=20).plan, tmp_path / "planned")
    eager, planned = (build(source, None, None, None, seed=3) for _ in range(2))
    scaler = planned.options.scaler
    replayed = load(tmp_path / "planned", planned.module, planned.optimizer, scaler, strict=True)
    for _ in range(3):
        assert same_bits(eager_step(eager), replayed(planned.inputs, planned.target))
    assert_same(eager, planned)


SHARED = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(4)), nn.Parameter(torch.zeros(4))

    def forward(self, x):
        return x * (self.a + self.b)

def build():
    model = Model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused={fused})
    data = torch.randn(3, 4), torch.randn(3, 4)
    return model, data, nn.MSELoss(), optimizer, {options}
"""


def test_a_zoo_model_takes_options() -> None:
    options = {"autocast": "bfloat16", "scaler": True, "clip_grad_norm": 1.0, "micro_batches": 2}
    content: Any = capture_step("zoo:unet", 2, "sgd", options)
    step = decode_step_object(content, "unet")
    assert step.title == "unet · batch 2 · SGD · bfloat16 · 2 micro-batches"
    assert step.origin.options["scaler"]["growth_interval"] == 2000
    assert step.program is not None
    image = next(p.value for p in step.program.placeholders if p.role == "input")
    assert step.program.values[image].shape[0] == 1


def test_torch_itself_runs_clipping_one_by_one_on_the_cpu() -> None:
    # What the step is recorded with; on CUDA torch takes lists.
    gradients = [torch.full((3,), 4.0), torch.full((2,), 3.0)]
    total = nn.utils.get_total_norm(gradients)
    each = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    assert same_bits(total, torch.linalg.vector_norm(torch.stack(each)))


def test_the_export_says_how_to_load_it(way: Callable[[str], Way]) -> None:
    text = (way("everything").folder / "README.md").read_text()
    assert "step = load(model, optimizer, scaler)  # your model" in text
    assert "in 2 parts" in text and "torch.amp.GradScaler" in text
    text = (way("clipped").folder / "README.md").read_text()
    assert "step = load(model, optimizer)      # your model" in text
    assert "parts" not in text and "GradScaler" not in text
