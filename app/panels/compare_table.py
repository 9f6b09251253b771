"""The table under the compared maps: where the saving comes from, which requests caused it."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.facts.compare import Cause, Comparison, Refill, compare
from app.facts.plan import PlanFacts, counterparts
from app.numbers import GIB, MIB, Unit, bytes_exact, human, percent, unit_of, whole
from app.panels.controls import ElidedLabel, clear, label, rule
from app.panels.moved_table import MovedTable
from app.panels.table import Column, RowsModel, WholeRows, dense_table, fit_columns, select_rows
from app.theme import DARK, Theme
from app.translation import mark, tr
from solver.step import Category


def _mib(size: int) -> str:
    """``1,661 MiB``, ``98.0 MiB``, ``512 B``: comparable down a column."""
    if size >= 100 * MIB:
        return whole(size)
    return human(size)


def refill_columns(unit: Unit) -> tuple[Column[Refill], ...]:
    """The columns of the requests; addresses are in ``unit``."""

    def place(address: int) -> str:
        return unit.text(address) if address >= 0 else "none"

    def moved(row: Refill) -> str:
        return "" if row.moved is None else unit.text(row.moved)

    return (
        Column(
            mark("Op"), lambda r: str(r.slot), lambda r: r.slot, number=True, tip=mark("When, as run")
        ),
        Column(mark("Tensor"), lambda r: r.name),
        _bytes(mark("Request"), lambda r: r.request),
        _bytes(mark("Free then"), lambda r: r.free_bytes),
        _bytes(mark("Largest block"), lambda r: r.largest_block),
        _bytes(mark("New segment"), lambda r: r.segment, tone="warn"),
        Column(
            tr("As run, {}").format(unit.name),
            lambda r: place(r.as_run_address),
            lambda r: r.as_run_address,
            number=True,
        ),
        Column(
            tr("Plan, {}").format(unit.name),
            lambda r: place(r.plan_address),
            lambda r: r.plan_address,
            number=True,
        ),
        Column(
            tr("Moved, {}").format(unit.name),
            moved,
            lambda r: r.moved or 0,
            number=True,
            tone=lambda r: "ok" if (r.moved or 0) <= 0 else "text2",
        ),
    )


def _bytes(title: str, size: Callable[[Refill], int], tone: str = "text") -> Column[Refill]:
    return Column(title, lambda r: _mib(size(r)), size, number=True, tone=lambda r: tone)


MOVED = 0
"""The page of all that moved."""
NAME = 1
EXPENDABLE = (6, 7, 4, 3)
"""Columns that may be left out, the first one first."""
LEAST_NAME = 190
WITHOUT_BARS = 1400
TITLE_HEIGHT = 30
"""Pixels."""


class CompareTable(QWidget):
    """Causes on the left, requests on the right; a request's tensor is selected on both maps."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setObjectName("compareTable")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._document = document
        self._theme = DARK
        self._comparison: Comparison | None = None
        self._bars: list[_Bar] = []
        self.causes = QGridLayout()
        self.causes.setHorizontalSpacing(12)
        self.causes.setVerticalSpacing(5)
        self.causes.setColumnStretch(0, 3)
        self.order = label("", "body", "text3")
        self.order.setWordWrap(True)
        self.model: RowsModel[Refill] = RowsModel(refill_columns(unit_of(GIB)))
        self.table = dense_table(tr("Requests that opened a segment"), self.model, wide=1)
        self.moved = MovedTable(document)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("Filter by name, op, >64MiB"))
        self.filter.setAccessibleName(tr("Filter what moved by name, module, op, shape or size"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(240)
        self.note = ElidedLabel("", "body", "text3")
        self.pages = QStackedWidget()
        self.tabs = QButtonGroup(self)
        self.no_refills = label("", "body", "text3")
        self.no_refills.setWordWrap(True)
        self.no_refills.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lay_out()
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        self.tabs.idClicked.connect(self.show_page)
        self.filter.textChanged.connect(self.moved.filter)
        self.moved.changed.connect(self._note)

    def show_page(self, number: int) -> None:
        """Show what moved, or the requests that opened segments."""
        self.tabs.button(number).setChecked(True)
        self.pages.setCurrentIndex(number)
        self.filter.setVisible(number == MOVED)
        self._note()

    def _note(self) -> None:
        """How many rows there are, beside the tabs."""
        if self._comparison is not None:
            refills = self._comparison.refill_summary if self._comparison.refills else ""
            moved = self.pages.currentIndex() == MOVED
            self.note.setText(self.moved.count_text if moved else refills)

    def _lay_out(self) -> None:
        left = self._left = QVBoxLayout()
        left.setContentsMargins(16, 12, 16, 10)
        left.setSpacing(8)
        left.addWidget(label(tr("Where the saving comes from"), "strong"))
        left.addLayout(self.causes)
        left.addWidget(self.order)
        left.addStretch(1)
        titles = QHBoxLayout()
        titles.setContentsMargins(12, 6, 16, 4)
        titles.setSpacing(4)
        pages = (
            (tr("What moved"), tr("Every tensor that moved, and what it saved at the peak")),
            (tr("Requests"), tr("Requests that opened a segment although enough bytes were free")),
        )
        for number, (text, tip) in enumerate(pages):
            tab = QToolButton()
            tab.setText(text)
            tab.setToolTip(tip)
            tab.setAccessibleName(tip)
            tab.setCheckable(True)
            tab.setChecked(number == MOVED)
            self.tabs.addButton(tab, number)
            titles.addWidget(tab)
        titles.addSpacing(8)
        titles.addWidget(self.note, 1)
        titles.addWidget(self.filter, 1)
        requests = QWidget()
        message = QVBoxLayout(requests)
        message.setContentsMargins(0, 0, 0, 0)
        message.setSpacing(0)
        self.no_refills.setContentsMargins(16, 0, 16, 0)
        message.addWidget(self.no_refills)
        self._whole = WholeRows(self.table)
        message.addWidget(self._whole, 1)
        self.pages.addWidget(self.moved)
        self.pages.addWidget(requests)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addLayout(titles)
        right.addWidget(self.pages, 1)
        causes = QWidget()
        causes.setLayout(left)
        area = QScrollArea()
        area.setAccessibleName(tr("About the comparison"))
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(causes)
        heading = label(tr("What moved and what it saved"), "strong")
        heading.setContentsMargins(16, 0, 16, 0)
        heading.setFixedHeight(TITLE_HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._title = (heading, rule())
        for part in self._title:
            column.addWidget(part)
        row = self._halves = QHBoxLayout()
        row.setSpacing(0)
        column.addLayout(row, 1)
        row.addWidget(area)
        row.addWidget(rule(down=True))
        row.addLayout(right)

    def set_low(self, low: bool) -> None:
        """Give the title's height and some air to the rows, which say the same, or take it back."""
        for part in self._title:
            part.setVisible(not low)
        self._left.setContentsMargins(16, 8 if low else 12, 16, 6 if low else 10)
        self._left.setSpacing(5 if low else 8)
        self.causes.setVerticalSpacing(3 if low else 5)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        narrow = self.width() < WITHOUT_BARS
        for bar in self._bars:
            bar.setVisible(not narrow)
        for part, share in ((0, 43 if narrow else 35), (2, 57 if narrow else 65)):
            self._halves.setStretch(part, share)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Leave the least telling columns out where the tensor's name would get no room."""
        for column in range(len(self.model.columns)):
            self.table.setColumnHidden(column, False)
        fit_columns(self.table)
        room = self.table.width() - LEAST_NAME
        widths = {c: self.table.columnWidth(c) for c in range(len(self.model.columns)) if c != NAME}
        gone: set[int] = set()
        for column in EXPENDABLE:
            if sum(w for c, w in widths.items() if c not in gone) <= room:
                break
            gone.add(column)
        for column in widths:
            self.table.setColumnHidden(column, column in gone)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.model.set_theme(theme)
        self.moved.set_theme(theme)
        for bar in self._bars:
            bar.set_theme(theme)

    def show_sides(self, left: PlanFacts, right: PlanFacts) -> None:
        """Compare another pair."""
        comparison = self._comparison = compare(left, right)
        self.moved.show_sides(left, right)
        self._show_causes(comparison)
        self.order.setText(comparison.order)
        self.model.set_columns(refill_columns(unit_of(comparison.left_bytes)))
        self.model.set_rows(comparison.refills)
        self._fit_columns()
        self._note()
        self._whole.setVisible(bool(comparison.refills))
        self.no_refills.setVisible(not comparison.refills)
        self.no_refills.setText(
            tr("None: every segment was opened because too few bytes were free.")
            if comparison.has_segments
            else tr("Neither side is the step as run, so no segments were opened.")
        )

    def _show_causes(self, comparison: Comparison) -> None:
        clear(self.causes)
        self._bars = []
        for column, title in enumerate((tr("Cause"), tr("Bytes"), tr("Of the left"))):
            heading = label(title, "caption", "text3")
            self.causes.addWidget(heading, 0, column, _side(column))
        most = max((abs(c.saved) for c in comparison.causes), default=1)
        for row, cause in enumerate(comparison.causes, start=1):
            self._add_cause(row, cause, "body")
            bar = _Bar(abs(cause.saved) / max(most, 1), self._theme, cause)
            self._bars.append(bar)
            bar.setVisible(self.width() >= WITHOUT_BARS)
            self.causes.addWidget(bar, row, 3)
        row = len(comparison.causes) + 1
        self.causes.addWidget(rule(), row, 0, 1, 4)
        self._add_cause(row + 1, comparison.total, "strong")

    def _add_cause(self, row: int, cause: Cause, face: str) -> None:
        texts = (tr(cause.label), human(cause.saved), percent(cause.share))
        for column, text in enumerate(texts):
            part = label(text, face)
            part.setWordWrap(column == 0)
            if column:
                part.setToolTip(f"{bytes_exact(cause.saved)} B")
                self.causes.addWidget(part, row, column, _side(column))
            else:
                self.causes.addWidget(part, row, column)

    def select(self, storages: Sequence[int]) -> None:
        """Mark the rows of these storages."""
        self.moved.select()
        planned, captured = self._document.planned, self._document.step
        if planned is None or captured is None:
            return
        same = counterparts(planned, captured)
        chosen = {same[s] for s in storages if s in same}
        select_rows(self.table, [n for n, row in enumerate(self.model.rows) if row.storage in chosen])

    def _chosen(self) -> None:
        rows = [self.model.rows[index.row()] for index in self.table.selectionModel().selectedRows()]
        planned, captured = self._document.planned, self._document.step
        if rows and planned is not None and captured is not None:
            same = counterparts(captured, planned)
            self._document.select(tuple(same[r.storage] for r in rows if r.storage in same))


def _side(column: int) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft


class _Bar(QWidget):
    """A cause's part of the largest one."""

    def __init__(self, part: float, theme: Theme, cause: Cause) -> None:
        super().__init__()
        self._part, self._theme, self._cause = part, theme, cause
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"{tr(cause.label)}: {percent(cause.share)}")

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(140, 14)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        orange = self._theme.fill[Category.GRADIENT]
        color = orange if self._cause.by_allocator else self._theme.ok
        width = max(2.0, self._part * self.width())
        painter.fillRect(QRectF(0, self.height() / 2 - 4, width, 8), QColor(color))
