"""Every tensor that moved between two compared plans, to be sorted, filtered and jumped to."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.document import Document
from app.facts.finding import FindIndex, Query, find_index, matching, parse_query
from app.facts.moved import Moved, moved_tensors
from app.facts.plan import PlanFacts, counterparts
from app.numbers import GIB, Unit, human, unit_of
from app.panels.controls import label
from app.panels.table import Column, RowsModel, WholeRows, dense_table, fit_columns, select_rows
from app.theme import Theme
from app.translation import mark, plural, tr
from solver.errors import BayplanError

EXPENDABLE = (3, 2, 1)
"""Columns that may be left out where it is narrow, the first one first."""
LEAST_NAME = 170


def moved_columns(unit: Unit) -> tuple[Column[Moved], ...]:
    """The columns; addresses are in ``unit``."""

    def place(address: int) -> str:
        return unit.text(address) if address >= 0 else "none"

    def moved(row: Moved) -> str:
        return "" if not row.moved else unit.text(row.moved)

    return (
        Column(mark("Tensor"), lambda r: r.name),
        Column(mark("Bytes"), lambda r: human(r.size), lambda r: r.size, number=True),
        Column(
            tr("Left, {}").format(unit.name),
            lambda r: place(r.left.address),
            lambda r: r.left.address,
            number=True,
            tip=mark("Its first address on the left"),
        ),
        Column(
            tr("Right, {}").format(unit.name),
            lambda r: place(r.right.address),
            lambda r: r.right.address,
            number=True,
            tip=mark("Its first address on the right"),
        ),
        Column(
            tr("Moved, {}").format(unit.name),
            moved,
            lambda r: r.moved or 0,
            number=True,
            tone=lambda r: "ok" if (r.moved or 0) < 0 else "text2",
        ),
        Column(mark("Ops, left"), lambda r: r.left.ops_text, lambda r: r.left.start, number=True),
        Column(mark("Ops, right"), lambda r: r.right.ops_text, lambda r: r.right.start, number=True),
        Column(
            mark("Saved at the peak"),
            lambda r: human(r.saved) if r.saved else "",
            lambda r: r.saved,
            number=True,
            tone=lambda r: "ok" if r.saved > 0 else "warn",
            tip=mark("What it takes at the peak on the left, less what it takes at that on the right"),
        ),
    )


class MovedTable(QWidget):
    """Its selection is the document's."""

    activated = Signal(int, int)
    """A tensor's storages on the left and on the right are to be shown; -1: it has none there."""
    changed = Signal()
    """Other rows are shown."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._sides: tuple[PlanFacts, PlanFacts] | None = None
        self.rows: tuple[Moved, ...] = ()
        self._text = ""
        self._indices: list[FindIndex | None] = [None, None]
        """By side what its tensors are found by, once something was looked for."""
        self.model: RowsModel[Moved] = RowsModel(moved_columns(unit_of(GIB)))
        self.table = dense_table(tr("What moved"), self.model, wide=0)
        self.empty = label("", "body", "text3")
        self.empty.setWordWrap(True)
        self.empty.setContentsMargins(16, 0, 16, 0)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.empty, 1)
        self._whole = WholeRows(self.table)
        column.addWidget(self._whole, 1)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        self.table.activated.connect(self._activate)
        self.model.modelReset.connect(self.select)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.model.set_theme(theme)

    def show_sides(self, left: PlanFacts, right: PlanFacts) -> None:
        """Compare another pair."""
        self._sides = left, right
        self.rows = moved_tensors(left, right)
        self.model.set_columns(moved_columns(unit_of(left.total_bytes)))
        self.filter(self._text)

    def filter(self, text: str) -> None:
        """Show the tensors that the search field, too, would find by this text."""
        self._text = text
        problem = tr("No tensor that moved is found by this: names, ops, modules, >64MiB, 64×256.")
        if not self.rows:
            problem = tr("Nothing moved: every tensor lies at the same address at the same ops.")
        try:
            rows = self._found(parse_query(text))
        except BayplanError as error:
            rows, problem = [], str(error)
        self.model.set_rows(rows)
        self._whole.setVisible(bool(rows))
        self.empty.setVisible(not rows)
        self.empty.setText(problem)
        self._fit()
        self.changed.emit()

    def _found(self, query: Query) -> list[Moved]:
        if not query or self._sides is None:
            return list(self.rows)
        found: list[set[int]] = []
        for number, facts in enumerate(self._sides):
            index = self._indices[number]
            if index is None or index.step is not facts.step:
                same = self._indices[0]
                index = same if same is not None and same.step is facts.step else find_index(facts.step)
                self._indices[number] = index
            found.append(set(matching(index, query).tolist()))
        left, right = found
        return [r for r in self.rows if r.left_storage in left or r.right_storage in right]

    @property
    def count_text(self) -> str:
        """``377 tensors``, ``12 of 377 tensors``."""
        shown, known = len(self.model.rows), len(self.rows)
        text = plural("{} tensor", "{} tensors", known)
        return text if shown == known else tr("{:,} of {}").format(shown, text)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Leave columns out where the tensor's name would get no room."""
        for column in range(len(self.model.columns)):
            self.table.setColumnHidden(column, False)
        fit_columns(self.table)
        widths = [self.table.columnWidth(c) for c in range(len(self.model.columns))]
        room = self.table.width() - LEAST_NAME - sum(widths[1:])
        for column in EXPENDABLE:
            if room >= 0:
                break
            room += widths[column]
            self.table.setColumnHidden(column, True)

    def select(self) -> None:
        """Mark the document's selection."""
        chosen = set(self._document.selection)
        shown = self._in_document()
        rows = [n for n, row in enumerate(self.model.rows) if shown(row) in chosen] if chosen else []
        select_rows(self.table, rows)

    def _chosen(self) -> None:
        shown = self._in_document()
        rows = [self.model.rows[i.row()] for i in self.table.selectionModel().selectedRows()]
        storages = [storage for row in rows if (storage := shown(row)) >= 0]
        if storages:
            self._document.select(tuple(storages))

    def _in_document(self) -> "_Numbers":
        planned = self._document.planned
        if self._sides is None or planned is None:
            return _Numbers({}, {})
        left, right = self._sides
        return _Numbers(counterparts(left.step, planned), counterparts(right.step, planned))

    def _activate(self, index: QModelIndex) -> None:
        row = self.model.rows[index.row()]
        self.activated.emit(row.left_storage, row.right_storage)


class _Numbers:
    """By row the storage of the document; -1: what it shows has none."""

    def __init__(self, left: dict[int, int], right: dict[int, int]) -> None:
        self._left, self._right = left, right

    def __call__(self, row: Moved) -> int:
        return self._left.get(row.left_storage, self._right.get(row.right_storage, -1))
