"""A short list of ops or tensors: a badge or a swatch, a name with a quiet note, a figure, a reason."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from app.fonts import text_font
from app.panels.controls import paint_swatch
from app.plain_text import tip
from app.theme import DARK, Theme
from solver.step import Category

ROW_HEIGHT = 22
TALL_ROW_HEIGHT = 37
"""Of a row with a second line."""
MARK_WIDTH = 26
BADGE = 17


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line; ``key`` is what the table's ``chosen`` signal says when it is clicked."""

    key: int
    text: str
    note: str = ""
    figure: str = ""
    badge: str = ""
    """``P`` is drawn filled, a number as a ring; empty: none."""
    category: Category | None = None
    """Its swatch stands where the badge would."""
    detail: str = ""
    """A second line in a quieter tone."""

    @property
    def height(self) -> int:
        """Pixels."""
        return TALL_ROW_HEIGHT if self.detail else ROW_HEIGHT


AnyIndex = QModelIndex | QPersistentModelIndex


class _Rows(QAbstractTableModel):
    def __init__(self, rows: Sequence[TableRow]) -> None:
        super().__init__()
        self.rows = tuple(rows)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else 2

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{row.text} {row.note}".strip() if index.column() == 0 else row.figure
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.badge} {row.text} {row.note} {row.figure} {row.detail}".strip()
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip("\n".join(t for t in (f"{row.text} {row.note}".strip(), row.detail) if t))
        return None


class RowTable(QTableView):
    """As high as its rows; a click or Return on a row emits ``chosen`` with the row's key."""

    chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(name)
        self.setItemDelegate(_Painter(self))
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTabKeyNavigation(False)
        self.horizontalHeader().hide()
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
        self.theme = DARK
        self._model = _Rows(())
        self.setModel(self._model)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)

    @property
    def rows(self) -> tuple[TableRow, ...]:
        return self._model.rows

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Show other rows."""
        self._model = _Rows(rows)
        self.setModel(self._model)
        head = self.horizontalHeader()
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        widest = max((self.fontMetrics().horizontalAdvance(r.figure) for r in rows), default=0)
        head.resizeSection(1, widest + 14)
        for number, row in enumerate(rows):
            self.setRowHeight(number, row.height)
        self.setFixedHeight(sum(row.height for row in rows) + 2)
        self.setVisible(bool(rows))

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.theme = theme
        self.viewport().update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, sum(row.height for row in self.rows) + 2)

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self.rows[index.row()].key)


class _Painter(QStyledItemDelegate):
    def __init__(self, table: RowTable) -> None:
        super().__init__(table)
        self._table = table

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        theme, row = self._table.theme, self._table.rows[index.row()]
        box = QRectF(option.rect)
        state = option.state
        painter.save()
        if state & state.State_Selected:
            painter.fillRect(box, QColor(theme.sel))
        painter.setFont(text_font(12))
        if row.detail:
            if index.column() == 0:
                self._paint_detail(painter, box, row.detail)
            box.setHeight(ROW_HEIGHT)
        metrics = painter.fontMetrics()
        middle = Qt.AlignmentFlag.AlignVCenter
        if index.column() == 1:
            painter.setPen(QColor(theme.text))
            painter.drawText(
                box.adjusted(0, 0, -2, 0), int(middle | Qt.AlignmentFlag.AlignRight), row.figure
            )
            painter.restore()
            return
        mark = QRectF(box.x(), box.center().y() - BADGE / 2, BADGE, BADGE)
        if row.category is not None:
            paint_swatch(painter, mark.adjusted(2.5, 2.5, -2.5, -2.5), theme, row.category)
        elif row.badge:
            paint_badge(painter, mark, row.badge, theme)
        text = box.adjusted(MARK_WIDTH, 0, -4, 0)
        shown = metrics.elidedText(row.text, Qt.TextElideMode.ElideMiddle, int(text.width()))
        painter.setPen(QColor(theme.text))
        painter.drawText(text, int(middle), shown)
        text.setLeft(text.left() + metrics.horizontalAdvance(shown) + 5)
        if row.note and text.width() > 24:
            painter.setPen(QColor(theme.text3))
            note = metrics.elidedText(row.note, Qt.TextElideMode.ElideRight, int(text.width()))
            painter.drawText(text, int(middle), note)
        painter.restore()

    def _paint_detail(self, painter: QPainter, box: QRectF, detail: str) -> None:
        """The second line, over both columns: no figure stands there."""
        painter.save()
        painter.setFont(text_font(11))
        painter.setClipping(False)
        line = box.adjusted(MARK_WIDTH, ROW_HEIGHT - 3, 0, -2)
        line.setRight(self._table.viewport().width() - 2)
        painter.setPen(QColor(self._table.theme.text3))
        text = painter.fontMetrics().elidedText(detail, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), text)
        painter.restore()


def paint_badge(painter: QPainter, box: QRectF, badge: str, theme: Theme) -> None:
    """The mark of a producing or consuming op, the same as in the map's badge lane."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    filled = badge == "P"
    painter.setPen(QPen(QColor(theme.text), 1.2))
    painter.setBrush(QColor(theme.text if filled else theme.panel))
    painter.drawEllipse(box.adjusted(1, 1, -1, -1))
    painter.setPen(QColor(theme.panel if filled else theme.text))
    painter.setFont(text_font(10, QFont.Weight.DemiBold))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), badge)
    painter.restore()
