"""The panels follow the document: what they show, what they select, what they ask for."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import shiboken6
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QInputDialog, QLabel, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.document import Document, Entry
from app.library import Library
from app.map.look import MapLook
from app.panels.certificate import CertificateDialog
from app.panels.compare import CompareView
from app.panels.header import PlanHeader
from app.panels.inspector import InspectorPanel
from app.panels.legend import Legend
from app.panels.library_panel import LibraryPanel, _Reader
from app.panels.library_rows import PlanNode, StepNode
from app.panels.solve_panel import SolvePanel
from app.panels.tensor_table import TensorTable, TensorWindow
from app.theme import DARK, LIGHT
from solver.assemble import assemble
from solver.plan import Status
from solver.step import Category, Op, SourceLine, Step, Storage
from tests.app.toy_case import loose_plan, toy_plan, toy_solution
from tests.conftest import make_toy_step

W = TypeVar("W", bound=QWidget)


def compared(document: Document) -> CompareView:
    return CompareView(document, MapLook(document, lambda _: None))


MAKERS: tuple[Callable[[Document], QWidget], ...] = (
    PlanHeader,
    Legend,
    InspectorPanel,
    LibraryPanel,
    SolvePanel,
    compared,
    TensorTable,
)


@pytest.fixture
def document(qapp: object) -> Document:
    return Document()


@pytest.fixture
def solved(document: Document, toy_step: Step) -> Document:
    document.open(toy_step)
    document.set_solution(toy_solution(toy_step))
    return document


def shown(qtbot: QtBot, widget: W, width: int = 1000, height: int = 600) -> W:
    """The widget on the screen."""
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.mark.parametrize("make", MAKERS)
def test_every_panel_lives_through_a_document(
    qtbot: QtBot, document: Document, make: Callable[[Document], Any]
) -> None:
    panel = shown(qtbot, make(document))
    step = make_toy_step()
    document.open(step)
    document.set_solution(toy_solution(step))
    for theme in (LIGHT, DARK):
        panel.set_theme(theme)
        panel.grab()
    for entry in document.entries:
        document.show(entry)
        for selection in ((2,), (2, 5, 6), (0,), (4,), ()):
            document.select(selection)
            panel.grab()
    document.open(None)
    panel.grab()


@pytest.mark.parametrize("make", MAKERS)
def test_every_panel_shows_a_planning_only_step(
    qtbot: QtBot, document: Document, make: Callable[[Document], Any], resnet50_step: Step
) -> None:
    from tests.app.toy_plans import stacked_plan

    panel = shown(qtbot, make(document))
    document.open(resnet50_step)
    document.add(Entry(stacked_plan(resnet50_step, name="Stacked")))
    document.select((361,))
    panel.grab()


@pytest.mark.parametrize("make", MAKERS)
def test_every_panel_takes_the_same_step_solved_once_more(
    qtbot: QtBot, solved: Document, make: Callable[[Document], Any]
) -> None:
    panel = shown(qtbot, make(solved))
    panel.grab()
    solved.clear_progress()
    solved.set_solution(toy_solution(make_toy_step()))
    panel.grab()
    if isinstance(panel, LibraryPanel):
        (node,) = panel.nodes
        assert all(plan.entry is entry for plan, entry in zip(node.plans, solved.entries, strict=True))


class TestHeader:
    def test_it_compares_the_plan_with_the_step_as_run(self, qtbot: QtBot, solved: Document) -> None:
        header = shown(qtbot, PlanHeader(solved), 1000, 40)
        assert header.title.text() == "Planned"
        assert header.height_figure.value.text() == "6.5 KiB"
        assert header.as_run_figure.value.text() == "16.0 KiB"
        assert header.saved_figure.value.text() == "9.5 KiB, 59.4 %"
        assert not header.bound_figure.isVisible()

    def test_as_run_it_shows_what_was_never_filled(self, qtbot: QtBot, solved: Document) -> None:
        header = shown(qtbot, PlanHeader(solved), 1000, 40)
        solved.show(solved.entries[0])
        assert header.height_figure.name.text() == "Reserved"
        assert header.unfilled_figure.value.text() == "9.5 KiB, 59.4 %"
        assert not header.saved_figure.isVisible()

    def test_while_a_solve_runs_the_plan_is_the_incumbent(self, qtbot: QtBot, solved: Document) -> None:
        header = shown(qtbot, PlanHeader(solved), 1000, 40)
        assert not header.incumbent.isVisible()
        header.set_running(True)
        assert header.incumbent.isVisible()
        assert header.bound_figure.value.text() == "6.5 KiB"
        assert header.gap_figure.value.text() == "0 B"
        solved.show(solved.entries[0])
        assert not header.incumbent.isVisible()

    def test_example_and_stale_are_tagged(self, qtbot: QtBot, document: Document) -> None:
        header = shown(qtbot, PlanHeader(document), 1000, 40)
        assert header.title.text() == "No step open"
        document.open(make_toy_step(), example=True)
        assert header.title.text() == "Not solved yet"
        assert header.example.isVisible()
        header.set_stale(True)
        assert header.stale.isVisible()

    @pytest.mark.parametrize("width", [340, 480, 640, 800, 1000])
    def test_nothing_is_cut_off_where_it_is_narrow(
        self, qtbot: QtBot, solved: Document, width: int
    ) -> None:
        header = shown(qtbot, PlanHeader(solved), width, 40)
        assert header.height_figure.isVisible()
        assert header.row.minimumSize().width() <= width


class TestLegend:
    def test_a_click_hides_a_category_and_another_shows_it(
        self, qtbot: QtBot, solved: Document
    ) -> None:
        legend = shown(qtbot, Legend(solved), 1040, 32)
        box = legend.boxes[0]
        with qtbot.waitSignal(legend.hidden_changed) as hidden:
            qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
        assert hidden.args == [frozenset({Category.ACTIVATION})]
        with qtbot.waitSignal(legend.hidden_changed) as hidden:
            qtbot.keyClick(box, Qt.Key.Key_Space)
        assert hidden.args == [frozenset()]

    def test_alt_click_shows_only_one_and_again_all(self, qtbot: QtBot, solved: Document) -> None:
        legend = shown(qtbot, Legend(solved), 1040, 32)
        alt = Qt.KeyboardModifier.AltModifier
        qtbot.mouseClick(legend.boxes[1], Qt.MouseButton.LeftButton, alt)
        assert Category.GRADIENT not in legend.hidden
        assert {Category.ACTIVATION, Category.PARAMETER} <= legend.hidden
        qtbot.mouseClick(legend.boxes[1], Qt.MouseButton.LeftButton, alt)
        assert legend.hidden == frozenset()

    def test_it_counts_bytes_at_the_peak(self, qtbot: QtBot, solved: Document) -> None:
        legend = shown(qtbot, Legend(solved), 1040, 32)
        assert [box.figure for box in legend.boxes[:3]] == ["3.0 KiB", "2.0 KiB", "512 B"]
        assert legend.count.text() == "4 tensors"

    def test_a_category_that_the_step_lacks_cannot_be_clicked(
        self, qtbot: QtBot, solved: Document
    ) -> None:
        legend = shown(qtbot, Legend(solved), 1040, 32)
        assert not legend.boxes[-1].isEnabled()

    def test_figures_go_where_it_is_narrow_but_no_category_does(
        self, qtbot: QtBot, solved: Document
    ) -> None:
        legend = shown(qtbot, Legend(solved), 1040, 32)
        assert legend.boxes[0].figures_shown
        legend.resize(660, 32)
        assert not legend.boxes[0].figures_shown
        assert all(box.isVisible() and box.geometry().right() <= 660 for box in legend.boxes)


class TestInspector:
    def test_without_a_step_it_says_what_to_do(self, qtbot: QtBot, document: Document) -> None:
        inspector = shown(qtbot, InspectorPanel(document), 304, 800)
        assert "Open a step" in inspector.message.text()
        document.open(make_toy_step())
        assert "Solve the step" in inspector.message.text()

    def test_with_nothing_selected_it_shows_the_peak(self, qtbot: QtBot, solved: Document) -> None:
        inspector = shown(qtbot, InspectorPanel(solved), 304, 800)
        assert inspector.name.text() == "The peak"
        assert [row.key for row in inspector.alive_table.rows] == [2, 5, 3]

    def test_a_click_on_a_tensor_alive_at_the_peak_selects_it(
        self, qtbot: QtBot, solved: Document
    ) -> None:
        inspector = shown(qtbot, InspectorPanel(solved), 304, 800)
        click_row(qtbot, inspector.alive_table, 1)
        assert solved.selection == (5,)
        assert inspector.name.text() == "∂ act · relu"

    def test_a_click_on_a_consumer_goes_to_its_slot(self, qtbot: QtBot, solved: Document) -> None:
        inspector = shown(qtbot, InspectorPanel(solved), 304, 800)
        solved.select((2,))
        with qtbot.waitSignal(inspector.go_to_slot) as asked:
            click_row(qtbot, inspector.consumer_table, 1)
        assert asked.args == [3]

    def test_several_tensors_are_summed_up(self, qtbot: QtBot, solved: Document) -> None:
        inspector = shown(qtbot, InspectorPanel(solved), 304, 800)
        solved.select((2, 3))
        assert inspector.name.text() == "2 tensors"
        with qtbot.waitSignal(inspector.fit_requested) as asked:
            inspector.fit.click()
        assert asked.args == [(2, 3)]

    def test_it_says_where_a_tensor_is_as_run_once_that_is_known(
        self, qtbot: QtBot, document: Document, toy_step: Step
    ) -> None:
        inspector = shown(qtbot, InspectorPanel(document), 304, 800)

        def texts() -> set[str]:
            return {part.text() for part in inspector.findChildren(QLabel) if part.isVisible()}

        document.open(toy_step)
        document.add(Entry(toy_plan(toy_step)))
        document.select((5,))
        qtbot.waitUntil(lambda: "Lifetime" in texts())
        assert "As run" not in texts()
        baseline = toy_solution(toy_step).baseline
        document.add(Entry(baseline.plan, baseline), show=False)
        qtbot.waitUntil(lambda: {"As run", "8.0 KiB", "segment 3 of 4"} <= texts())

    def test_all_tensors_open_in_a_table_of_their_own(self, qtbot: QtBot, solved: Document) -> None:
        inspector = shown(qtbot, InspectorPanel(solved), 304, 800)
        inspector.all_tensors.click()
        window = inspector.findChild(TensorWindow)
        assert window is not None and window.isVisible()
        assert window.table.model.rowCount() == 7
        with qtbot.waitSignal(inspector.fit_requested) as asked:
            window.table.table.activated.emit(window.table.model.index(2, 0))
        assert asked.args == [(window.table.model.rows[2].storage,)]
        window.close()

    def test_an_op_is_shown_until_something_is_selected(self, qtbot: QtBot, solved: Document) -> None:
        inspector = shown(qtbot, InspectorPanel(solved), 304, 800)
        solved.select_op(1)
        assert inspector.name.text() == "relu"
        solved.select((6,))
        assert inspector.name.text() == "∂ weight"

    def test_the_link_opens_the_source_file(
        self,
        qtbot: QtBot,
        document: Document,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        file = tmp_path / "models" / "net.py"
        file.parent.mkdir()
        file.write_text("x = 1\n")
        opened: list[QUrl] = []
        monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
        step = make_toy_step()
        line = SourceLine(str(file), 7, "forward", ("x = 1", "    y = f(x)  # why", "return y"), 1)
        step = replace(step, ops=(replace(step.ops[0], source=0), *step.ops[1:]), sources=(line,))
        document.open(step)
        document.set_solution(toy_solution(step))
        inspector = shown(qtbot, InspectorPanel(document), 304, 800)
        document.select((2,))
        assert inspector.source.link.text() == "models/net.py:7, in forward"
        inspector.grab()
        inspector.source.link.click()
        assert [url.toLocalFile() for url in opened] == [str(file)]
        file.unlink()
        document.select((2, 3))
        document.select((2,))
        assert not inspector.source.link.isEnabled()
        assert "is not on this machine" in inspector.source.link.toolTip()
        document.select((3,))
        assert not inspector.source.isVisible()

    def test_a_long_name_ends_in_an_ellipsis_and_has_a_tooltip(
        self, qtbot: QtBot, document: Document
    ) -> None:
        step = make_toy_step()
        name = "encoder.layers.11.self_attention.output.dense · native_layer_norm_backward"
        storages = list(step.storages)
        storages[2] = replace(storages[2], name=name)
        step = replace(step, storages=tuple(storages))
        document.open(step)
        document.set_solution(toy_solution(step))
        inspector = shown(qtbot, InspectorPanel(document), 304, 800)
        document.select((2,))
        qtbot.waitUntil(lambda: inspector.name.shown_text().endswith("…"))
        assert inspector.name.toolTip() == name


def click_row(qtbot: QtBot, table: Any, row: int) -> None:
    box = table.visualRect(table.model().index(row, 0))
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=box.center())


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Holds the toy step with two plans, and a second step."""
    library = Library(tmp_path / "library.sqlite")
    step = make_toy_step()
    solution = toy_solution(step)
    step_id = library.add_step(step)
    library.add_plan(step_id, solution.plan, solution.report)
    library.add_plan(step_id, solution.program_plan, solution.report)
    other = replace(step, origin=replace(step.origin, model="mlp", target="cuda"))
    library.add_step(other)
    return library


class TestLibrary:
    @pytest.fixture
    def panel(self, qtbot: QtBot, document: Document, library: Library) -> LibraryPanel:
        panel = shown(qtbot, LibraryPanel(document, library), 256, 700)
        qtbot.waitUntil(lambda: len(panel.nodes) == 2)
        return panel

    def test_it_lists_steps_with_as_run_and_best_plan(self, panel: LibraryPanel) -> None:
        nodes = {node.name: node for node in panel.nodes}
        assert nodes["toy"].detail == "batch 1 · SGD"
        assert nodes["toy"].figures == "16.00 → 6.50 KiB"
        assert nodes["toy"].saved_text == "−59.4 %"
        assert [plan.name for plan in nodes["toy"].plans] == ["Planned", "Program order, placed"]

    def test_the_search_looks_at_steps_and_plans(self, panel: LibraryPanel) -> None:
        panel.search.setText("mlp")
        assert [node.name for node in panel.nodes] == ["mlp"]
        panel.search.setText("program order")
        assert [node.name for node in panel.nodes] == ["toy"]
        panel.search.setText("nowhere")
        assert panel.nodes == ()
        assert "nowhere" in panel.empty.text()

    def test_return_opens_a_stored_step_and_a_stored_plan(
        self, qtbot: QtBot, panel: LibraryPanel, library: Library
    ) -> None:
        toy = next(i for i, node in enumerate(panel.nodes) if node.name == "toy")
        index = panel.model.index(toy, 0)
        with qtbot.waitSignal(panel.open_step) as step:
            panel.tree.activated.emit(index)
        with qtbot.waitSignal(panel.open_plan) as plan:
            panel.tree.activated.emit(panel.model.index(1, 0, index))
        (summary,) = [s for s in library.steps() if s.model == "toy"]
        assert step.args == [summary.id]
        assert plan.args == [summary.plans[1].id]

    def test_the_open_step_shows_its_plans_and_puts_them_on_the_map(
        self, qtbot: QtBot, panel: LibraryPanel, solved: Document
    ) -> None:
        toy = next(i for i, node in enumerate(panel.nodes) if node.name == "toy")
        node = panel.nodes[toy]
        assert node.open
        assert [plan.name for plan in node.plans][:3] == [
            "As run",
            "Program order, placed",
            "Planned",
        ]
        index = panel.model.index(toy, 0)
        assert panel.tree.isExpanded(index)
        with qtbot.waitSignal(panel.entry_activated) as chosen:
            box = panel.tree.visualRect(panel.model.index(0, 0, index))
            qtbot.mouseClick(panel.tree.viewport(), Qt.MouseButton.LeftButton, pos=box.center())
        assert chosen.args == [solved.entries[0]]
        assert solved.shown is solved.entries[0]
        panel.grab()

    def test_a_plan_of_the_open_step_that_is_stored_is_listed_once(
        self, panel: LibraryPanel, solved: Document, library: Library
    ) -> None:
        (summary,) = [s for s in library.steps() if s.model == "toy"]
        best = next(plan for plan in summary.plans if plan.name == "Planned")
        solved.update_entry(solved.entries[-1], library_id=best.id, path=None)
        (node,) = [node for node in panel.nodes if node.open]
        assert [plan.name for plan in node.plans].count("Planned") == 1

    def test_an_open_step_that_is_not_stored_comes_first(
        self, qtbot: QtBot, document: Document
    ) -> None:
        panel = shown(qtbot, LibraryPanel(document), 256, 700)
        assert "are kept here" in panel.empty.text()
        step = make_toy_step()
        document.open(step)
        document.set_solution(toy_solution(step))
        (node,) = panel.nodes
        assert node.detail == "batch 1 · SGD · not stored"
        assert len(node.spark) == 6

    def test_delete_asks_and_a_no_keeps_it(
        self, qtbot: QtBot, panel: LibraryPanel, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        answer = QMessageBox.StandardButton.Cancel

        def question(*args: Any) -> QMessageBox.StandardButton:
            asked.append(args[2])
            return answer

        monkeypatch.setattr(QMessageBox, "question", question)
        toy = next(node for node in panel.nodes if node.name == "toy")
        choose(panel, toy, "Delete…")
        assert "the step “toy · batch 1 · SGD” and its 2 plans" in asked[0]
        assert len(library.steps()) == 2
        answer = QMessageBox.StandardButton.Yes
        choose(panel, toy.plans[1], "Delete…")
        qtbot.waitUntil(lambda: any(len(node.plans) == 1 for node in panel.nodes))
        choose(panel, toy, "Delete…")
        qtbot.waitUntil(lambda: [node.name for node in panel.nodes] == ["mlp"])

    def test_names_notes_and_tags_can_be_changed(
        self, qtbot: QtBot, panel: LibraryPanel, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(QInputDialog, "getText", lambda *_: ("paper, figure 3", True))
        monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *_: ("for the talk", True))
        toy = next(node for node in panel.nodes if node.name == "toy")
        choose(panel, toy, "Tags…")
        choose(panel, toy, "Notes…")
        (stored,) = [s for s in library.steps() if s.model == "toy"]
        assert set(stored.tags) == {"paper", "figure 3"}
        assert stored.notes == "for the talk"
        choose(panel, toy.plans[0], "Rename…")
        qtbot.waitUntil(lambda: any(p.name == "paper, figure 3" for n in panel.nodes for p in n.plans))

    def test_what_the_library_refuses_is_said_in_the_panel(
        self, panel: LibraryPanel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        toy = next(node for node in panel.nodes if node.name == "toy")
        taken = toy.plans[1].name
        monkeypatch.setattr(QInputDialog, "getText", lambda *_: (taken, True))
        choose(panel, toy.plans[0], "Rename…")
        assert panel.error.isVisible()
        assert taken in panel.error.text()

    def test_a_library_that_cannot_be_read_says_why(
        self, qtbot: QtBot, document: Document, tmp_path: Path
    ) -> None:
        path = tmp_path / "library.sqlite"
        path.write_bytes(b"this is no database" * 100)
        panel = shown(qtbot, LibraryPanel(document, Library(path)), 256, 700)
        qtbot.waitUntil(lambda: panel.error.isVisible())
        assert panel.error.text()

    def test_what_cannot_be_done_with_a_row_is_disabled(
        self, panel: LibraryPanel, solved: Document
    ) -> None:
        (node,) = [node for node in panel.nodes if node.open]
        menu = panel.context_menu(node.plans[0])
        enabled = {action.text(): action.isEnabled() for action in menu.actions() if action.text()}
        assert enabled["Open"]
        assert not enabled["Rename…"] and not enabled["Delete…"]


def choose(panel: LibraryPanel, node: StepNode | PlanNode, text: str) -> None:
    """Choose an entry of a row's context menu."""
    menu = panel.context_menu(node)
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.deleteLater()


class TestPlansOnTheWay:
    """While a solve runs its plans are on the map first; what is beside it follows."""

    def test_the_library_and_the_inspector_follow_in_a_moment(
        self, qtbot: QtBot, document: Document
    ) -> None:
        library = shown(qtbot, LibraryPanel(document), 256, 600)
        inspector = shown(qtbot, InspectorPanel(document), 304, 600)
        step = make_toy_step()
        document.open(step)
        nothing = inspector.name.text()
        plan = toy_plan(step)
        document.add_progress(replace(toy_solution(step).log[-1], plan=plan))
        assert document.shown is not None and document.shown.plan is plan
        assert not library.nodes[0].plans and inspector.name.text() == nothing
        qtbot.waitUntil(lambda: bool(library.nodes[0].plans) and inspector.name.text() != nothing)
        assert [node.name for node in library.nodes[0].plans] == [document.shown.name]

    def test_they_show_at_once_what_stays(self, qtbot: QtBot, document: Document) -> None:
        library = shown(qtbot, LibraryPanel(document), 256, 600)
        inspector = shown(qtbot, InspectorPanel(document), 304, 600)
        step = make_toy_step()
        document.open(step)
        nothing = inspector.name.text()
        solution = toy_solution(step)
        document.add_progress(replace(solution.log[-1], plan=toy_plan(step)))
        document.set_solution(solution)
        assert len(library.nodes[0].plans) == 3 and inspector.name.text() != nothing


class TestSolvePanel:
    def test_log_and_curves_follow_a_running_solve(self, qtbot: QtBot, document: Document) -> None:
        panel = shown(qtbot, SolvePanel(document), 1000, 160)
        step = make_toy_step()
        document.open(step)
        panel.set_running(True)
        for line in toy_solution(step).log:
            document.add_progress(line)
        assert panel.log.rowCount() == 4
        assert panel.caption == "Place by lifetime"
        x, y = panel.plot.incumbent.getData()
        assert list(y) == [7.0, 7.0, 6.5]
        assert x[-1] == pytest.approx(0.025)
        document.clear_progress()
        assert panel.log.rowCount() == 0

    def test_a_proven_plan_has_its_certificate(self, qtbot: QtBot, solved: Document) -> None:
        panel = shown(qtbot, SolvePanel(solved), 1000, 160)
        assert panel.caption == "proven in 25 ms"
        card = panel.certificate
        assert card.badge_text.text() == "Proven optimal"
        assert card.show_link.isVisible() and not card.go_on.isVisible()
        card.show_link.click()
        dialog = card.findChild(CertificateDialog)
        assert dialog is not None and dialog.isVisible()
        dialog.close()

    def test_a_stopped_plan_can_be_continued(self, qtbot: QtBot, document: Document) -> None:
        step = make_toy_step()
        stopped = replace(loose_plan(step), status=Status.STOPPED)
        document.open(step)
        document.set_solution(toy_solution(step, stopped))
        panel = shown(qtbot, SolvePanel(document), 1000, 160)
        assert panel.caption == "stopped after 25 ms"
        assert panel.certificate.note.text() == "Stopped: best 7.0 KiB, bound 6.5 KiB"
        with qtbot.waitSignal(panel.continue_requested):
            panel.certificate.go_on.click()

    def test_nothing_is_proven_of_the_step_as_run(self, qtbot: QtBot, solved: Document) -> None:
        panel = shown(qtbot, SolvePanel(solved), 1000, 160)
        solved.show(solved.entries[0])
        assert panel.certificate.badge_text.text() == "As run"
        assert not panel.certificate.show_link.isVisible()

    def test_the_certificate_names_the_op_of_the_cut(self, qtbot: QtBot, toy_step: Step) -> None:
        dialog = CertificateDialog(toy_step, toy_plan(toy_step), LIGHT)
        qtbot.addWidget(dialog)
        dialog.show()
        texts = " ".join(part.text() for part in dialog.findChildren(QLabel))
        assert "relu_backward" in texts and "5,120 B" in texts


class TestCompare:
    def test_without_plans_it_says_what_to_do(self, qtbot: QtBot, document: Document) -> None:
        view = shown(qtbot, CompareView(document, MapLook(document, lambda _: None)), 1400, 800)
        assert view.empty.isVisible() and not view.table.isVisible()

    def test_as_run_is_left_and_the_best_plan_right(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1400, 800)
        assert [header.chooser.currentText() for header in view.headers] == ["As run", "Planned"]
        left, right = view.headers
        assert left.total.name.text() == "Reserved"
        assert left.total.value.text() == "16.0 KiB"
        assert not left.saved.isVisible()
        assert right.saved.value.text() == "9.5 KiB, 59.4 %"
        assert [row.storage for row in view.table.model.rows] == [6]

    def test_another_plan_can_be_put_on_a_side(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1400, 800)
        view.choose(0, solved.entries[1])
        assert view.headers[0].total.value.text() == "7.0 KiB"
        assert "no segments were opened" in view.table.no_refills.text()
        scene = view.maps[0].state.scene
        assert scene is not None and scene.plan is solved.entries[1].plan

    def test_choices_outlast_a_new_plan(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1400, 800)
        view.choose(0, solved.entries[1])
        solved.add(Entry(replace(toy_plan(make_toy_step()), name="Another")))
        assert view.headers[0].chooser.currentText() == "Program order, placed"
        assert view.headers[1].chooser.currentText() == "Planned"

    def test_sides_that_nobody_chose_follow_plans_as_they_come(
        self, qtbot: QtBot, document: Document, toy_step: Step
    ) -> None:
        view = shown(qtbot, CompareView(document, MapLook(document, lambda _: None)), 1400, 800)
        document.open(toy_step)
        for plan_or_baseline in (
            Entry(toy_solution(toy_step).baseline.plan, toy_solution(toy_step).baseline),
            Entry(loose_plan(toy_step)),
            Entry(toy_plan(toy_step)),
        ):
            document.add(plan_or_baseline)
        assert [header.chooser.currentText() for header in view.headers] == ["As run", "Planned"]

    def test_both_maps_and_the_table_share_the_selection(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1400, 800)
        view.table.show_page(1)
        click_row(qtbot, view.table.table, 0)
        assert solved.selection == (6,)
        assert all(side.state.selection == (6,) for side in view.maps)
        view.maps[1].click(2)
        assert solved.selection == (2,)
        assert view.maps[0].state.selection == (2,)
        assert not view.table.table.selectionModel().hasSelection()

    def test_hidden_categories_go_from_both_maps(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1400, 800)
        qtbot.mouseClick(view.legend.boxes[0], Qt.MouseButton.LeftButton)
        assert all(side.state.hidden == {Category.ACTIVATION} for side in view.maps)

    def test_the_maps_stack_where_it_is_narrow(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1400, 800)
        left, right = view.maps
        assert left.mapTo(view, QPoint(0, 0)).y() == right.mapTo(view, QPoint(0, 0)).y()
        view.resize(1000, 800)
        qtbot.waitUntil(
            lambda: left.mapTo(view, QPoint(0, 0)).y() < right.mapTo(view, QPoint(0, 0)).y()
        )
        assert left.width() == right.width() == 1000

    @pytest.mark.parametrize("width", [700, 1000, 1200, 1600])
    def test_the_legend_is_not_cut_off(self, qtbot: QtBot, solved: Document, width: int) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), width, 590)
        assert view.legend.row.minimumSize().width() <= width
        assert view.unusable.isVisible()

    def test_a_low_window_does_not_stack_the_maps(self, qtbot: QtBot, solved: Document) -> None:
        view = shown(qtbot, CompareView(solved, MapLook(solved, lambda _: None)), 1000, 590)
        left, right = view.maps
        assert left.mapTo(view, QPoint(0, 0)).y() == right.mapTo(view, QPoint(0, 0)).y()
        qtbot.waitUntil(lambda: left.height() > 240)

    def test_it_does_nothing_while_it_is_not_in_sight(self, qtbot: QtBot, solved: Document) -> None:
        view = CompareView(solved, MapLook(solved, lambda _: None))
        qtbot.addWidget(view)
        assert view.maps[0].state.scene is None


class TestTensorTable:
    def test_it_sorts_by_value_not_by_text(self, qtbot: QtBot, solved: Document) -> None:
        table = shown(qtbot, TensorTable(solved))
        table.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
        sizes = [row.size for row in table.model.rows]
        assert sizes == sorted(sizes, reverse=True) and sizes[0] == 2048

    def test_it_filters_by_name_and_category(self, qtbot: QtBot, solved: Document) -> None:
        table = shown(qtbot, TensorTable(solved))
        table.filter.setText("grad relu")
        assert [row.name for row in table.model.rows] == ["∂ act · relu"]
        assert table.count.text() == "1 of 7"

    def test_its_selection_is_the_documents(self, qtbot: QtBot, solved: Document) -> None:
        table = shown(qtbot, TensorTable(solved))
        table.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        solved.select((5,))
        (index,) = table.table.selectionModel().selectedRows()
        assert table.model.rows[index.row()].storage == 5
        click_row(qtbot, table.table, 0)
        assert solved.selection == (table.model.rows[0].storage,)

    def test_the_selection_stays_on_its_tensor_when_rows_move(
        self, qtbot: QtBot, solved: Document
    ) -> None:
        table = shown(qtbot, TensorTable(solved))
        solved.select((5,))
        for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            table.table.sortByColumn(0, order)
            (index,) = table.table.selectionModel().selectedRows()
            assert table.model.rows[index.row()].storage == 5

    def test_thousands_of_rows_sort_and_filter_at_once(self, qtbot: QtBot, document: Document) -> None:
        storages = [
            Storage(512 * (1 + i * 7919 % 1000), Category.TEMPORARY, f"t{i}") for i in range(8000)
        ]
        ops = [Op(f"o{i}", "mm.default", (), (), (i,)) for i in range(8000)]
        step = Step(make_toy_step().origin, tuple(storages), tuple(ops))
        addresses = dict.fromkeys(range(8000), 0)
        base = toy_plan(make_toy_step())
        plan = assemble(
            step, range(8000), addresses, name="p", status=base.status, certificate=base.certificate
        )
        document.open(step)
        document.add(Entry(plan))
        table = shown(qtbot, TensorTable(document))
        began = time.process_time()
        table.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
        table.filter.setText("t79")
        table.grab()
        assert time.process_time() - began < 1.0
        assert table.model.rowCount() == 111


def test_a_library_that_answers_after_the_end_of_the_program_disturbs_nobody(
    dressed: object, library: Library
) -> None:
    reader = _Reader(library)
    shiboken6.delete(reader.signals)
    reader.run()
