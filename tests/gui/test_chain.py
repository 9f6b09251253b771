"""The whole chain through the window, by clicks: capture, solve, compare, save, export, verify."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.dialogs.capture import CaptureDialog
from app.dialogs.picture import PictureDialog
from app.dialogs.verified import VerifiedDialog
from app.window.main_window import MainWindow
from solver.plan import Status
from tests.gui.conftest import wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")

SCRIPT = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return model, (torch.randn(8, 16), torch.randint(4, (8,))), nn.CrossEntropyLoss(), optimizer
"""
CHAIN_MS = 240_000


def click(qtbot: QtBot, button: object) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_capture_solve_compare_save_export_and_verify_by_clicks(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT)

    click(qtbot, window.tools.buttons["capture"])
    dialog = window.findChild(CaptureDialog)
    assert dialog is not None
    dialog.from_file.click()
    qtbot.keyClicks(dialog.file, str(script))
    qtbot.keyClicks(dialog.function, "build")
    click(qtbot, dialog.start)
    qtbot.waitUntil(lambda: not window.work.busy, timeout=CHAIN_MS)
    assert window.document.step is not None, dialog.error.text() + dialog.log.toPlainText()
    qtbot.waitUntil(lambda: window.findChild(CaptureDialog) is None)
    assert window.document.step.origin.optimizer == "adam"
    lines = [source.text[source.here] for source in window.document.step.sources if source.text]
    assert lines, "the step does not say which lines made its tensors"

    click(qtbot, window.tools.buttons["solve"])
    wait_until_idle(qtbot, window)
    assert window.document.best is window.document.shown
    click(qtbot, window.tools.buttons["compare"])
    click(qtbot, window.tools.buttons["map"])

    saved = tmp_path / "mine.plan"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(saved), ""))
    window.menu["save_plan"].trigger()
    assert saved.is_file()

    folder = tmp_path / "mine_planned"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(folder), ""))
    click(qtbot, window.tools.buttons["export"])
    wait_until_idle(qtbot, window)
    assert (folder / "__init__.py").is_file(), window.problem.message.text()

    box = window.findChild(QMessageBox)
    assert box is not None and str(folder) in box.text()
    click(qtbot, next(b for b in box.findChildren(QPushButton) if b.text() == "Verify"))
    qtbot.waitUntil(lambda: not window.work.busy, timeout=CHAIN_MS)
    assert not window.problem.isVisible(), window.problem.message.text()
    report = window.findChild(VerifiedDialog)
    assert report is not None
    assert report.verdict.text() == "Verified."
    assert "bitwise equal" in report.facts.text()
    report.close()


def test_resnet50_is_captured_solved_mapped_and_exported_by_clicks(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its verification takes minutes; it is clicked in the test above on a small model.
    click(qtbot, window.tools.buttons["capture"])
    dialog = window.findChild(CaptureDialog)
    assert dialog is not None
    dialog.from_zoo.click()
    dialog.model.setCurrentText("resnet50")
    dialog.batch.setValue(32)
    dialog.optimizer.setCurrentText("SGD")
    click(qtbot, dialog.start)
    qtbot.waitUntil(lambda: not window.work.busy, timeout=CHAIN_MS)
    assert window.document.step is not None, dialog.error.text() + dialog.log.toPlainText()

    click(qtbot, window.tools.buttons["solve"])
    wait_until_idle(qtbot, window)
    solution = window.document.solution
    assert solution is not None and solution.plan.status is Status.OPTIMAL
    assert solution.plan.height_bytes == 2_742_897_664
    assert solution.baseline.reserved_bytes == 3_592_421_376

    picture = tmp_path / "resnet50.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(picture), ""))
    window.menu["picture"].trigger()
    asking = window.findChild(PictureDialog)
    assert asking is not None
    click(qtbot, asking.save)
    qtbot.waitUntil(picture.is_file, timeout=CHAIN_MS)
    folder = tmp_path / "resnet50_planned"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(folder), ""))
    click(qtbot, window.tools.buttons["export"])
    wait_until_idle(qtbot, window)
    assert (folder / "__init__.py").is_file(), window.problem.message.text()
