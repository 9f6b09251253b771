"""Exploring the map: the table of what is alive, the peak, search, selecting ops, playing."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.document import Document, Entry
from app.explore.exploring import Exploring
from app.explore.player import Player
from app.facts.peak import Share
from app.map.plan_scene import plan_scene
from app.map.raster import KERNELS
from app.map.scene import array_scene
from app.map.view import MapView
from app.panels.inspector import InspectorPanel
from app.window.main_window import MainWindow
from solver.files import save_plan
from solver.step import Step
from tests.app.toy_case import toy_baseline, toy_plan
from tests.conftest import make_toy_step
from tests.gui.conftest import open_file

pytestmark = pytest.mark.qt_log_level_fail("WARNING")
Key = Qt.Key


@pytest.fixture
def toy_plan_file(tmp_path: Path, toy_file: Path) -> Path:
    """A plan file beside its step."""
    path = tmp_path / "toy.plan"
    save_plan(toy_plan(make_toy_step()), path)
    return path


class Page:
    """A map that is explored, without a window around."""

    def __init__(self, qtbot: QtBot, step: Step) -> None:
        KERNELS.load()
        self.document = Document()
        self.view = MapView()
        self.inspector = InspectorPanel(self.document)
        self.exploring = Exploring(self.document, self.view, self.inspector)
        self.document.selection_changed.connect(lambda: self.view.select(self.document.selection))
        self.view.selected.connect(self.document.select)
        for widget in (
            self.view,
            self.inspector,
            self.exploring.alive,
            self.exploring.peak,
            self.exploring.bar,
        ):
            qtbot.addWidget(widget)
        self.document.open(step)
        self.document.add(Entry(toy_plan(step)))
        self.view.resize(900, 600)
        self.view.show()
        self.view.set_scene(plan_scene(step, toy_plan(step)))
        self.view.settle()
        self.exploring.alive.resize(1200, 260)
        self.exploring.alive.show()

    def column(self, at: int) -> list[str]:
        """A column of the table of what is alive."""
        model = self.exploring.alive.model
        return [str(model.index(row, at).data()) for row in range(model.rowCount())]

    def click(self, qtbot: QtBot, row: str, slot: float) -> None:
        """Click into a row of the map, ``axis`` or ``lane``, at a slot."""
        part = getattr(self.view, row)
        place = QPointF(self.view.map_row.x_of(slot), part.geometry().center().y()).toPoint()
        qtbot.mouseClick(self.view.canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place))


@pytest.fixture
def page(dressed: QApplication, qtbot: QtBot) -> Iterator[Page]:
    page = Page(qtbot, make_toy_step())
    yield page
    page.exploring.stop_playing()


def follow(qtbot: QtBot, page: Page, slot: int) -> None:
    """Until the table shows a slot."""
    qtbot.waitUntil(lambda: page.exploring.alive.slot == slot)


class TestAlive:
    def test_it_begins_at_the_peak_sorted_by_bytes(self, page: Page) -> None:
        assert page.exploring.alive.slot == 3
        assert page.column(0)[:3] == ["linear · mm", "∂ act · relu", "act · relu"]
        assert page.column(1)[:3] == ["2.0 KiB", "2.0 KiB", "1.0 KiB"]
        assert "3 tensors, 5.0 KiB" in page.exploring.alive.total.text()
        assert "6.5 KiB live" in page.exploring.alive.total.text()

    def test_it_follows_the_cursor(self, page: Page, qtbot: QtBot) -> None:
        page.view.point_at((1.5, 100.0), -1)
        follow(qtbot, page, 1)
        assert page.column(0)[:2] == ["linear · mm", "act · relu"]
        assert page.column(4)[:2] == ["op 0, mm", "op 1, relu"]
        assert page.column(5)[:2] == ["op 3, threshold backward"] * 2
        page.view.point_at(None, -1)
        qtbot.wait(80)
        assert page.exploring.alive.slot == 1, "it stays when the pointer leaves"

    def test_held_it_does_not_follow(self, page: Page, qtbot: QtBot) -> None:
        page.view.point_at((1.5, 100.0), -1)
        page.exploring.hold()
        page.view.point_at((4.5, 100.0), -1)
        qtbot.wait(80)
        assert page.exploring.alive.slot == 1
        assert page.exploring.alive.hold.isChecked()
        page.exploring.alive.hold.click()
        page.view.point_at((5.5, 100.0), -1)
        follow(qtbot, page, 5)

    def test_a_filter_and_the_box_leave_rows_out(self, page: Page) -> None:
        everything = page.exploring.alive.model.rowCount()
        page.exploring.alive.residents.click()
        assert page.exploring.alive.model.rowCount() == 3 < everything
        page.exploring.alive.filter.setText("gradient relu")
        assert page.column(0) == ["∂ act · relu"]
        assert page.exploring.alive.total.text().startswith("1 shown, 2.0 KiB")

    def test_columns_sort_and_rows_select(self, page: Page, qtbot: QtBot) -> None:
        alive = page.exploring.alive
        alive.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        assert page.column(0) == sorted(page.column(0))
        alive.table.selectRow(page.column(0).index("act · relu"))
        assert page.document.selection == (3,)
        alive.table.setFocus()
        qtbot.keyClick(alive.table, Key.Key_Down)
        assert page.document.selection not in ((3,), ())

    def test_the_row_under_the_pointer_is_outlined_on_the_map(self, page: Page) -> None:
        alive = page.exploring.alive
        alive.table.entered.emit(alive.model.index(page.column(0).index("act · relu"), 0))
        assert page.document.hovered == 3

    def test_the_selection_is_marked_wherever_it_is_made(self, page: Page) -> None:
        page.document.select((3,))
        table = page.exploring.alive.table
        marked = [index.row() for index in table.selectionModel().selectedRows()]
        assert [page.column(0)[row] for row in marked] == ["act · relu"]

    def test_arrays_without_ops_modules_or_sources_are_listed(self, page: Page, qtbot: QtBot) -> None:
        scene = array_scene(
            "arrays",
            np.array([0, 1]),
            np.array([3, 4]),
            np.array([0, 512]),
            np.array([512, 2048]),
            np.array([5, 5], np.uint8),
            slots=4,
        )
        page.view.set_scene(scene)
        assert page.column(0) == ["tensor 1", "tensor 0"]
        assert page.column(4) == ["slot 1", "slot 0"]
        page.exploring.step(1)
        page.exploring.select_op(2)
        assert page.exploring.bar.op.text() == "Slot 0"

    def test_nothing_on_the_map_is_nothing_in_the_table(self, page: Page) -> None:
        page.view.set_scene(None)
        assert page.column(0) == []
        assert "Solve the step" in page.exploring.alive.total.text()

    def test_narrow_it_keeps_name_and_bytes(self, page: Page) -> None:
        alive = page.exploring.alive
        alive.resize(300, 400)
        hidden = [column for column in range(6) if alive.table.isColumnHidden(column)]
        assert hidden == [2, 3, 4, 5]
        alive.resize(1400, 400)
        assert not any(alive.table.isColumnHidden(column) for column in range(6))


class TestPeak:
    def test_modules_tensors_and_levers_are_ranked(self, page: Page) -> None:
        peak = page.exploring.peak
        peak.resize(1200, 300)
        peak.show()
        names = [peak.modules.topLevelItem(i).text(0) for i in range(peak.modules.topLevelItemCount())]
        assert names[0] == "No module" and set(names) == {"No module", "linear", "act"}
        assert [row.name for row in peak.model.rows[:2]] == ["linear · mm", "∂ act · relu"]
        assert any("proven" in row.detail for row in peak.lowering.rows)

    def test_narrow_its_parts_stand_below_one_another(self, page: Page) -> None:
        peak = page.exploring.peak
        peak.resize(300, 700)
        peak.show()
        assert peak.parts.orientation() is Qt.Orientation.Vertical
        assert [c for c in range(5) if peak.table.isColumnHidden(c)] == [2, 4]

    def test_a_module_selects_its_tensors(self, page: Page) -> None:
        peak = page.exploring.peak
        peak.resize(1200, 300)
        peak.show()
        (item,) = peak.modules.findItems("linear", Qt.MatchFlag.MatchExactly)
        peak.modules.itemActivated.emit(item, 0)
        assert page.document.selection == (2,)
        peak.table.selectRow(1)
        assert page.document.selection == (5,)

    def test_the_only_module_with_others_inside_is_open(self, page: Page) -> None:
        inner = Share("model.h", "h", 2, (2,), ())
        shares = (Share("model", "model", 3, (2, 3), (inner,)), Share("", "No module", 1, (5,), ()))
        tree = page.exploring.peak.modules
        tree.show_shares(shares, 4)
        assert [tree.topLevelItem(at).isExpanded() for at in range(2)] == [True, False]
        tree.show_shares((*shares, Share("head", "head", 1, (3,), (inner,))), 5)
        assert not tree.topLevelItem(2).isExpanded()

    def test_as_run_it_says_what_is_lost(self, page: Page) -> None:
        step = page.document.step
        assert step is not None
        baseline = toy_baseline(step)
        captions: list[str] = []
        page.exploring.peak.caption_changed.connect(captions.append)
        page.exploring.peak.show()
        page.document.add(Entry(baseline.plan, baseline))
        assert "reserved" in captions[-1]
        assert page.exploring.peak.lowering.rows[0].text == "Place the tensors by a plan"
        page.document.show(page.document.entries[0])
        assert page.document.shown is not None and page.document.shown.baseline is None
        assert captions[-1].endswith("; as run 6.5 KiB")

    def test_without_a_plan_it_says_so(self, page: Page) -> None:
        page.exploring.peak.show()
        page.document.open(make_toy_step())
        assert "Solve the step" in page.exploring.peak.message.text()


class TestOps:
    def test_a_click_on_the_axis_selects_the_op_and_holds_it(self, page: Page, qtbot: QtBot) -> None:
        page.click(qtbot, "axis", 3.5)
        assert page.document.op_slot == 3
        assert page.document.selection == (5, 2, 3), "what it makes first"
        assert page.exploring.moment.held and page.exploring.moment.slot == 3
        assert page.exploring.op_overlay.isVisible()
        assert page.inspector.name.text() == "threshold backward"
        assert [row.text for row in page.inspector.makes_table.rows] == ["∂ act · relu"]
        assert [row.text for row in page.inspector.reads_table.rows] == ["linear · mm", "act · relu"]

    def test_a_click_in_the_lane_selects_the_op(self, page: Page, qtbot: QtBot) -> None:
        page.click(qtbot, "lane", 1.5)
        assert page.document.op_slot == 1 and not page.exploring.moment.held

    def test_a_drag_along_the_axis_selects_nothing(self, page: Page, qtbot: QtBot) -> None:
        viewport = page.view.canvas.viewport()
        y = page.view.axis.geometry().center().y()
        here, there = (QPointF(page.view.map_row.x_of(s), y).toPoint() for s in (1.5, 4.5))
        qtbot.mousePress(viewport, Qt.MouseButton.LeftButton, pos=here)
        qtbot.mouseMove(viewport, there)
        qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=there)
        assert page.document.op_slot == -1

    def test_selecting_a_tensor_ends_it(self, page: Page) -> None:
        page.exploring.select_op(3)
        page.document.select((3,))
        assert page.document.op_slot == -1 and not page.exploring.op_overlay.isVisible()
        assert page.inspector.name.text() == "act · relu"

    def test_it_is_the_same_op_in_another_order(self, page: Page) -> None:
        step = page.document.step
        assert step is not None
        page.exploring.select_op(2)
        page.document.add(Entry(toy_plan(step, (0, 1, 3, 2, 4, 5), "Another order")))
        assert page.document.op_slot == 3
        assert page.inspector.name.text() == "sum"

    def test_why_is_asked_where_a_slot_is_held(self, page: Page) -> None:
        page.document.select((2,))
        assert "at the peak, op 3" in page.inspector.why_text.text()
        page.exploring.moment.hold(2)
        assert "still alive at op 2 because threshold backward" in page.inspector.why_text.text()


class TestFinding:
    def test_what_is_found_is_set_off_and_stepped_through(self, page: Page) -> None:
        finder = page.exploring.finder
        finder.search(">1KiB")
        assert finder.matches.found == (2, 5) and finder.matches.count_text == "2"
        assert page.exploring.found_overlay.isVisible()
        counts = []
        for by in (1, 1, 1, -1):
            assert finder.step(by)
            counts.append((finder.matches.count_text, page.document.selection))
        assert counts == [("1 of 2", (2,)), ("2 of 2", (5,)), ("1 of 2", (2,)), ("2 of 2", (5,))]
        finder.clear()
        assert not page.exploring.found_overlay.isVisible() and not finder.step(1)

    def test_the_rest_of_the_map_is_veiled(self, page: Page) -> None:
        def colour(storage: int) -> str:
            page.view.settle()
            scene = page.view.state.scene
            assert scene is not None
            (at,) = scene.rectangles_of((storage,))
            box = page.view.map_row.mapRectToParent(page.view.map_row.box_of(at))
            place = box.center().toPoint() + page.view.canvas.pos()
            return page.view.grab().toImage().pixelColor(place).name()

        before = {storage: colour(storage) for storage in (2, 3)}
        page.exploring.finder.search("relu")
        assert colour(2) != before[2]
        assert colour(3) == before[3]

    def test_what_cannot_be_looked_for_says_why_and_veils_nothing(self, page: Page) -> None:
        page.exploring.finder.search(">64XB")
        assert "not a size" in page.exploring.finder.matches.error
        assert page.exploring.finder.matches.count_text == "?"
        assert not page.exploring.found_overlay.isVisible()

    def test_nothing_found_is_said(self, page: Page) -> None:
        page.exploring.finder.search("xyz")
        assert page.exploring.finder.matches.count_text == "none"


class TestPlaying:
    def test_steps_go_on_and_back_and_drive_the_table(self, page: Page, qtbot: QtBot) -> None:
        exploring = page.exploring
        exploring.step(1)
        assert exploring.bar.isVisibleTo(exploring.bar.parentWidget()) or exploring.bar.isVisible()
        assert exploring.bar.op.text() == "Op 0, mm in linear"
        assert exploring.bar.change.text() == "+2.0 KiB"
        scene = page.view.state.scene
        assert scene is not None
        assert [scene.name(int(r)) for r in exploring.play_overlay.made] == ["linear · mm"]
        for _ in range(4):
            exploring.step(1)
        assert {scene.name(int(r)) for r in exploring.play_overlay.freed} == {
            "linear · mm",
            "act · relu",
        }
        assert exploring.bar.change.text() == "+512 B  −3.0 KiB"
        assert page.view.state.cursor is not None and int(page.view.state.cursor[0]) == 4
        follow(qtbot, page, 4)
        page.view.point_at((1.5, 0.0), -1)
        assert exploring.moment.slot == 4, "the op that is played counts"
        exploring.step(-1)
        assert exploring.player.slot == 3

    def test_it_plays_to_the_end_and_stops(self, page: Page, qtbot: QtBot) -> None:
        exploring = page.exploring
        exploring.player.set_speed(100)
        exploring.play()
        assert exploring.player.playing
        qtbot.waitUntil(lambda: not exploring.player.playing)
        assert exploring.player.slot == 5
        exploring.play()
        assert exploring.player.slot == 0, "from the start again"

    def test_it_begins_at_the_cursor(self, page: Page) -> None:
        page.view.point_at((2.5, 0.0), -1)
        page.exploring.step(1)
        assert page.exploring.player.slot == 3

    def test_the_slider_and_escape(self, page: Page) -> None:
        page.exploring.step(1)
        page.exploring.bar.slider.setValue(5)
        assert page.exploring.player.slot == 5
        assert page.exploring.escape()
        assert page.exploring.bar.isHidden() and not page.exploring.play_overlay.isVisible()
        assert not page.exploring.escape()

    def test_what_is_gone_over_quickly_is_shown_too(self, page: Page) -> None:
        page.exploring.step(1)
        page.exploring.player.go(4)
        scene = page.view.state.scene
        assert scene is not None
        made = {scene.name(int(r)) for r in page.exploring.play_overlay.made}
        assert made == {"act · relu", "∂ act · relu", "∂ weight"}

    def test_with_less_motion_nothing_fades(self, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.explore.marks.less_motion", lambda: True)
        page.exploring.step(1)
        assert page.exploring.play_overlay.strength == 0.0
        monkeypatch.setattr("app.explore.marks.less_motion", lambda: False)
        page.exploring.step(1)
        assert page.exploring.play_overlay.strength > 0.0

    def test_another_map_ends_it(self, page: Page) -> None:
        page.exploring.step(1)
        page.view.set_scene(None)
        assert page.exploring.bar.isHidden()
        page.exploring.play()
        assert not page.exploring.player.playing


def test_a_player_goes_by_the_clock(dressed: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("app.explore.player.time.monotonic", lambda: now[0])
    player = Player()
    player.set_slots(1000)
    player.set_speed(300)
    player.play()
    now[0] += 0.1
    player._tick()
    assert player.slot == 30
    now[0] += 60
    player._tick()
    assert player.slot == 105, "a window that was away does not jump"
    player.pause()


class TestWindow:
    def test_keys_docks_and_search(self, window: MainWindow, qtbot: QtBot, toy_plan_file: Path) -> None:
        open_file(qtbot, window, toy_plan_file)
        central = window.central
        assert central is not None
        exploring = central.exploring
        assert not window.docks.alive.isVisible() and not window.docks.peak.isVisible()
        window.menu["alive_panel"].trigger()
        assert window.docks.alive.isVisible() and window.menu["alive_panel"].isChecked()
        assert window.docks.alive.line.remark.text().endswith("the peak")
        window.menu["peak_panel"].trigger()
        assert window.docks.peak.content is exploring.peak
        qtbot.keyClick(central.map, Key.Key_Space)
        assert exploring.player.playing
        qtbot.keyClick(central.map, Key.Key_Space)
        assert not exploring.player.playing
        at = exploring.player.slot
        window.menu["step_on"].trigger()
        assert exploring.player.slot == at + 1
        window._escape.activated.emit()
        assert exploring.bar.isHidden()
        window.menu["peak"].trigger()
        window.menu["select_op"].trigger()
        assert window.document.op_slot == 3
        window._escape.activated.emit()
        assert window.document.selection == () and window.document.op_slot == -1

    def test_return_and_f3_step_through_what_the_field_finds(
        self, window: MainWindow, qtbot: QtBot, toy_plan_file: Path
    ) -> None:
        open_file(qtbot, window, toy_plan_file)
        search, document = window.search, window.document
        qtbot.keyClicks(search, ">1KiB")
        assert search._count.text() == "2"
        search.close_results()
        qtbot.keyClick(search, Key.Key_Return)
        assert document.selection == (2,) and search._count.text() == "1 of 2"
        window.menu["find_next"].trigger()
        assert document.selection == (5,) and search._count.text() == "2 of 2"
        qtbot.keyClick(search, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
        assert document.selection == (2,)
        search.clear()
        assert search._count.text() == ""
        assert window.central is not None
        assert not window.central.exploring.found_overlay.isVisible()

    def test_docks_are_below_the_map_or_behind_the_inspector(
        self, window: MainWindow, toy_plan_file: Path, qtbot: QtBot
    ) -> None:
        open_file(qtbot, window, toy_plan_file)
        alive = window.docks.alive
        window.menu["alive_panel"].trigger()
        assert window.dockWidgetArea(alive) is Qt.DockWidgetArea.BottomDockWidgetArea
        window.resize(1400, 700)
        assert window.dockWidgetArea(alive) is Qt.DockWidgetArea.RightDockWidgetArea
        assert alive in window.tabifiedDockWidgets(window.docks.inspector)
        window.resize(1600, 1000)
        assert window.dockWidgetArea(alive) is Qt.DockWidgetArea.BottomDockWidgetArea

    @pytest.mark.parametrize("size", [(1600, 1000), (2560, 1440)])
    def test_the_solve_panel_is_as_low_as_before_when_what_explored_is_closed(
        self, window: MainWindow, toy_plan_file: Path, qtbot: QtBot, size: tuple[int, int]
    ) -> None:
        window.resize(*size)
        open_file(qtbot, window, toy_plan_file)
        docks = window.docks
        before = docks.solve.height()
        for close in (window.menu["peak_panel"].trigger, docks.peak.line._close.click):
            window.menu["alive_panel"].trigger()
            window.menu["peak_panel"].trigger()
            qtbot.waitUntil(lambda: docks.peak.height() > before)
            window.menu["alive_panel"].trigger()
            qtbot.wait(1)
            assert docks.peak.height() > before, "one of the two is still there"
            close()
            qtbot.waitUntil(lambda: docks.solve.height() == before)

    def test_a_long_remark_does_not_make_a_dock_wide(
        self, window: MainWindow, toy_plan_file: Path, qtbot: QtBot
    ) -> None:
        open_file(qtbot, window, toy_plan_file)
        window.resize(1280, 800)
        window.menu["peak_panel"].trigger()
        line = window.docks.peak.line
        least = line.minimumSizeHint().width()
        line.remark.setText("27.074 GiB at op 529, log_softmax_backward_data; 27.135 GiB reserved")
        assert line.minimumSizeHint().width() == least
        assert line.remark.shown_text().endswith("…")

    def test_an_op_is_found_by_its_name_and_selected(
        self, window: MainWindow, qtbot: QtBot, toy_plan_file: Path
    ) -> None:
        open_file(qtbot, window, toy_plan_file)
        qtbot.keyClicks(window.search, "add_")
        window.search.close_results()
        qtbot.keyClick(window.search, Key.Key_Return)
        assert window.document.op_slot == 5
        assert window.document.selection == (0, 6)


def test_a_step_of_one_op_without_anything_is_explored(dressed: QApplication, qtbot: QtBot) -> None:
    step = make_toy_step()
    bare = replace(step, ops=tuple(replace(op, module="", source=-1) for op in step.ops))
    page = Page(qtbot, bare)
    page.exploring.peak.show()
    page.exploring.select_op(0)
    page.document.select((2,))
    page.exploring.step(1)
    assert page.column(3) == [""] * page.exploring.alive.model.rowCount()


def test_a_step_of_20_000_rectangles_takes_the_ui_thread_little(page: Page) -> None:
    """Without painting: at most 4 ms of CPU time, and as much for the table."""
    count, slots = 20_000, 20_000
    random = np.random.default_rng(0)
    start = random.integers(0, slots - 1, count)
    end = np.minimum(start + random.integers(1, 2000, count), slots)
    low = random.integers(0, 1 << 20, count) * 512
    kind = np.full(count, 5, np.uint8)
    page.view.set_scene(array_scene("many", start, end, low, low + 4096, kind, slots=slots))
    page.exploring.player.go(9_000)
    steps, tables = [], []
    for slot in range(9_001, 9_041):
        before = time.process_time()
        page.exploring.player.go(slot)
        between = time.process_time()
        page.exploring.alive.refresh()
        steps.append(between - before)
        tables.append(time.process_time() - between)
    assert page.exploring.alive.model.rowCount() > 500
    assert float(np.median(steps)) < 0.004
    assert float(np.median(tables)) < 0.008
