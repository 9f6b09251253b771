"""Every line of the specification's keyboard table (section 3), by pressing the keys."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.dialogs.about import KEYS, KeysDialog
from app.window.main_window import MainWindow
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")

TABLE = {
    "Ctrl+O": "open",
    "Ctrl+R": "capture",
    "Ctrl+Return": "solve",
    "Ctrl+E": "export",
    "Ctrl+F": "find",
    "Ctrl+1": "map",
    "Ctrl+2": "compare",
    "Ctrl+3": "budget",
    "Ctrl+Z": "undo",
    "Ctrl+Shift+Z": "redo",
    "F": "fit_selection",
    "Shift+F": "fit_all",
    "+": "zoom_in",
    "-": "zoom_out",
    "P": "producer",
    "K": "peak",
    "[": "previous_plan",
    "]": "next_plan",
    "F9": "library",
    "F10": "inspector",
    "F11": "solve_panel",
    "Ctrl+K": "palette",
    "Ctrl+,": "settings",
}


@pytest.mark.parametrize(("key", "command"), TABLE.items())
def test_the_key_is_that_commands(window: MainWindow, key: str, command: str) -> None:
    assert window.menu[command].shortcut() == QKeySequence(key)


@pytest.fixture
def opened(window: MainWindow, qtbot: QtBot, toy_file: Path) -> MainWindow:
    """The window with a solved step, the map in sight and focused."""
    open_file(qtbot, window, toy_file)
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)
    assert window.central is not None
    window.central.map.setFocus()
    return window


def test_on_the_map_arrows_numbers_and_letters_go_where_they_say(
    opened: MainWindow, qtbot: QtBot
) -> None:
    assert opened.central is not None
    view = opened.central.map
    slots: list[int] = []
    view.cursor_moved.connect(lambda slot, _address: slots.append(slot))
    opened.document.select((3,))
    qtbot.keyClick(view, Qt.Key.Key_1)
    qtbot.keyClick(view, Qt.Key.Key_P)
    qtbot.keyClick(view, Qt.Key.Key_K)
    scene = view.state.scene
    uses = dict(view.selection_overlay.uses)
    assert scene is not None
    assert slots == [int(uses["1"]), int(uses["P"]), scene.peak_slot]
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert opened.document.selection != (3,)
    whole = view.visible_range()
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.visible_range()[1] - view.visible_range()[0] < whole[1] - whole[0]


def test_escape_clears_the_selection_first_and_stops_then(opened: MainWindow, qtbot: QtBot) -> None:
    opened.document.select((3,))
    qtbot.keyClick(opened, Qt.Key.Key_Escape)
    assert opened.document.selection == ()


def test_tab_goes_through_all_parts_of_the_window_and_back(opened: MainWindow, qtbot: QtBot) -> None:
    assert opened.central is not None
    parts = {
        "tool bar": opened.tools,
        "library": opened.docks.library,
        "map": opened.central.map,
        "inspector": opened.docks.inspector,
        "solve": opened.docks.solve,
    }
    reached: set[str] = set()
    for _ in range(120):
        widget = opened.focusWidget()
        reached |= {name for name, part in parts.items() if part is widget or part.isAncestorOf(widget)}
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
        if reached == set(parts):
            break
    assert reached == set(parts)
    before = opened.focusWidget()
    qtbot.keyClick(before, Qt.Key.Key_Tab)
    qtbot.keyClick(opened.focusWidget(), Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert opened.focusWidget() is before


def test_the_page_of_keys_names_them_all(window: MainWindow) -> None:
    window.menu["keys"].trigger()
    dialog = window.findChild(KeysDialog)
    assert dialog is not None
    shown = " ".join(part.text() for part in dialog.findChildren(QLabel))
    assert all(key in shown for column in KEYS for key, _ in column)
    for key in ("Ctrl+O", "Ctrl+K", "Ctrl+Return", "F9, F10, F11", "Ctrl+,"):
        assert key in shown
    dialog.close()
