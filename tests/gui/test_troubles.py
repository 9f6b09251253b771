"""What goes wrong in the world: a full disk, a library that is locked, two windows at once."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.document import Document
from app.jobs.job import Failure
from app.library import Library, opening
from app.settings import Settings
from app.window.main_window import MainWindow
from solver.errors import BayplanError
from solver.files import save_step
from tests.conftest import make_toy_step
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


def full(*_arguments: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_plan_that_does_not_fit_on_the_disk_is_told_and_stays_open(
    window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file(qtbot, window, toy_file)
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)
    place = tmp_path / "kept.plan"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(place), ""))
    monkeypatch.setattr(os, "fsync", full)
    window.menu["save_plan"].trigger()
    assert "No space left on device" in window.problem.message.text()
    assert not place.exists() and window.document.best is not None
    monkeypatch.undo()
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_a, **_k: (str(place), ""))
    qtbot.mouseClick(window.problem.action, Qt.MouseButton.LeftButton)
    assert place.is_file() and not window.problem.isVisible()


def test_what_the_library_could_not_take_is_kept_when_one_tries_again(
    window: MainWindow, qtbot: QtBot, toy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> NoReturn:
        raise BayplanError("The library cannot be used: the disk is full. Make room and try again.")

    monkeypatch.setattr(Library, "add_step", refuse)
    open_file(qtbot, window, toy_file)
    qtbot.waitUntil(window.problem.isVisible)
    assert "the disk is full" in window.problem.message.text()
    assert window.document.step is not None
    monkeypatch.undo()
    with qtbot.waitSignal(window.work.stored, timeout=30_000):
        qtbot.mouseClick(window.problem.action, Qt.MouseButton.LeftButton)
    assert len(window.library.steps()) == 1
    assert not window.problem.isVisible()


def test_that_the_library_fails_is_still_said_when_a_step_opens_afterwards(
    window: MainWindow, qtbot: QtBot, toy_file: Path
) -> None:
    window.work.problem.emit("library", Failure("The library cannot be used."))
    window.work.problem.emit("solve", Failure("The solve failed."))
    open_file(qtbot, window, toy_file)
    assert not window.problem.isVisible()
    window.work.problem.emit("library", Failure("The library cannot be used."))
    open_file(qtbot, window, toy_file)
    assert window.problem.isVisible()
    assert window.problem.message.text() == "The library cannot be used."


def test_a_library_that_another_program_holds_is_told_and_the_window_goes_on(
    window: MainWindow, qtbot: QtBot, toy_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.2)
    window.library.steps()
    with closing(sqlite3.connect(window.library.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        open_file(qtbot, window, toy_file)
        assert window.document.shown is not None
        qtbot.waitUntil(window.problem.isVisible, timeout=30_000)
        assert "in use" in window.problem.message.text()
        window.menu["solve"].trigger()
        wait_until_idle(qtbot, window)
        assert window.document.best is not None
        qtbot.waitUntil(lambda: not window.work.jobs, timeout=30_000)
        other.rollback()


def test_a_step_that_runs_nothing_is_told_and_what_is_open_stays(
    window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path
) -> None:
    open_file(qtbot, window, toy_file)
    nothing = tmp_path / "nothing.step"
    save_step(replace(make_toy_step(), storages=(), ops=()), nothing)
    open_file(qtbot, window, nothing)
    assert "runs no ops" in window.problem.message.text()
    assert window.document.path == toy_file


@pytest.fixture
def second(window: MainWindow, qtbot: QtBot, settings: Settings) -> Iterator[MainWindow]:
    """Another window on the same library and settings."""
    other = MainWindow(Document(), Library(window.library.path), Settings(settings.path))
    qtbot.addWidget(other)
    other.resize(1600, 1000)
    other.show()
    yield other
    other.close()


def test_two_windows_work_at_once_and_see_what_the_other_keeps(
    window: MainWindow, second: MainWindow, qtbot: QtBot, toy_file: Path
) -> None:
    open_file(qtbot, second, toy_file)
    window.commands.open_sample()
    wait_until_idle(qtbot, window)
    assert window.central is not None
    shown = window.central.library
    for one in (window, second):
        one.menu["solve"].trigger()
    qtbot.waitUntil(lambda: not (window.work.jobs or second.work.jobs), timeout=60_000)
    assert not window.problem.isVisible() and not second.problem.isVisible()
    qtbot.waitUntil(lambda: any("toy" in node.name for node in shown.nodes), timeout=15_000)
    second.close()
    assert window.document.step is not None and window.isVisible()
    window.menu["close_step"].trigger()
