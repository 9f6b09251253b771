"""The whole chain on a small model of the user's own: capture, solve, check, map, export, verify."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import demo
from app.cli.command_line import main
from app.library import Library
from solver.files import load_plan, load_step
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(20, 64), nn.Linear(64, 5)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


def build(batch=16):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    inputs, target = torch.rand(batch, 20), torch.randint(5, (batch,))
    return model, (inputs, target), nn.CrossEntropyLoss(), optimizer


def infer():
    return Net().eval(), torch.rand(3, 20)


def broken():
    raise KeyError("the user's own mistake")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: the model, its step and its plan."""
    folder = tmp_path_factory.mktemp("user's folder")
    (folder / "train.py").write_text(MODEL)
    source = f"{folder / 'train.py'}:build"
    assert main(["capture", source, "--batch", "8", "-o", str(folder / "net.step")]) == 0
    assert main(["solve", str(folder / "net.step"), "-o", str(folder / "net.plan")]) == 0
    return folder


def test_the_step_has_the_users_batch_and_source_lines(folder: Path) -> None:
    step = load_step(folder / "net.step")

    assert (step.origin.batch, step.origin.optimizer) == (8, "adam")
    lines = {line.text[line.here].strip() for line in step.sources if line.text}
    assert "return self.second(torch.relu(self.first(x)))" in lines


def test_capture_says_what_it_got(bayplan: Bayplan, folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "infer.step"

    answer = bayplan("capture", f"{folder / 'train.py'}:infer", "-o", output, "--store")

    assert (answer.code, answer.err) == (0, "")
    assert "inference" in answer.out
    assert answer.out.endswith(f"{output}\n")
    assert [step.training for step in Library().steps()] == [False]


def test_a_plan_for_one_device_is_refused_on_a_step_for_another(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "cuda.step"

    answer = bayplan(
        "capture", f"{folder / 'train.py'}:build", "--batch", 8, "--target", "cuda", "-o", output
    )

    assert answer.code == 0 and "traced for cuda in" in answer.out
    assert load_step(output).origin.target == "cuda"
    refused = bayplan("check", output, folder / "net.plan")
    assert refused.code == 1
    assert "made for another step" in refused.out + refused.err
    assert "this one, for cuda, has" in refused.out + refused.err


def test_capture_says_how_to_choose_a_gpu_and_times_ops(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "timed.step"

    answer = bayplan("capture", f"{folder / 'train.py'}:infer", "--time", "-o", output)

    assert "traced for cpu (for a GPU, with its kernels: --target cuda)" in answer.out
    assert all(op.seconds > 0 for op in load_step(output).ops)


def test_a_users_mistake_is_shown_with_the_users_traceback(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    answer = bayplan("capture", f"{folder / 'train.py'}:broken", "-o", tmp_path / "x.step")

    assert answer.code == 2
    assert answer.err.startswith("bayplan: ")
    assert 'raise KeyError("the user\'s own mistake")' in answer.err
    assert not (tmp_path / "x.step").exists()


@pytest.mark.parametrize("extra", [[], ["--baseline"], ["--theme", "light", "--size", "800x600"]])
def test_a_plan_is_drawn(bayplan: Bayplan, folder: Path, tmp_path: Path, extra: list[str]) -> None:
    picture = tmp_path / "map.png"

    answer = bayplan("map", folder / "net.plan", "-o", picture, *extra)

    assert answer.code == 0, answer.err
    assert size_of(picture) == ((800, 600) if "--size" in extra else (1600, 1000))


def test_a_step_is_drawn_as_run(bayplan: Bayplan, folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "map.png"

    assert bayplan("map", folder / "net.step", "-o", picture, "--size", "900x700").code == 0
    assert size_of(picture) == (900, 700)


def test_a_planning_only_step_and_its_plan_are_drawn(
    bayplan: Bayplan, cases: Path, tmp_path: Path
) -> None:
    step, plan = cases / "steps" / "resnet18_b1_sgd.json.gz", tmp_path / "r.plan"
    bayplan("solve", step, "-o", plan)

    assert bayplan("map", step, "-o", tmp_path / "run.png").code == 0
    assert bayplan("map", plan, "--step", step, "-o", tmp_path / "plan.png").code == 0
    assert (tmp_path / "run.png").read_bytes() != (tmp_path / "plan.png").read_bytes()


def test_a_picture_needs_a_file_name(bayplan: Bayplan, folder: Path) -> None:
    answer = bayplan("map", folder / "net.plan", "-o", folder)

    assert answer.code == 2
    assert "it is a folder" in answer.err


def test_the_exported_module_is_proved(bayplan: Bayplan, folder: Path, tmp_path: Path) -> None:
    module = tmp_path / "net_planned"

    exported = bayplan("export", folder / "net.plan", "-o", module)
    proved = bayplan("verify", module, "--steps", 2, "--json")

    assert (exported.code, exported.err) == (0, "")
    assert "from net_planned import load" in exported.out
    assert proved.code == 0, proved.err
    assert isinstance(json.loads(proved.out), dict)


def test_how_an_inference_step_is_used_names_no_optimizer(
    bayplan: Bayplan, folder: Path, tmp_path: Path
) -> None:
    step, plan = tmp_path / "answers.step", tmp_path / "answers.plan"
    assert bayplan("capture", f"{folder / 'train.py'}:infer", "-o", step).code == 0
    assert bayplan("solve", step, "-o", plan).code == 0

    exported = bayplan("export", plan, "-o", tmp_path / "answers_planned")

    assert exported.code == 0, exported.err
    assert "step = load(model.eval())\n  output = step(inputs)" in exported.out


def test_a_plan_file_is_proved_without_an_export(bayplan: Bayplan, folder: Path) -> None:
    before = sorted(folder.iterdir())

    answer = bayplan("verify", folder / "net.plan", "--steps", 1)

    assert answer.code == 0, answer.err
    assert "equal" in answer.out
    assert sorted(file for file in folder.iterdir() if file.name != "__pycache__") == sorted(
        file for file in before if file.name != "__pycache__"
    )


def test_a_planning_only_step_cannot_be_exported(
    bayplan: Bayplan, toy_files: Path, tmp_path: Path
) -> None:
    answer = bayplan("export", toy_files / "toy.plan", "-o", tmp_path / "module")

    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "module").exists()


def test_the_demo_leaves_plan_pictures_and_module(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()

    assert demo.work(folder / "net.step", tmp_path / "out") == 0

    out = capsys.readouterr().out
    for name in ("net.plan", "net.step", "net.png", "net-as-run.png", "net_planned"):
        assert (tmp_path / "out" / name).exists()
        assert str(tmp_path / "out" / name) in out
    step = load_step(tmp_path / "out" / "net.step")
    after = step.resident_bytes + load_plan(tmp_path / "out" / "net.plan").height_bytes
    assert f"{after:,} B" in out
    assert "As run" in out


def test_the_sample_is_planned_optimally_and_names_no_machine() -> None:
    step = load_step(demo.sample_step())
    plan = load_plan(demo.sample_step().with_suffix(".plan"))

    assert (step.origin.model, step.origin.batch) == ("resnet50", 32)
    assert plan.status == "optimal"
    assert plan.provenance.step_file == demo.sample_step().name
    assert not any(Path(line.file).is_absolute() for line in step.sources)


def size_of(picture: Path) -> tuple[int, int]:
    """Width and height in a PNG's header."""
    header = picture.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")


def test_capture_takes_what_else_a_zoo_models_step_does(bayplan: Bayplan, tmp_path: Path) -> None:
    output = tmp_path / "unet.step"
    options = ("--autocast", "float16", "--scaler", "--clip-grad-norm", 0.5, "--micro-batches", 2)

    answer = bayplan("capture", "zoo:unet", "--batch", 2, *options, "-o", output)

    assert answer.code == 0
    assert "unet · batch 2 · SGD · float16 · 2 micro-batches: " in answer.out
    kept = load_step(output).origin.options
    assert kept["clip_grad_norm"] == 0.5 and kept["scaler"]["backoff_factor"] == 0.5
    both = bayplan("capture", "zoo:unet", "--clip-grad-norm", 1, "--clip-grad-value", 1, "-o", output)
    assert both.code == 2 and "not allowed with" in both.err
