"""Choosing what the colours of the map tell, and the legend that follows."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


def test_the_map_is_coloured_by_what_is_chosen(qtbot: QtBot, window: MainWindow, toy_file: Path) -> None:
    open_file(qtbot, window, toy_file)
    window.solve()
    wait_until_idle(qtbot, window)
    assert window.central is not None
    page = window.central.map_page
    window.menu["colour_age"].trigger()
    assert page.colours.currentText() == "Colour by age"
    assert [box.isVisible() for box in page.legend.boxes] == [False] * len(page.legend.boxes)
    longest = page.legend.classes[0]
    qtbot.mouseClick(longest, Qt.MouseButton.LeftButton)
    assert page.map.state.hidden == longest.numbers
    qtbot.mouseClick(longest, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier)
    assert longest.isChecked() and not page.legend.classes[1].isChecked()
    window.menu["colour_difference"].trigger()
    assert page.colours.currentText().startswith("Difference from ")
    assert page.map.state.hidden == frozenset()
    window.menu["next_plan"].trigger()
    window.menu["colour_category"].trigger()
    assert page.legend.classes == () and page.legend.boxes[0].isVisible()
