"""Two plans side by side: any two, swapped, linked in time and by their ops; what moved."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.document import Document, Entry
from app.map.look import MapLook
from app.map.plan_scene import PlanScene
from app.numbers import plan_size
from app.panels.compare import CompareView
from solver.step import Step
from tests.app.toy_budgets import within
from tests.app.toy_case import toy_plan, toy_solution
from tests.app.toy_several import recomputed_plan
from tests.conftest import make_toy_step


@pytest.fixture
def document(dressed: QApplication) -> Document:
    """The toy step as run, in program order, as planned, and within a budget that repeats an op."""
    step = make_toy_step()
    document = Document()
    document.open(step)
    document.set_solution(toy_solution(step))
    document.add(Entry(within(recomputed_plan(step), 5120, 0.06, 0.06)), show=False)
    return document


@pytest.fixture
def view(qtbot: QtBot, document: Document) -> CompareView:
    """Visible, with room for the two maps beside one another."""
    view = CompareView(document, MapLook(document, lambda _: None))
    qtbot.addWidget(view)
    view.resize(1500, 900)
    view.show()
    for side in view.maps:
        side.settle()
    return view


def entry(document: Document, name: str) -> Entry:
    return next(e for e in document.entries if e.name.startswith(name))


def sides(view: CompareView) -> list[str]:
    return [header.chooser.currentText() for header in view.headers]


def test_the_sides_are_swapped_by_button_and_key(view: CompareView, qtbot: QtBot) -> None:
    assert sides(view) == ["As run", "Planned"]
    view.swap_button.click()
    assert sides(view) == ["Planned", "As run"]
    assert view.headers[0].total.name.text() == "Height"
    # As the key does; without a window manager no window is active, so that none has shortcuts.
    shortcut = view.findChild(QShortcut)
    assert shortcut is not None and shortcut.key() == QKeySequence(Qt.Key.Key_X)
    shortcut.activated.emit()
    assert sides(view) == ["As run", "Planned"]


def test_where_it_is_narrow_words_grow_short_before_a_figure_goes(view: CompareView) -> None:
    header = view.headers[0]
    for width, name in ((1200, "Reserved, never filled"), (760, "Never filled")):
        header.resize(width, header.height())
        assert header.unfilled.name.text() == name
        assert not header.unfilled.isHidden()


def test_what_moved_is_a_table_with_what_each_tensor_saved(
    view: CompareView, document: Document
) -> None:
    view.choose(0, entry(document, "Program order"))
    moved = view.table.moved
    (row,) = moved.model.rows
    assert [column.text(row) for column in moved.model.columns] == [
        "∂ weight",
        "512 B",
        "6.5",
        "1.5",
        "−5.0",
        "4–5",
        "4–5",
        "",
    ]
    assert view.table.note.text() == "1 tensor"
    view.choose(1, entry(document, "Program order"))
    assert moved.empty.isVisible() and "Nothing moved" in moved.empty.text()


def test_it_sorts_filters_and_says_how_many_are_left(view: CompareView, document: Document) -> None:
    moved = view.table.moved
    assert [row.name for row in moved.model.rows][:2] == ["linear · mm", "∂ act · relu"]
    moved.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert moved.model.rows[0].name == "act · relu"
    view.table.filter.setText("gradient weight")
    assert [row.name for row in moved.model.rows] == ["∂ weight"]
    assert view.table.note.text() == "1 of 4 tensors"
    view.table.filter.setText(">1KiB relu")
    assert [row.name for row in moved.model.rows] == ["∂ act · relu"]
    view.table.filter.setText("nowhere")
    assert moved.empty.isVisible() and not moved.table.isVisible()
    view.table.filter.setText("> nothing")
    assert "has no size after the sign" in moved.empty.text()
    view.table.filter.setText("")
    assert view.table.note.text() == "4 tensors"


def test_a_row_selects_its_tensor_everywhere_and_return_shows_it_on_both_maps(
    view: CompareView, document: Document, qtbot: QtBot
) -> None:
    moved = view.table.moved
    view.table.filter.setText("∂ weight")
    moved.table.selectRow(0)
    assert document.selection == (6,)
    assert all(side.state.selection == (6,) for side in view.maps)
    view.maps[0].set_visible_range(0.0, 4.0, 0.0, 4096.0)
    moved.table.activated.emit(moved.model.index(0, 0))
    for side in view.maps:
        first, last, low, high = side.visible_range()
        scene = side.state.scene
        assert scene is not None
        (at,) = scene.rectangles_of((6,))
        assert first <= scene.start[at] and scene.end[at] <= last
        assert low <= scene.low[at] and scene.high[at] <= high


def test_pan_and_zoom_go_together_in_time_until_they_are_unlinked(view: CompareView) -> None:
    left, right = view.maps
    left.set_visible_range(1.0, 5.0, 0.0, 8000.0)
    assert right.visible_range()[:2] == left.visible_range()[:2]
    right.state.pan(0.1, 0.0)
    assert right.visible_range()[:2] == left.visible_range()[:2]
    view.linked.setChecked(False)
    before = right.visible_range()
    left.set_visible_range(0.0, 4.0, 0.0, 8000.0)
    assert right.visible_range()[:2] == before[:2]
    view.linked.setChecked(True)
    assert right.visible_range()[:2] == left.visible_range()[:2]


def test_a_plan_that_runs_an_op_again_shows_the_same_share_of_its_own_ops(
    view: CompareView, document: Document
) -> None:
    view.choose(1, entry(document, "Within"))
    left, right = view.maps
    assert (left.state.slots, right.state.slots) == (6, 7)
    left.fit()
    assert right.visible_range()[:2] == (0.0, 7.0)


def test_the_cursor_stands_at_the_same_op_on_the_other_side(
    view: CompareView, document: Document
) -> None:
    view.choose(1, entry(document, "Within"))
    left, right = view.maps
    # The backward of relu is op 3 on the left; on the right an op is repeated before it.
    left.point_at((3.5, 1000.0), -1)
    assert right.state.cursor == (4.5, 1000.0)
    right.point_at((3.5, 1000.0), -1)
    assert left.state.cursor is None
    right.point_at(None, -1)
    assert left.state.cursor is None


def test_hovering_a_tensor_on_one_side_outlines_it_on_the_other(
    view: CompareView, document: Document
) -> None:
    left, right = view.maps
    scene = left.state.scene
    assert scene is not None
    (rectangle,) = scene.rectangles_of((2,))
    left.point_at((1.5, float(scene.low[rectangle]) + 1), rectangle)
    assert right.state.hovered == 2
    assert right.state.cursor is not None and right.state.cursor[0] == 1.5


def test_the_other_side_says_where_it_has_what_was_chosen(view: CompareView) -> None:
    def words(side: int) -> list[str]:
        return [text for _, text in view.maps[side].selection_overlay.chips() if "Same" in text]

    scene = view.maps[1].state.scene
    assert isinstance(scene, PlanScene)
    planned = {s for s, storage in enumerate(scene.step.storages) if storage.planned}
    chosen = next(i for i in range(scene.count) if scene.low[i] > 0 and scene.storage[i] in planned)
    storage = int(scene.storage[chosen])
    view.maps[0].selected.emit((storage,))
    assert words(0) == []
    assert words(1) == [f"Same tensor at {plan_size(int(scene.low[chosen]))}"]
    view.maps[1].selected.emit((storage,))
    assert len(words(0)) == 1 and words(1) == []


def test_a_key_names_free_space_only_where_an_allocator_holds_some(
    view: CompareView, document: Document
) -> None:
    assert view.free.isVisible()
    view.choose(0, entry(document, "Planned"))
    assert not view.free.isVisible()


def test_what_is_linked_is_said_only_where_there_is_room(view: CompareView) -> None:
    for width, said in ((2400, True), (1300, False)):
        view.resize(width, 900)
        view.legend.fit()
        assert view.remark.isVisible() is said


def test_requests_that_opened_segments_are_the_other_page(view: CompareView) -> None:
    view.table.tabs.button(1).click()
    assert view.table.table.isVisible() and not view.table.moved.isVisible()
    assert not view.table.filter.isVisible()
    assert view.table.note.text() == "1 in backward, 4.0 KiB of segments"


def test_an_edited_plan_is_compared_like_any(
    view: CompareView, document: Document, toy_step: Step
) -> None:
    from app.edit.editor import Editor

    document.show(entry(document, "Planned"))
    editor = Editor(document)
    instance = next(i for i, one in enumerate(toy_plan(toy_step).instances) if one.storage == 5)
    editor.move(instance, 3584)
    view.choose(0, entry(document, "Planned"))
    view.choose(1, entry(document, "Planned, edited"))
    (row,) = view.table.moved.model.rows
    assert (row.left_storage, row.moved) == (5, 512)
