"""The dock that ranks what is alive at the peak, by module and by tensor, and what would lower it."""

from dataclasses import dataclass

from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPainter, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QScrollArea,
    QSplitter,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.facts.modules import storage_modules
from app.facts.peak import Lever, Share, alive_storages, levers, module_shares, resident_at
from app.facts.plan import PlanFacts, op_place, plan_facts
from app.numbers import human, percent, plan_size
from app.panels.controls import label
from app.panels.row_table import RowTable, TableRow
from app.panels.sheet import panel_sheet
from app.panels.table import Column, RowsModel, dense_table, fit_columns, select_rows
from app.theme import DARK, Theme
from app.translation import mark, plural, tr

SHARE_ROLE = Qt.ItemDataRole.UserRole + 1
FRACTION_ROLE = Qt.ItemDataRole.UserRole + 2
ROW = 22
SIDE_BY_SIDE = 720
"""From this width on the parts stand beside one another."""
PARTS = (3, 4, 4)
"""Shares of the room."""
LEAST_PART = 80
AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class PeakRow:
    """One tensor that is alive at the peak."""

    rank: int
    storage: int
    name: str
    module: str
    size: int
    share: float
    """Of the live bytes."""
    resident: bool


COLUMNS: tuple[Column[PeakRow], ...] = (
    Column("", lambda r: str(r.rank), lambda r: r.rank, number=True, tone=lambda r: "text3"),
    Column(mark("Tensor"), lambda r: r.name),
    Column(mark("Module"), lambda r: r.module, tone=lambda r: "text2"),
    Column(mark("Bytes"), lambda r: human(r.size), lambda r: r.size, number=True),
    Column(
        mark("Share"), lambda r: percent(r.share), lambda r: r.size, number=True, tone=lambda r: "text2"
    ),
)
RANK, NAME, MODULE, _, SHARE = range(5)


def peak_rows(facts: PlanFacts, slot: int) -> list[PeakRow]:
    """What is alive at a slot, residents included, the largest first."""
    modules = storage_modules(facts.step)
    live = max(int(facts.profile[slot]), 1)
    return [
        PeakRow(
            rank + 1,
            storage,
            facts.step.storages[storage].name,
            modules[storage],
            size := int(facts.sizes[storage]),
            size / live,
            resident_at(facts, storage),
        )
        for rank, storage in enumerate(alive_storages(facts, slot))
    ]


class PeakPanel(QWidget):
    """Follows what is on the map."""

    go_to_slot = Signal(int)
    fit_requested = Signal(object)
    """Storages (a tuple) that the map is to fit."""
    caption_changed = Signal(str)

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setObjectName("peak")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._document = document
        self._outdated, self._sized = True, False
        self._levers: tuple[Lever, ...] = ()
        self.modules = _ModuleTree()
        self.model: RowsModel[PeakRow] = RowsModel(COLUMNS)
        self.table = dense_table(tr("Tensors at the peak"), self.model, wide=NAME)
        self.lowering = RowTable(tr("What would lower the peak"))
        self.note = label("", "caption", "text3")
        self.note.setWordWrap(True)
        self.parts = QSplitter(Qt.Orientation.Horizontal)
        self.parts.setChildrenCollapsible(False)
        self.parts.setHandleWidth(1)
        self.parts.addWidget(_part(tr("By module"), self.modules))
        self.parts.addWidget(_part(tr("By tensor"), self.table))
        inner = QWidget()
        rows = QVBoxLayout(inner)
        rows.setContentsMargins(12, 0, 12, 8)
        rows.setSpacing(4)
        rows.addWidget(self.lowering)
        rows.addWidget(self.note)
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setAccessibleName(tr("What would lower the peak"))
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        self.parts.addWidget(_part(tr("What would lower it most, ~ estimate"), scroll))
        for at, stretch in enumerate(PARTS):
            self.parts.setStretchFactor(at, stretch)
        self.message = label("", "body", "text3")
        self.message.setWordWrap(True)
        self.message.setContentsMargins(16, 4, 16, 8)
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.message)
        column.addWidget(self.parts, 1)
        self.modules.chosen.connect(self._choose)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        self.table.activated.connect(
            lambda index: self.fit_requested.emit((self.model.rows[index.row()].storage,))
        )
        self.model.modelReset.connect(self.select)
        self.lowering.chosen.connect(lambda key: self._choose(self._levers[key].storages))
        for signal in (document.step_changed, document.entries_changed, document.shown_changed):
            signal.connect(self.refresh)
        document.selection_changed.connect(self.select)
        self.set_theme(DARK)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme) + f"\nQSplitter::handle {{ background: {theme.line}; }}")
        self.model.set_theme(theme)
        self.modules.set_theme(theme)
        self.lowering.set_theme(theme)

    def refresh(self) -> None:
        """Follow the document; later, where it is not in sight."""
        self._outdated = not self.isVisible()
        if self._outdated:
            return
        step, entry = self._document.step, self._document.shown
        facts = plan_facts(step, entry.plan, entry.baseline) if step and entry else None
        if facts is not None and not facts.slots:
            facts = None
        self.message.setVisible(facts is None)
        self.parts.setVisible(facts is not None)
        if facts is None:
            self.message.setText(tr("Solve the step to see what its peak is made of."))
            self.caption_changed.emit("")
            return
        slot = facts.peak_slot
        live = int(facts.profile[slot])
        self.caption_changed.emit(
            tr("{} at op {}, {}").format(plan_size(live), slot, op_place(facts.op_at(slot)))
            + self._beside(facts)
        )
        self.modules.show_shares(module_shares(facts, slot), live)
        self.model.set_rows(peak_rows(facts, slot))
        fit_columns(self.table)
        self._fit()
        self._levers = levers(facts)
        self.lowering.set_rows(
            [
                TableRow(
                    number,
                    one.title,
                    detail=one.detail,
                    figure=f"{'' if one.sure else '~'}{human(one.saved)}" if one.saved else "none",
                    badge=str(number + 1),
                )
                for number, one in enumerate(self._levers)
            ]
        )
        self.note.setText(
            tr(
                "An estimate counts live bytes alone: what is made again needs its inputs "
                "then. Solve within a budget for a plan of it."
            )
        )

    def _beside(self, facts: PlanFacts) -> str:
        """As run what is reserved; of a plan the peak as run, where that is known."""
        step, baseline = self._document.step, self._document.baseline
        if facts.baseline is not None:
            return tr("; {} reserved").format(plan_size(facts.total_bytes))
        if step is None or baseline is None:
            return ""
        return tr("; as run {}").format(plan_size(plan_facts(step, baseline.plan, baseline).live_peak))

    def select(self) -> None:
        """Mark the document's selection."""
        chosen = set(self._document.selection)
        rows = [n for n, row in enumerate(self.model.rows) if row.storage in chosen] if chosen else []
        select_rows(self.table, rows)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._outdated:
            self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        wide = event.size().width() >= SIDE_BY_SIDE
        way = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if way is not self.parts.orientation():
            self.parts.setOrientation(way)
        if not self._sized or way is Qt.Orientation.Horizontal:
            room = event.size().width() if wide else event.size().height()
            self.parts.setSizes([room * part // sum(PARTS) for part in PARTS])
            self._sized = True
        self._fit()

    def _fit(self) -> None:
        across = self.parts.orientation() is Qt.Orientation.Horizontal
        room = self.width() * PARTS[1] // sum(PARTS) if across else self.width()
        for column, least in ((MODULE, 440), (SHARE, 340), (RANK, 260)):
            self.table.setColumnHidden(column, room < least)

    def _choose(self, storages: tuple[int, ...]) -> None:
        if storages:
            self._document.select(tuple(storages))

    def _chosen(self) -> None:
        rows = [index.row() for index in self.table.selectionModel().selectedRows()]
        chosen = [self.model.rows[row].storage for row in rows]
        if chosen:
            kept = [s for s in self._document.selection if s in set(chosen)]
            self._document.select(tuple(dict.fromkeys([*kept, *chosen])))


def _part(title: str, content: QWidget) -> QWidget:
    """A part with its title above."""
    result = QWidget()
    # Three of them beside one another must not keep a narrow dock from being narrow.
    result.setMinimumWidth(LEAST_PART)
    column = QVBoxLayout(result)
    column.setContentsMargins(0, 4, 0, 0)
    column.setSpacing(2)
    head = label(title, "caption", "text3")
    head.setContentsMargins(16, 0, 8, 0)
    column.addWidget(head)
    column.addWidget(content, 1)
    return result


class _ModuleTree(QTreeWidget):
    """Modules with a bar for what each has in memory; a click or Return selects its tensors."""

    chosen = Signal(object)
    """Storages (a tuple)."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("peakModules")
        self.setAccessibleName(tr("What each module has in memory at the peak"))
        self.setHeaderHidden(True)
        self.setColumnCount(2)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setIndentation(14)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        self.header().setMinimumSectionSize(20)
        self.header().resizeSection(1, 132)
        self._delegate = _BarDelegate(self)
        self.setItemDelegate(self._delegate)
        self.itemClicked.connect(self._choose)
        self.itemActivated.connect(self._choose)

    def set_theme(self, theme: Theme) -> None:
        self._delegate.theme = theme
        self.viewport().update()

    def show_shares(self, shares: tuple[Share, ...], live: int) -> None:
        """Show other modules; ``live``: all bytes there are."""
        opened = set()
        for at in range(self.topLevelItemCount()):
            item = self.topLevelItem(at)
            if item is not None and item.isExpanded():
                opened.add(item.text(0))
        self.clear()
        most = max((share.size for share in shares), default=1)
        inner = [share for share in shares if share.children]
        # One closed line would say nothing.
        only = inner[0] if len(inner) == 1 else None
        for share in shares:
            item = _item(share, live, most)
            self.addTopLevelItem(item)
            item.setExpanded(share.label in opened or share is only)

    def _choose(self, item: QTreeWidgetItem) -> None:
        share = item.data(0, SHARE_ROLE)
        if isinstance(share, Share):
            self.chosen.emit(share.storages)


def _item(share: Share, live: int, most: int) -> QTreeWidgetItem:
    fraction = share.size / max(live, 1)
    item = QTreeWidgetItem([share.label, f"{human(share.size)}  {percent(fraction)}"])
    item.setData(0, SHARE_ROLE, share)
    item.setData(0, FRACTION_ROLE, share.size / max(most, 1))
    count = plural("{} tensor", "{} tensors", len(share.storages))
    item.setToolTip(0, f"{share.path or share.label}: {count}")
    for child in share.children:
        item.addChild(_item(child, live, most))
    return item


class _BarDelegate(QStyledItemDelegate):
    """The name with a bar under it, as long as its share of the largest."""

    theme = DARK

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:  # noqa: N802
        return QSize(60, ROW + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        theme, box = self.theme, QRectF(option.rect)
        state: QStyle.StateFlag = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(theme.sel))
        first = index.column() == 0
        text = box.adjusted(4, 0, -4, -5) if first else box.adjusted(0, 0, -10, -5)
        painter.setPen(QColor(theme.text if first else theme.text2))
        side = Qt.AlignmentFlag.AlignLeft if first else Qt.AlignmentFlag.AlignRight
        shown = painter.fontMetrics().elidedText(
            str(index.data()), Qt.TextElideMode.ElideMiddle, int(text.width())
        )
        painter.drawText(text, int(side | Qt.AlignmentFlag.AlignVCenter), shown)
        view = self.parent()
        if first and isinstance(view, QTreeWidget):
            # Over both columns, so that bars of all levels can be compared.
            painter.setClipping(False)
            full = view.viewport().width() - box.left() - 14
            bar = QRectF(box.left() + 4, box.bottom() - 5, full, 3)
            painter.fillRect(bar, QColor(theme.raised))
            bar.setWidth(max(full * float(index.data(FRACTION_ROLE) or 0.0), 1.0))
            painter.fillRect(bar, QColor(theme.accent))
        painter.restore()
