"""The window stays smooth: while a solve runs and 20,000 rectangles are panned, and as budgets come."""

import gc
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from app.collecting import Collector
from app.window.main_window import MainWindow
from solver.files import save_step
from tests.gui.conftest import open_file, wait_until_idle
from tests.solver.random_steps import random_step

pytestmark = [pytest.mark.qt_log_level_fail("WARNING"), pytest.mark.alone]

TICK_MS = 5
PANNED = 20_000
"""Rectangles, at least."""
SECONDS = 4.0
"""Of a solve."""


class Heart:
    """Beats every few milliseconds, if the event loop lets it; and pans a map at every third beat."""

    def __init__(self, window: MainWindow) -> None:
        self.beats = [(time.perf_counter(), time.thread_time())]
        self._window, self._right = window, True
        self._timer = QTimer(window, interval=TICK_MS)
        self._timer.timeout.connect(self._beat)
        self._timer.start()

    def _beat(self) -> None:
        self.beats.append((time.perf_counter(), time.thread_time()))
        central = self._window.central
        if central is None or len(self.beats) % 3:
            return
        view = central.map
        first, last, low, high = view.visible_range()
        by = (last - first) * (0.01 if self._right else -0.01)
        view.set_visible_range(first + by, last + by, low, high)
        if view.visible_range()[:2] == (first, last):
            self._right = not self._right

    def stop(self) -> tuple[list[float], list[float]]:
        """The gaps in seconds: by the clock, and what the UI thread worked in each; sorted."""
        self._timer.stop()
        pairs = list(pairwise(self.beats))
        return (
            sorted(after[0] - before[0] for before, after in pairs),
            sorted(after[1] - before[1] for before, after in pairs),
        )


def part(gaps: list[float], share: float) -> float:
    """The gap that ``share`` of all do not exceed."""
    return gaps[min(int(len(gaps) * share), len(gaps) - 1)]


@pytest.fixture
def collected(window: MainWindow) -> Iterator[None]:
    """Garbage is collected as in the running program."""
    collector = Collector(lambda: window.work.busy)
    gc.collect()
    collector.start()
    yield
    collector.stop()


@pytest.mark.usefixtures("collected")
def test_while_a_solve_runs_and_20000_rectangles_are_panned(
    window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path
) -> None:
    # The first solve of a process loads OR-Tools and compiled kernels.
    open_file(qtbot, window, toy_file)
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)
    save_step(random_step(PANNED * 6 // 5, seed=1, density=0.0002), tmp_path / "wide.step")
    open_file(qtbot, window, tmp_path / "wide.step")
    assert window.central is not None
    view = window.central.map
    view.settle()
    scene = view.state.scene
    assert scene is not None and len(scene.start) >= PANNED
    window.menu["zoom_in"].trigger()
    window.menu["solve"].trigger()
    heart = Heart(window)
    qtbot.wait(round(1000 * SECONDS))
    assert window.work.solving
    wall, work = heart.stop()
    window.menu["stop"].trigger()
    qtbot.waitUntil(lambda: not window.work.jobs, timeout=120_000)
    # What the UI thread itself does is the program's; by the clock others may be at work, too.
    assert part(work, 0.99) < 0.05
    assert part(wall, 0.95) < 0.1
    assert len(wall) > 0.2 * SECONDS / 0.05
