"""An error of ours in a method that Qt calls is reported, and the program goes on."""

import sys
from types import TracebackType

import pytest
from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QApplication,
    QGraphicsItem,
    QGraphicsScene,
    QGraphicsView,
    QStyledItemDelegate,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app import gui
from app.gui import _Guard
from app.overrides import contain_errors
from app.window.main_window import MainWindow

Reported = list[BaseException]


@pytest.fixture
def reported(dressed: QApplication, monkeypatch: pytest.MonkeyPatch) -> Reported:
    """What was reported in place of ending the program."""
    found: Reported = []

    def hook(_: type, error: BaseException, __: TracebackType | None) -> None:
        found.append(error)

    monkeypatch.setattr(sys, "excepthook", hook)
    return found


class WrongError(ValueError):
    """What is wrong in the classes below."""


class Painted(QWidget):
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.drawLine(0, 0, 5, 5)
        raise WrongError

    def sizeHint(self) -> QSize:
        raise WrongError

    def wheel(self) -> None:
        raise WrongError


@pytest.mark.qt_log_level_fail("WARNING")
def test_a_widget_whose_painting_fails_is_painted_again(qtbot: QtBot, reported: Reported) -> None:
    widget = Painted()
    qtbot.addWidget(widget)
    widget.resize(40, 40)
    for count in (1, 2, 3):
        reported.clear()
        widget.grab()
        assert [type(error) for error in reported] == [WrongError], count


def test_a_size_that_cannot_be_told_is_none(qtbot: QtBot, reported: Reported) -> None:
    widget = Painted()
    qtbot.addWidget(widget)
    assert widget.sizeHint() == QSize()
    assert len(reported) == 1


def test_what_only_our_own_code_calls_still_raises(qtbot: QtBot, reported: Reported) -> None:
    widget = Painted()
    qtbot.addWidget(widget)
    with pytest.raises(WrongError):
        widget.wheel()
    assert not reported


class Model(QAbstractTableModel):
    def rowCount(self, parent: object = None) -> int:
        return 3

    def columnCount(self, parent: object = None) -> int:
        return 1

    def data(self, index: object, role: int = 0) -> object:
        raise WrongError


class Rows(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: object, index: object) -> None:
        painter.setOpacity(0.5)
        raise WrongError


def test_a_table_whose_rows_fail_stays(qtbot: QtBot, reported: Reported) -> None:
    table, model = QTableView(), Model()
    qtbot.addWidget(table)
    table.setModel(model)
    table.setItemDelegate(Rows(table))
    table.grab()
    assert len(reported) >= 3
    assert {type(error) for error in reported} == {WrongError}
    assert model.data(QModelIndex()) is None


class Item(QGraphicsItem):
    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, 20, 20)

    def paint(self, painter: QPainter, option: object, widget: object = None) -> None:
        raise WrongError


def test_a_drawing_whose_item_fails_stays(qtbot: QtBot, reported: Reported) -> None:
    scene = QGraphicsScene()
    item = Item()
    scene.addItem(item)
    view = QGraphicsView(scene)
    qtbot.addWidget(view)
    view.grab()
    assert {type(error) for error in reported} == {WrongError}


def test_a_class_that_is_made_later_is_held_to_it(qtbot: QtBot, reported: Reported) -> None:
    contain_errors()

    class Filter(QObject):
        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            raise WrongError

    widget, watching = QWidget(), Filter()
    qtbot.addWidget(widget)
    widget.installEventFilter(watching)
    QApplication.sendEvent(widget, QEvent(QEvent.Type.User))
    widget.removeEventFilter(watching)  # Its end is for the next test to see.
    assert [type(error) for error in reported] == [WrongError]


def test_the_window_says_it_once_and_stays(
    qtbot: QtBot,
    window: MainWindow,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    guard = _Guard(window)
    monkeypatch.setattr(sys, "excepthook", guard.report)
    try:
        widget = Painted()
        qtbot.addWidget(widget)
        widget.resize(40, 40)
        for _ in range(3):
            widget.grab()
        assert window.problem.isHidden()
        qtbot.waitUntil(lambda: not window.problem.isHidden(), timeout=5000)
        assert "WrongError" in window.problem.message.text()
        assert "paintEvent" in window.problem.details.toPlainText()
        assert capsys.readouterr().err.count("Traceback") == 1
        monkeypatch.setattr(gui, "AGAIN_SECONDS", 0.0)
        widget.grab()
        assert capsys.readouterr().err.count("Traceback") == 1
    finally:
        guard.release()
