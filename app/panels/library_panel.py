"""The library dock: stored steps and plans, the open step's plans, a search box."""

from contextlib import suppress
from functools import partial
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPoint,
    QRunnable,
    QSize,
    Qt,
    QThreadPool,
    QTimer,
    QUrl,
    Signal,
)
from PySide6.QtGui import QDesktopServices, QShowEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.document import Document
from app.facts.plan import plan_facts
from app.library.summary import SPARK_POINTS, PlanSummary, StepSummary
from app.numbers import bytes_exact, human
from app.panels.controls import label
from app.panels.later import Later
from app.panels.library_actions import Change, StoredSteps, delete, edit_notes, edit_tags, rename
from app.panels.library_rows import PlanNode, StepNode, library_rows, same_rows
from app.panels.library_tree import NODE, RowPainter
from app.panels.sheet import panel_sheet
from app.plain_text import tip
from app.theme import DARK, Theme
from app.translation import tr
from solver.errors import BayplanError

LATER_MS = 90
"""How much later than the map a plan that is found on the way is shown."""
POLL_MS = 3000
"""How often another window's changes are looked for while the panel is in sight."""


class LibraryPanel(QWidget):
    """A tree of steps and plans. The library is read in a thread once the panel is in sight."""

    open_step = Signal(int)
    """A stored step is to be opened."""
    open_plan = Signal(int)
    """A stored plan is to be opened, with its step."""
    entry_activated = Signal(object)
    """An ``Entry`` of the open document was chosen; the panel has put it on the map."""

    def __init__(
        self, document: Document, library: StoredSteps | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("library")
        self.setAccessibleName(tr("Library"))
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(200)
        self._document, self._library = document, library
        self._steps: tuple[StepSummary, ...] = ()
        self._closed: set[str] = set()
        self._opened: set[str] = set()
        self._read = False
        self.search = QLineEdit()
        self.search.setObjectName("librarySearch")
        self.search.setAccessibleName(tr("Search the library"))
        self.search.setPlaceholderText(tr("Search steps and plans"))
        self.search.setClearButtonEnabled(True)
        self.error = label("", "caption", "error")
        self.error.setWordWrap(True)
        self.error.hide()
        self.empty = label("", "body", "text3")
        self.empty.setWordWrap(True)
        self.tree = QTreeView()
        self.tree.setObjectName("libraryTree")
        self.tree.setAccessibleName(tr("Steps and plans"))
        self.tree.setHeaderHidden(True)
        self.tree.setFrameShape(QFrame.Shape.NoFrame)
        self.tree.setIndentation(0)
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(False)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.tree.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.model = QStandardItemModel(self)
        self.tree.setModel(self.model)
        self.painter = RowPainter(self.tree)
        self.tree.setItemDelegate(self.painter)
        self._lay_out()
        self._reading = QTimer(self, singleShot=True, interval=150)
        self._reading.timeout.connect(self.reload)
        self._poll = QTimer(self, interval=POLL_MS)
        self._poll.timeout.connect(self._look)
        self.search.textChanged.connect(self.refresh)
        self.tree.clicked.connect(self._clicked)
        self.tree.activated.connect(self._activated)
        self.tree.expanded.connect(lambda index: self._remember(index, True))
        self.tree.collapsed.connect(lambda index: self._remember(index, False))
        self.tree.customContextMenuRequested.connect(self._menu)
        document.step_changed.connect(self._step_changed)
        self._later = Later(document, LATER_MS, self)
        self._later.due.connect(self.refresh)
        document.entries_changed.connect(self._entries_changed)
        document.shown_changed.connect(self._shown_changed)
        self.set_theme(DARK)
        self.refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(12, 10, 14, 4)
        head.addWidget(label(tr("Steps"), "body", "text3"))
        head.addStretch(1)
        head.addWidget(label(tr("as run → best plan"), "caption", "text3"))
        top = QVBoxLayout()
        top.setContentsMargins(12, 10, 12, 0)
        top.addWidget(self.search)
        top.addWidget(self.error)
        message = QVBoxLayout()
        message.setContentsMargins(12, 8, 12, 0)
        message.addWidget(self.empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addLayout(head)
        column.addLayout(message)
        column.addWidget(self.tree, 1)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(256, 600)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme))
        self.painter.theme = theme
        self.tree.viewport().update()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if not self._read:
            self._reading.start()

    def reload(self) -> None:
        """Read the library in a thread and show what it holds."""
        if self._library is None:
            return
        reader = _Reader(self._library)
        reader.signals.read.connect(self._take)
        reader.signals.failed.connect(self._fail)
        QThreadPool.globalInstance().start(reader)

    def _take(self, steps: list[StepSummary]) -> None:
        self._steps, self._read = tuple(steps), True
        self.error.hide()
        self._poll.start()
        self.refresh()

    def _fail(self, message: str) -> None:
        self._poll.stop()
        self.error.setText(message)
        self.error.show()

    def _look(self) -> None:
        if self._library is None or not self.isVisible():
            return
        try:
            if self._library.changed():
                self.reload()
        except BayplanError as error:
            self._fail(str(error))

    def _step_changed(self) -> None:
        self.painter.forget()
        self.refresh()

    def _entries_changed(self) -> None:
        self._later.ask()
        if self._read:
            self._reading.start()

    def _shown_changed(self) -> None:
        if self._document.passing:
            return  # it was asked for with the new plan
        self.painter.shown = self._document.shown
        self.tree.viewport().update()

    @property
    def nodes(self) -> tuple[StepNode, ...]:
        """The rows as they are shown."""
        return tuple(self.model.item(row).data(NODE) for row in range(self.model.rowCount()))

    def refresh(self) -> None:
        """Show the library's steps and the document's plans that the search asks for."""
        document = self._document
        self.painter.step, self.painter.shown = document.step, document.shown
        search = self.search.text()
        nodes = library_rows(self._steps, document.step, document.entries, self._spark(), search)
        self.empty.setVisible(not nodes)
        self.empty.setText(
            tr("Nothing here is called “{}”.").format(search)
            if search
            else tr("Steps that you capture or open, and their plans, are kept here.")
        )
        if same_rows(nodes, self.nodes):
            self.tree.viewport().update()
            return
        scroll = self.tree.verticalScrollBar().value()
        self.model.clear()
        for node in nodes:
            item = _item(node, node.name)
            item.setToolTip(tip(_step_tip(node)))
            for plan in node.plans:
                child = _item(plan, f"{plan.name}, {plan.detail} {plan.saved_text}")
                child.setToolTip(tip(_plan_tip(plan)))
                item.appendRow(child)
            self.model.appendRow(item)
            expand = node.key in self._opened or (node.open and node.key not in self._closed)
            self.tree.setExpanded(item.index(), expand or bool(search))
        self.tree.verticalScrollBar().setValue(scroll)

    def _spark(self) -> tuple[int, ...]:
        step, entries = self._document.step, self._document.entries
        if step is None or not entries:
            return ()
        profile = plan_facts(step, entries[0].plan, entries[0].baseline).profile
        points = min(SPARK_POINTS, len(profile))
        edges = [i * len(profile) // points for i in range(points + 1)] if points else []
        return tuple(int(profile[a:b].max()) - step.resident_bytes for a, b in pairwise(edges))

    def _remember(self, index: QModelIndex, opened: bool) -> None:
        node = index.data(NODE)
        if isinstance(node, StepNode) and not self.search.text():
            (self._opened if opened else self._closed).add(node.key)
            (self._closed if opened else self._opened).discard(node.key)
        self.painter.sizeHintChanged.emit(index)

    def _clicked(self, index: QModelIndex) -> None:
        node = index.data(NODE)
        if isinstance(node, StepNode):
            self.tree.setExpanded(index, not self.tree.isExpanded(index))
        elif isinstance(node, PlanNode) and node.entry is not None:
            self._open(node)

    def _activated(self, index: QModelIndex) -> None:
        node = index.data(NODE)
        if isinstance(node, StepNode | PlanNode):
            self._open(node)

    def _open(self, node: StepNode | PlanNode) -> None:
        if isinstance(node, PlanNode) and node.entry is not None:
            self._document.show(node.entry)
            self.entry_activated.emit(node.entry)
        elif isinstance(node, PlanNode) and node.stored is not None:
            self.open_plan.emit(node.stored.id)
        elif isinstance(node, StepNode) and node.stored is not None and not node.open:
            self.open_step.emit(node.stored.id)

    def _menu(self, at: QPoint) -> None:
        node = self.tree.indexAt(at).data(NODE)
        if isinstance(node, StepNode | PlanNode):
            menu = self.context_menu(node)
            menu.exec(self.tree.viewport().mapToGlobal(at))
            menu.deleteLater()

    def context_menu(self, node: StepNode | PlanNode) -> QMenu:
        """What can be done with a row."""
        menu = QMenu(self)
        stored = node.stored
        opened = isinstance(node, StepNode) and node.open
        menu.addAction(tr("Open"), lambda: self._open(node)).setEnabled(not opened)
        menu.addSeparator()
        changes: tuple[tuple[str, Change], ...] = (
            (tr("Rename…"), rename),
            (tr("Notes…"), edit_notes),
            (tr("Tags…"), edit_tags),
            (tr("Delete…"), delete),
        )
        for text, change in changes:
            action = menu.addAction(text)
            action.setEnabled(stored is not None)
            action.triggered.connect(partial(self._change, change, stored))
        menu.addSeparator()
        path = node.entry.path if isinstance(node, PlanNode) and node.entry is not None else None
        folder = path.parent if path is not None else self._folder()
        reveal = menu.addAction(
            tr("Show in its folder") if path is not None else tr("Show the library's folder")
        )
        reveal.setEnabled(folder is not None)
        reveal.triggered.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
        return menu

    def _folder(self) -> Path | None:
        path = getattr(self._library, "path", None)
        return path.parent if isinstance(path, Path) else None

    def _change(self, change: Change, stored: StepSummary | PlanSummary | None) -> None:
        if self._library is None or stored is None:
            return
        try:
            change(self, self._library, stored)
        except BayplanError as error:
            self._fail(str(error))
        self.reload()


class _Signals(QObject):
    read = Signal(list)
    failed = Signal(str)


class _Reader(QRunnable):
    """Reads the library off the UI thread: its first use imports SQLAlchemy and may migrate."""

    def __init__(self, library: StoredSteps) -> None:
        super().__init__()
        self.signals = _Signals()
        self._library = library

    def run(self) -> None:
        result: list[StepSummary] | str
        try:
            result = self._library.steps()
        except BayplanError as error:
            result = str(error)
        # A busy library may answer when the program has ended and Qt has taken the signals away.
        with suppress(RuntimeError):
            if isinstance(result, str):
                self.signals.failed.emit(result)
            else:
                self.signals.read.emit(result)


def _item(node: StepNode | PlanNode, text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setData(node, NODE)
    item.setData(text, Qt.ItemDataRole.AccessibleTextRole)
    return item


def _step_tip(node: StepNode) -> str:
    lines = [f"{node.name} · {node.detail}"]
    if node.figures:
        lines.append(f"{node.figures} {node.saved_text}".strip())
    if node.stored is not None:
        lines.append(tr("{:,} ops, {:,} tensors").format(node.stored.ops, node.stored.storages))
    return "\n".join([*lines, *_remarks(node.stored)])


def _plan_tip(node: PlanNode) -> str:
    lines = [node.name, f"{node.detail} {node.saved_text}".strip()]
    if node.entry is not None and node.entry.baseline is None:
        plan = node.entry.plan
        lines.append(
            tr("Arena {} B, live peak {}").format(
                bytes_exact(plan.height_bytes), human(plan.peak_bytes)
            )
        )
    lines.append(tr("In the library") if node.stored is not None else tr("Not stored yet"))
    return "\n".join([*lines, *_remarks(node.stored)])


def _remarks(stored: StepSummary | PlanSummary | None) -> list[str]:
    if stored is None:
        return []
    tags = [tr("Tags: {}").format(", ".join(stored.tags))] if stored.tags else []
    return [*tags, *([stored.notes] if stored.notes else [])]
