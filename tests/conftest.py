"""What many tests need: the shared cases, a toy step, Qt without a display."""

import os
from pathlib import Path

import pytest

from solver.planning_step import load_any_step
from solver.step import Category, Op, Origin, Phase, Step, Storage

pytest_plugins = ("tests.turns",)

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of shared test inputs beside the project; the test is skipped where it is absent."""
    if not CASES.is_dir():
        pytest.skip("the shared test inputs (../shared/cases) are not there")
    return CASES


@pytest.fixture(scope="session")
def resnet50_step(cases: Path) -> Step:
    """ResNet-50, batch 32, SGD, planning only: 622 ops."""
    return load_any_step(cases / "steps" / "resnet50_b32_sgd.json.gz")


@pytest.fixture
def toy_step() -> Step:
    """Six ops: forward makes two activations, backward two gradients, the update writes a weight."""
    return make_toy_step()


def make_toy_step() -> Step:
    """A training step small enough to work out by hand; sizes in granules of 512 bytes: 4, 2, 4, 1."""
    kib = 1024
    return Step(
        origin=Origin("toy", "toy", 1, "sgd", True, "cpu", "float32"),
        storages=(
            Storage(512, Category.PARAMETER, "weight"),
            Storage(512, Category.INPUT, "input"),
            Storage(2 * kib, Category.ACTIVATION, "linear · mm"),
            Storage(1 * kib, Category.ACTIVATION, "act · relu"),
            Storage(4, Category.TEMPORARY, "loss", output=True),
            Storage(2 * kib, Category.GRADIENT, "∂ act · relu"),
            Storage(512, Category.GRADIENT, "∂ weight"),
        ),
        ops=(
            Op("mm", "mm.default", (0, 1), (), (2,), module="linear"),
            Op("relu", "relu.default", (2,), (), (3,), module="act"),
            Op("sum", "sum.default", (3,), (), (4,)),
            Op("relu_backward", "threshold_backward.default", (2, 3), (), (5,), phase=Phase.BACKWARD),
            Op("mm_1", "mm.default", (1, 5), (), (6,), phase=Phase.BACKWARD, module="linear"),
            Op("add_", "add_.Tensor", (0, 6), (0,), (), phase=Phase.UPDATE, module="linear"),
        ),
    )
