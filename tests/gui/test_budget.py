"""The budget view: the line and what it says, the choices, and budgets solved in the background."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.curve.budgets import GB, Infeasible
from app.document import Document, Entry
from app.jobs import budget as budget_jobs
from app.jobs.budget import BudgetRequest, plan_name
from app.map.look import MapLook
from app.panels.budget_model import BudgetModel
from app.panels.budget_plot import BudgetPlot
from app.panels.budget_view import BudgetView
from app.settings import Settings
from app.theme import LIGHT
from app.window.main_window import MainWindow
from solver.budget.devices import A100
from solver.errors import BayplanError
from solver.plan import Plan
from solver.solution import Progress
from solver.step import Step
from solver.terms import Choice
from tests.app.toy_budgets import FREE, LOW, MIDDLE, solved_plans, within
from tests.app.toy_case import loose_plan, toy_plan
from tests.app.toy_plans import within_budget
from tests.app.toy_several import recomputed_plan
from tests.gui.conftest import SECONDS, open_file, wait_until_idle

Key = Qt.Key


@pytest.fixture
def document(dressed: QApplication, toy_step: Step) -> Document:
    """The toy step with two budgets solved; the plan without added time is shown."""
    document = Document()
    document.open(toy_step)
    for plan in solved_plans(toy_step):
        document.add(Entry(plan), show=False)
    document.show(document.entries[0])
    return document


@pytest.fixture
def model(document: Document, settings: Settings) -> BudgetModel:
    return BudgetModel(document, settings)


@pytest.fixture
def view(qtbot: QtBot, document: Document, model: BudgetModel) -> BudgetView:
    """The view in sight."""
    view = BudgetView(document, model, MapLook(document, lambda _: None))
    qtbot.addWidget(view)
    view.resize(1200, 900)
    view.show()
    qtbot.waitExposed(view)
    return view


def _place(plot: BudgetPlot, budget: float, shift: float = 0.0) -> QPoint:
    axes = plot.axes
    return QPoint(round(axes.x_of(budget) + shift), round(axes.plot.center().y()))


class TestLine:
    def test_it_begins_at_the_plan_that_costs_no_time(self, model: BudgetModel) -> None:
        assert model.budget == FREE and model.point is not None and model.point.free

    def test_the_keys_step_between_solved_budgets_and_the_map_follows(
        self, qtbot: QtBot, view: BudgetView, document: Document
    ) -> None:
        view.plot.setFocus()
        seen = []
        for key in (Key.Key_Left, Key.Key_Left, Key.Key_Left, Key.Key_Right, Key.Key_End, Key.Key_Home):
            qtbot.keyClick(view.plot, key)
            seen.append(view.model.budget)
            point = view.model.point
            assert point is not None and document.shown is point.entry
            assert view.map.state.scene is not None
            assert view.map.state.scene.plan is point.entry.plan
        assert seen == [MIDDLE, LOW, LOW, MIDDLE, FREE, LOW]

    def test_it_snaps_within_six_pixels(self, qtbot: QtBot, view: BudgetView) -> None:
        plot = view.plot
        qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=_place(plot, FREE))
        qtbot.mouseMove(plot, _place(plot, MIDDLE, 5))
        assert view.model.budget == MIDDLE
        qtbot.mouseMove(plot, _place(plot, MIDDLE, 60))
        assert view.model.budget not in (LOW, MIDDLE, FREE)
        qtbot.mouseMove(plot, _place(plot, LOW, -4))
        qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=_place(plot, LOW, -4))
        assert view.model.budget == LOW

    def test_the_map_follows_when_the_line_is_let_go(
        self, qtbot: QtBot, view: BudgetView, document: Document
    ) -> None:
        plot = view.plot
        qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=_place(plot, MIDDLE))
        assert document.shown is not None and document.shown.plan.terms is None
        qtbot.mouseRelease(plot, Qt.MouseButton.LeftButton, pos=_place(plot, MIDDLE))
        assert document.shown.plan.terms is not None
        assert document.shown.plan.terms.budget_bytes == MIDDLE

    def test_an_unsolved_place_has_no_figure_and_can_be_solved(
        self, qtbot: QtBot, view: BudgetView, model: BudgetModel
    ) -> None:
        view.plot.setFocus()
        model.move((LOW + MIDDLE) // 2)
        assert view.plot.texts()[0].endswith("is not solved") and view.plot.texts()[1] == ""
        assert not view.panel.use.isEnabled() and view.panel.figures.count() == 0
        assert view.pages.currentWidget() is view.empty
        with qtbot.waitSignal(model.solve_asked) as asked:
            qtbot.keyClick(view.plot, Key.Key_Return)
        assert asked.args == [((LOW + MIDDLE) // 2,)]
        with qtbot.waitSignal(model.solve_asked):
            qtbot.mouseClick(view.plot.solve_here, Qt.MouseButton.LeftButton)

    def test_what_is_shown_elsewhere_moves_it(
        self, view: BudgetView, document: Document, model: BudgetModel
    ) -> None:
        document.show(document.entries[-1])
        assert model.budget == LOW

    def test_a_plan_on_other_terms_brings_its_terms(
        self, document: Document, model: BudgetModel, toy_step: Step
    ) -> None:
        other = within(
            recomputed_plan(toy_step), MIDDLE, 0.02, 0.0, allowed=(Choice.OFFLOAD,), device=A100
        )
        document.add(Entry(other))
        assert (model.wanted.allowed, model.wanted.device) == ({Choice.OFFLOAD}, A100)
        assert [p.budget_bytes for p in model.points] == [MIDDLE, FREE]

    def test_a_failure_leads_to_the_least_plan_there_is(self, model: BudgetModel) -> None:
        model.move(2048)
        model.add_failure(Infeasible(2048, 0, FREE))
        assert model.infeasible == Infeasible(2048, 0, LOW)

    def test_a_plan_off_the_curve_is_shown_until_the_line_moves(
        self, qtbot: QtBot, view: BudgetView, document: Document, toy_step: Step
    ) -> None:
        loose = Entry(loose_plan(toy_step))
        document.add(loose)
        assert document.shown is loose and view.name.text() == "Program order, placed"
        assert view.said.text().startswith("Not on this curve")
        view.plot.setFocus()
        qtbot.keyClick(view.plot, Key.Key_Left)
        assert document.shown is not loose and view.name.text().startswith("Within")


class TestPanel:
    def test_the_chosen_row_is_the_line(self, view: BudgetView, model: BudgetModel) -> None:
        table = view.panel.table
        assert [row.budget_bytes for row in view.panel.rows.rows] == [FREE, MIDDLE, LOW]
        table.selectRow(1)
        assert model.budget == MIDDLE
        model.step(-1)
        assert [index.row() for index in table.selectionModel().selectedRows()] == [2]

    def test_figures_of_the_plan(self, view: BudgetView, model: BudgetModel) -> None:
        model.move(MIDDLE)
        texts = [view.panel.figures.itemAt(i).widget().text() for i in range(6)]  # type: ignore[union-attr, attr-defined]
        assert texts == ["Overhead", "+6.11 % time", "Lower bound", "+6.03 %", "Gap", "0.08 points"]
        assert view.panel.done.text() == "1 op runs again (2.0 KiB made again)"

    def test_other_choices_are_another_curve_and_are_remembered(
        self, view: BudgetView, model: BudgetModel, document: Document, settings: Settings
    ) -> None:
        view.panel.switches[Choice.OFFLOAD].click()
        assert [p.free for p in model.points] == [True]
        assert view.plot.solve_curve.isVisible()
        assert BudgetModel(document, settings).wanted == model.wanted
        view.panel.switches[Choice.OFFLOAD].click()
        assert len(model.points) == 3 and not view.plot.solve_curve.isVisible()

    def test_approximate_implementations_need_exact_ones(
        self, view: BudgetView, model: BudgetModel
    ) -> None:
        model.allow(Choice.APPROXIMATE, True)
        assert Choice.IMPLEMENTATIONS in model.wanted.allowed
        view.panel.switches[Choice.IMPLEMENTATIONS].click()
        assert not {Choice.APPROXIMATE, Choice.IMPLEMENTATIONS} & model.wanted.allowed
        assert not view.panel.switches[Choice.APPROXIMATE].isChecked()

    def test_device_and_bandwidth(self, view: BudgetView, model: BudgetModel) -> None:
        view.panel.device.setCurrentIndex(1)
        view.panel.device.activated.emit(1)
        assert model.wanted.device == A100
        view.panel.bandwidth.setValue(25.0)
        assert model.wanted.device.host_bytes_per_second == 25e9
        assert "19.5 TFLOP/s" in view.panel.roofline.text()

    def test_gb_where_the_user_chose_gb(self, view: BudgetView, model: BudgetModel) -> None:
        view.unit.setCurrentIndex(1)
        view.unit.activated.emit(1)
        assert model.chosen_unit is GB and view.panel.headline.text() == "6.7 kB"
        assert view.panel.rows.columns[0].title == "kB"

    def test_a_budget_that_is_too_small(
        self, qtbot: QtBot, view: BudgetView, model: BudgetModel
    ) -> None:
        model.move(2048)
        model.add_failure(Infeasible(2048, 3071, LOW))
        assert view.message.text().startswith("Needs at least 3.0 KiB, budget 2.0 KiB")
        assert view.alive.rows[0].text == "∂ act · relu"
        assert view.plot.solve_here.text().startswith("Go to")
        qtbot.mouseClick(view.act, Qt.MouseButton.LeftButton)
        assert model.budget == LOW and view.pages.currentWidget() is view.map_area

    def test_the_panel_stands_beside_the_map_where_it_is_narrow(self, view: BudgetView) -> None:
        assert view.panel.y() == 0
        view.resize(820, 760)
        QApplication.processEvents()
        assert view.panel.y() >= view.plot.geometry().bottom()
        assert view.plot.width() == view.width()


def test_it_paints_in_both_themes_with_and_without_plans(
    qtbot: QtBot, view: BudgetView, model: BudgetModel, document: Document
) -> None:
    model.move(MIDDLE)
    dark = view.plot.grab().toImage()
    view.set_theme(LIGHT)
    light = view.plot.grab().toImage()
    assert dark.pixelColor(2, 2) != light.pixelColor(2, 2)
    document.open(None)
    assert model.budget is None and not view.plot.grab().isNull()


# In the window


Fake = Callable[[BudgetRequest, Callable[[], bool]], Iterator[Plan | Infeasible]]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fake], None]:
    """Let a fake answer instead of the solver."""

    def use(fake: Fake) -> None:
        def answers(
            request: BudgetRequest,
            shared: object,
            tell: Callable[[Progress], None],
            cancelled: Callable[[], bool],
        ) -> Iterator[Plan | Infeasible]:
            tell(Progress(0.1, "Search", "improving"))
            yield from fake(request, cancelled)

        monkeypatch.setattr(budget_jobs, "answers", answers)

    return use


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow, toy_file: Path) -> MainWindow:
    """The window with the toy step on its budget page, nothing solved."""
    open_file(qtbot, window, toy_file)
    window.menu["budget"].trigger()
    return window


def _in_terms(request: BudgetRequest, step: Step) -> list[Plan]:
    allowed = tuple(c for c in Choice if c in request.wanted.allowed)
    return [
        within(
            plan,
            plan.terms.budget_bytes,
            plan.terms.overhead,
            plan.terms.overhead_bound,
            allowed=allowed,
        )
        for plan in solved_plans(step)
        if plan.terms is not None
    ]


def test_the_curve_grows_while_it_is_solved_and_is_kept(
    qtbot: QtBot, opened: MainWindow, answered: Callable[[Fake], None]
) -> None:
    step = opened.document.step
    assert step is not None and opened.central is not None
    model = opened.central.budgets
    assert model.points == () and opened.menu["solve"].isEnabled()
    model.allow(Choice.IMPLEMENTATIONS, False)
    go_on = threading.Event()

    def fake(request: BudgetRequest, cancelled: Callable[[], bool]) -> Iterator[Plan | Infeasible]:
        assert request.budgets == ()
        assert threading.current_thread() is not threading.main_thread()
        yield within_budget(step, toy_plan(step), FREE + 512)
        assert go_on.wait(30)
        yield within_budget(step, toy_plan(step), FREE)

    answered(fake)
    opened.menu["solve"].trigger()
    qtbot.waitUntil(lambda: len(model.points) == 1, timeout=SECONDS)
    assert model.running and opened.work.activity.stoppable
    assert not opened.central.budget.panel.switches[Choice.OFFLOAD].isEnabled()
    go_on.set()
    wait_until_idle(qtbot, opened)
    assert [p.budget_bytes for p in model.points] == [FREE, FREE + 512] and not model.running
    assert opened.work.activity.text == "Solved 2 budgets"
    qtbot.waitUntil(lambda: not opened.work.jobs, timeout=SECONDS)
    (stored,) = opened.library.steps()
    assert sorted(plan.budget_bytes or 0 for plan in stored.plans) == [FREE, FREE + 512]


def test_a_stopped_curve_keeps_what_it_has(
    qtbot: QtBot, opened: MainWindow, answered: Callable[[Fake], None]
) -> None:
    step, central = opened.document.step, opened.central
    assert step is not None and central is not None

    def fake(request: BudgetRequest, cancelled: Callable[[], bool]) -> Iterator[Plan | Infeasible]:
        yield _in_terms(request, step)[0]
        while not cancelled():
            threading.Event().wait(0.01)

    answered(fake)
    opened.menu["solve"].trigger()
    qtbot.waitUntil(lambda: len(central.budgets.points) == 1, timeout=SECONDS)
    opened.menu["stop"].trigger()
    wait_until_idle(qtbot, opened)
    assert len(central.budgets.points) == 1 and opened.work.activity.text == "Solved 1 budget"


def test_an_infeasible_budget_is_an_answer(
    qtbot: QtBot, opened: MainWindow, answered: Callable[[Fake], None]
) -> None:
    step, central = opened.document.step, opened.central
    assert step is not None and central is not None

    def fake(request: BudgetRequest, cancelled: Callable[[], bool]) -> Iterator[Plan | Infeasible]:
        (budget,) = request.budgets
        yield Infeasible(budget, 3071, LOW)
        yield _in_terms(request, step)[1]

    answered(fake)
    central.budgets.add(1 << 20)
    wait_until_idle(qtbot, opened)
    assert central.budgets.infeasible == Infeasible(1 << 20, 3071, LOW)
    assert opened.work.activity.text == "No plan was found within 1.000 MiB"
    assert "No plan" in opened.line.left.text()


def test_a_failure_is_one_line_and_the_old_plan_stays(
    qtbot: QtBot, opened: MainWindow, answered: Callable[[Fake], None]
) -> None:
    def fake(request: BudgetRequest, cancelled: Callable[[], bool]) -> Iterator[Plan | Infeasible]:
        raise BayplanError("The step has no shapes, so nothing is known of its times.")
        yield

    answered(fake)
    shown = opened.document.shown
    opened.menu["solve"].trigger()
    wait_until_idle(qtbot, opened)
    assert opened.problem.isVisible() and opened.document.shown is shown


def test_using_a_plan_goes_to_the_map(
    qtbot: QtBot, opened: MainWindow, answered: Callable[[Fake], None]
) -> None:
    step, central = opened.document.step, opened.central
    assert step is not None and central is not None
    for plan in solved_plans(step):
        opened.document.add(Entry(plan), show=False)
    central.budgets.move(MIDDLE)
    qtbot.mouseClick(central.budget.panel.use, Qt.MouseButton.LeftButton)
    assert opened.pages.currentWidget() is central.map_page
    assert opened.document.shown is not None and opened.document.shown.plan.terms is not None
    assert central.map_page.header.overhead_figure.value.text() == "+6.11 % time"


def test_the_library_stays_beside_the_budget_and_the_other_panels_go(opened: MainWindow) -> None:
    docks = opened.docks
    assert docks.library.isVisible()
    assert not docks.inspector.isVisible() and not docks.solve.isVisible()
    opened.menu["map"].trigger()
    assert docks.inspector.isVisible() and docks.solve.isVisible()


def test_a_budget_is_asked_for(
    qtbot: QtBot, opened: MainWindow, answered: Callable[[Fake], None]
) -> None:
    from app.dialogs.budget import BudgetDialog

    asked: list[tuple[int, ...]] = []

    def fake(request: BudgetRequest, cancelled: Callable[[], bool]) -> Iterator[Plan | Infeasible]:
        asked.append(request.budgets)
        yield from ()

    answered(fake)
    opened.menu["add_budget"].trigger()
    dialog = opened.findChild(BudgetDialog)
    assert dialog is not None
    dialog.size_field.setText("much")
    dialog.accept()
    assert dialog.problem.isVisible() and "much" in dialog.problem.text()
    dialog.size_field.setText("2KiB")
    dialog.accept()
    wait_until_idle(qtbot, opened)
    assert asked == [(2048,)]


def test_plans_of_one_step_are_told_apart_by_budget_and_terms(toy_step: Step) -> None:
    plan = within(
        recomputed_plan(toy_step), 8 << 30, 0.1, 0.1, allowed=(Choice.RECOMPUTE, Choice.OFFLOAD)
    )
    assert plan_name(plan, GB) == "Within 8.590 GB, recompute, offload at 12 GB/s, v100"


def test_the_panel_is_a_dock_that_closes_and_moves_below_the_curve_where_it_is_narrow(
    opened: MainWindow,
) -> None:
    docks = opened.docks
    assert opened.central is not None
    panel = opened.central.budget.panel
    assert docks.budget.isVisible() and docks.budget.isAncestorOf(panel)
    assert opened.menu["budget_panel"].isChecked()
    opened.menu["budget_panel"].trigger()
    assert not panel.isVisible()
    opened.menu["budget_panel"].trigger()
    assert panel.isVisible()
    opened.resize(1100, 760)
    assert not docks.budget.isVisible() and panel.isVisible()
    assert opened.central.budget.isAncestorOf(panel)
    opened.resize(1600, 1000)
    assert docks.budget.isVisible() and docks.budget.isAncestorOf(panel) and panel.isVisible()
    opened.menu["map"].trigger()
    assert not docks.budget.isVisible() and not opened.menu["budget_panel"].isEnabled()


def test_a_step_that_changed_on_disk_is_stale_here_too(opened: MainWindow) -> None:
    assert opened.central is not None
    view = opened.central.budget
    assert not view.stale.isVisible()
    opened.watch.stale_changed.emit(True)
    assert view.stale.isVisible() and view.veil.isVisibleTo(view.map)
    opened.watch.stale_changed.emit(False)
    assert not view.stale.isVisible()
