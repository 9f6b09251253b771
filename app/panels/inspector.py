"""The inspector: the selected tensor, several of them, or the peak while nothing is selected."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.facts.plan import PlanFacts, plan_facts
from app.facts.proof import ProofFacts, proof_facts
from app.facts.storage import (
    AliveRow,
    Figure,
    StorageFacts,
    UseRow,
    selection_facts,
    slot_facts,
    storage_facts,
)
from app.numbers import human
from app.panels.controls import ElidedLabel, Swatch, clear, label, rule
from app.panels.row_table import RowTable, TableRow
from app.panels.sheet import panel_sheet
from app.panels.source_block import SourceBlock
from app.panels.tensor_table import TensorWindow
from app.theme import DARK, Theme
from solver.proof import PeakProof
from solver.step import SourceLine

NO_STEP = "Open a step to see what its tensors are and why they are in memory."
NO_PLAN = "Solve the step to see where its tensors lie and when they are alive."


class InspectorPanel(QScrollArea):
    """Follows the document's selection."""

    go_to_slot = Signal(int)
    """A producer or consumer was chosen: the map goes to its slot."""
    fit_requested = Signal(object)
    """Storages (a tuple) that the map is to fit."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setAccessibleName("Inspector")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(264)
        self._document = document
        self._theme = DARK
        self._slot: int | None = None
        self._proof: ProofFacts | None = None
        self._tensors: TensorWindow | None = None
        self._knows_as_run = False
        self._build()
        document.step_changed.connect(self._reset)
        document.entries_changed.connect(self._entries_changed)
        document.shown_changed.connect(self._reset)
        document.selection_changed.connect(self._select)
        self.set_theme(DARK)
        self.refresh()

    def _build(self) -> None:
        page = QWidget()
        page.setProperty("surface", "panel")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.swatch = Swatch(self._theme)
        self.name = ElidedLabel("", "title")
        self.name.setObjectName("tensorName")
        self.summary = label("", "body", "text3")
        self.summary.setWordWrap(True)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.swatch)
        head.addWidget(self.name, 1)
        self.figures = QGridLayout()
        self.figures.setHorizontalSpacing(8)
        self.figures.setVerticalSpacing(4)
        self.figures.setColumnMinimumWidth(0, 72)
        self.figures.setColumnStretch(1, 1)
        self.head = _Section()
        self.head.column.addLayout(head)
        self.head.column.addWidget(self.summary)
        self.head.column.addSpacing(4)
        self.head.column.addLayout(self.figures)
        self.message = label("", "body", "text3")
        self.message.setWordWrap(True)
        self.head.column.addWidget(self.message)

        self.stay_table = RowTable("Stays in memory")
        self.stays = _Section("Stays in memory", "address")
        self.stays.column.addWidget(self.stay_table)
        self.why = _Section("Why is it alive")
        self.why_text = _paragraph("whyAlive")
        self.source = SourceBlock()
        self.why.column.addWidget(self.why_text)
        self.why.column.addWidget(self.source)
        self.producer_table, self.consumer_table = RowTable("Producer"), RowTable("Consumers")
        self.producer = _Section("Producer", "op")
        self.producer.column.addWidget(self.producer_table)
        self.consumers = _Section("Consumers", "op")
        self.consumers.column.addWidget(self.consumer_table)
        self.cost = _Section("What it costs")
        self.cost_text = _paragraph("cost")
        self.cost.column.addWidget(self.cost_text)
        self.alive = _Section("Alive then", "bytes")
        self.alive_table = RowTable("Alive")
        self.alive_rest = label("", "body", "text3")
        self.alive.column.addWidget(self.alive_table)
        self.alive.column.addWidget(self.alive_rest)
        self.foot = _Section()
        self.fit = QPushButton("Show on the map")
        self.fit.setObjectName("fitSelection")
        self.fit.clicked.connect(lambda: self.fit_requested.emit(self._document.selection))
        self.all_tensors = QPushButton("All tensors…")
        self.all_tensors.setObjectName("allTensors")
        self.all_tensors.setToolTip("A table of all tensors that sorts and filters")
        self.all_tensors.clicked.connect(self.show_tensors)
        buttons = QHBoxLayout()
        buttons.addWidget(self.fit)
        buttons.addWidget(self.all_tensors)
        buttons.addStretch(1)
        self.foot.column.addLayout(buttons)
        self.sections = (
            self.head,
            self.stays,
            self.why,
            self.producer,
            self.consumers,
            self.alive,
            self.cost,
            self.foot,
        )
        for section in self.sections:
            self._column.addWidget(section)
        self._column.addStretch(1)
        self.setWidget(page)
        for table in (self.stay_table, self.producer_table, self.consumer_table):
            table.chosen.connect(self.go_to_slot)
        self.alive_table.chosen.connect(lambda storage: self._document.select((storage,)))

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(304, 800)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.setStyleSheet(panel_sheet(theme))
        for part in (
            self.swatch,
            self.source,
            self.stay_table,
            self.producer_table,
            self.consumer_table,
            self.alive_table,
        ):
            part.set_theme(theme)
        if self._tensors is not None:
            self._tensors.set_theme(theme)

    def show_slot(self, slot: int) -> None:
        """Show the op at ``slot`` and what is alive then, until something is selected."""
        self._slot = slot
        self.refresh()

    def show_proof(self, proof: PeakProof) -> None:
        """Select the tensors that prove the bound and say why, until something else is selected."""
        facts = self._facts()
        if facts is None:
            return
        self._proof, self._slot = proof_facts(facts, proof), None
        if self._document.selection == self._proof.storages:
            self._select()
        self._document.select(self._proof.storages)
        if self._proof.slot >= 0:
            self.go_to_slot.emit(self._proof.slot)

    def show_tensors(self) -> None:
        """Open the table of all tensors, or bring it to the front."""
        if self._tensors is None:
            self._tensors = TensorWindow(self._document, self)
            self._tensors.table.activated.connect(lambda storage: self.fit_requested.emit((storage,)))
        self._tensors.set_theme(self._theme)
        self._tensors.show()
        self._tensors.raise_()
        self._tensors.table.filter.setFocus()

    def _reset(self) -> None:
        self._slot = self._proof = None
        self.refresh()

    def _entries_changed(self) -> None:
        """Plans come and go while a solve runs; only the step as run says more about what is shown."""
        if (self._document.baseline is not None) is not self._knows_as_run:
            self.refresh()

    def _select(self) -> None:
        if self._document.selection:
            self._slot = None
        if self._proof is not None and self._document.selection != self._proof.storages:
            self._proof = None
        self.verticalScrollBar().setValue(0)
        self.refresh()

    def refresh(self) -> None:
        """Follow the document."""
        for section in self.sections[1:]:
            section.hide()
        facts = self._facts()
        self._knows_as_run = self._document.baseline is not None
        selection = self._document.selection
        self.fit.setVisible(bool(selection))
        self.foot.setVisible(facts is not None)
        if facts is None or not facts.slots:
            self._show_message()
        elif self._proof is not None:
            self._show_proof(self._proof)
        elif self._slot is not None and self._slot < facts.slots:
            self._show_slot(facts, self._slot)
        elif not selection:
            self._show_slot(facts, facts.peak_slot)
        elif len(selection) == 1:
            self._show_storage(storage_facts(facts, selection[0], self._as_run()))
        else:
            self._show_selection(facts, selection)

    def _facts(self) -> PlanFacts | None:
        step, entry = self._document.step, self._document.shown
        return None if step is None or entry is None else plan_facts(step, entry.plan, entry.baseline)

    def _as_run(self) -> PlanFacts | None:
        step, baseline = self._document.step, self._document.baseline
        return None if step is None or baseline is None else plan_facts(step, baseline.plan, baseline)

    def _show_message(self) -> None:
        step = self._document.step
        self.swatch.hide()
        self.name.setText(step.title if step is not None else "Nothing to inspect")
        self.summary.hide()
        self._show_figures(())
        self.message.setText(NO_PLAN if step is not None else NO_STEP)
        self.message.show()

    def _show_head(self, name: str, summary: str, figures: Sequence[Figure]) -> None:
        self.message.hide()
        self.name.setText(name)
        self.summary.setText(summary)
        self.summary.setVisible(bool(summary))
        self._show_figures(figures)

    def _show_storage(self, about: StorageFacts) -> None:
        self.swatch.set_category(about.category)
        self.swatch.show()
        self._show_head(about.name, about.summary, about.figures)
        self._show_why("Why is it alive", about.why, about.source)
        self.stay_table.set_rows(
            [
                TableRow(s.slot, s.title, figure=s.address, category=about.category, detail=s.detail)
                for s in about.stays
            ]
        )
        self.stays.setVisible(bool(about.stays))
        self.producer_table.set_rows([_use(row) for row in about.producers])
        self.producer.setVisible(bool(about.producers))
        self.consumer_table.set_rows([_use(row) for row in about.consumers])
        self.consumers.setVisible(bool(about.consumers))
        self.cost_text.setText(about.cost)
        self.cost.setVisible(bool(about.cost))

    def _show_slot(self, facts: PlanFacts, slot: int) -> None:
        about = slot_facts(facts, slot)
        self.swatch.hide()
        self._show_head(about.title, about.summary, about.figures)
        if about.source is not None:
            self._show_why("Where the op comes from", "", about.source)
        self._show_alive(
            "Alive at the peak" if slot == facts.peak_slot else "Alive then", about.alive, about.rest
        )

    def _show_proof(self, about: ProofFacts) -> None:
        self.swatch.hide()
        self._show_head(about.title, about.summary, about.figures)
        self._show_why("Why no order needs less", about.sentence, about.source)
        self._show_alive("Held while it runs", about.rows, about.rest)

    def _show_why(self, title: str, text: str, source: SourceLine | None) -> None:
        self.why.set_title(title)
        self.why_text.setText(text)
        self.why_text.setVisible(bool(text))
        self.source.set_source(source)
        self.why.show()

    def _show_selection(self, facts: PlanFacts, selection: Sequence[int]) -> None:
        about = selection_facts(facts, selection)
        self.swatch.hide()
        self._show_head(about.title, "Selected together", about.figures)
        self._show_alive("Selected", about.rows, about.rest)

    def _show_alive(self, title: str, rows: Sequence[AliveRow], rest: str) -> None:
        self.alive.set_title(title)
        self.alive_table.set_rows(
            [
                TableRow(r.storage, r.name, figure=human(r.size), category=r.category, detail=r.why)
                for r in rows
            ]
        )
        self.alive_rest.setText(rest)
        self.alive_rest.setVisible(bool(rest))
        self.alive.setVisible(bool(rows))

    def _show_figures(self, figures: Sequence[Figure]) -> None:
        clear(self.figures)
        row = 0
        for figure in figures:
            name = label(figure.name, "body", "text2")
            self.figures.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self.figures.addWidget(_Value(figure), row, 1)
            row += 1
            if figure.code:
                code = label(figure.code, "code", "text")
                code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self.figures.addWidget(code, row, 1)
                row += 1


class _Section(QWidget):
    """A part of the inspector with a line above it."""

    def __init__(self, title: str = "", note: str = "") -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._rule = rule()
        self.column = QVBoxLayout()
        self.column.setContentsMargins(16, 14, 16, 16)
        self.column.setSpacing(6)
        self.title: QLabel | None = None
        if title:
            outer.addWidget(self._rule)
            self.title = label(title, "strong")
            row = QHBoxLayout()
            row.addWidget(self.title)
            row.addStretch(1)
            row.addWidget(label(note, "caption", "text3"))
            self.column.addLayout(row)
        outer.addLayout(self.column)

    def set_title(self, title: str) -> None:
        if self.title is not None:
            self.title.setText(title)


class _Value(QWidget):
    """A figure with its note, which is left out where there is no room for it."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(ElidedLabel(figure.value))
        row.addWidget(ElidedLabel(figure.note, "body", "text3"), 1)
        self.setAccessibleName(f"{figure.name} {figure.value} {figure.note}".strip())


def _paragraph(name: str) -> QLabel:
    result = label()
    result.setObjectName(name)
    result.setWordWrap(True)
    result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return result


def _use(row: UseRow) -> TableRow:
    return TableRow(row.slot, row.label, row.place, str(row.slot), row.badge)
