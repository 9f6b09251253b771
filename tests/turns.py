"""Several processes share the tests (``-n``); a test marked ``alone`` gets the machine for itself.

Its outcome hangs on the clock: while it runs, no other process of the same run begins a test.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

try:
    import fcntl
except ImportError:  # Windows, where such tests take their chance.
    fcntl = None  # type: ignore[assignment]

MARK = "alone"
PROCESSES = 2
"""For ``-n auto``. More are not faster: solvers and torch have threads of their own."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", f"{MARK}: looks at the clock, so no other test runs meanwhile")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes ``-n auto`` stands for; 0 is this one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return PROCESSES if cores >= PROCESSES else 0


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """In a process that shares the tests with others: wait until this test may run."""
    if fcntl is None or not hasattr(item.config, "workerinput"):
        return (yield)
    folder = Path(item.config.option.basetemp).parent  # That of the whole run.
    with turn(folder, alone=item.get_closest_marker(MARK) is not None):
        return (yield)


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Hold a lock of all processes that use ``folder``: without others, or with those not ``alone``."""
    with (folder / "turn.lock").open("a") as held:
        # Who waits to be alone closes the gate to others, or they could follow one another for ever.
        with (folder / "gate.lock").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
