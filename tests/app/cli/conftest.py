"""The toy step and a correct plan of it as files; the command line's answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.cli.command_line import main
from solver.files import save_plan, save_step
from solver.step import Step
from tests.app.toy_plans import stacked_plan


@dataclass(frozen=True)
class Answer:
    """What a command gave back."""

    code: int
    out: str
    err: str


@pytest.fixture
def bayplan(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run ``bayplan ARGUMENTS`` in this process."""

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture(autouse=True)
def library_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The library that commands use by default: none of the user's."""
    path = tmp_path / "library" / "library.sqlite"
    monkeypatch.setenv("BAYPLAN_LIBRARY", str(path))
    return path


@pytest.fixture
def toy_files(tmp_path: Path, toy_step: Step) -> Path:
    """A folder with ``toy.step`` and ``toy.plan``, which names its step."""
    folder = tmp_path / "toy"
    folder.mkdir()
    plan = stacked_plan(toy_step, name="Stacked")
    save_step(toy_step, folder / "toy.step")
    made = replace(plan.provenance, step_file="toy.step")
    save_plan(replace(plan, provenance=made), folder / "toy.plan")
    return folder
