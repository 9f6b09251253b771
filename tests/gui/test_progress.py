"""Long work says how far it is and how much longer it takes, and can be cancelled."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

import app.window.work
import runtime.capture
import runtime.export
import runtime.verify
from app.jobs.capture import CaptureRequest
from app.jobs.job import Part
from app.jobs.load import Loaded, LoadJob
from app.window.main_window import MainWindow
from solver.errors import BayplanError
from solver.files import save_plan
from solver.plan import Plan
from solver.step import Step
from tests.app.toy_plans import stacked_plan
from tests.conftest import make_toy_step
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


def test_an_export_shows_how_far_it_is_and_can_be_cancelled(
    window: MainWindow,
    qtbot: QtBot,
    toy_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []

    def export(step: Step, plan: Plan, folder: Path, go_on: Callable[[float], bool]) -> bool:
        while go_on(0.5):
            time.sleep(0.01)
        asked.append(True)
        return False

    monkeypatch.setattr(runtime.export, "export", export)
    save_plan(stacked_plan(make_toy_step(), name="stacked"), toy_file.with_suffix(".plan"))
    open_file(qtbot, window, toy_file.with_suffix(".plan"))
    window.work.export(tmp_path / "planned")
    qtbot.waitUntil(lambda: window.tools.bar.value() == window.tools.bar.maximum() // 2)
    assert window.menu["stop"].isEnabled()
    window.menu["stop"].trigger()
    wait_until_idle(qtbot, window)
    assert asked and window.tools.status.text() == "Stopped"


def test_a_capture_and_a_verification_say_how_long_they_take_at_most(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(*_: object, cancelled: Callable[[], bool], **__: object) -> None:
        while not cancelled():
            time.sleep(0.01)
        raise BayplanError("Cancelled.")

    monkeypatch.setattr(runtime.capture, "capture", wait)
    monkeypatch.setattr(runtime.verify, "verify", wait)
    window.work.capture(CaptureRequest("zoo:resnet18", timeout=80.0))
    assert window.tools.time.text() == "at most 80 s left"
    window.work.stop()
    wait_until_idle(qtbot, window)
    window.work.verify(tmp_path)
    assert window.tools.time.text() == "at most 10 min left"
    window.work.stop()
    wait_until_idle(qtbot, window)
