"""Below recorded maps: the allocator's history, what is alive at the cursor, and its sum by lines."""

from PySide6.QtCore import QItemSelection, QModelIndex, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QSizePolicy,
    QStackedWidget,
    QTabBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.explore.alive import Slots
from app.explore.moment import Moment
from app.numbers import human, percent, plan_size
from app.panels.controls import ElidedLabel, rule
from app.panels.table import ROW_HEIGHT, Column, RowsModel, dense_table, fit_columns, select_rows
from app.snapshot.history import HAPPENED, SAID, WHERE, HistoryModel
from app.snapshot.recorded import Recorded
from app.theme import Theme
from app.translation import mark, plural, tr
from runtime.snapshot.stacks import By, Share

FILTERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (mark("All events"), ()),
    (mark("Allocations"), ("alloc",)),
    (mark("Frees"), ("free_requested", "free_completed")),
    (mark("Segments"), ("segment_alloc", "segment_free", "segment_map", "segment_unmap")),
    (mark("Out of memory"), ("oom",)),
)
HISTORY, ALIVE, SUMS = range(3)
TABS = (mark("Allocator history"), mark("Alive at the cursor"), mark("Summed up"))
THROTTLE_MS = 60
"""At most so often the tables follow the pointer."""
BYTES, KIND, SINCE, UNTIL = 1, 2, 3, 4
WIDTHS = {BYTES: 92, KIND: 130, SINCE: 190, UNTIL: 190}


class RecordedLists(QWidget):
    """Three tables, one in sight, of one ``Recorded``; all but the history follow the moment."""

    event_chosen = Signal(int)
    """An event of the trace."""
    chosen = Signal(object)
    """A tuple of rectangles to be selected."""

    def __init__(self, moment: Moment) -> None:
        super().__init__()
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._moment = moment
        self._recorded: Recorded | None = None
        self._slots: Slots | None = None
        self._filling = False
        self.tabs = QTabBar()
        self.tabs.setObjectName("recordedTabs")
        self.tabs.setAccessibleName(tr("Lists of what was recorded"))
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        for text in TABS:
            self.tabs.addTab(tr(text))
        self.filter = _box(
            "historyFilter", tr("Events in the table"), [tr(text) for text, _ in FILTERS]
        )
        self.filter.currentIndexChanged.connect(self._filter)
        self.by = _box("sumBy", tr("Sum bytes by"), [tr("By {}").format(tr(by.value)) for by in By])
        self.by.currentIndexChanged.connect(self.refresh)
        self.hold = QCheckBox(tr("Hold"))
        self.hold.setObjectName("holdMoment")
        self.hold.setAccessibleName(tr("Hold the moment of the list"))
        self.hold.setToolTip(tr("The list stays at this moment while the pointer moves on (H)"))
        self.hold.toggled.connect(self._held)
        self.total = ElidedLabel("", "body", "text2")
        self.history: HistoryModel | None = None
        self.table = _history_table()
        self.table.clicked.connect(self._event_chosen)
        self.table.activated.connect(self._event_chosen)
        self.alive: RowsModel[int] = RowsModel(self._alive_columns())
        self.alive_table = dense_table(tr("Alive at the cursor"), self.alive, wide=0)
        self.alive_table.selectionModel().selectionChanged.connect(self._alive_chosen)
        self.sums: RowsModel[Share] = RowsModel(self._sum_columns())
        self.sum_table = dense_table(tr("Bytes by line"), self.sums, wide=0)
        self.sum_table.clicked.connect(self._sum_chosen)
        self.sum_table.activated.connect(self._sum_chosen)
        for section, width in WIDTHS.items():
            self.alive_table.horizontalHeader().resizeSection(section, width)
        for section, width in enumerate((110, 110, 110), 1):
            self.sum_table.horizontalHeader().resizeSection(section, width)
        self._pages = QStackedWidget()
        for table in (self.table, self.alive_table, self.sum_table):
            self._pages.addWidget(table)
        top = QHBoxLayout()
        top.setContentsMargins(8, 4, 16, 4)
        top.setSpacing(12)
        top.addWidget(self.tabs)
        for part in (self.filter, self.by, self.hold):
            top.addWidget(part)
        top.addWidget(self.total, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(rule())
        column.addLayout(top)
        column.addWidget(self._pages, 1)
        self._later = QTimer(self, singleShot=True, interval=THROTTLE_MS)
        self._later.timeout.connect(self.refresh)
        moment.changed.connect(self._follow)
        self.tabs.currentChanged.connect(self._turn)
        self._turn(HISTORY)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.alive.set_theme(theme)
        self.sums.set_theme(theme)

    def show_recorded(self, recorded: Recorded | None) -> None:
        """Show the lists of another recording, or of none."""
        self._recorded = recorded
        self._slots = Slots(recorded.scene) if recorded is not None and recorded.scene.slots else None
        part = recorded.part if recorded is not None else None
        self.history = HistoryModel(part) if part is not None else None
        self.table.setModel(self.history)
        if self.history is not None:
            head = self.table.horizontalHeader()
            head.setSectionResizeMode(WHERE, QHeaderView.ResizeMode.Stretch)
            self._filter(self.filter.currentIndex())
            fit_columns(self.table)
            widest = max(self.fontMetrics().horizontalAdvance(text) for text in SAID.values())
            head.resizeSection(HAPPENED, widest + 28)
        for tab in (HISTORY, SUMS):
            self.tabs.setTabVisible(tab, part is not None)
        self.tabs.setCurrentIndex(HISTORY if part is not None else ALIVE)
        self.refresh()

    def show_selection(self, rectangles: tuple[int, ...]) -> None:
        """Mark what is selected on the maps, where it is listed."""
        tab = self.tabs.currentIndex()
        if tab == ALIVE and not self._filling:
            self._mark(rectangles)
        elif tab == HISTORY and rectangles:
            self._show_event(rectangles[0])

    @property
    def slot(self) -> int:
        """The slot that the lists are of: the peak until there is another; -1: there is none."""
        slots = self._slots
        if slots is None:
            return -1
        return (
            self._moment.slot if 0 <= self._moment.slot < slots.scene.slots else slots.scene.peak_slot
        )

    @Slot()
    def refresh(self) -> None:
        """Fill the list in sight; the others when they are turned to."""
        self._later.stop()
        self.hold.blockSignals(True)
        self.hold.setChecked(self._moment.held)
        self.hold.blockSignals(False)
        tab, slot, recorded, slots = self.tabs.currentIndex(), self.slot, self._recorded, self._slots
        if recorded is None or slots is None or tab == HISTORY or not self.isVisible():
            return
        there = slots.alive(slot)
        self._filling = True
        if tab == ALIVE:
            self.alive.set_rows(there.tolist())
            selected = set(self._selection)
            select_rows(self.alive_table, [n for n, r in enumerate(self.alive.rows) if r in selected])
            many = plural("{} row", "{} rows", len(there))
            if recorded.part is not None:
                many = plural("{} allocation", "{} allocations", len(there))
        else:
            self.sums.set_rows(recorded.shares_at(slot, self.grouped_by))
            many = plural("{} place", "{} places", len(self.sums.rows))
        self._filling = False
        scene = recorded.scene
        said = tr("{}, {} at {}, the peak") if slot == scene.peak_slot else tr("{}, {} at {}")
        self.total.setText(said.format(many, plan_size(int(scene.live[slot])), scene.place(slot)))

    @property
    def grouped_by(self) -> By:
        """What bytes are summed by."""
        return tuple(By)[max(self.by.currentIndex(), 0)]

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self.refresh()

    _selection: tuple[int, ...] = ()

    def _mark(self, rectangles: tuple[int, ...]) -> None:
        self._selection = rectangles
        selected = set(rectangles)
        rows = [n for n, r in enumerate(self.alive.rows) if r in selected] if selected else []
        select_rows(self.alive_table, rows)

    def _alive_columns(self) -> tuple[Column[int], ...]:
        return (
            Column(mark("Allocation"), lambda r: self._of(r, "name")),
            Column(mark("Bytes"), lambda r: self._of(r, "bytes"), self._size, number=True),
            Column(mark("Made"), lambda r: self._of(r, "kind"), tone=lambda r: "text2"),
            Column(mark("Since"), lambda r: self._of(r, "since"), self._start, tone=lambda r: "text2"),
            Column(mark("Until"), lambda r: self._of(r, "until"), self._end, tone=lambda r: "text2"),
        )

    def _of(self, rectangle: int, what: str) -> str:
        """A cell of the list of what is alive."""
        if self._slots is None:
            return ""
        scene = self._slots.scene
        start, end = int(scene.start[rectangle]), int(scene.end[rectangle])
        match what:
            case "name":
                return scene.name(rectangle)
            case "bytes":
                return human(int(self._slots.sizes[rectangle]))
            case "kind":
                return scene.kind(rectangle)
            case "since":
                return scene.place(start) if start else tr("the beginning")
        return scene.place(end) if end < scene.slots else tr("the end")

    def _size(self, rectangle: int) -> int:
        return int(self._slots.sizes[rectangle]) if self._slots is not None else 0

    def _start(self, rectangle: int) -> int:
        return int(self._slots.scene.start[rectangle]) if self._slots is not None else 0

    def _end(self, rectangle: int) -> int:
        return int(self._slots.scene.end[rectangle]) if self._slots is not None else 0

    def _sum_columns(self) -> tuple[Column[Share], ...]:
        return (
            Column(mark("Where"), lambda share: share.place),
            Column(mark("Allocations"), lambda s: f"{s.count:,}", lambda s: s.count, number=True),
            Column(mark("Bytes"), lambda s: human(s.bytes), lambda s: s.bytes, number=True),
            Column(mark("Of all"), self._fraction, lambda s: s.bytes, number=True),
        )

    def _fraction(self, share: Share) -> str:
        all_ = sum(one.bytes for one in self.sums.rows)
        return percent(share.bytes / max(all_, 1))

    def _show_event(self, rectangle: int) -> None:
        """The event that made an allocation comes into view in the table."""
        part = self._recorded.part if self._recorded is not None else None
        if part is None or self.history is None or not len(self.history.events):
            return
        event = int(part.trace.allocations.start[part.allocation[rectangle]])
        row = self.history.row_of(event)
        if event >= 0 and int(self.history.events[row]) == event:
            select_rows(self.table, [row])

    @Slot(QModelIndex)
    def _event_chosen(self, index: QModelIndex) -> None:
        if self.history is not None:
            self.event_chosen.emit(int(self.history.events[index.row()]))

    @Slot(QItemSelection, QItemSelection)
    def _alive_chosen(self, _: QItemSelection, __: QItemSelection) -> None:
        rows = self.alive_table.selectionModel().selectedRows()
        if self._filling or not rows:
            return
        # The list keeps its place while the maps follow it.
        self._filling = True
        self._selection = tuple(self.alive.rows[index.row()] for index in rows)
        self.chosen.emit(self._selection)
        self._filling = False

    @Slot(QModelIndex)
    def _sum_chosen(self, index: QModelIndex) -> None:
        recorded = self._recorded
        if recorded is not None:
            share = self.sums.rows[index.row()]
            self.chosen.emit(recorded.of_share(self.slot, share, self.grouped_by))

    @Slot(int)
    def _filter(self, number: int) -> None:
        if self.history is not None:
            self.history.show_only(FILTERS[number][1])

    @Slot(int)
    def _turn(self, tab: int) -> None:
        self._pages.setCurrentIndex(tab)
        self.filter.setVisible(tab == HISTORY)
        self.by.setVisible(tab == SUMS)
        self.hold.setVisible(tab != HISTORY)
        self.total.setVisible(tab != HISTORY)
        self.refresh()

    @Slot()
    def _follow(self) -> None:
        if not self._later.isActive():
            self._later.start()

    @Slot(bool)
    def _held(self, held: bool) -> None:
        if held and self.slot >= 0:
            self._moment.hold(self.slot)
        else:
            self._moment.release()


def _box(name: str, said: str, texts: list[str]) -> QComboBox:
    box = QComboBox()
    box.setObjectName(name)
    box.setAccessibleName(said)
    box.addItems(texts)
    box.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return box


def _history_table() -> QTableView:
    table = QTableView()
    table.setObjectName("history")
    table.setAccessibleName(tr("Allocator history"))
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setMinimumSectionSize(ROW_HEIGHT)
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.horizontalHeader().setHighlightSections(False)
    return table
