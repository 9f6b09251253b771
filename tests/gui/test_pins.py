"""Pins in the window: given, seen, removed, undone, and kept by the next solve."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QMenu
from pytestqt.qtbot import QtBot

from app.dialogs.pin import PinAddressDialog, RunBeforeDialog, WritePinDialog
from app.jobs.job import Failure
from app.panels.pins_card import PinsCard
from app.window.main_window import MainWindow
from app.window.reasons import why_not
from solver.check import check
from solver.files import load_plan, save_plan
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pins
from tests.app.toy_case import toy_plan
from tests.conftest import make_toy_step
from tests.gui.conftest import SECONDS, open_file, wait_until_idle

pytestmark = pytest.mark.qt_log_level_fail("WARNING")

MM, RELU, SUM, RELU_BACKWARD, MM_1, ADD = range(6)
WEIGHT, ACTIVATION, GRADIENT = 0, 3, 5
"""Storages; the last two lie at 2048 and 3072 of the arena, which begins at 1536."""


@pytest.fixture
def planned(window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path) -> MainWindow:
    """The toy step's plan on the map."""
    plan = tmp_path / "toy.plan"
    save_plan(toy_plan(make_toy_step()), plan)
    open_file(qtbot, window, plan)
    assert window.central is not None
    window.central.map.settle()
    window.central.map.setFocus()
    return window


def card(window: MainWindow) -> PinsCard:
    assert window.central is not None
    return window.central.solve.pins


def pins(window: MainWindow) -> Pins:
    return window.document.pinned.pins


def said(window: MainWindow) -> list[str]:
    return [line.text.accessibleName() for line in card(window).lines]


def solve(window: MainWindow, qtbot: QtBot) -> None:
    window.menu["solve"].trigger()
    wait_until_idle(qtbot, window)


def judged(window: MainWindow, qtbot: QtBot) -> None:
    """Until it is known whether the pins can be kept."""
    qtbot.waitUntil(lambda: window.pinning.verdict.of == pins(window), timeout=SECONDS)


def open_dialog(window: MainWindow, kind: type[QDialog]) -> QDialog:
    return next(d for d in window.findChildren(kind) if d.isVisible())


def test_without_pins_nothing_speaks_of_them(planned: MainWindow) -> None:
    assert card(planned).isHidden()
    assert planned.central is not None and planned.central.inspector.pins.isHidden()
    for key in ("unpin", "clear_pins", "use_pins", "run_first", "pin_here"):
        assert not planned.menu[key].isEnabled()


def test_a_key_pins_a_tensor_where_it_lies_and_undo_takes_it_back(planned: MainWindow) -> None:
    planned.document.select((ACTIVATION,))
    QTest.keyClick(planned, Qt.Key.Key_A)
    assert pins(planned) == (At(ACTIVATION, 2048),)
    assert said(planned) == ["act · relu at 0x000000e00"]
    assert planned.central is not None
    (line,) = planned.central.inspector.pins.lines
    assert line.text.accessibleName() == "Pinned at 0x000000e00"
    assert planned.menu["undo"].text() == "&Undo Pin: act · relu at 0x000000e00"
    planned.menu["undo"].trigger()
    assert pins(planned) == () and card(planned).isHidden()
    planned.menu["redo"].trigger()
    assert pins(planned) == (At(ACTIVATION, 2048),)


def test_several_tensors_are_pinned_in_one_change_and_residents_left_out(planned: MainWindow) -> None:
    planned.document.select((WEIGHT, ACTIVATION, GRADIENT))
    planned.menu["pin_here"].trigger()
    assert pins(planned) == (At(ACTIVATION, 2048), At(GRADIENT, 3072))
    planned.menu["undo"].trigger()
    assert pins(planned) == ()


def test_commands_say_what_to_do_first_where_they_cannot_be_used(planned: MainWindow) -> None:
    def reason(key: str) -> str:
        assert not planned.menu[key].isEnabled()
        return why_not(key, planned.document, busy=False, stale=False)

    assert reason("pin_here") == "select a tensor first"
    assert reason("run_last").startswith("select an op first")
    planned.document.select((WEIGHT,))
    assert reason("pin_at").startswith("it stays in memory all the time")
    planned.document.select_op(ADD)
    assert reason("pin_here") == "an op is selected: select a tensor alone"
    assert reason("unpin") == "nothing that is selected is pinned"
    assert planned.menu["run_last"].isEnabled()


def test_a_solve_keeps_what_is_pinned_and_its_plan_remembers(
    planned: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    document = planned.document
    document.select_op(SUM)
    QTest.keyClick(planned, Qt.Key.Key_End, Qt.KeyboardModifier.AltModifier)
    document.select((GRADIENT,))
    planned.menu["pin_here"].trigger()
    solve(planned, qtbot)
    shown = document.shown
    assert shown is not None and shown.name == "Planned, 2 pins"
    assert shown.plan.pins == (Last(SUM), At(GRADIENT, 3072)) == pins(planned)
    assert shown.plan.order[-1] == SUM
    assert check(make_toy_step(), shown.plan) == []
    assert "Planned" in [entry.name for entry in document.entries], "the one without stays"
    assert document.baseline is not None
    assert card(planned).state.text() == "The plan on the map keeps them."
    planned.work.save_plan(tmp_path / "kept.plan")
    assert load_plan(tmp_path / "kept.plan").pins == shown.plan.pins
    solve(planned, qtbot)
    assert [e.name for e in document.entries].count("Planned, 2 pins") == 1


def test_the_rest_is_solved_around_edits_and_pins(planned: MainWindow, qtbot: QtBot) -> None:
    planned.pinning.give((Last(SUM), At(GRADIENT, 0)))
    planned.menu["edit"].trigger()
    assert planned.central is not None
    editor = planned.central.map_page.hand.editor
    shown = planned.document.shown
    assert shown is not None
    moved = next(i for i, one in enumerate(shown.plan.instances) if one.storage == GRADIENT)
    editor.move(moved, 3584)
    planned.menu["solve_rest"].trigger()
    wait_until_idle(qtbot, planned)
    shown = planned.document.shown
    assert shown is not None and shown.name == "Planned, solved around edits"
    assert set(shown.plan.pins) == {Last(SUM), At(GRADIENT, 3584)}, "what was moved last counts"
    assert pins(planned) == (Last(SUM), At(GRADIENT, 0)), "what was given stays as it was given"


def test_after_the_last_pin_is_removed_a_solve_is_free_again(planned: MainWindow, qtbot: QtBot) -> None:
    planned.document.select_op(SUM)
    planned.menu["run_last"].trigger()
    planned.menu["clear_pins"].trigger()
    solve(planned, qtbot)
    assert planned.document.shown is not None and planned.document.shown.plan.pins == ()


def test_a_solve_without_pins_leaves_plans_with_pins_there(planned: MainWindow, qtbot: QtBot) -> None:
    planned.pinning.give((Last(SUM),))
    solve(planned, qtbot)
    planned.menu["clear_pins"].trigger()
    solve(planned, qtbot)
    assert "Planned, 1 pin" in [entry.name for entry in planned.document.entries]


def test_plans_with_other_pins_have_other_names(planned: MainWindow, qtbot: QtBot) -> None:
    for op in (SUM, ADD):
        planned.pinning.give((Last(op),))
        solve(planned, qtbot)
    names = [entry.name for entry in planned.document.entries]
    assert names[-2:] == ["Planned, 1 pin", "Planned, 1 pin (2)"]
    qtbot.waitUntil(lambda: not planned.work.jobs, timeout=SECONDS)
    stored = planned.document.entries[-1].library_id
    assert stored is not None
    assert planned.library.plan(stored).pins == (Last(ADD),), "though it decides what others do"


def test_of_many_pins_the_first_are_listed_and_all_are_kept(planned: MainWindow) -> None:
    orders = tuple(Before(a, b) for a in range(6) for b in range(6) if a != b)
    ranges = tuple(Freeze(a, b) for a in range(6) for b in range(a + 1, 7))
    planned.pinning.give((*orders, *ranges))
    assert len(pins(planned)) == 51 and len(said(planned)) == 40
    planned.menu["clear_pins"].trigger()
    assert pins(planned) == ()


def test_pins_that_conflict_are_named_at_once_and_one_can_be_removed_there(
    planned: MainWindow, qtbot: QtBot
) -> None:
    planned.pinning.give((First(MM), Before(SUM, RELU_BACKWARD), Before(RELU_BACKWARD, SUM)))
    judged(planned, qtbot)
    assert planned.pinning.verdict.conflict == pins(planned)[1:]
    assert card(planned).problem.text().startswith("The pins 'before sum relu_backward' and")
    broken = [text for text in said(planned) if text.endswith("cannot be kept with the others")]
    assert len(broken) == 2 and said(planned)[2] == "mm runs first", "they come first"
    remove = card(planned).lines[0].remove
    assert remove is not None
    qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert pins(planned) == (First(MM), Before(RELU_BACKWARD, SUM))
    judged(planned, qtbot)
    assert not card(planned).problem.text()


def test_a_solve_with_such_pins_says_why_and_offers_to_remove_the_last_given(
    planned: MainWindow, qtbot: QtBot
) -> None:
    planned.pinning.give((First(MM), Last(MM_1)))
    judged(planned, qtbot)
    solve(planned, qtbot)
    assert planned.problem.isVisible()
    assert "'last mm_1' cannot be kept: add_ depends on mm_1" in planned.problem.message.text()
    assert planned.problem.action.text() == "Remove “mm_1 runs last”"
    planned.problem.action.click()
    assert pins(planned) == (First(MM),)
    assert not planned.problem.isVisible()
    solve(planned, qtbot)
    assert planned.document.shown is not None
    assert planned.document.shown.plan.pins == (First(MM),)


def test_what_is_wrong_with_pins_is_not_said_of_others(planned: MainWindow, qtbot: QtBot) -> None:
    planned.pinning.give((Last(MM_1),))
    judged(planned, qtbot)
    solve(planned, qtbot)
    assert planned.problem.isVisible()
    planned.menu["undo"].trigger()
    assert not planned.problem.isVisible()
    assert planned.pinning.verdict.conflict == ()


def test_what_failed_since_then_stays_there_when_pins_change(planned: MainWindow, qtbot: QtBot) -> None:
    planned.pinning.give((Last(MM_1),))
    judged(planned, qtbot)
    solve(planned, qtbot)
    assert "'last mm_1' cannot be kept" in planned.problem.message.text()
    planned.work.problem.emit("save", Failure("The disk is full."))
    planned.menu["clear_pins"].trigger()
    assert planned.problem.isVisible()
    assert planned.problem.message.text() == "The disk is full."


def test_a_line_selects_what_it_pins(planned: MainWindow, qtbot: QtBot) -> None:
    planned.pinning.give((At(GRADIENT, 0), Before(SUM, ADD), FreezeModule("act")))
    document = planned.document
    first, second, third = card(planned).lines
    qtbot.mouseClick(first.text, Qt.MouseButton.LeftButton)
    assert document.selection == (GRADIENT,) and document.op_slot == -1
    second.text.setFocus()
    QTest.keyClick(second.text, Qt.Key.Key_Space)
    assert document.op_slot == SUM
    qtbot.mouseClick(third.text, Qt.MouseButton.LeftButton)
    assert document.op_slot == RELU


def test_the_pins_of_what_is_selected_are_removed_by_a_key(planned: MainWindow) -> None:
    planned.pinning.give((At(GRADIENT, 0), Before(SUM, ADD), Last(ADD)))
    planned.document.select_op(ADD)
    QTest.keyClick(planned, Qt.Key.Key_U)
    assert pins(planned) == (At(GRADIENT, 0),)
    planned.document.select((GRADIENT,))
    assert planned.central is not None
    (line,) = planned.central.inspector.pins.lines
    assert line.remove is not None
    line.remove.click()
    assert pins(planned) == ()


def test_marks_on_the_map_tell_kept_pins_from_asked_ones(planned: MainWindow, qtbot: QtBot) -> None:
    marks = planned.pinning.marks
    assert marks is not None and marks.marked == ({}, {})
    planned.pinning.give((At(GRADIENT, 3072), Last(SUM)))
    assert marks.marked == ({GRADIENT: False}, {SUM: False})
    assert len(marks.places()) == 2
    solve(planned, qtbot)
    assert marks.marked == ({GRADIENT: True}, {5: True})
    planned.menu["clear_pins"].trigger()
    assert marks.marked == ({GRADIENT: True}, {5: True}), "the plan keeps them still"


def test_an_address_is_typed_and_a_wrong_one_is_answered_in_place(planned: MainWindow) -> None:
    planned.document.select((GRADIENT,))
    QTest.keyClick(planned, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    dialog = open_dialog(planned, PinAddressDialog)
    assert isinstance(dialog, PinAddressDialog)
    assert dialog.field.text() == "0x000001200"
    QTest.keyClicks(dialog.field, "0x1201")
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert dialog.isVisible() and "0x1200 and 0x1400" in dialog.problem.text()
    dialog.field.selectAll()
    QTest.keyClicks(dialog.field, "5KiB")
    assert dialog.problem.isHidden()
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert pins(planned) == (At(GRADIENT, 5 * 1024 - 1536),)


def test_the_other_op_is_found_by_name_or_selected_in_the_window(planned: MainWindow) -> None:
    planned.document.select_op(SUM)
    QTest.keyClick(planned, Qt.Key.Key_B)
    dialog = open_dialog(planned, RunBeforeDialog)
    assert isinstance(dialog, RunBeforeDialog)
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert "Choose the op" in dialog.problem.text()
    planned.document.select_op(SUM)
    assert not dialog.list.currentIndex().isValid(), "an op does not run before itself"
    planned.document.select_op(MM_1)
    assert dialog.list.currentIndex().data().startswith("mm_1 ")
    QTest.keyClicks(dialog.field, "threshold")
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert pins(planned) == (Before(SUM, RELU_BACKWARD),)


def test_asked_of_another_op_the_first_question_goes(planned: MainWindow) -> None:
    for op in (MM, SUM):
        planned.document.select_op(op)
        planned.menu["run_before"].trigger()
    (dialog,) = [d for d in planned.findChildren(RunBeforeDialog) if d.isVisible()]
    planned.document.select_op(MM_1)
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert pins(planned) == (Before(SUM, MM_1),)


def test_any_pin_can_be_written(planned: MainWindow) -> None:
    planned.menu["write_pin"].trigger()
    dialog = open_dialog(planned, WritePinDialog)
    assert isinstance(dialog, WritePinDialog)
    QTest.keyClicks(dialog.field, "freeze nowhere")
    dialog.accept()
    assert "names neither a range of ops" in dialog.problem.text()
    dialog.field.setText("freeze linear")
    dialog.accept()
    assert pins(planned) == (FreezeModule("linear"),)


def menu_at(window: MainWindow, position: QPoint) -> dict[str, bool]:
    """The lines of the context menu there, and whether each can be used."""
    assert window.central is not None
    view = window.central.map
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse,
        view.canvas.mapTo(view, position),
        view.canvas.mapToGlobal(position),
    )
    QApplication.sendEvent(view, event)
    popup = QApplication.activePopupWidget()
    assert isinstance(popup, QMenu)
    found = {action.text().replace("&", ""): action.isEnabled() for action in popup.actions()}
    popup.close()
    return found


def test_the_menus_of_a_tensor_and_of_an_op_offer_pins(planned: MainWindow) -> None:
    assert planned.central is not None
    view = planned.central.map
    scene = view.state.scene
    assert scene is not None
    box = view.map_row.mapRectToParent(view.map_row.box_of(scene.rectangles_of((GRADIENT,))[0]))
    offered = menu_at(planned, box.center().toPoint())
    assert offered["Pin at Its Address"] and offered["Pin at Another Address…"]
    assert "Remove Its Pins" not in offered and "Run First" not in offered
    planned.menu["pin_here"].trigger()
    assert menu_at(planned, box.center().toPoint())["Remove Its Pins"]
    axis = QPoint(round(view.map_row.x_of(SUM + 0.5)), round(view.axis.geometry().center().y()))
    offered = menu_at(planned, axis)
    assert planned.document.op_slot == SUM
    assert offered["Run First"] and offered["Run Last"] and offered["Run Before…"]
    assert "Pin at Its Address" not in offered


def test_a_plan_with_pins_shows_them_and_lends_them(
    window: MainWindow, qtbot: QtBot, toy_file: Path, tmp_path: Path
) -> None:
    kept = (Before(MM, RELU), At(GRADIENT, 3072))
    plan = tmp_path / "pinned.plan"
    save_plan(replace(toy_plan(make_toy_step()), pins=kept), plan)
    open_file(qtbot, window, plan)
    assert pins(window) == ()
    assert card(window).title.text() == "Pins of this plan"
    assert said(window) == ["mm runs before relu", "∂ act · relu at 0x000001200"]
    assert all(line.remove is None for line in card(window).lines)
    card(window).use.click()
    assert pins(window) == kept
    assert card(window).title.text() == "Pins"
    assert card(window).use.isHidden()


def test_budgets_say_that_they_know_no_pins(planned: MainWindow) -> None:
    planned.show_view("budget")
    assert planned.central is not None
    note = planned.central.budget.panel.pins
    assert note.isHidden()
    planned.pinning.give((Last(ADD),))
    assert note.text().startswith("They do not keep your 1 pin")
    planned.menu["clear_pins"].trigger()
    assert note.isHidden()


def test_another_step_has_no_pins(planned: MainWindow, qtbot: QtBot, toy_file: Path) -> None:
    planned.pinning.give((Last(ADD),))
    open_file(qtbot, planned, toy_file)
    assert pins(planned) == () and card(planned).isHidden()
    assert not planned.menu["undo"].isEnabled()


def test_going_on_with_a_stopped_plan_keeps_its_own_pins(planned: MainWindow, qtbot: QtBot) -> None:
    planned.pinning.give((Last(SUM),))
    solve(planned, qtbot)
    planned.menu["clear_pins"].trigger()
    planned.budgeting.go_on()
    wait_until_idle(qtbot, planned)
    shown = planned.document.shown
    assert shown is not None and shown.name == "Planned, 1 pin"
    assert shown.plan.pins == (Last(SUM),)
