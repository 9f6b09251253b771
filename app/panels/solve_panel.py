"""The solve dock: incumbent and bound over time, the solver's log, the certificate."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QTableView, QWidget

from app.document import Document
from app.facts.pins import count_text
from app.facts.solve import LogRow, curves, log_rows, log_unit
from app.panels.certificate import CertificateCard
from app.panels.controls import label, rule
from app.panels.later import Later
from app.panels.pins_card import PinsCard
from app.panels.sheet import panel_sheet
from app.panels.solve_plot import SolvePlot
from app.panels.table import Column, RowsModel, dense_table, fit_columns
from app.theme import DARK, Theme
from app.translation import mark, plural, tr
from solver.plan import Status
from solver.solution import Progress

LATER_MS = 20
"""How much later than the map a plan that is found on the way is shown; its line in the log at once."""


def log_columns(unit: str) -> tuple[Column[LogRow], ...]:
    """The columns of the log; its sizes are in ``unit``."""
    return (
        Column("ms", lambda row: row.milliseconds, number=True),
        Column(mark("Phase"), lambda row: row.phase),
        Column(mark("Result"), lambda row: row.result, tone=lambda row: "text2"),
        Column(unit, lambda row: row.size, number=True, tip=mark("Resident bytes included")),
    )


class SolvePanel(QWidget):
    """Follows the document's log, its solution and what is on the map."""

    continue_requested = Signal()
    """A stopped solve is to go on."""
    proof_requested = Signal()
    """What proves the shown plan's bound is to be shown."""
    caption_changed = Signal(str)
    """What the dock's title adds: ``proven in 25 ms``."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("solve")
        self.setAccessibleName(tr("Solve"))
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._document = document
        self._running = False
        self._caption = ""
        self._plotted: tuple[int | None, bool] = (None, False)
        self._plotted_log: tuple[Progress, ...] | None = None
        self.plot = SolvePlot()
        self.plot.setMinimumWidth(160)
        self.log: RowsModel[LogRow] = RowsModel(log_columns("GiB"))
        self.table = dense_table(tr("Log of the solve"), self.log, wide=2, sortable=False)
        self.table.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerItem)
        self.certificate = CertificateCard()
        self.certificate.setFixedWidth(236)
        self.certificate.continue_requested.connect(self.continue_requested)
        self.certificate.proof_requested.connect(self.proof_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self.course = QWidget()
        course = QHBoxLayout(self.course)
        course.setContentsMargins(0, 0, 0, 0)
        course.setSpacing(0)
        course.addWidget(self.plot, 7)
        course.addWidget(rule(down=True))
        course.addWidget(self.table, 13)
        self.empty = label("", "body", "text3")
        self.empty.setWordWrap(True)
        self.empty.setMargin(16)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.course, 1)
        row.addWidget(self.empty, 1)
        self.pins = PinsCard(document)
        row.addWidget(self.pins)
        row.addWidget(rule(down=True))
        row.addWidget(self.certificate)
        self._later = Later(document, LATER_MS, self)
        self._later.due.connect(self.refresh)
        for signal in (document.step_changed, document.progress_changed):
            signal.connect(self.refresh)
        for signal in (document.entries_changed, document.shown_changed):
            signal.connect(self._later.ask)
        document.pinned.changed.connect(self._set_caption)
        self.set_theme(DARK)
        self.refresh()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(900, 158)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.pins.set_room(event.size().width())

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme))
        self.plot.set_theme(theme)
        self.log.set_theme(theme)
        self.certificate.set_theme(theme)
        self.pins.set_theme(theme)

    def set_running(self, running: bool) -> None:
        """A solve has begun or ended."""
        # Asked for with every line of progress, and not free.
        if running != self._running:
            self._running = running
            self.refresh()

    @property
    def caption(self) -> str:
        """What the dock's title adds."""
        return self._caption

    def refresh(self) -> None:
        """Follow the document."""
        document = self._document
        step, shown = document.step, document.shown
        if step is None:
            self.log.set_rows(())
            self.certificate.set_entry(None, None)
        else:
            rows = log_rows(document.log, step)
            if list(rows) != self.log.rows:
                self.log.set_columns(log_columns(log_unit(document.log, step).name))
                self.log.set_rows(rows)
                fit_columns(self.table)
                self.table.scrollToBottom()
            reserved = document.baseline.reserved_bytes if document.baseline is not None else None
            plotted = (reserved, self._running)
            # By identity: lines of the log carry plans, which take long to compare.
            if plotted != self._plotted or document.log is not self._plotted_log:
                self._plotted, self._plotted_log = plotted, document.log
                incumbent, bound = curves(document.log, step, reserved)
                self.plot.set_curves(incumbent, bound, running=self._running)
            self.certificate.set_entry(step, shown, running=self._running)
        self._show_course()
        self._set_caption()

    def _show_course(self) -> None:
        """Without a log there is nothing to plot; say why, and what is known of the plan's solve."""
        document = self._document
        there = bool(document.log)
        self.course.setVisible(there)
        self.empty.setVisible(not there)
        entry = document.shown
        text = tr("The course of a solve is shown here: the best plan so far and what is proven of it.")
        if entry is not None and entry.baseline is None and not self._running:
            made = entry.plan.provenance
            if made.edited_from:
                text = tr("This plan was edited by hand from “{}”.").format(made.edited_from)
                if entry.conflicts:
                    said = plural("It has {} conflict.", "It has {} conflicts.", entry.conflicts)
                    text = f"{text} {said}"
                if entry.judging:
                    text = f"{text} {tr('The validator is still judging it.')}"
            elif entry.plan.terms is not None:
                text = tr(
                    "This plan was found in {} with seed {}, for its budget. What other budgets cost "
                    "is shown beside Map and Compare."
                ).format(duration(made.seconds), made.seed)
            else:
                text = tr(
                    "This plan was found in {} with seed {}, before it was opened here. Solve the step "
                    "again to see the course of a solve."
                ).format(duration(made.seconds), made.seed)
        self.empty.setText(text)

    def _set_caption(self) -> None:
        document = self._document
        text = ""
        if self._running:
            text = document.log[-1].phase if document.log else tr("starting")
        elif document.solution is not None:
            status = document.solution.plan.status
            said = {
                Status.OPTIMAL: tr("proven in {}"),
                Status.FEASIBLE: tr("feasible after {}"),
                Status.STOPPED: tr("stopped after {}"),
            }.get(status, tr("took {}"))
            text = said.format(duration(document.solution.report.seconds))
        if pins := document.pinned.pins:
            text = f"{text} · {count_text(pins)}" if text else count_text(pins)
        if text != self._caption:
            self._caption = text
            self.caption_changed.emit(text)


def duration(seconds: float) -> str:
    """``25 ms``, ``3.2 s``, ``2 min 5 s``."""
    if seconds < 1:
        return tr("{:.0f} ms").format(seconds * 1000)
    if seconds < 60:
        return f"{seconds:.1f} s"
    return tr("{} min {} s").format(int(seconds // 60), int(seconds % 60))
