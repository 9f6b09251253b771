"""Editing a plan by hand in the window: drags, keys, conflicts, undo, the solve of the rest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from random_programs import random_program_step

from app.dialogs.limits import LimitsDialog
from app.document import Entry
from app.map.view import MapView
from app.window.central import MapPage
from app.window.main_window import MainWindow
from solver.check import check
from solver.files import load_plan, save_plan
from solver.pins import At, Before
from solver.plan import Status
from solver.reuse import possible_takeovers
from tests.app.toy_case import loose_plan, toy_plan
from tests.app.toy_plans import plan_with
from tests.app.toy_several import recomputed_plan
from tests.conftest import make_toy_step
from tests.gui.conftest import open_file, wait_until_idle, wait_until_judged

PLAIN = Qt.KeyboardModifier.NoModifier
ALT = Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton
RELU, GRADIENT, WEIGHT_GRADIENT = 3, 5, 6
"""Storages of the toy step: [2048, 3072), [3072, 5120), [0, 512) in the arena of its plan."""


@pytest.fixture
def editing(window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path) -> MainWindow:
    """The toy step's plan on the map, which is being edited."""
    plan = tmp_path / "toy.plan"
    save_plan(toy_plan(make_toy_step()), plan)
    open_file(qtbot, window, plan)
    window.menu["edit"].trigger()
    page(window).map.settle()
    return window


def page(window: MainWindow) -> MapPage:
    assert window.central is not None
    return window.central.map_page


def rectangle_of(view: MapView, storage: int) -> int:
    scene = view.state.scene
    assert scene is not None
    return scene.rectangles_of((storage,))[0]


def middle_of(view: MapView, storage: int) -> QPoint:
    box = view.map_row.mapRectToParent(view.map_row.box_of(rectangle_of(view, storage)))
    return box.center().toPoint()


def pixels_of(view: MapView, size: int) -> int:
    """How many pixels up so many bytes are."""
    window = view.state.window
    return round(size / (window.y1 - window.y0) * view.map_row.plot.height())


def grab_and_move(
    view: MapView, start: QPoint, by: QPoint, modifiers: Qt.KeyboardModifier = PLAIN
) -> None:
    """Press, and move with the button held."""
    target = view.canvas.viewport()
    QTest.mousePress(target, LEFT, modifiers, start)
    for part in (0.5, 1.0):
        position = QPointF(start + by * part)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            position,
            QPointF(target.mapToGlobal(position)),
            Qt.MouseButton.NoButton,
            LEFT,
            modifiers,
        )
        QApplication.sendEvent(target, event)


def drop(view: MapView, at: QPoint) -> None:
    QTest.mouseRelease(view.canvas.viewport(), LEFT, PLAIN, at)


def drag(view: MapView, start: QPoint, by: QPoint) -> None:
    grab_and_move(view, start, by)
    drop(view, start + by)


def drag_storage(window: MainWindow, storage: int, size: int) -> None:
    """Drag a tensor up by so many bytes."""
    view = page(window).map
    drag(view, middle_of(view, storage), QPoint(0, -pixels_of(view, size)))


def drag_op(window: MainWindow, slot: int, target: int) -> None:
    """Drag an op along the axis."""
    view = page(window).map
    y = view.axis.geometry().center().y()
    start = QPoint(round(view.map_row.x_of(slot + 0.5)), round(y))
    drag(view, start, QPoint(round(view.map_row.x_of(target)) - start.x(), 0))


def pixels_in(view: MapView, colour: str) -> int:
    """How many pixels of the map have exactly this colour."""
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    shown = np.array(image.constBits()).view(np.uint32) & 0xFFFFFF
    return int((shown == int(colour[1:], 16)).sum())


def address(window: MainWindow, storage: int) -> int:
    shown = window.document.shown
    assert shown is not None
    return next(i.address for i in shown.plan.instances if i.storage == storage)


def names(window: MainWindow) -> list[str]:
    return [entry.name for entry in window.document.entries]


def test_a_tensor_dragged_into_free_bytes_makes_a_plan_beside_the_one_it_was(
    editing: MainWindow, qtbot: QtBot
) -> None:
    drag_storage(editing, GRADIENT, 512)
    wait_until_judged(qtbot, editing)
    shown = editing.document.shown
    assert shown is not None and shown.right
    assert shown.name == "Planned, edited"
    assert "Planned" in names(editing)
    assert address(editing, GRADIENT) == 3584
    assert shown.plan.provenance.edited_from == "Planned"
    assert check(make_toy_step(), shown.plan) == []
    assert page(editing).header.edited.text() == "Edited"
    assert editing.menu["save_plan"].isEnabled()


def test_while_it_is_dragged_what_it_overlaps_is_shown_at_once(editing: MainWindow) -> None:
    view, hand = page(editing).map, page(editing).hand
    start, by = middle_of(view, RELU), QPoint(0, pixels_of(view, 512))
    grab_and_move(view, start, by)
    dragged = hand.overlay.dragged
    assert dragged is not None
    (overlap,) = dragged.overlaps
    assert (overlap.low, overlap.high) == (1536, 2048)
    assert dragged.text.endswith("shares 512 B with linear · mm")
    assert pixels_in(view, editing.theme.error) > 100
    shown = editing.document.shown
    assert shown is not None and shown.draft is None, "nothing is changed before it is dropped"
    drop(view, start + by)
    assert hand.overlay.dragged is None
    assert pixels_in(view, editing.theme.error) > 100, "the conflict stays on the map"
    editing.menu["undo"].trigger()
    assert pixels_in(view, editing.theme.error) == 0


def test_dragged_beyond_what_is_in_sight_the_map_follows(editing: MainWindow, qtbot: QtBot) -> None:
    view, hand = page(editing).map, page(editing).hand
    view.set_visible_range(0.0, 6.0, 0.0, 6000.0)
    before = view.visible_range()
    start = middle_of(view, RELU)
    above = QPoint(0, round(view.map_row.geometry().top()) - 10 - start.y())
    grab_and_move(view, start, above)
    qtbot.waitUntil(lambda: view.visible_range()[2] > before[2])
    dragged = hand.overlay.dragged
    assert dragged is not None
    pointed = view.map_row.address_at(-10.0) - hand.overlay.base
    assert abs(dragged.address + 512 - pointed) <= 512
    drop(view, start + above)
    shown = view.visible_range()
    qtbot.wait(120)
    assert view.visible_range() == shown


def test_plans_that_come_or_are_stored_meanwhile_end_no_drag(editing: MainWindow) -> None:
    view, hand, document = page(editing).map, page(editing).hand, editing.document
    start, by = middle_of(view, GRADIENT), QPoint(0, -pixels_of(view, 512))
    grab_and_move(view, start, by)
    assert document.shown is not None
    document.update_entry(document.shown, library_id=7, path=None)
    document.add(Entry(loose_plan(make_toy_step())), show=False)
    assert hand.overlay.dragged is not None
    drop(view, start + by)
    assert address(editing, GRADIENT) == 3584


def test_it_snaps_to_the_edge_of_a_neighbour(editing: MainWindow) -> None:
    view = page(editing).map
    start = middle_of(view, RELU)
    # Four pixels short of above the gradient.
    by = QPoint(0, 4 - pixels_of(view, 3072))
    drag(view, start, by)
    assert address(editing, RELU) == 5120


def test_a_conflict_is_said_and_the_plan_is_kept_from_being_saved_stored_or_exported(
    editing: MainWindow, qtbot: QtBot
) -> None:
    drag_storage(editing, RELU, -512)
    shown = editing.document.shown
    assert shown is not None and shown.conflicts == 1
    assert shown.plan.status is Status.FEASIBLE
    bar = page(editing).edit_bar
    assert page(editing).header.edited.text() == "Edited · 1 conflict"
    assert bar.state.text() == "1 conflict"
    assert editing.central is not None
    card = editing.central.solve.certificate
    assert card.badge_text.text() == "Not a plan yet" and card.show_link.isHidden()
    assert bar.text.text() == "linear · mm and act · relu share 512 B at ops 1–3"
    for key in ("save_plan", "store", "export"):
        assert not editing.menu[key].isEnabled(), key
    best = editing.document.best
    assert best is not None and best.name == "Planned"
    with qtbot.waitSignal(editing.work.stored):
        editing.work.store()
    assert [plan.name for plan in editing.library.plans(editing.library.steps()[0].id)] == ["Planned"]


def test_undo_and_redo_go_through_all_edits(editing: MainWindow) -> None:
    drag_storage(editing, GRADIENT, 512)
    drag_storage(editing, GRADIENT, 1024)
    assert address(editing, GRADIENT) == 4608
    assert editing.menu["undo"].text() == "&Undo Move ∂ act · relu"
    editing.menu["undo"].trigger()
    assert address(editing, GRADIENT) == 3584
    editing.menu["undo"].trigger()
    assert address(editing, GRADIENT) == 3072
    assert "Planned, edited" not in names(editing)
    assert not editing.menu["undo"].isEnabled()
    editing.menu["redo"].trigger()
    editing.menu["redo"].trigger()
    assert address(editing, GRADIENT) == 4608
    assert not editing.menu["redo"].isEnabled()


def test_a_plan_edited_once_more_from_the_start_is_another_plan(editing: MainWindow) -> None:
    drag_storage(editing, GRADIENT, 512)
    editing.document.show(next(e for e in editing.document.entries if e.name == "Planned"))
    drag_storage(editing, GRADIENT, 1536)
    assert address(editing, GRADIENT) == 4608
    assert names(editing)[-2:] == ["Planned, edited", "Planned, edited 2"]
    editing.menu["undo"].trigger()
    assert names(editing)[-2:] == ["Planned", "Planned, edited"]
    shown = editing.document.shown
    assert shown is not None and shown.name == "Planned"


def test_undo_where_the_original_is_gone_shows_a_plan_that_is_there(editing: MainWindow) -> None:
    document = editing.document
    drag_storage(editing, GRADIENT, 512)
    for entry in document.entries:
        if entry.draft is None and entry.baseline is None:
            document.remove(entry)
    editing.menu["undo"].trigger()
    assert any(entry is document.shown for entry in document.entries)


def test_a_new_edit_after_an_undo_forgets_what_was_undone(editing: MainWindow) -> None:
    drag_storage(editing, GRADIENT, 512)
    editing.menu["undo"].trigger()
    drag_storage(editing, GRADIENT, 2048)
    assert not editing.menu["redo"].isEnabled()
    assert address(editing, GRADIENT) == 5120


def test_an_op_dragged_past_what_it_needs_says_which(editing: MainWindow) -> None:
    view, hand = page(editing).map, page(editing).hand
    y = round(view.axis.geometry().center().y())
    start = QPoint(round(view.map_row.x_of(1.5)), y)
    by = QPoint(round(view.map_row.x_of(0)) - start.x(), 0)
    grab_and_move(view, start, by)
    dragged = hand.overlay.dragged
    assert dragged is not None
    assert dragged.past == (0.0,)
    assert dragged.text.endswith("it must stay after mm in linear")
    assert pixels_in(view, editing.theme.error) > 50
    drop(view, start + by)
    shown = editing.document.shown
    assert shown is not None
    assert shown.plan.order == (1, 0, 2, 3, 4, 5)
    (violation,) = shown.draft.conflicts.violations if shown.draft else ()
    assert (violation.first_op, violation.second_op) == (0, 1)
    assert "both use linear · mm" in page(editing).edit_bar.text.text()
    assert pixels_in(view, editing.theme.error) > 10


def test_an_op_dragged_to_a_free_slot_runs_there(editing: MainWindow, qtbot: QtBot) -> None:
    drag_op(editing, 2, 6)
    wait_until_judged(qtbot, editing)
    shown = editing.document.shown
    assert shown is not None
    assert shown.plan.order == (0, 1, 3, 4, 5, 2)
    # The last gradient lies where the activation is still needed by now.
    assert shown.conflicts == len(check(make_toy_step(), shown.plan)) == 0


def test_keys_move_the_selected_tensor_from_gap_to_gap_and_an_op_by_one(
    editing: MainWindow, qtbot: QtBot
) -> None:
    view = page(editing).map
    view.click(RELU)
    QTest.keyClick(view, Qt.Key.Key_Up, ALT)
    assert address(editing, RELU) == 5120
    QTest.keyClick(view, Qt.Key.Key_Down, ALT)
    assert address(editing, RELU) == 2048
    QTest.keyClick(view, Qt.Key.Key_Down, ALT)
    assert address(editing, RELU) == 2048
    assert page(editing).edit_bar.text.text() == "There is no gap for it further down."
    view.click(-1)
    axis = view.axis.geometry().center().y()
    QTest.mouseClick(
        view.canvas.viewport(), LEFT, PLAIN, QPoint(round(view.map_row.x_of(2.5)), round(axis))
    )
    for order in ((0, 1, 3, 2, 4, 5), (0, 1, 3, 4, 2, 5)):
        QTest.keyClick(view, Qt.Key.Key_Right, ALT)
        shown = editing.document.shown
        assert shown is not None and shown.plan.order == order
    QTest.keyClick(view, Qt.Key.Key_Left, ALT)
    shown = editing.document.shown
    assert shown is not None and shown.plan.order == (0, 1, 3, 2, 4, 5)


def test_with_shift_keys_move_a_tensor_a_little_and_an_op_far(editing: MainWindow) -> None:
    view = page(editing).map
    view.click(GRADIENT)
    QTest.keyClick(view, Qt.Key.Key_Up, ALT | Qt.KeyboardModifier.ShiftModifier)
    assert address(editing, GRADIENT) == 3072 + 512
    QTest.keyClick(view, Qt.Key.Key_Down, ALT | Qt.KeyboardModifier.ShiftModifier)
    assert address(editing, GRADIENT) == 3072
    view.click(-1)
    axis = round(view.axis.geometry().center().y())
    QTest.mouseClick(view.canvas.viewport(), LEFT, PLAIN, QPoint(round(view.map_row.x_of(2.5)), axis))
    QTest.keyClick(view, Qt.Key.Key_Right, ALT | Qt.KeyboardModifier.ShiftModifier)
    shown = editing.document.shown
    assert shown is not None and shown.plan.order == (0, 1, 3, 4, 5, 2)


def test_the_selected_op_stays_selected_where_it_was_moved_to(editing: MainWindow) -> None:
    editing.document.select_op(2)
    drag_op(editing, 2, 5)
    assert editing.document.op_slot == 4
    editing.menu["undo"].trigger()
    assert editing.document.op_slot == 2
    drag_storage(editing, WEIGHT_GRADIENT, 6000)
    assert editing.document.op_slot == 2


def test_escape_drops_nothing_and_clicks_select_as_always(editing: MainWindow) -> None:
    view, hand = page(editing).map, page(editing).hand
    grab_and_move(view, middle_of(view, RELU), QPoint(0, -40))
    assert hand.overlay.dragged is not None
    # As the key does; without a window manager no window is active, so that none has shortcuts.
    editing._escape.activated.emit()
    assert hand.overlay.dragged is None
    drop(view, middle_of(view, RELU))
    assert names(editing)[-1] == "Planned"
    QTest.mouseClick(view.canvas.viewport(), LEFT, PLAIN, middle_of(view, GRADIENT))
    assert editing.document.selection == (GRADIENT,)


def test_out_of_the_mode_a_drag_zooms_as_always(editing: MainWindow) -> None:
    view = page(editing).map
    assert page(editing).edit_bar.isVisible()
    assert page(editing).edit_bar.text.text().startswith("Drag a tensor up or down")
    page(editing).edit_bar.close_button.click()
    assert not editing.menu["edit"].isChecked()
    assert not page(editing).edit_bar.isVisible()
    before = view.visible_range()
    drag(view, middle_of(view, GRADIENT), QPoint(60, 60))
    assert view.visible_range() != before
    assert names(editing)[-1] == "Planned"


def test_the_step_as_run_is_not_edited(editing: MainWindow, qtbot: QtBot) -> None:
    editing.work.solve()
    wait_until_idle(qtbot, editing)
    editing.document.show(editing.document.entries[0])
    assert not editing.menu["edit"].isEnabled()
    view = page(editing).map
    entries = editing.document.entries
    drag(view, middle_of(view, GRADIENT), QPoint(0, -60))
    assert editing.document.entries == entries


def test_the_rest_is_solved_around_what_was_moved(editing: MainWindow, qtbot: QtBot) -> None:
    drag_storage(editing, WEIGHT_GRADIENT, 4096)
    drag_op(editing, 2, 4)
    edited = editing.document.shown
    page(editing).edit_bar.solve.click()
    wait_until_idle(qtbot, editing)
    shown = editing.document.shown
    assert shown is not None and shown is not edited
    assert shown.name == "Planned, solved around edits"
    assert address(editing, WEIGHT_GRADIENT) == 4096
    assert At(WEIGHT_GRADIENT, 4096) in shown.plan.pins
    assert Before(3, 2) in shown.plan.pins
    order = shown.plan.order
    assert order.index(3) < order.index(2)
    assert check(make_toy_step(), shown.plan) == []
    assert edited in editing.document.entries


def test_the_rest_of_a_plan_in_which_ops_run_again_is_placed_anew(
    editing: MainWindow, qtbot: QtBot
) -> None:
    plan = replace(recomputed_plan(make_toy_step()), name="Again")
    editing.document.add(Entry(plan))
    instance = next(i for i, one in enumerate(plan.instances) if one.storage == RELU)
    address = plan.instances[instance].address + 512
    page(editing).hand.editor.move(instance, address)
    shown = editing.document.shown
    assert shown is not None and shown.conflicts
    page(editing).edit_bar.solve.click()
    wait_until_idle(qtbot, editing)
    found = editing.document.shown
    assert found is not None and found.name == "Again, solved around edits"
    assert found.plan.instances[instance].address == address
    assert found.plan.actions == plan.actions
    document = editing.document
    qtbot.waitUntil(
        lambda: found.name in {e.name for e in document.entries if e.library_id is not None}
    )
    assert check(make_toy_step(), found.plan) == []


def test_tensors_that_share_bytes_stay_together_where_one_of_them_was_dropped(
    editing: MainWindow, qtbot: QtBot
) -> None:
    step = random_program_step(8, 3)
    plan = plan_with(step, possible_takeovers(step, range(len(step.ops))))
    editing.document.open(step)
    editing.document.add(Entry(plan))
    editing.menu["edit"].trigger()
    draft = page(editing).hand.editor.draft
    assert draft is not None
    block = next(iter(draft.original.blocks.values()))
    page(editing).hand.editor.move(block[-1], 1 << 16)
    assert page(editing).edit_bar.solve.toolTip().startswith("Place the rest anew")
    page(editing).edit_bar.solve.click()
    wait_until_idle(qtbot, editing)
    found = editing.document.shown
    assert found is not None and found.name.endswith("solved around edits")
    assert {found.plan.instances[i].address for i in block} == {1 << 16}
    assert found.plan.actions == plan.actions
    assert check(step, found.plan) == []


def test_edits_that_no_order_keeps_are_named(editing: MainWindow, qtbot: QtBot) -> None:
    drag_op(editing, 1, 0)
    page(editing).edit_bar.solve.click()
    wait_until_idle(qtbot, editing)
    assert editing.problem.isVisible()
    assert "before" in editing.problem.message.text()
    assert "Planned, solved around edits" not in names(editing)
    assert editing.problem.action.text() == "Undo the edit"
    editing.problem.action.click()
    assert "Planned, edited" not in names(editing)
    assert not editing.problem.isVisible()


def test_an_edited_plan_is_saved_stored_and_opened_like_any(
    editing: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    drag_storage(editing, GRADIENT, 512)
    wait_until_judged(qtbot, editing)
    editing.work.save_plan(tmp_path / "edited.plan")
    saved = load_plan(tmp_path / "edited.plan")
    assert saved.provenance.edited_from == "Planned"
    with qtbot.waitSignal(editing.work.stored):
        editing.menu["store"].trigger()
    assert "Planned, edited" in names(editing)
    open_file(qtbot, editing, tmp_path / "edited.plan")
    shown = editing.document.shown
    assert shown is not None and shown.name == "Planned, edited"
    assert shown.draft is None
    assert not editing.menu["undo"].isEnabled()


def test_the_next_conflict_is_brought_into_sight(editing: MainWindow) -> None:
    drag_storage(editing, RELU, -512)
    drag_op(editing, 1, 0)
    bar = page(editing).edit_bar
    assert bar.next.isVisible()
    bar.next.click()
    assert bar.text.text().startswith("1 of ")
    bar.next.click()
    assert bar.text.text().startswith("2 of ")


def test_a_loose_plan_can_be_tightened_by_hand_until_it_is_optimal(
    window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "loose.plan"
    save_plan(loose_plan(make_toy_step()), path)
    open_file(qtbot, window, path)
    window.menu["edit"].trigger()
    page(window).map.settle()
    page(window).map.click(WEIGHT_GRADIENT)
    QTest.keyClick(page(window).map, Qt.Key.Key_Down, ALT)
    shown = window.document.shown
    assert shown is not None
    assert shown.plan.height_bytes == 5120
    assert shown.plan.status is Status.OPTIMAL
    assert check(make_toy_step(), shown.plan) == []


def test_edits_outlast_a_solve_and_can_still_be_undone(editing: MainWindow, qtbot: QtBot) -> None:
    drag_storage(editing, GRADIENT, 512)
    editing.menu["solve"].trigger()
    wait_until_idle(qtbot, editing)
    assert "Planned" not in names(editing)
    assert "Planned, edited" in names(editing)
    editing.menu["undo"].trigger()
    assert "Planned, edited" not in names(editing)
    assert editing.document.shown in editing.document.entries
    editing.menu["redo"].trigger()
    shown = editing.document.shown
    assert shown is not None and shown.name == "Planned, edited"


def test_a_change_of_limits_is_undone_in_its_turn(editing: MainWindow) -> None:
    drag_storage(editing, GRADIENT, 512)
    before = editing.settings.seed
    editing.menu["limits"].trigger()
    dialog = editing.findChild(LimitsDialog)
    assert dialog is not None
    dialog.seed.setValue(before + 7)
    dialog.accept()
    assert editing.menu["undo"].text() == "&Undo Change of Limits"
    editing.menu["undo"].trigger()
    assert editing.settings.seed == before
    assert address(editing, GRADIENT) == 3584
    editing.menu["undo"].trigger()
    assert address(editing, GRADIENT) == 3072
    editing.menu["redo"].trigger()
    editing.menu["redo"].trigger()
    assert editing.settings.seed == before + 7
    assert not editing.menu["redo"].isEnabled()
