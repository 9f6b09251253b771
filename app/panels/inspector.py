"""The inspector: the selected tensor, several of them, or the peak while nothing is selected."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.facts.family import Relative, family
from app.facts.op import OpFacts, op_facts
from app.facts.plan import PlanFacts, plan_facts
from app.facts.proof import ProofFacts, proof_facts
from app.facts.storage import (
    AliveRow,
    Figure,
    StorageFacts,
    selection_facts,
    slot_facts,
    storage_facts,
)
from app.panels.controls import ElidedLabel, Swatch, clear, label
from app.panels.later import Later
from app.panels.pin_section import PinSection
from app.panels.row_table import RowTable, TableRow
from app.panels.sections import Section, Value, paragraph, tensor_row, use_row
from app.panels.sheet import panel_sheet
from app.panels.source_block import SourceBlock
from app.panels.tensor_table import TensorWindow
from app.theme import DARK, Theme
from app.translation import mark, tr
from solver.proof import PeakProof
from solver.step import SourceLine

LATER_MS = 45
"""How much later than the map a plan that is found on the way is shown."""
LINES = (mark("It is needed for this line"), mark("It was made by this line"))
NO_STEP = mark("Open a step to see what its tensors are and why they are in memory.")
NO_PLAN = mark("Solve the step to see where its tensors lie and when they are alive.")


class InspectorPanel(QScrollArea):
    """Follows the document's selection."""

    go_to_slot = Signal(int)
    """A producer or consumer was chosen: the map goes to its slot."""
    fit_requested = Signal(object)
    """Storages (a tuple) that the map is to fit."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setAccessibleName(tr("Inspector"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(264)
        self._document = document
        self._theme = DARK
        self._held = -1
        self.seconds_of: Callable[[int], float] | None = None
        """Estimates what the op at a slot takes, seconds, -1 where unknown; nobody does while None."""
        self._proof: ProofFacts | None = None
        self._tensors: TensorWindow | None = None
        self._knows_as_run = False
        self._build()
        document.step_changed.connect(self._reset)
        document.entries_changed.connect(self._entries_changed)
        self._later = Later(document, LATER_MS, self)
        self._later.due.connect(self._reset)
        document.shown_changed.connect(self._later.ask)
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
        self.head = Section()
        self.head.column.addLayout(head)
        self.head.column.addWidget(self.summary)
        self.head.column.addSpacing(4)
        self.head.column.addLayout(self.figures)
        self.message = label("", "body", "text3")
        self.message.setWordWrap(True)
        self.head.column.addWidget(self.message)

        self.pins = PinSection(self._document)
        self.stay_table = RowTable(tr("Stays in memory"))
        self.stays = Section(tr("Stays in memory"), tr("address"))
        self.stays.column.addWidget(self.stay_table)
        self.why = Section(tr("Why is it alive?"))
        self.why_text = paragraph("whyAlive")
        self.needed_by, self.made_by = (label(tr(text), "caption", "text2") for text in LINES)
        self.keeper, self.source = SourceBlock(), SourceBlock()
        for part in (self.why_text, self.needed_by, self.keeper, self.made_by, self.source):
            self.why.column.addWidget(part)
        self.family = Section(tr("Alias family"), tr("shape"))
        self.family_table = RowTable(tr("Alias family"))
        self.family.column.addWidget(self.family_table)
        self.reads_table, self.writes_table = RowTable(tr("Reads")), RowTable(tr("Changes in place"))
        self.makes_table = RowTable(tr("Makes"))
        self.reads, self.writes = (
            Section(tr("Reads"), tr("bytes")),
            Section(tr("Changes in place"), tr("bytes")),
        )
        self.makes = Section(tr("Makes"), tr("bytes"))
        for section, rows in self._op_parts():
            section.column.addWidget(rows)
        self.producer_table, self.consumer_table = RowTable(tr("Producer")), RowTable(tr("Consumers"))
        self.producer = Section(tr("Producer"), tr("op"))
        self.producer.column.addWidget(self.producer_table)
        self.consumers = Section(tr("Consumers"), tr("op"))
        self.consumers.column.addWidget(self.consumer_table)
        self.cost = Section(tr("What it costs"))
        self.cost_text = paragraph("cost")
        self.cost.column.addWidget(self.cost_text)
        self.alive = Section(tr("Alive then"), tr("bytes"))
        self.alive_table = RowTable(tr("Alive"))
        self.alive_rest = label("", "body", "text3")
        self.alive.column.addWidget(self.alive_table)
        self.alive.column.addWidget(self.alive_rest)
        self.foot = Section()
        self.fit = QPushButton(tr("Show on the map"))
        self.fit.setObjectName("fitSelection")
        self.fit.clicked.connect(lambda: self.fit_requested.emit(self._document.selection))
        self.all_tensors = QPushButton(tr("All tensors…"))
        self.all_tensors.setObjectName("allTensors")
        self.all_tensors.setToolTip(tr("A table of all tensors that sorts and filters"))
        self.all_tensors.clicked.connect(self.show_tensors)
        buttons = QHBoxLayout()
        buttons.addWidget(self.fit)
        buttons.addWidget(self.all_tensors)
        buttons.addStretch(1)
        self.foot.column.addLayout(buttons)
        self.sections = (
            self.head,
            self.pins,
            self.stays,
            self.why,
            self.producer,
            self.consumers,
            self.family,
            self.makes,
            self.writes,
            self.reads,
            self.alive,
            self.cost,
            self.foot,
        )
        for section in self.sections:
            self._column.addWidget(section)
        self._column.addStretch(1)
        self.setWidget(page)
        for table in (self.stay_table, self.producer_table, self.consumer_table, self.family_table):
            table.chosen.connect(self.go_to_slot)
        for table in (self.alive_table, self.reads_table, self.writes_table, self.makes_table):
            table.chosen.connect(lambda storage: self._document.select((storage,)))

    def _op_parts(self) -> tuple[tuple[Section, RowTable], ...]:
        """What an op makes, changes and reads."""
        return (
            (self.makes, self.makes_table),
            (self.writes, self.writes_table),
            (self.reads, self.reads_table),
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(304, 800)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.setStyleSheet(panel_sheet(theme))
        for table in (rows for _, rows in self._op_parts()):
            table.set_theme(theme)
        for part in (
            self.swatch,
            self.source,
            self.pins,
            self.stay_table,
            self.producer_table,
            self.consumer_table,
            self.alive_table,
            self.keeper,
            self.family_table,
        ):
            part.set_theme(theme)
        if self._tensors is not None:
            self._tensors.set_theme(theme)

    def hold(self, slot: int) -> None:
        """Say why a tensor is still alive at this slot; -1: at the peak."""
        if slot != self._held:
            self._held = slot
            if len(self._document.selection) == 1:
                self.refresh()

    def show_proof(self, proof: PeakProof) -> None:
        """Select the tensors that prove the bound and say why, until something else is selected."""
        facts = self._facts()
        if facts is None:
            return
        self._proof = proof_facts(facts, proof)
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
        self._proof = None
        self.refresh()

    def _entries_changed(self) -> None:
        """Plans come and go while a solve runs; only the step as run says more about what is shown."""
        if (self._document.baseline is not None) is not self._knows_as_run:
            self.refresh()

    def _select(self) -> None:
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
        self.pins.follow()
        if facts is None or not facts.slots:
            self._show_message()
        elif self._proof is not None:
            self._show_proof(self._proof)
        elif self._document.op_slot >= 0:
            seconds = self.seconds_of(self._document.op_slot) if self.seconds_of is not None else -1.0
            self._show_op(op_facts(facts, self._document.op_slot, seconds))
        elif not selection:
            self._show_slot(facts, facts.peak_slot)
        elif len(selection) == 1:
            about = storage_facts(facts, selection[0], self._as_run(), self._held)
            self._show_storage(about, family(facts, selection[0]))
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
        self.name.setText(step.title if step is not None else tr("Nothing to inspect"))
        self.summary.hide()
        self._show_figures(())
        self.message.setText(tr(NO_PLAN if step is not None else NO_STEP))
        self.message.show()

    def _show_head(self, name: str, summary: str, figures: Sequence[Figure]) -> None:
        self.message.hide()
        self.name.setText(name)
        self.summary.setText(summary)
        self.summary.setVisible(bool(summary))
        self._show_figures(figures)

    def _show_op(self, about: OpFacts) -> None:
        self.swatch.hide()
        self._show_head(about.title, about.summary, about.figures)
        if about.source is not None:
            self._show_why(tr("Where the op comes from"), "", about.source)
        for (section, table), rows in zip(
            self._op_parts(), (about.makes, about.writes, about.reads), strict=True
        ):
            table.set_rows([tensor_row(one) for one in rows])
            section.setVisible(bool(rows))

    def _show_storage(self, about: StorageFacts, relatives: Sequence[Relative]) -> None:
        self.swatch.set_category(about.category)
        self.swatch.show()
        self._show_head(about.name, about.summary, about.figures)
        title = tr("Why is it still alive?") if about.still else tr("Why is it alive?")
        self._show_why(title, about.answer, about.source, about.keeper)
        self.stay_table.set_rows(
            [
                TableRow(s.slot, s.title, figure=s.address, category=about.category, detail=s.detail)
                for s in about.stays
            ]
        )
        self.stays.setVisible(bool(about.stays))
        self.producer_table.set_rows([use_row(row) for row in about.producers])
        self.producer.setVisible(bool(about.producers))
        self.consumer_table.set_rows([use_row(row) for row in about.consumers])
        self.consumers.setVisible(bool(about.consumers))
        self.family_table.set_rows(
            [
                TableRow(one.slot, one.name, figure=one.shape_text, detail=f"{one.made}, {one.dtype}")
                for one in relatives
            ]
        )
        self.family.setVisible(bool(relatives))
        self.cost_text.setText(about.cost)
        self.cost.setVisible(bool(about.cost))

    def _show_slot(self, facts: PlanFacts, slot: int) -> None:
        about = slot_facts(facts, slot)
        self.swatch.hide()
        self._show_head(about.title, about.summary, about.figures)
        if about.source is not None:
            self._show_why(tr("Where the op comes from"), "", about.source)
        self._show_alive(
            tr("Alive at the peak") if slot == facts.peak_slot else tr("Alive then"),
            about.alive,
            about.rest,
        )

    def _show_proof(self, about: ProofFacts) -> None:
        self.swatch.hide()
        self._show_head(about.title, about.summary, about.figures)
        self._show_why(tr("Why no order needs less"), about.sentence, about.source)
        self._show_alive(tr("Held while it runs"), about.rows, about.rest)

    def _show_why(
        self, title: str, text: str, source: SourceLine | None, keeper: SourceLine | None = None
    ) -> None:
        """``source``: the line that made what is shown; ``keeper``: the one it is kept for."""
        self.why.set_title(title)
        self.why_text.setText(text)
        self.why_text.setVisible(bool(text))
        self.source.set_source(source)
        # The same line a second time says nothing.
        both = keeper is not None and source is not None and keeper != source
        self.keeper.set_source(keeper if both else None)
        self.needed_by.setVisible(both)
        self.made_by.setVisible(both)
        self.why.show()

    def _show_selection(self, facts: PlanFacts, selection: Sequence[int]) -> None:
        about = selection_facts(facts, selection)
        self.swatch.hide()
        self._show_head(about.title, tr("Selected together"), about.figures)
        self._show_alive(tr("Selected"), about.rows, about.rest)

    def _show_alive(self, title: str, rows: Sequence[AliveRow], rest: str) -> None:
        self.alive.set_title(title)
        self.alive_table.set_rows([tensor_row(one) for one in rows])
        self.alive_rest.setText(rest)
        self.alive_rest.setVisible(bool(rest))
        self.alive.setVisible(bool(rows))

    def _show_figures(self, figures: Sequence[Figure]) -> None:
        clear(self.figures)
        row = 0
        for figure in figures:
            name = label(figure.name, "body", "text2")
            self.figures.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self.figures.addWidget(Value(figure), row, 1)
            row += 1
            if figure.code:
                code = label(figure.code, "code", "text")
                code.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self.figures.addWidget(code, row, 1)
                row += 1
