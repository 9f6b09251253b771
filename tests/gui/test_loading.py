"""While a step is read the window shows its name, its bands and how far reading is."""

import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import app.window.work
from app.jobs import load
from app.jobs.load import Loaded, LoadJob
from app.window.main_window import MainWindow
from solver.files import save_step
from solver.solution import Baseline
from solver.step import Step
from tests.conftest import make_toy_step
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


class Gates:
    """Where reading waits: before the file is read, and before the step is modelled."""

    def __init__(self) -> None:
        self.read, self.model = threading.Event(), threading.Event()

    def open(self) -> None:
        self.read.set()
        self.model.set()


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    gates = Gates()
    as_run = load.as_run

    class Gated(LoadJob):
        def run(self) -> Loaded:
            gates.read.wait(60)
            return super().run()

    def model(step: Step) -> Baseline:
        gates.model.wait(60)
        return as_run(step)

    monkeypatch.setattr(app.window.work, "LoadJob", Gated)
    monkeypatch.setattr(load, "as_run", model)
    return gates


def test_the_name_comes_first_then_the_bands_then_the_map(
    window: MainWindow, qtbot: QtBot, toy_file: Path, gates: Gates
) -> None:
    page = window.loading.page
    window.commands.open_path(toy_file)
    qtbot.waitUntil(page.isVisible)
    assert page.title.text() == "toy.step"
    assert page.bar.maximum() == 0  # how far it is is not known
    gates.read.set()
    qtbot.waitUntil(lambda: "6 ops" in page.ops.text())
    step = make_toy_step()
    assert page.ops.text().startswith(step.title)
    assert "Forward" in page.bands.accessibleName()
    qtbot.waitUntil(lambda: page.bar.maximum() > 0)
    assert 0 < page.bar.value() < page.bar.maximum()
    assert page.doing.text() == "6 ops: placing them as PyTorch does"
    assert window.document.step is None
    gates.model.set()
    wait_until_idle(qtbot, window)
    assert window.central is not None
    assert window.pages.currentWidget() is window.central.map_page


def test_another_file_that_is_opened_meanwhile_has_its_own_name(
    window: MainWindow, qtbot: QtBot, toy_file: Path, gates: Gates
) -> None:
    page, other = window.loading.page, toy_file.with_name("other.step")
    other.write_bytes(toy_file.read_bytes())
    window.commands.open_path(toy_file)
    qtbot.waitUntil(page.isVisible)
    window.commands.open_path(other)
    qtbot.waitUntil(lambda: page.isVisible() and page.title.text() == "other.step")
    assert page.ops.text() == ""
    gates.open()
    wait_until_idle(qtbot, window)
    assert window.document.path == other


def test_the_bands_stand_where_the_map_has_them(
    window: MainWindow, qtbot: QtBot, toy_file: Path, gates: Gates
) -> None:
    page = window.loading.page
    window.commands.open_path(toy_file)
    gates.read.set()
    qtbot.waitUntil(lambda: page.isVisible() and bool(page.ops.text()))
    bands = page.bands.mapTo(window, page.bands.rect().topLeft()).y()
    gates.model.set()
    wait_until_idle(qtbot, window)
    assert window.central is not None
    view = window.central.map
    qtbot.waitUntil(lambda: view.phases.geometry().height() > 0)
    view.settle()
    row = view.canvas.mapTo(window, view.phases.geometry().topLeft().toPoint()).y()
    assert abs(bands - row) <= 2


@pytest.mark.parametrize("way", ["button", "escape"])
def test_cancelled_what_was_open_is_there_again(
    window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path, gates: Gates, way: str
) -> None:
    gates.open()
    open_file(qtbot, window, toy_file)
    before, step = window.pages.currentWidget(), window.document.step
    gates.read.clear()
    save_step(make_toy_step(), tmp_path / "other.step")
    window.commands.open_path(tmp_path / "other.step")
    qtbot.waitUntil(window.loading.page.isVisible)
    if way == "button":
        window.loading.page.cancel.click()
    else:
        QTest.keyClick(window, Qt.Key.Key_Escape)
    assert window.pages.currentWidget() is before
    assert window.document.step is step
    gates.open()
    qtbot.waitUntil(lambda: not window.work.jobs)
    assert window.document.step is step


def test_a_file_that_cannot_be_read_leaves_what_was_open(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, gates: Gates
) -> None:
    before = window.pages.currentWidget()
    (tmp_path / "broken.step").write_bytes(b"broken")
    window.work.open_path(tmp_path / "broken.step")
    qtbot.waitUntil(window.loading.page.isVisible)
    gates.open()
    wait_until_idle(qtbot, window)
    assert window.pages.currentWidget() is before
    assert window.problem.isVisible()


def test_what_is_read_at_once_shows_no_page(window: MainWindow, qtbot: QtBot, toy_file: Path) -> None:
    window.loading.patience = 60_000
    shown: list[int] = []
    window.pages.currentChanged.connect(shown.append)
    open_file(qtbot, window, toy_file)
    assert window.pages.indexOf(window.loading.page) not in shown
    assert not window.loading.shown


def test_a_step_is_not_compared_with_the_one_before_op_by_op(
    window: MainWindow, qtbot: QtBot, toy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file(qtbot, window, toy_file)
    before = window.document.step
    compared: list[object] = []
    monkeypatch.setattr(Step, "__eq__", lambda *both: bool(compared.append(both)))
    # As it is when a file is opened again: equal, and not the same.
    open_file(qtbot, window, toy_file)
    assert window.document.step is not before
    assert compared == []
