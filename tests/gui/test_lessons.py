"""Lessons in the window: every page of every lesson shows what it says, and judges answers."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.lessons.facts import Measure
from app.lessons.lesson import PLANNED, Kind, Page
from app.lessons.progress import progress_of
from app.lessons.reading import lesson_files, read_lesson
from app.numbers import parse_size
from app.panels.lesson_parts import CardButton
from app.window.main_window import MainWindow
from solver.files import save_step
from tests.conftest import make_toy_step
from tests.gui.conftest import SECONDS, open_file, wait_until_idle, wait_until_judged


def begin(qtbot: QtBot, window: MainWindow, number: int) -> None:
    """Open one of our lessons, from 0."""
    window.learning.open_number(number)
    wait_until_idle(qtbot, window)
    assert window.learning.prepared is not None


def give(qtbot: QtBot, window: MainWindow, page: Page, *, right: bool) -> None:
    """Answer a page's question."""
    learning = window.learning
    panel, prepared, ask = learning.panel, learning.prepared, page.ask
    assert panel is not None and prepared is not None and ask is not None
    if ask.kind is Kind.CHOICE:
        wanted = ask.choices.index(ask.answer)
        panel.choices.button(wanted if right else (wanted + 1) % len(ask.choices)).setChecked(True)
    elif ask.kind is Kind.NUMBER:
        assert panel.field is not None
        true = prepared.number(page)
        text = true.text.split(" ")[0] if true.measure is not Measure.BYTES else true.text
        panel.field.setText(text if right else "77777")
    elif ask.kind is Kind.SELECT:
        names = prepared.names(page)
        storages = prepared.step.storages
        window.document.select((next(i for i, s in enumerate(storages) if (s.name in names) == right),))
    elif right and ask.score:
        assert window.central is not None
        editor = window.central.map_page.hand.editor
        for instance, one in enumerate(prepared.plans[PLANNED].instances):
            editor.move(instance, one.address)
        wait_until_judged(qtbot, window)
    elif right and page.show.view == "budget":
        assert window.central is not None
        model = window.central.budget.model
        goal_met = next(goal for goal in ask.goals if goal.startswith("shown.total <= "))
        budget = parse_size(goal_met.removeprefix("shown.total <= "))
        model.move(budget)
        model.solve_here()

        def is_shown() -> bool:
            shown = window.document.shown
            terms = shown.plan.terms if shown is not None else None
            return terms is not None and terms.budget_bytes == budget and not window.work.busy

        qtbot.waitUntil(is_shown, timeout=SECONDS)
    elif right:
        window.work.solve()
        wait_until_idle(qtbot, window)
    qtbot.mouseClick(panel.check, Qt.MouseButton.LeftButton)


def test_in_a_low_window_a_lesson_has_all_of_its_height_beside_the_budgets(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.resize(1400, 800)
    begin(qtbot, window, 4)
    learning, budget = window.learning, window.docks.budget
    assert learning.dock is not None and learning.prepared is not None
    before = learning.dock.height()
    pages = learning.prepared.lesson.pages
    learning.turn(next(at for at, page in enumerate(pages) if page.show.view == "budget"))
    qtbot.waitUntil(lambda: window.document.shown is not None)
    assert budget in window.tabifiedDockWidgets(learning.dock)
    qtbot.waitUntil(lambda: learning.dock is not None and learning.dock.height() >= before - 40)
    window.resize(1400, 1200)
    assert budget not in window.tabifiedDockWidgets(learning.dock)


def test_what_is_solved_of_another_step_is_dropped_when_the_lesson_takes_its_place(
    qtbot: QtBot, window: MainWindow, toy_file: Path
) -> None:
    begin(qtbot, window, 0)
    learning = window.learning
    assert learning.prepared is not None
    open_file(qtbot, window, toy_file)
    window.work.solve()
    learning.point()
    qtbot.waitUntil(lambda: not window.work.jobs, timeout=SECONDS)
    assert window.document.step is learning.prepared.step
    assert window.document.solution is None


@pytest.mark.parametrize("number", range(6))
def test_a_lesson_is_walked_through_with_wrong_and_right_answers(
    qtbot: QtBot, window: MainWindow, number: int
) -> None:
    begin(qtbot, window, number)
    learning = window.learning
    panel, prepared = learning.panel, learning.prepared
    assert panel is not None and prepared is not None
    pages = prepared.lesson.pages
    for at, page in enumerate(pages):
        assert learning.page == at and panel.title.text() == page.title
        shown = window.document.shown
        assert shown is not None
        if page.show.plan and not page.show.edit:
            assert shown.plan is prepared.plans[page.show.plan]
        assert window.central is not None
        qtbot.wait(1)
        assert window.pages.currentWidget() is window.central.page(page.show.view)
        assert learning.dock is not None and learning.dock.isVisible()
        names = tuple(prepared.step.storages[s].name for s in window.document.selection)
        assert names == page.show.select
        assert window.central.map_page.hand.active == page.show.edit
        assert (learning.graph is not None and learning.graph.isVisible()) == page.show.cut
        if page.ask is not None:
            if at not in progress_of(window.settings, prepared.lesson).answered:
                give(qtbot, window, page, right=False)
                assert "Not yet" in panel.verdict.text()
            give(qtbot, window, page, right=True)
            assert "✓ Right" in panel.verdict.text(), panel.verdict.text()
            assert at in progress_of(window.settings, prepared.lesson).answered
        assert panel.remember.isVisible() == (at == len(pages) - 1)
        panel.next.click()
    assert panel.listing and progress_of(window.settings, prepared.lesson).done(prepared.lesson)
    done = panel.findChild(CardButton, f"lesson_{number + 1}")
    assert done is not None and done.accessibleName().endswith("done")


def test_a_lesson_goes_on_where_it_was_left(qtbot: QtBot, window: MainWindow) -> None:
    begin(qtbot, window, 0)
    window.learning.turn(3)
    window.commands.close_step()
    begin(qtbot, window, 0)
    assert window.learning.page == 3


def test_a_lesson_left_on_its_curve_shows_the_whole_curve_again(
    qtbot: QtBot, window: MainWindow
) -> None:
    begin(qtbot, window, 4)
    prepared = window.learning.prepared
    assert prepared is not None
    pages = [page.show.view for page in prepared.lesson.pages]
    window.learning.turn(pages.index("budget"))
    window.commands.close_step()
    begin(qtbot, window, 4)
    assert window.central is not None
    points = window.central.budget.model.points
    names = [point.entry.plan.name for point in points]
    assert names == ["Recompute, 50 MiB", "Recompute, 60 MiB", prepared.plans[PLANNED].name]


def test_the_graph_of_the_cut_leaves_a_low_window_to_the_map(qtbot: QtBot, window: MainWindow) -> None:
    begin(qtbot, window, 3)
    window.learning.turn(2)
    graph, central = window.learning.graph, window.central
    assert graph is not None and central is not None
    low = graph.height()
    window.resize(1600, 1400)
    qtbot.waitUntil(lambda: graph.height() > low)
    high = graph.height()
    window.resize(1280, 800)
    qtbot.waitUntil(lambda: graph.height() < high)
    qtbot.waitUntil(lambda: graph.height() < 0.4 * central.map_page.height())
    window.resize(1600, 1400)
    qtbot.waitUntil(lambda: graph.height() == high)


def test_the_lessons_are_listed_by_their_key_and_on_the_start_page(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.menu["lessons"].trigger()
    learning = window.learning
    assert learning.dock is not None and learning.dock.isVisible() and learning.panel is not None
    assert learning.panel.listing
    assert len(learning.panel.findChildren(CardButton)) == 6
    window.menu["lessons"].trigger()
    assert not learning.dock.isVisible() and not window.menu["lessons"].isChecked()
    window.start.cards[-1].click()
    assert learning.dock.isVisible()
    first = learning.panel.findChild(CardButton, "lesson_1")
    assert first is not None
    first.click()
    wait_until_idle(qtbot, window)
    assert learning.prepared is not None and window.document.example


def test_the_score_of_the_puzzle_follows_what_is_dragged(qtbot: QtBot, window: MainWindow) -> None:
    begin(qtbot, window, 2)
    learning = window.learning
    learning.turn(3)
    assert learning.panel is not None and window.central is not None
    assert "Yours: 65.0 MiB. Best possible: 18.0 MiB. 47.0 MiB to go." in learning.panel.score.text()
    editor = window.central.map_page.hand.editor
    editor.move(1, 0)
    assert "overlap" in learning.panel.score.text()
    window.document.history.undo()
    assert "Yours: 65.0 MiB" in learning.panel.score.text()
    assert learning.prepared is not None
    for instance, one in enumerate(learning.prepared.plans[PLANNED].instances):
        editor.move(instance, one.address)
    assert "still judging" in learning.panel.score.text()
    wait_until_judged(qtbot, window)
    assert "best possible: proven" in learning.panel.score.text()
    assert "Perfect!" in learning.panel.verdict.text(), "without a press of Check"


def test_the_cut_is_drawn_and_its_bands_select_tensors(qtbot: QtBot, window: MainWindow) -> None:
    begin(qtbot, window, 3)
    learning = window.learning
    learning.turn(2)
    graph = learning.graph
    assert graph is not None and graph.isVisible() and learning.prepared is not None
    assert learning.prepared.proof is not None
    graph.selected.emit(learning.prepared.proof.held[0].storage)
    assert window.document.selection == (learning.prepared.proof.held[0].storage,)
    assert "stem · out" in graph.accessibleDescription()
    image = graph.grab().toImage()
    assert image.width() > 300 and len({image.pixel(x, 80) for x in range(0, 300, 3)}) > 2


def test_another_step_leaves_the_lesson_with_a_way_back(
    qtbot: QtBot, window: MainWindow, toy_file: Path
) -> None:
    begin(qtbot, window, 0)
    learning = window.learning
    open_file(qtbot, window, toy_file)
    assert learning.panel is not None and learning.panel.away.isVisible()
    learning.panel.away.click()
    assert learning.prepared is not None and window.document.step is learning.prepared.step
    assert not learning.panel.away.isVisible()


def test_a_teachers_own_file_is_opened_and_its_errors_are_said_in_place(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    save_step(make_toy_step(), tmp_path / "my.step")
    path = tmp_path / "my.lesson.toml"
    text = 'title="Mine"\nsummary="S"\nminutes=5\nremember="R"\nstep="my.step"\n[[page]]\ntitle="a"\n'
    path.write_text(text + "text=1\n")
    open_file(qtbot, window, path)
    assert window.learning.prepared is None
    assert "line 8: page 1, text is 1" in window.problem.message.text()
    path.write_text(text + 'text="<img src=x>{ops} ops, **bold**"\n')
    open_file(qtbot, window, path)
    panel = window.learning.panel
    assert panel is not None and panel.title.text() == "a"
    assert "&lt;img" in panel.text.text() and "<b>bold</b>" in panel.text.text()
    assert not window.problem.isVisible()
    lesson = read_lesson(path)
    assert progress_of(window.settings, lesson).page == 0 and path not in lesson_files()
