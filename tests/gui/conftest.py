"""A window with a library and settings of its own, which must leave nothing behind."""

import gc
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.document import Document
from app.gui import make_application
from app.library import Library
from app.settings import Settings
from app.window.main_window import MainWindow
from solver.files import save_step
from tests.conftest import make_toy_step

SECONDS = 60_000
"""For anything that may have to compile the solver's kernels first, milliseconds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--accept-pictures``: what is drawn now is how it should look; see ``compared_pictures``."""
    parser.addoption("--accept-pictures", action="store_true", help="accept pictures as drawn now")


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    """The plain class; ``qapp`` below dresses it."""
    return QApplication


@pytest.fixture(scope="session")
def dressed(qapp: QApplication) -> QApplication:
    """The application with our type faces."""
    return make_application([])


@pytest.fixture(autouse=True)
def keys_let_go() -> Iterator[None]:
    """No test finds a modifier key held that another one pressed: views select by it."""
    yield
    if QApplication.keyboardModifiers() != Qt.KeyboardModifier.NoModifier:
        somewhere = QWidget()
        QTest.keyRelease(somewhere, Qt.Key.Key_Shift)
        assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.NoModifier


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that no other test and no user sees."""
    return Settings(tmp_path / "settings" / "bayplan.ini")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """An empty library."""
    return Library(tmp_path / "library.sqlite")


@pytest.fixture
def toy_file(tmp_path: Path) -> Path:
    """A step file with six ops."""
    path = tmp_path / "toy.step"
    save_step(make_toy_step(), path)
    return path


@pytest.fixture
def window(
    dressed: QApplication, qtbot: QtBot, library: Library, settings: Settings
) -> Iterator[MainWindow]:
    """A visible window on its start page; closed afterwards, when no thread may be left."""
    before = set(threading.enumerate())
    # As in the program: a collection in a worker's thread would take Qt's objects apart there.
    gc.disable()
    window = MainWindow(Document(), library, settings)
    window.resize(1600, 1000)
    window.show()
    # On a screen without a window manager nobody else does, and keys are for the active window only.
    window.activateWindow()
    QTest.qWaitForWindowActive(window)
    yield window
    others = [w for w in QApplication.topLevelWidgets() if w.isVisible() and w.parent() is None]
    window.close()
    window.deleteLater()
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible():
            widget.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    # What is left of the window goes here and now, not in some thread of the next test. The rest is
    # left out of later collections: they look at what is new, in milliseconds.
    gc.collect()
    gc.freeze()
    gc.enable()
    assert threads_left(before) == []
    assert others in ([], [window]), "a part of the window has come loose"


def threads_left(before: set[threading.Thread]) -> list[str]:
    """Names of threads of ours that were not there before and that do not end now.

    A thread of Qt's pool that has run something of ours has no thread of ours: it is a dummy.
    """
    new = [t for t in threading.enumerate() if t not in before and not t.name.startswith("Dummy-")]
    for thread in new:
        thread.join(1.0)
    return [thread.name for thread in new if thread.is_alive()]


def wait_until_idle(qtbot: QtBot, window: MainWindow) -> None:
    """Until the work that was asked for has ended."""
    qtbot.waitUntil(lambda: not window.work.busy, timeout=SECONDS)


def wait_until_judged(qtbot: QtBot, window: MainWindow) -> None:
    """Until the validator has spoken about everything that was edited."""
    qtbot.waitUntil(lambda: not any(e.judging for e in window.document.entries), timeout=SECONDS)


def open_file(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    """Open a file and wait for it."""
    window.commands.open_path(path)
    wait_until_idle(qtbot, window)
