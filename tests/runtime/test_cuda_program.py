"""The program behind ``make test-cuda``, run on the CPU: it passes what is right and nothing else."""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from runtime.capture import capture
from runtime.export import export
from solver.solve import solve
from tests.runtime.conftest import Exported

PROGRAM = Path(__file__).resolve().parents[1] / "cuda"
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def proved(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does, from a folder that has nothing of ours."""
    return subprocess.run(
        [sys.executable, str(PROGRAM), *arguments],
        cwd=cache,
        env={**ENVIRONMENT, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def cells(output: str) -> dict[str, str]:
    """The table's first row by the names of its columns."""
    lines = [line for line in output.splitlines() if line.startswith("|")]
    head, _, row, *_ = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return dict(zip(head, row, strict=True))


def test_an_export_that_is_right_passes(mlp: Exported, tmp_path: Path, native_cache: Path) -> None:
    folder = mlp.copy(tmp_path / "small")
    done = proved(native_cache, str(folder), "--device", "cpu", "--steps", "2", "--rounds", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    row = cells(done.stdout)
    assert (row["model"], row["bits"], row["corrupted"], row["frag."]) == ("small", "yes", "yes", "0 B")
    assert int(row["pointers"]) == len(mlp.plan.instances)
    assert float(row["planned/eager"]) > 0
    assert "All as it should be." in done.stdout
    assert "no graph. A plan for cpu has no CUDA graph." in done.stdout


def test_a_step_that_computes_something_else_fails(
    mlp: Exported, tmp_path: Path, native_cache: Path
) -> None:
    folder = mlp.copy(tmp_path / "small")
    source = (folder / "planned.py").read_text().replace("aten.tanh.default", "aten.sigmoid.default")
    (folder / "planned.py").write_text(source)
    file = json.loads((folder / "plan.json").read_text())
    file["files"]["planned.py"] = hashlib.sha256(source.encode()).hexdigest()
    (folder / "plan.json").write_text(json.dumps(file))
    done = proved(native_cache, str(folder), "--device", "cpu", "--only", "equal", "--steps", "1")
    assert done.returncode == 1
    assert cells(done.stdout)["bits"] == "NO"
    assert "planned differs from eager" in done.stdout
    assert "traced differs" not in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_nothing_is_proved_and_it_says_so(mlp: Exported, tmp_path: Path) -> None:
    done = proved(tmp_path, str(mlp.folder))
    assert done.returncode == 2 and "finds no CUDA GPU" in done.stderr
    assert done.stdout == ""


def test_what_is_no_export_is_named(tmp_path: Path) -> None:
    done = proved(tmp_path, str(tmp_path), "--device", "cpu")
    assert done.returncode == 2 and "is not an export" in done.stderr


def test_ranks_and_torch_compile_pass_where_the_steps_are_for_them(
    tmp_path: Path, native_cache: Path
) -> None:
    folders = [str(small_export(name, tmp_path / name)) for name in ("cnn_ranks", "cnn_inference")]
    only = ("--only", "ranks", "--only", "compiled", "--steps", "2")
    done = proved(native_cache, *folders, "--device", "cpu", *only)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cnn_ranks: 2 rank(s) train as with DistributedDataParallel" in done.stdout
    assert "cnn_inference: torch.compile runs it as planned" in done.stdout


def test_a_budget_with_batch_norm_and_dropout_is_proved(tmp_path: Path, native_cache: Path) -> None:
    folder = tmp_path / "cnn_dropout_budget"
    done = subprocess.run(
        [
            *(sys.executable, str(PROGRAM / "make_exports.py"), folder.name, "--target", "cpu"),
            *("--batch", "8", "--seconds", "6", "-o", str(tmp_path)),
        ],
        env={**os.environ, "XDG_CACHE_HOME": str(native_cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    plan = json.loads((folder / "plan.json").read_text())["plan"]
    again = {plan["ops"][slot].rpartition("_")[0] for slot in plan["repeated"]}
    assert {"native_batch_norm", "bernoulli"} <= {name.rstrip("_") for name in again}
    only = ("--only", "equal", "--only", "corrupted", "--steps", "2")
    done = proved(native_cache, str(folder), "--device", "cpu", *only)
    assert done.returncode == 0, done.stdout + done.stderr
    row = cells(done.stdout)
    assert (row["bits"], row["corrupted"]) == ("yes", "yes")
    assert f"cnn_dropout_budget: {len(plan['repeated'])} ops run again" in done.stdout


def test_a_rank_that_ends_leaves_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("cuda_child", PROGRAM / "child.py")
    child = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    plan = SimpleNamespace(options={"distributed": True}, device="cpu")
    (tmp_path / "ranks.py").write_text(
        "import sys, time\nsys.exit(3) if sys.argv[3] == '1' else time.sleep(60)\n"
    )
    monkeypatch.setattr(child, "HERE", tmp_path)
    monkeypatch.setattr(child, "replay_plan", lambda folder: plan)
    monkeypatch.setattr(child, "RANKS_SECONDS_MORE", 0.2)
    found = child.ranks({"folder": str(tmp_path)})
    assert found["problems"] == ["a rank ended with -9", "a rank ended with 3"]


def small_export(name: str, folder: Path) -> Path:
    """One of the program's own models, for the CPU."""
    step = capture(f"{PROGRAM / 'models.py'}:{name}", batch=4, optimizer=None)
    export(step, solve(step, deadline=20).plan, folder)
    return folder
