"""Dense tables over plain rows: a model that sorts and filters Python values, and its view."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from app.fonts import text_font
from app.plain_text import tip
from app.theme import DARK, Theme
from app.translation import tr

HEAD_HEIGHT, ROW_HEIGHT = 24, 20
PADDING = 26
"""Pixels that a cell needs beside its text: the style sheet's padding and Qt's own margin."""

Row = TypeVar("Row")
AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: what it says of a row, what it is sorted by, whether it holds figures."""

    title: str
    text: Callable[[Row], str]
    key: Callable[[Row], Any] | None = None
    number: bool = False
    tone: Callable[[Row], str] | None = None
    """The theme token that a cell is written in, such as ``warn``; main text where there is none."""
    tip: str = ""


class RowsModel(QAbstractTableModel, Generic[Row]):
    """Rows in the order asked for. Sorting is done on Python values at once, not cell by cell."""

    def __init__(self, columns: Sequence[Column[Row]]) -> None:
        super().__init__()
        self.columns = tuple(columns)
        self.rows: list[Row] = []
        self._theme = DARK
        self._sorted: tuple[int, Qt.SortOrder] | None = None

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Say the same rows in other columns, as many as before: their unit changed."""
        self.columns = tuple(columns)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other rows, in the order the user asked for last."""
        self.beginResetModel()
        self.rows = list(rows)
        if self._sorted is not None:
            self._order(*self._sorted)
        self.endResetModel()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.columns) - 1)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.columns)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return tr(self.columns[section].title)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tr(self.columns[section].tip) if self.columns[section].tip else None
        return self._alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        column, row = self.columns[index.column()], self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(column.text(row))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._alignment(index.column())
        if role == Qt.ItemDataRole.ForegroundRole and column.tone is not None:
            return QColor(getattr(self._theme, column.tone(row)))
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Put the rows in order; column -1 leaves them as they are."""
        if not 0 <= column < len(self.columns):
            self._sorted = None
            return
        self._sorted = (column, order)
        self.beginResetModel()
        self._order(column, order)
        self.endResetModel()

    def _order(self, column: int, order: Qt.SortOrder) -> None:
        key = self.columns[column].key or self.columns[column].text
        self.rows.sort(key=key, reverse=order is Qt.SortOrder.DescendingOrder)

    def _alignment(self, column: int) -> int:
        number = self.columns[column].number
        side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
        return int(side | Qt.AlignmentFlag.AlignVCenter)


def dense_table(name: str, model: RowsModel[Any], *, wide: int, sortable: bool = True) -> QTableView:
    """A table of 20 px rows whose column ``wide`` takes what the others leave."""
    table = QTableView()
    # Both ends of a module's path or of an op's name tell it from others.
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    table.setObjectName(name)
    table.setAccessibleName(name)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.setModel(model)
    head = table.horizontalHeader()
    head.setHighlightSections(False)
    head.setMinimumSectionSize(28)
    head.setFixedHeight(HEAD_HEIGHT)
    for section in range(len(model.columns)):
        stretch = section == wide
        mode = QHeaderView.ResizeMode.Stretch if stretch else QHeaderView.ResizeMode.Interactive
        head.setSectionResizeMode(section, mode)
    if sortable:
        # -1: rows stay in the order they come in until a heading is clicked.
        head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        table.setSortingEnabled(True)
    return table


class WholeRows(QWidget):
    """Holds a dense table and makes it so high that no row is cut off at its lower edge."""

    def __init__(self, table: QTableView) -> None:
        super().__init__()
        self._table = table
        table.setParent(self)
        self.setSizePolicy(table.sizePolicy())

    def sizeHint(self) -> QSize:  # noqa: N802
        return self._table.sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        spare = max(self.height() - HEAD_HEIGHT, 0) % ROW_HEIGHT
        self._table.setGeometry(0, 0, self.width(), self.height() - spare)


def fit_columns(table: QTableView, sample: int = 200) -> None:
    """Make the figures' columns as wide as ``sample`` of their rows and the heading need.

    Rows from all over the table: the first of an ascending column are its narrowest.
    """
    head = table.horizontalHeader()
    metrics = QFontMetrics(text_font(12))
    model = table.model()
    last = model.rowCount() - 1
    rows = {*range(0, last, max(last // sample, 1)), last} if last >= 0 else set()
    for section in range(head.count()):
        if head.sectionResizeMode(section) is QHeaderView.ResizeMode.Stretch:
            continue
        heading = str(model.headerData(section, Qt.Orientation.Horizontal) or "")
        texts = [str(model.index(row, section).data()) for row in rows]
        widest = max((metrics.horizontalAdvance(text) for text in [*texts, heading]), default=0)
        head.resizeSection(section, widest + PADDING)


def select_rows(table: QTableView, rows: Iterable[int]) -> None:
    """Mark these rows and no others, without telling anybody; the first comes into view.

    Neighbours are marked as one range: a selection of thousands of ranges is slow in Qt.
    """
    model, selection = table.model(), QItemSelection()
    last = model.columnCount() - 1
    wanted = sorted(set(rows))
    start = 0
    for at in range(1, len(wanted) + 1):
        if at == len(wanted) or wanted[at] != wanted[at - 1] + 1:
            first, end = wanted[start], wanted[at - 1]
            selection.append(QItemSelectionRange(model.index(first, 0), model.index(end, last)))
            start = at
    marks = table.selectionModel()
    marks.blockSignals(True)
    marks.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    marks.blockSignals(False)
    if wanted:
        table.scrollTo(model.index(wanted[0], 0))
    table.viewport().update()
