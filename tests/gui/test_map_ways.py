"""What the map can show besides: other colours, a time axis, a ruler."""

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from pytestqt.qtbot import QtBot

from app.window.central import MapPage
from app.window.main_window import MainWindow
from tests.gui.conftest import open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")


@pytest.fixture
def page(qtbot: QtBot, window: MainWindow, toy_file: Path) -> MapPage:
    """The map of a solved step."""
    open_file(qtbot, window, toy_file)
    window.solve()
    wait_until_idle(qtbot, window)
    assert window.central is not None
    window.central.map.settle()
    return window.central.map_page


def test_the_map_is_coloured_by_what_is_chosen(qtbot: QtBot, window: MainWindow, page: MapPage) -> None:
    window.menu["colour_age"].trigger()
    assert page.look.colours.currentText() == "Age"
    assert [box.isVisible() for box in page.legend.boxes] == [False] * len(page.legend.boxes)
    longest = page.legend.classes[0]
    qtbot.mouseClick(longest, Qt.MouseButton.LeftButton)
    assert page.map.state.hidden == longest.numbers
    qtbot.mouseClick(longest, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.AltModifier)
    assert longest.isChecked() and not page.legend.classes[1].isChecked()
    window.menu["colour_difference"].trigger()
    assert page.look.colours.currentText().startswith("Difference from ")
    assert page.map.state.hidden == frozenset()
    window.menu["next_plan"].trigger()
    window.menu["colour_category"].trigger()
    assert page.legend.classes == () and page.legend.boxes[0].isVisible()


def test_the_axis_shows_time_and_pointing_still_names_slots(
    qtbot: QtBot, window: MainWindow, page: MapPage
) -> None:
    window.menu["time_axis"].trigger()
    view = page.map
    view.settle()
    axis, row = view.state.axis, view.map_row
    assert axis.timed and axis.seconds > 0
    assert view.visible_range()[:2] == pytest.approx((0, view.state.slots))
    for slot in range(view.state.slots):
        x = (row.x_of(slot) + row.x_of(slot + 1)) / 2
        position = row.geometry().topLeft() + QPointF(x, row.plot.height() - 3)
        with qtbot.waitSignal(view.cursor_moved) as moved:
            view.canvas.moved.emit(mouse(position))
        assert moved.args is not None and moved.args[0] == slot
    view.go_to_slot(view.state.slots - 1)
    assert not view.grab().isNull()
    assert view.axis.caption in ("s", "ms", "µs")
    window.menu["time_axis"].trigger()
    assert not view.state.axis.timed
    view.grab()
    assert view.axis.caption == "Op"


def test_the_ruler_measures_a_drag_and_what_keys_put(
    qtbot: QtBot, window: MainWindow, page: MapPage
) -> None:
    window.menu["ruler"].trigger()
    view = page.map
    row, ruler = view.map_row, view.ruler
    assert ruler.active
    corner = row.geometry().topLeft()
    first = corner + QPointF(row.x_of(1), row.y_of(0) - 1)
    second = corner + QPointF(row.x_of(4) + 2, row.y_of(2048))
    view.canvas.pressed.emit(mouse(first, QEvent.Type.MouseButtonPress))
    view.canvas.moved.emit(mouse(second))
    view.canvas.released.emit(mouse(second, QEvent.Type.MouseButtonRelease))
    assert ruler.overlay.text() == "3 ops  ·  2.0 KiB"
    assert "3 ops" in view.accessibleDescription()
    assert view.visible_range()[0] == 0  # no zoom box
    assert not view.grab().isNull()
    for slot in (0, 2):
        view.point_at((slot + 0.5, 1024.0), -1)
        qtbot.keyClick(view, Qt.Key.Key_Space)
    assert ruler.overlay.text() == "2 ops  ·  0 B"
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not ruler.active and ruler.overlay.text() == ""


def mouse(position: QPointF, kind: QEvent.Type = QEvent.Type.MouseMove) -> QMouseEvent:
    """An event of the left button on the canvas."""
    left = Qt.MouseButton.LeftButton
    held = left if kind is not QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton
    return QMouseEvent(kind, position, position, left, held, Qt.KeyboardModifier.NoModifier)


def test_what_the_maps_tell_is_one_choice_of_all_views(
    qtbot: QtBot, window: MainWindow, page: MapPage
) -> None:
    window.menu["colour_module"].trigger()
    window.menu["time_axis"].trigger()
    central = window.central
    assert central is not None
    for view in ("compare", "budget"):
        window.menu[view].trigger()
        shown = central.compare if view == "compare" else central.budget
        maps = central.compare.maps if view == "compare" else (central.budget.map,)
        wait_until_idle(qtbot, window)
        qtbot.waitUntil(lambda maps=maps: all(one.state.scene is not None for one in maps))
        assert shown.look.colours.currentText() == "Module"
        assert shown.look.axis.currentIndex() == 1
        for one in maps:
            assert one.state.colouring.by == "Module" and one.state.axis.timed
    central.look.set_time(False)
    assert not window.menu["time_axis"].isChecked()
    window.menu["map"].trigger()
    assert not page.map.state.axis.timed and page.look.axis.currentIndex() == 0
