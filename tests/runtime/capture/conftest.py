"""Files with users' models, captured in this process: the child would import torch anew each time."""

import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.capture import named_step
from runtime.capture.bayplan_capture.capture import capture_step
from solver.files import decode_step_object
from solver.step import Step

_numbers = itertools.count()

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
"""


@dataclass
class UserFile:
    """A Python file of a user's with a function ``build``."""

    path: Path

    @property
    def source(self) -> str:
        return f"{self.path}:build"

    def capture(self, batch: int | None = None, target: str = "cpu", timed: bool = False) -> Step:
        """Capture without a child process."""
        content = capture_step(self.source, batch, None, target_name=target, timed=timed)
        return named_step(decode_step_object(content, self.path.name))

    def line_of(self, text: str) -> int:
        """The number of the one line that holds ``text``."""
        lines = self.path.read_text().splitlines()
        (found,) = [number for number, line in enumerate(lines, 1) if text in line]
        return found


@pytest.fixture
def user_file(tmp_path: Path) -> Iterator[Callable[[str], UserFile]]:
    """Writes a user's file; each has a module name of its own, and leaves no trace on the path."""
    path, modules = list(sys.path), set(sys.modules)

    def write(code: str) -> UserFile:
        file = tmp_path / f"user_model_{next(_numbers)}.py"
        file.write_text(HEAD + textwrap.dedent(code))
        return UserFile(file)

    yield write
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("user_model_"):
            del sys.modules[name]
