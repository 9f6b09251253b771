"""A library in a temporary folder, and a correct plan of the toy step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.library import Library
from solver.plan import Plan
from solver.step import Step
from tests.app.toy_plans import stacked_plan


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """An empty library."""
    library = Library(tmp_path / "library.sqlite")
    library.open()
    yield library
    library.close()


@pytest.fixture
def toy_plan(toy_step: Step) -> Plan:
    """The toy step in program order, every storage at an address of its own."""
    return stacked_plan(toy_step, name="Stacked")
