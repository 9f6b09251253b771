"""Exports are whole, stand alone, replace only their own kind, and refuse what is not right."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.export import export, module_name
from runtime.replay.errors import ReplayError
from runtime.replay.plan_data import content_digest
from runtime.replay.plan_reading import read_plan
from solver.errors import BayplanError
from solver.step import Step
from tests.runtime.conftest import Exported


def test_it_needs_torch_and_the_standard_library_only(mlp: Exported) -> None:
    for path in mlp.folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            for name in names:
                root = name.split(".")[0]
                assert root == "torch" or root in sys.stdlib_module_names, f"{path.name}: {name}"


def test_it_runs_far_from_the_project(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned_mlp")
    (tmp_path / "app.py").write_text("raise SystemExit('not this one')")
    script = tmp_path / "train.py"
    script.write_text(
        "import torch, sys\n"
        "from planned_mlp import load\n"
        "from torch import nn\n"
        "model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.Tanh(), "
        "nn.Linear(64, 10))\n"
        "step = load(model, torch.optim.Adam(model.parameters()))\n"
        "inputs, target = torch.randn(16, 32), torch.randint(10, (16,))\n"
        "losses = [step(inputs, target).item() for _ in range(20)]\n"
        "assert losses[-1] < losses[0], losses\n"
        "assert step.report.planned, step.report\n"
        "assert not {'runtime', 'solver', 'numpy.testing'} & sys.modules.keys()\n"
    )
    _run([sys.executable, str(script)], tmp_path)
    assert (folder / "recordings").is_dir()


@pytest.mark.parametrize("command", [["-m", "planned_mlp"], ["planned_mlp/selftest.py"]])
def test_its_self_test_compares_planned_and_traced(
    mlp: Exported, tmp_path: Path, command: list[str]
) -> None:
    mlp.copy(tmp_path / "planned_mlp")
    for _ in range(2):  # The second process finds what the first recorded.
        output = _run([sys.executable, *command, "--steps", "2"], tmp_path)
        assert "2 steps, planned and traced: bitwise equal." in output
        assert f"planned {mlp.plan.height_bytes:,}" in output


def test_the_self_test_fails_where_the_step_was_changed(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned_mlp")
    source = (folder / "planned.py").read_text()
    (folder / "planned.py").write_text(source.replace("aten.tanh.default", "aten.relu.default"))
    refused = subprocess.run(
        [sys.executable, "-m", "planned_mlp"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "planned.py was changed" in refused.stderr
    reseal_file(folder, "planned.py")
    different = subprocess.run(
        [sys.executable, "-m", "planned_mlp"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert different.returncode == 1
    assert "Outputs differ" in different.stdout


def test_an_earlier_export_is_replaced_whole(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned")
    (folder / "recordings").mkdir()
    (folder / "recordings" / "old.json").write_text("{}")
    (folder / "README.md").write_text("old")
    export(mlp.step, mlp.plan, folder)
    assert not (folder / "recordings").exists()
    assert (folder / "README.md").read_bytes() != b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["planned"]


@pytest.mark.parametrize("last", [0, 1, 2, 3])
def test_an_export_that_is_ended_on_the_way_leaves_the_earlier_one_as_it_was(
    mlp: Exported, tmp_path: Path, last: int
) -> None:
    folder = mlp.copy(tmp_path / "planned")
    (folder / "README.md").write_text("old")
    parts: list[float] = []

    def go_on(done: float) -> bool:
        parts.append(done)
        return len(parts) <= last

    assert not export(mlp.step, mlp.plan, folder, go_on)
    assert len(parts) == last + 1 and parts == sorted(parts) and parts[-1] < 1
    assert (folder / "README.md").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["planned"]


def test_an_empty_folder_may_be_used(mlp: Exported, tmp_path: Path) -> None:
    (tmp_path / "planned").mkdir()
    export(mlp.step, mlp.plan, tmp_path / "planned")
    read_plan(tmp_path / "planned")


@pytest.mark.parametrize("earlier", [True, False])
def test_a_folder_with_something_of_the_users_is_not_touched(
    mlp: Exported, tmp_path: Path, earlier: bool
) -> None:
    folder = mlp.copy(tmp_path / "planned") if earlier else tmp_path / "planned"
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text("mine")
    before = sorted(folder.rglob("*"))
    with pytest.raises(BayplanError, match=r"train\.py"):
        export(mlp.step, mlp.plan, folder)
    assert sorted(folder.rglob("*")) == before


def test_a_file_or_a_link_is_not_replaced(mlp: Exported, tmp_path: Path) -> None:
    (tmp_path / "planned").write_text("mine")
    with pytest.raises(BayplanError, match="not a folder"):
        export(mlp.step, mlp.plan, tmp_path / "planned")
    (tmp_path / "link").symlink_to(mlp.copy(tmp_path / "target"))
    with pytest.raises(BayplanError, match="not a folder"):
        export(mlp.step, mlp.plan, tmp_path / "link")


def test_a_failure_while_writing_leaves_the_earlier_export(
    mlp: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mlp.copy(tmp_path / "planned")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BayplanError, match="No space left"):
        export(mlp.step, mlp.plan, folder)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert [p.name for p in tmp_path.iterdir()] == ["planned"]


@pytest.mark.parametrize("name", ["my-plan", "1st", "class", "a b", "plan.v2"])
def test_a_name_that_python_cannot_import_is_refused(mlp: Exported, tmp_path: Path, name: str) -> None:
    with pytest.raises(BayplanError, match=f"such as '{module_name(name)}'"):
        export(mlp.step, mlp.plan, tmp_path / name)
    export(mlp.step, mlp.plan, tmp_path / module_name(name))


def test_a_missing_parent_is_an_error(mlp: Exported, tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match="There is no folder"):
        export(mlp.step, mlp.plan, tmp_path / "nowhere" / "planned")


def test_a_planning_only_step_cannot_be_exported(mlp: Exported, tmp_path: Path) -> None:
    with pytest.raises(BayplanError, match="planning-only"):
        export(replace(mlp.step, program=None), mlp.plan, tmp_path / "planned")
    assert not (tmp_path / "planned").exists()


def test_a_plan_with_two_living_storages_on_one_byte_is_refused(mlp: Exported, tmp_path: Path) -> None:
    first, second = _alive_together(mlp)
    instances = list(mlp.plan.instances)
    instances[second] = replace(instances[second], address=instances[first].address)
    with pytest.raises(BayplanError, match="overlaps"):
        export(mlp.step, replace(mlp.plan, instances=tuple(instances)), tmp_path / "planned")
    assert not (tmp_path / "planned").exists()


def test_the_plan_of_another_step_is_refused(
    mlp: Exported, mlp_inference: Exported, tmp_path: Path
) -> None:
    with pytest.raises(BayplanError, match="another step"):
        export(mlp_inference.step, mlp.plan, tmp_path / "planned")


# ---- Loading what was tampered with ----------------------------------------------------------------


def reseal_file(folder: Path, name: str) -> None:
    import hashlib

    file = json.loads((folder / "plan.json").read_text())
    file["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "plan.json").write_text(json.dumps(file))


def _change(folder: Path, change: Callable[[dict[str, Any]], object], *, seal: bool) -> None:
    file = json.loads((folder / "plan.json").read_text())
    change(file["plan"])
    if seal:
        file["digest"] = content_digest(file["plan"])
    (folder / "plan.json").write_text(json.dumps(file))


def _alive_together(mlp: Exported) -> tuple[int, int]:
    lifetimes = mlp.plan.lifetimes
    return next(
        (a, b)
        for a in range(len(lifetimes))
        for b in range(a)
        if lifetimes[a, 0] < lifetimes[b, 1] and lifetimes[b, 0] < lifetimes[a, 1]
    )


def test_a_changed_plan_is_refused(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned")
    _change(folder, lambda plan: plan.update(batch=32), seal=False)
    with pytest.raises(ReplayError, match="changed after the export"):
        read_plan(folder)


def test_a_plan_with_an_overlap_is_refused_even_with_a_new_seal(mlp: Exported, tmp_path: Path) -> None:
    folder = mlp.copy(tmp_path / "planned")
    first, second = _alive_together(mlp)

    def move(plan: dict[str, Any]) -> None:
        plan["instances"][second][1] = plan["instances"][first][1]

    _change(folder, move, seal=True)
    with pytest.raises(ReplayError, match="share bytes"):
        read_plan(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(height_bytes=64),
        lambda p: p.update(ops=p["ops"][1:]),
        lambda p: p.update(instances="none"),
        lambda p: p["instances"][0].__setitem__(1, -512),
        lambda p: p["instances"][0].__setitem__(2, 5),
        lambda p: p["residents"][0].update(role="root"),
        lambda p: p["residents"][0].pop("spec"),
        lambda p: p["scalars"].append(["adam.eps", 7]),
        lambda p: p.pop("groups"),
        lambda p: p.update(guarded=[len(p["ops"])]),
        lambda p: p.update(options={"micro_batches": "2"}),
        lambda p: p.update(options={"scaler": 2.0}),
    ],
)
def test_a_plan_that_cannot_be_is_refused(
    mlp: Exported, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    folder = mlp.copy(tmp_path / "planned")
    _change(folder, change, seal=True)
    with pytest.raises(ReplayError, match="damaged"):
        read_plan(folder)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": "bayplan-export", "version": 9}', "\xff"]
)
def test_a_plan_file_that_is_none_is_refused(mlp: Exported, tmp_path: Path, content: str) -> None:
    folder = mlp.copy(tmp_path / "planned")
    (folder / "plan.json").write_text(content, encoding="latin-1")
    with pytest.raises(ReplayError, match=r"plan\.json"):
        read_plan(folder)


def test_the_readme_says_how_it_is_used(mlp: Exported, mlp_inference: Exported) -> None:
    training = (mlp.folder / "README.md").read_text()
    assert "from mlp_build import load" in training and "loss = step(inputs, target)" in training
    assert f"{mlp.plan.height_bytes:,} bytes" in training
    inference = (mlp_inference.folder / "README.md").read_text()
    assert "load(model.eval())" in inference and "load(model, optimizer)" not in inference


def _run(command: list[str], folder: Path) -> str:
    """Run Python away from the project; its output."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_toy_without_an_optimizer_exports_too(toy_program: Step, tmp_path: Path) -> None:
    from solver.solve import solve

    export(toy_program, solve(toy_program, deadline=5).plan, tmp_path / "toy")
    assert read_plan(tmp_path / "toy").output_tree == {"value": 0}


@pytest.mark.parametrize("name", ["torch", "json"])
def test_a_name_that_would_hide_another_module_is_refused(
    mlp: Exported, tmp_path: Path, name: str
) -> None:
    with pytest.raises(BayplanError, match=f"'plan_{name}'"):
        export(mlp.step, mlp.plan, tmp_path / name)
    assert not (tmp_path / name).exists()
