"""``tests/cuda/captures.py`` finds where two captures differ; without a GPU it says so."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from runtime.capture.bayplan_capture.capture import capture_step
from tests.runtime.capture.conftest import UserFile

WriteFile = Callable[[str], UserFile]

MODEL = """
def build(batch=2):
    head = nn.Linear(144, {classes})
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), head)
    data = torch.randn(batch, 3, 8, 8), torch.randint(3, (batch,))
    return model, data, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=0.1)
"""


@pytest.fixture(scope="module")
def captures() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "cuda" / "captures.py"
    spec = importlib.util.spec_from_file_location("captures", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would run")
def test_without_a_gpu_nothing_is_compared(
    captures: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captures.main([]) == 2
    assert "finds no CUDA GPU" in capsys.readouterr().err


def test_the_first_difference_is_named(captures: ModuleType, user_file: WriteFile) -> None:
    def step(classes: int, target: str) -> dict[str, object]:
        source = user_file(MODEL.format(classes=classes)).source
        found: dict[str, object] = capture_step(source, None, None, target_name=target)["step"]
        return found

    here, again = step(5, "cuda"), step(5, "cuda")
    assert captures.difference(here, again) == ""
    other = captures.difference(step(5, "cpu"), here)
    assert "native_batch_norm.default, by rules aten.cudnn_batch_norm.default" in other
    wider = captures.difference(step(6, "cuda"), here)
    assert "[144, 6]" in wider and "by rules" in wider and "[144, 5]" in wider
