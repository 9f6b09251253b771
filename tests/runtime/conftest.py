"""Captured, solved and exported models that the runtime's tests share, and a toy program by hand."""

import importlib.util
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime import verify
from runtime.capture import capture
from runtime.export import export
from solver import compile_ahead, kernel_cache
from solver.plan import Plan
from solver.solve import solve
from solver.step import (
    Category,
    Instruction,
    Op,
    Origin,
    Placeholder,
    Program,
    Step,
    Storage,
    Value,
)

MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Exported:
    """One model all the way: captured, solved, exported."""

    file: Path
    function: str
    step: Step
    plan: Plan
    folder: Path

    def build(self) -> Any:
        """What the user's function returns, with real tensors from one seed."""
        spec = importlib.util.spec_from_file_location(self.file.stem, self.file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        torch.manual_seed(0)
        return getattr(module, self.function)()

    def copy(self, folder: Path) -> Path:
        """The export in another place, as it was before it was first used."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("recordings", "__pycache__"))
        return folder


@pytest.fixture(scope="session", autouse=True)
def _times_one_round() -> Iterator[None]:
    """How long a step takes is not what the tests ask: a verification times one round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "TIMED_SECONDS", 0.0)
        yield


@pytest.fixture(scope="session")
def native_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Allocators are built into a folder of the tests' own; compiled kernels lie there, too."""
    folder = tmp_path_factory.mktemp("cache")
    compile_ahead.start()
    while compile_ahead.running():
        time.sleep(0.1)
    kernels = kernel_cache.folder()
    if kernels is not None:
        # Not what another process is just writing.
        whole = [path for path in kernels.iterdir() if path.suffix in (".kernel", ".done")]
        copies = folder / "bayplan" / "kernels"
        copies.mkdir(mode=0o700, parents=True)
        for path in whole:
            shutil.copy2(path, copies)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def exported(
    tmp_path_factory: pytest.TempPathFactory, native_cache: Path
) -> Callable[[str, str], Exported]:
    """Capture, solve and export ``MODELS/name.py:function``, once in a session."""
    made: dict[str, Exported] = {}

    def make(name: str, function: str = "build") -> Exported:
        key = f"{name}_{function}"
        if key not in made:
            file = MODELS / f"{name}.py"
            step = capture(f"{file}:{function}", batch=None, optimizer=None)
            plan = solve(step, deadline=20).plan
            folder = tmp_path_factory.mktemp("exports") / key
            export(step, plan, folder)
            made[key] = Exported(file, function, step, plan, folder)
        return made[key]

    return make


@pytest.fixture(scope="session")
def mlp(exported: Callable[..., Exported]) -> Exported:
    """A small MLP with Adam."""
    return exported("mlp")


@pytest.fixture(scope="session")
def mlp_inference(exported: Callable[..., Exported]) -> Exported:
    """The MLP's forward pass alone."""
    return exported("mlp", "infer")


@pytest.fixture
def toy_program() -> Step:
    """An inference step of three ops and a view: ``relu(x @ w).t() + x @ w``."""
    values = [
        Value(name, "float32", (4, 4), stride, 0, storage)
        for name, stride, storage in (
            ("w", (4, 1), 0),
            ("x", (4, 1), 1),
            ("mm", (4, 1), 2),
            ("relu", (4, 1), 3),
            ("t", (1, 4), 3),
            ("add", (4, 1), 4),
        )
    ]

    def call(target: str, arguments: list[int], output: int, op: int) -> Instruction:
        args = tuple({"value": each} for each in arguments)
        return Instruction(f"aten.{target}", args, {}, (output,), False, op)

    return Step(
        origin=Origin("toy", "toy.py:build", 4, "", False, "cpu", "float32"),
        storages=(
            Storage(64, Category.PARAMETER, "w"),
            Storage(64, Category.INPUT, "x"),
            Storage(64, Category.TEMPORARY, "mm"),
            Storage(64, Category.TEMPORARY, "relu"),
            Storage(64, Category.TEMPORARY, "out", output=True),
        ),
        ops=(
            Op("mm", "mm.default", (0, 1), (), (2,)),
            Op("relu", "relu.default", (2,), (), (3,)),
            Op("add", "add.Tensor", (2, 3), (), (4,)),
        ),
        program=Program(
            values=tuple(values),
            instructions=(
                call("mm.default", [1, 0], 2, 0),
                call("relu.default", [2], 3, 1),
                call("t.default", [3], 4, -1),
                call("add.Tensor", [4, 2], 5, 2),
            ),
            placeholders=(Placeholder(0, "parameter", "w"), Placeholder(1, "input", "")),
            scalars=(),
            constants=(),
            outputs=(5,),
            output_tree={"value": 5},
            optimizer=None,
        ),
    )
