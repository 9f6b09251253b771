"""The capture dialog: what it asks, its live log, its failures, cancelling."""

import ast
import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

import app.window.work
from app.dialogs.capture import ZOO, CaptureDialog
from app.jobs.capture import CaptureRequest
from app.jobs.job import Job
from app.jobs.load import Loaded, as_run
from app.window.main_window import MainWindow
from solver.errors import BayplanError
from tests.conftest import make_toy_step
from tests.gui.conftest import wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


TRACE = 'File "train.py", line 7\nValueError: no data.'


class FakeCapture(Job):
    """Says two lines, then succeeds, fails, or waits to be cancelled."""

    requests: list[CaptureRequest]
    outcome = "success"

    def __init__(self, request: CaptureRequest) -> None:
        super().__init__()
        type(self).requests.append(request)

    def run(self) -> Loaded:
        self.say("building the model")
        self.say("tracing")
        if self.outcome == "failure":
            raise BayplanError("build failed: ValueError: no data.", TRACE)
        while self.outcome == "forever" and not self.stopping():
            time.sleep(0.005)
        step = make_toy_step()
        return Loaded(step, None, as_run(step))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeCapture]:
    """Captures are fakes; their requests are written down."""
    monkeypatch.setattr(FakeCapture, "requests", [], raising=False)
    monkeypatch.setattr(FakeCapture, "outcome", "success")
    monkeypatch.setattr(app.window.work, "CaptureJob", FakeCapture)
    return FakeCapture


@pytest.fixture
def dialog(window: MainWindow) -> CaptureDialog:
    window.menu["capture"].trigger()
    found = window.findChild(CaptureDialog)
    assert found is not None and found.isVisible()
    return found


def test_the_list_is_the_zoos() -> None:
    source = Path(__file__).resolve().parents[2] / "runtime/capture/bayplan_capture/zoo.py"
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ZOO":
            assert node.value is not None
            names = [ast.literal_eval(key) for key in node.value.keys]  # type: ignore[attr-defined]
            assert set(names) == set(ZOO)
            return
    raise AssertionError("the zoo has no table called ZOO")


def test_a_zoo_model_is_asked_for_with_batch_and_optimizer(
    dialog: CaptureDialog, window: MainWindow, qtbot: QtBot, fake: type[FakeCapture]
) -> None:
    dialog.model.setCurrentText("resnet50")
    dialog.batch.setValue(16)
    dialog.optimizer.setCurrentText("AdamW")
    with qtbot.waitSignal(window.work.stored, timeout=30_000):
        qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert fake.requests == [CaptureRequest("zoo:resnet50", 16, "adamw")]
    qtbot.waitUntil(lambda: window.findChild(CaptureDialog) is None)
    assert window.document.step == make_toy_step()
    assert window.document.baseline is not None


def test_a_file_needs_its_function_and_brings_its_own_batch_and_optimizer(
    dialog: CaptureDialog, qtbot: QtBot
) -> None:
    dialog.from_file.setChecked(True)
    assert not dialog.start.isEnabled()
    dialog.file.setText("/my/train.py")
    dialog.function.setText("build")
    assert dialog.start.isEnabled()
    assert not dialog.batch.isVisible() and not dialog.model.isVisible()
    dialog.python.setText("/env/bin/python")
    dialog.seconds.setValue(30)
    wanted = CaptureRequest("/my/train.py:build", None, None, Path("/env/bin/python"), 30.0)
    assert dialog.request() == wanted


def test_the_device_is_chosen_explained_and_remembered(
    dialog: CaptureDialog, window: MainWindow, qtbot: QtBot, fake: type[FakeCapture]
) -> None:
    def explained(start: str) -> bool:
        return any(label.text().startswith(start) for label in dialog.findChildren(QLabel))

    assert dialog.request().target == "cpu" and explained("On a GPU other kernels run")
    dialog.target.setCurrentText("CUDA GPU")
    dialog.timed.setChecked(True)
    assert dialog.request().target == "cuda" and explained("No GPU is needed")
    with qtbot.waitSignal(window.work.stored, timeout=30_000):
        qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    assert [(each.target, each.timed) for each in fake.requests] == [("cuda", True)]
    qtbot.waitUntil(lambda: window.findChild(CaptureDialog) is None)
    window.menu["capture"].trigger()
    again = window.findChild(CaptureDialog)
    assert again is not None and again.request().target == "cuda" and again.request().timed
    again.close()


def test_a_failure_shows_the_users_own_traceback_and_keeps_the_dialog(
    dialog: CaptureDialog, window: MainWindow, qtbot: QtBot, fake: type[FakeCapture]
) -> None:
    fake.outcome = "failure"
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    wait_until_idle(qtbot, window)
    assert dialog.isVisible()
    assert dialog.error.text() == "build failed: ValueError: no data."
    assert 'File "train.py", line 7' in dialog.log.toPlainText()
    assert dialog.start.text() == "Capture"
    assert window.document.step is None
    dialog.close()


def test_nothing_can_be_changed_while_a_capture_runs_and_a_traceback_shows_its_end(
    dialog: CaptureDialog,
    window: MainWindow,
    qtbot: QtBot,
    fake: type[FakeCapture],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake.outcome = "forever"
    dialog.start.click()
    browse = [b for b in dialog.findChildren(QPushButton) if b.text() == "Browse…"]
    assert browse and not any(button.isEnabled() for button in browse)
    assert dialog.start.isEnabled()
    dialog.start.click()
    wait_until_idle(qtbot, window)
    assert all(button.isEnabled() for button in browse)
    fake.outcome = "failure"
    monkeypatch.setattr(f"{__name__}.TRACE", "\n".join(map(str, range(200))))
    dialog.start.click()
    wait_until_idle(qtbot, window)
    bar = dialog.log.verticalScrollBar()
    assert 0 < bar.value() == bar.maximum()
    dialog.close()


@pytest.mark.alone
def test_a_running_capture_shows_its_log_and_is_cancelled_at_once(
    dialog: CaptureDialog, window: MainWindow, qtbot: QtBot, fake: type[FakeCapture]
) -> None:
    fake.outcome = "forever"
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "tracing" in dialog.log.toPlainText(), timeout=5000)
    assert dialog.start.text() == "Cancel"
    assert not dialog.model.isEnabled()
    begun = time.perf_counter()
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    wait_until_idle(qtbot, window)
    assert time.perf_counter() - begun < 0.5
    assert dialog.isVisible() and dialog.start.text() == "Capture"
    assert window.document.step is None
    dialog.close()


def test_closing_the_dialog_cancels(
    dialog: CaptureDialog, window: MainWindow, qtbot: QtBot, fake: type[FakeCapture]
) -> None:
    fake.outcome = "forever"
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    dialog.reject()
    wait_until_idle(qtbot, window)
    assert window.document.step is None


def test_asking_again_shows_the_dialog_that_is_open(dialog: CaptureDialog, window: MainWindow) -> None:
    window.menu["capture"].trigger()
    assert window.findChildren(CaptureDialog) == [dialog]
    dialog.close()


def test_choices_are_remembered(
    dialog: CaptureDialog, window: MainWindow, qtbot: QtBot, fake: type[FakeCapture]
) -> None:
    dialog.from_file.setChecked(True)
    dialog.file.setText("/my/train.py")
    dialog.function.setText("build")
    dialog.seconds.setValue(77)
    qtbot.mouseClick(dialog.start, Qt.MouseButton.LeftButton)
    wait_until_idle(qtbot, window)
    again = CaptureDialog(window.work, window.settings, window)
    assert again.request() == fake.requests[0]
    again.close()
