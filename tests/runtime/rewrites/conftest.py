"""Captured steps of the models with what rewrites are for."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from runtime.capture import named_step
from runtime.capture.bayplan_capture.capture import capture_step
from solver.files import decode_step_object
from solver.step import Step

FILE = Path(__file__).parents[1] / "models" / "rewrites.py"


@pytest.fixture(scope="session")
def model_step() -> Callable[..., tuple[Step, Any]]:
    """The step of a function in ``models/rewrites.py``, and what the function returns."""
    known: dict[tuple[str, str], tuple[Step, Any]] = {}

    def make(function: str, target: str = "cpu") -> tuple[Step, Any]:
        if (function, target) not in known:
            spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            torch.manual_seed(0)
            built = getattr(module, function)()
            # In this process: the child would import torch anew each time.
            content = capture_step(f"{FILE}:{function}", None, None, target_name=target)
            known[function, target] = named_step(decode_step_object(content, function)), built
        return known[function, target]

    return make
