"""Every control has a name that a screen reader can say, in every view, panel and dialog."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTabBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
)
PARTS_OF_OTHERS = ("qt_", "ScrollLeftButton", "ScrollRightButton")
"""What Qt itself puts into its widgets; the whole has the name."""


def unnamed(top: QWidget) -> list[str]:
    """The controls of ``top`` without a name, by where they are."""
    return sorted({_path(part) for part in top.findChildren(QWidget) if _needs_name(part)})


def _needs_name(part: QWidget) -> bool:
    wholes = QComboBox | QAbstractSpinBox | QLineEdit | QAbstractItemView
    if isinstance(part, QScrollBar) or part.objectName().startswith(PARTS_OF_OTHERS):
        return False
    if isinstance(part.parentWidget(), wholes) or any(isinstance(p, QComboBox) for p in _parents(part)):
        return False
    above = part.parentWidget()
    if isinstance(above, QAbstractScrollArea) and above.viewport() is part:
        return False
    focused = isinstance(part, CONTROLS) or part.focusPolicy().value & 1
    return bool(focused) and not _name(part)


def _name(part: QWidget) -> str:
    if part.accessibleName():
        return part.accessibleName()
    if isinstance(part, QAbstractButton) and part.text():
        return part.text()
    # A form's label is its field's name.
    labels = part.window().findChildren(QLabel)
    if isinstance(part, QTabBar):
        return "Qt's own, for docks that share a place: its tabs have names"
    return next((label.text() for label in labels if label.buddy() is part), "")


def _parents(part: QWidget) -> list[QWidget]:
    above = part.parentWidget()
    return [] if above is None else [above, *_parents(above)]


def _path(part: QWidget) -> str:
    names = [w.objectName() or type(w).__name__ for w in (part, *_parents(part))]
    return " < ".join(names[:5])


@pytest.fixture
def opened(window: MainWindow, qtbot: QtBot, toy_file: Path) -> MainWindow:
    """The window with a solved step."""
    open_file(qtbot, window, toy_file)
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)
    return window


def test_of_the_start_page(window: MainWindow) -> None:
    assert unnamed(window) == []


def test_of_every_view_and_panel(opened: MainWindow, qtbot: QtBot) -> None:
    for view in ("map", "compare", "budget"):
        opened.menu[view].trigger()
        opened.document.select((3,))
        qtbot.wait(20)
        assert unnamed(opened) == [], view


@pytest.mark.parametrize(
    "key", ["capture", "settings", "limits", "tensors", "keys", "about", "add_budget"]
)
def test_of_every_dialog(opened: MainWindow, qtbot: QtBot, key: str) -> None:
    before = set(QApplication.topLevelWidgets())
    if key == "add_budget":
        opened.menu["budget"].trigger()
    opened.menu[key].trigger()
    found = [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible()]
    dialogs = [w for w in found if isinstance(w, QDialog)]
    assert len(dialogs) <= 1
    for dialog in dialogs:
        assert dialog.windowTitle()
        assert unnamed(dialog) == []
        dialog.close()
    assert dialogs or key == "tensors"


def test_it_would_find_one_without(qtbot: QtBot) -> None:
    holder = QWidget()
    qtbot.addWidget(holder)
    field = QLineEdit(holder)
    assert unnamed(holder) == ["QLineEdit < QWidget"]
    field.setAccessibleName("Name")
    assert unnamed(holder) == []
