"""All tensors of the step in a table that sorts and filters: the map for who cannot use the map."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.document import Document
from app.facts.plan import PlanFacts, plan_facts
from app.facts.stays import Came
from app.facts.words import category_name
from app.numbers import GIB, Unit, bytes_exact, unit_of
from app.panels.controls import label
from app.panels.sheet import panel_sheet
from app.panels.table import Column, RowsModel, dense_table, fit_columns, select_rows
from app.theme import DARK, Theme
from app.translation import mark, tr

CAME = {
    Came.MADE: mark("made"),
    Came.AGAIN: mark("made again"),
    Came.BACK: mark("back from host"),
}


@dataclass(frozen=True, slots=True)
class TensorRow:
    """One stay of a storage in memory; a storage that is never in memory has slots -1."""

    storage: int
    name: str
    category: str
    size: int
    start: int
    end: int
    address: int
    came: str = ""
    """How it comes into memory for this stay; empty where there is only one."""

    @property
    def slots(self) -> int:
        return max(self.end - self.start, 0)


def tensor_rows(facts: PlanFacts) -> list[TensorRow]:
    """A row for every stay of every storage with bytes, in the order of the step."""
    rows: list[TensorRow] = []
    for index, storage in enumerate(facts.step.storages):
        if storage.size == 0:
            continue
        size = int(facts.sizes[index])
        spans = facts.spans(index)
        rows.extend(
            TensorRow(
                index,
                storage.name,
                category_name(storage.category),
                size,
                span.start,
                span.end,
                span.address,
                tr(CAME[span.came]) if len(spans) > 1 else "",
            )
            for span in spans
        )
    return rows


def tensor_columns(unit: Unit) -> tuple[Column[TensorRow], ...]:
    """The columns; addresses are in ``unit``."""
    return (
        Column(mark("Tensor"), lambda r: r.name),
        Column(mark("Category"), lambda r: r.category, tone=lambda r: "text2"),
        Column(mark("Bytes"), lambda r: bytes_exact(r.size), lambda r: r.size, number=True),
        Column(mark("From op"), lambda r: str(r.start), lambda r: r.start, number=True),
        Column(mark("To op"), lambda r: str(r.end - 1), lambda r: r.end, number=True),
        Column(mark("Ops"), lambda r: str(r.slots), lambda r: r.slots, number=True),
        Column(
            mark("Stay"), lambda r: r.came, tone=lambda r: "text2", tip=mark("How it comes into memory")
        ),
        Column(
            tr("Address, {}").format(unit.name),
            lambda r: unit.text(r.address) if r.address >= 0 else "resident",
            lambda r: r.address,
            number=True,
            tone=lambda r: "text" if r.address >= 0 else "text3",
        ),
    )


STAY = 6
"""Column that says something only where tensors have several stays."""


class TensorTable(QWidget):
    """Follows what is on the map; its selection is the document's."""

    activated = Signal(int)
    """A tensor was chosen with Return or a double click: the map may fit it."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tensorTable")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._document = document
        self._outdated = True
        self._rows: list[TensorRow] = []
        self._where: dict[int, list[int]] = {}
        self.filter = QLineEdit()
        self.filter.setObjectName("tensorFilter")
        self.filter.setAccessibleName(tr("Filter tensors by name or category"))
        self.filter.setPlaceholderText(tr("Filter by name or category"))
        self.filter.setClearButtonEnabled(True)
        self.count = label("", "body", "text3")
        self.model: RowsModel[TensorRow] = RowsModel(tensor_columns(unit_of(GIB)))
        self.table = dense_table(tr("Tensors"), self.model, wide=0)
        top = QHBoxLayout()
        top.setContentsMargins(16, 8, 16, 8)
        top.setSpacing(12)
        top.addWidget(self.filter, 1)
        top.addWidget(self.count)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        self.filter.textChanged.connect(self._show_rows)
        self.model.modelReset.connect(self._index)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        self.table.activated.connect(
            lambda index: self.activated.emit(self.model.rows[index.row()].storage)
        )
        for signal in (document.step_changed, document.entries_changed, document.shown_changed):
            signal.connect(self.refresh)
        document.selection_changed.connect(self.select)
        self.set_theme(DARK)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._outdated:
            self.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme))
        self.model.set_theme(theme)

    def refresh(self) -> None:
        """Follow the document; later, where the table is not in sight."""
        self._outdated = not self.isVisible()
        if self._outdated:
            return
        step, entry = self._document.step, self._document.shown
        self._rows = []
        if step is not None and entry is not None:
            facts = plan_facts(step, entry.plan, entry.baseline)
            self._rows = tensor_rows(facts)
            self.model.set_columns(tensor_columns(unit_of(facts.total_bytes)))
        self.filter.setEnabled(bool(self._rows))
        self.table.setColumnHidden(STAY, all(not row.came for row in self._rows))
        self._show_rows()

    def _show_rows(self) -> None:
        words = self.filter.text().casefold().split()
        rows = [
            row
            for row in self._rows
            if all(word in f"{row.name} {row.category}".casefold() for word in words)
        ]
        self.model.set_rows(rows)
        fit_columns(self.table)
        shown, all_rows = len(rows), len(self._rows)
        tensors = len({row.storage for row in self._rows})
        text = (
            tr("{:,} tensors").format(tensors)
            if tensors == all_rows
            else tr("{:,} tensors, {:,} stays").format(tensors, all_rows)
        )
        text = text if shown == all_rows else tr("{:,} of {:,}").format(shown, all_rows)
        self.count.setText(text if all_rows else tr("No plan on the map"))

    def _index(self) -> None:
        """The rows were put in another order: mark the selection where it is now."""
        self._where = {}
        for number, row in enumerate(self.model.rows):
            self._where.setdefault(row.storage, []).append(number)
        self.select()

    def select(self) -> None:
        """Mark the document's selection."""
        rows = [n for storage in self._document.selection for n in self._where.get(storage, ())]
        select_rows(self.table, rows)

    def _chosen(self) -> None:
        indexes = self.table.selectionModel().selectedRows()
        chosen: Sequence[int] = [self.model.rows[index.row()].storage for index in indexes]
        if chosen:
            kept = [s for s in self._document.selection if s in set(chosen)]
            new = [s for s in chosen if s not in set(kept)]
            self._document.select(tuple(dict.fromkeys([*kept, *new])))


class TensorWindow(QDialog):
    """The table in a window of its own, beside the main window."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tensorWindow")
        self.setWindowTitle(tr("Tensors"))
        self.table = TensorTable(document)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        self.resize(860, 560)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.table.set_theme(theme)
