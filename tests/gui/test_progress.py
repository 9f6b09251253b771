"""Long work says how far it is and how much longer it takes, and can be cancelled."""

import time
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import app.window.work
from app.jobs.job import Part
from app.jobs.load import Loaded, LoadJob
from app.window.main_window import MainWindow
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


class SlowLoad(LoadJob):
    """Says that it is half through, and ends when it is told to."""

    def run(self) -> Loaded:
        self.say(Part(0.5, "Reading events"))
        while not self.stopping():
            time.sleep(0.01)
        return super().run()


def test_a_file_that_is_read_slowly_shows_how_far_it_is_and_can_be_cancelled(
    window: MainWindow, qtbot: QtBot, toy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.window.work, "LoadJob", SlowLoad)
    window.commands.open_path(toy_file)
    assert window.menu["stop"].isEnabled()
    qtbot.waitUntil(lambda: window.tools.status.text() == "Reading events")
    assert window.tools.bar.value() == window.tools.bar.maximum() // 2
    qtbot.waitUntil(lambda: window.tools.time.text().endswith(" s left"), timeout=10_000)
    assert window.tools.time.isVisible()
    window.menu["stop"].trigger()
    assert not window.work.busy and window.tools.status.text() == "Cancelled"
    assert not window.tools.time.isVisible()
    qtbot.waitUntil(lambda: not window.work.jobs)
    assert window.document.step is None


def test_a_solve_says_how_long_it_takes_at_most(
    window: MainWindow, qtbot: QtBot, toy_file: Path
) -> None:
    open_file(qtbot, window, toy_file)
    window.settings.deadline = 30.0
    window.menu["solve"].trigger()
    assert window.tools.time.text() == "at most 30 s left"
    assert 0 <= window.tools.bar.value() < 200 and window.tools.bar.maximum() > 0
    wait_until_idle(qtbot, window)
    assert not window.tools.time.isVisible()
