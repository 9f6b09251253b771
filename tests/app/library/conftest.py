"""A library in a temporary folder, and a correct plan of the toy step."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.library import Library
from solver.assemble import assemble
from solver.plan import Certificate, Plan, Proof, Status
from solver.step import Step
from solver.timeline import order_profile


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


def stacked_plan(step: Step, *, name: str, gap: int = 0) -> Plan:
    """A correct plan of a step: program order, no address used twice, ``gap`` bytes between any two."""
    addresses, top = {}, 0
    for index, storage in enumerate(step.storages):
        if storage.planned:
            addresses[index] = top
            top += storage.size + gap
    order = range(len(step.ops))
    peak = int(order_profile(step, order).max())
    return assemble(
        step,
        order,
        addresses,
        name=name,
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, peak),
    )
