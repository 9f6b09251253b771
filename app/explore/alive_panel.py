"""The dock that lists what is alive at a slot, sorted by bytes: follows the cursor, or is held."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QItemSelection, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.document import Document
from app.explore.alive import Slots
from app.explore.moment import Moment
from app.map.scene import Scene
from app.numbers import human, plan_size
from app.panels.controls import ElidedLabel
from app.panels.sheet import panel_sheet
from app.panels.table import Column, RowsModel, dense_table, select_rows
from app.theme import DARK, Theme
from app.translation import mark, plural, tr
from solver.plan import IntArray

THROTTLE_MS = 60
"""At most so often the table follows what moves."""
TENSOR, BYTES, CATEGORY, MODULE, MADE, UNTIL = range(6)
WIDTHS = {BYTES: 92, CATEGORY: 112, MODULE: 150, MADE: 200, UNTIL: 230}
LEAST_NAME = 150
NARROW, ONE_LINE = 520, 940
"""From these widths on there is room for the second box, and for the sums beside the filter."""
EXPENDABLE = (MODULE, MADE, CATEGORY, UNTIL)
"""Columns that go, in this order, where there is no room."""


def alive_columns(slots: Slots) -> tuple[Column[int], ...]:
    """The columns of a scene's rectangles."""
    scene = slots.scene
    return (
        Column(mark("Tensor"), scene.name),
        Column(
            mark("Bytes"),
            lambda r: human(int(slots.sizes[r])),
            lambda r: int(slots.sizes[r]),
            number=True,
        ),
        Column(mark("Category"), slots.category, tone=lambda r: "text2"),
        Column(mark("Module"), slots.module, tone=lambda r: "text2"),
        Column(mark("Made by"), slots.made_by, lambda r: int(scene.start[r]), tone=lambda r: "text2"),
        Column(
            mark("Until"),
            slots.until,
            lambda r: int(scene.end[r]),
            tip=mark("The last op it is kept for"),
        ),
    )


class AlivePanel(QWidget):
    """A table of the rectangles of one scene at the moment; its selection is the document's."""

    activated = Signal(int)
    """A storage was chosen with Return or a double click: the map may fit it."""
    caption_changed = Signal(str)
    """The slot, in a few words, for the dock's title."""

    def __init__(self, document: Document, moment: Moment) -> None:
        super().__init__()
        self.setObjectName("alive")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._document, self._moment = document, moment
        self._slots: Slots | None = None
        self._outdated = True
        self._filling = False
        self.slot = -1
        """The slot in the table."""
        self.filter = QLineEdit()
        self.filter.setObjectName("aliveFilter")
        self.filter.setAccessibleName(tr("Filter what is alive by name, category or module"))
        self.filter.setPlaceholderText(tr("Filter by name, category or module"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(320)
        self.hold = QCheckBox(tr("Hold this op"))
        self.hold.setObjectName("holdSlot")
        self.hold.setToolTip(tr("The table stays at this op while the pointer moves on (H)"))
        self.residents = QCheckBox(tr("Residents"))
        self.residents.setObjectName("aliveResidents")
        self.residents.setToolTip(tr("List what lives across steps, too: parameters, states, inputs"))
        self.residents.setChecked(True)
        self.total = ElidedLabel("", "body", "text2")
        self.total.setObjectName("aliveTotal")
        self.model: RowsModel[int] = RowsModel(())
        self.table = dense_table(tr("Alive at this op"), self.model, wide=TENSOR, sortable=False)
        top = QHBoxLayout()
        top.setContentsMargins(12, 4, 12, 6)
        top.setSpacing(14)
        top.addWidget(self.filter, 2)
        top.addWidget(self.total, 3)
        top.addWidget(self.hold)
        top.addWidget(self.residents)
        self._top = top
        self._foot = QHBoxLayout()
        self._foot.setContentsMargins(12, 4, 12, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addLayout(self._foot)
        self._later = QTimer(self, singleShot=True, interval=THROTTLE_MS)
        self._later.timeout.connect(self.refresh)
        self.filter.textChanged.connect(self.refresh)
        self.residents.toggled.connect(self.refresh)
        self.hold.toggled.connect(self._held)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        self.table.activated.connect(lambda index: self.activated.emit(self._storage(index.row())))
        self.model.modelReset.connect(self._mark)
        self.table.setMouseTracking(True)
        self.table.entered.connect(lambda index: document.hover(self._storage(index.row())))
        moment.changed.connect(self._follow)
        document.selection_changed.connect(self.select)
        self.set_theme(DARK)
        self.set_scene(None)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme))
        self.model.set_theme(theme)

    def set_scene(self, scene: Scene | None) -> None:
        """Another map is to be read."""
        first = self._slots is None
        self._slots = Slots(scene) if scene is not None and scene.slots else None
        if self._slots is not None:
            self.model.beginResetModel()
            self.model.rows = []
            self.model.columns = alive_columns(self._slots)
            self.model.endResetModel()
            if first:
                self._prepare_table()
        self.refresh()

    def _prepare_table(self) -> None:
        """The table has its columns only now."""
        head = self.table.horizontalHeader()
        for section in range(len(self.model.columns)):
            mode = head.ResizeMode.Stretch if section == TENSOR else head.ResizeMode.Interactive
            head.setSectionResizeMode(section, mode)
            if section in WIDTHS:
                head.resizeSection(section, WIDTHS[section])
        head.setSortIndicator(BYTES, Qt.SortOrder.DescendingOrder)
        self.table.setSortingEnabled(True)
        self._fit()

    @property
    def moment_slot(self) -> int:
        """The slot to show: the peak until there is another."""
        if self._slots is None:
            return -1
        slot = self._moment.slot
        return slot if 0 <= slot < self._slots.scene.slots else self._slots.scene.peak_slot

    def refresh(self) -> None:
        """Show what is alive now; later, where the table is not in sight."""
        self._later.stop()
        self._outdated = not self.isVisible()
        if self._outdated:
            return
        slots, slot = self._slots, self.moment_slot
        self.slot = slot
        for part in (self.filter, self.hold, self.residents, self.table):
            part.setEnabled(slots is not None)
        if slots is None or slot < 0:
            self.model.set_rows(())
            self.total.setText(tr("Solve the step to see what is alive at each op."))
            self.caption_changed.emit("")
            return
        self.hold.blockSignals(True)
        self.hold.setChecked(self._moment.held)
        self.hold.blockSignals(False)
        there = slots.alive(slot)
        resident = slots.scene.instance[there] < 0
        listed = there if self.residents.isChecked() else there[~resident]
        rows: Sequence[int] = listed.tolist()
        words = self.filter.text().casefold().split()
        if words:
            rows = [r for r in rows if self._has(slots, r, words)]
        bar = self.table.verticalScrollBar()
        place = bar.value()
        self._filling = True
        self.model.set_rows(rows)
        self._filling = False
        bar.setValue(place)
        self.total.setText(self._total(slots, there, rows if words else None))
        caption = tr("at {}").format(slots.scene.place(slot))
        if slot == slots.scene.peak_slot:
            caption = tr("{}, the peak").format(caption)
        if self._moment.held:
            caption = tr("{}, held").format(caption)
        self.caption_changed.emit(caption)

    def _total(self, slots: Slots, there: IntArray, shown: Sequence[int] | None) -> str:
        """``212 tensors, 2.555 GiB, and 323 residents, 0.113 GiB: 2.668 GiB live``."""
        resident = slots.scene.instance[there] < 0
        sizes = slots.sizes[there]
        many = plural("{} tensor", "{} tensors", int((~resident).sum()))
        text = f"{many}, {plan_size(int(sizes[~resident].sum()))}"
        if shown is not None:
            listed = plan_size(int(slots.sizes[list(shown)].sum())) if shown else tr("nothing")
            text = tr("{:,} shown, {}; of {}").format(len(shown), listed, text)
        if self.width() < ONE_LINE:
            return (
                tr("{}; {} live").format(text, plan_size(int(sizes.sum()))) if shown is None else text
            )
        if resident.any():
            many = plural("{} resident", "{} residents", int(resident.sum()))
            kept = f"{many}, {plan_size(int(sizes[resident].sum()))}"
            text = tr("{}, and {}: {} live").format(text, kept, plan_size(int(sizes.sum())))
        return text

    def _has(self, slots: Slots, row: int, words: Sequence[str]) -> bool:
        text = f"{slots.scene.name(row)} {slots.category(row)} {slots.module(row)}".casefold()
        return all(word in text for word in words)

    def select(self) -> None:
        """Mark the document's selection and bring it into view."""
        if not self._outdated:
            self._mark(scroll=True)

    def _mark(self, *, scroll: bool = False) -> None:
        slots, chosen = self._slots, set(self._document.selection)
        if slots is None:
            return
        marked = [
            n for n, r in enumerate(self.model.rows) if chosen and int(slots.scene.storage[r]) in chosen
        ]
        bar = self.table.verticalScrollBar()
        place = bar.value()
        select_rows(self.table, marked)
        if not scroll:
            bar.setValue(place)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._fit()
        if self._outdated:
            self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()
        if (event.size().width() >= ONE_LINE) is not (event.oldSize().width() >= ONE_LINE):
            self._follow()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        super().leaveEvent(event)
        self._document.hover(-1)

    def _fit(self) -> None:
        """Leave columns out where the tensor's name would get no room."""
        self.residents.setVisible(self.width() >= NARROW)
        if self.width() >= ONE_LINE:
            self._top.insertWidget(1, self.total, 3)
        else:
            self._foot.addWidget(self.total, 1)
        if len(self.model.columns) <= UNTIL:
            return
        room = self.width() - LEAST_NAME - sum(WIDTHS.values())
        for column in EXPENDABLE:
            hidden = room < 0
            self.table.setColumnHidden(column, hidden)
            if hidden:
                room += WIDTHS[column]

    def _follow(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _held(self, held: bool) -> None:
        if held and self.moment_slot >= 0:
            self._moment.hold(self.moment_slot)
        else:
            self._moment.release()

    def _storage(self, row: int) -> int:
        return int(self._slots.scene.storage[self.model.rows[row]]) if self._slots is not None else -1

    def _chosen(self, _: QItemSelection, __: QItemSelection) -> None:
        if self._filling:
            return
        rows = [index.row() for index in self.table.selectionModel().selectedRows()]
        chosen = [self._storage(row) for row in rows]
        if chosen:
            kept = [s for s in self._document.selection if s in set(chosen)]
            self._document.select(tuple(dict.fromkeys([*kept, *chosen])))
