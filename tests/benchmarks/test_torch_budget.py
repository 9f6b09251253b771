"""What the benchmark takes from torch's partitioner is a right plan of the same step."""

from itertools import pairwise

import pytest

from runtime.capture import capture
from solver.budget.devices import V100
from solver.check import check
from solver.step import Step
from tests.benchmarks.functional_step import functional
from tests.benchmarks.torch_choices import TorchChoice, torch_choices

BUILD = """
import torch
from torch import nn

def build(batch=64):
    layers = []
    for _ in range(6):
        layers += [nn.Linear(128, 128), nn.ReLU(inplace=True), nn.BatchNorm1d(128), nn.Dropout(0.1)]
    model = nn.Sequential(*layers, nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    data = torch.rand(batch, 128), torch.randint(10, (batch,))
    return model, data, nn.CrossEntropyLoss(), optimizer
"""


@pytest.fixture(scope="module")
def step(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """Layers with in-place ops, batch norms and dropout."""
    path = tmp_path_factory.mktemp("torch") / "train.py"
    path.write_text(BUILD)
    return capture(f"{path}:build", batch=4096, optimizer=None)


def test_the_functional_step_writes_residents_alone_and_runs_the_same_ops(step: Step) -> None:
    assert any(step.storages[s].planned for op in step.ops for s in op.writes)

    changed = functional(step)

    assert not any(changed.storages[s].planned for op in changed.ops for s in op.writes)
    assert [op.name for op in changed.ops] == [op.name for op in step.ops]
    made = [s for op in changed.ops for s in op.creates]
    assert len(made) == len(set(made))
    for before, after in zip(step.ops, changed.ops, strict=True):
        assert after.target.partition(".")[0] in (
            before.target.partition(".")[0].rstrip("_"),
            "bernoulli",
        ) or (after.target == before.target)


def test_torch_trades_time_for_bytes_and_its_plans_are_right(
    step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []

    def note(step: Step, plan: object) -> None:
        checked.append(check(step, plan))  # type: ignore[arg-type]

    monkeypatch.setattr("tests.benchmarks.torch_choices.require_valid", note)

    found: list[TorchChoice] = torch_choices(step, V100, (1.0, 0.6, 0.3, 0.0))

    assert len(checked) == 8 and not any(checked)
    assert len(found) >= 2
    assert all(a.needed_bytes > b.needed_bytes and a.overhead < b.overhead for a, b in pairwise(found))
