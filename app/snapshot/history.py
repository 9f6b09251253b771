"""The allocator's history as a table: a million events cost nothing until they are looked at."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from app.numbers import bytes_exact
from app.translation import mark, tr
from runtime.snapshot.excerpt import Excerpt
from runtime.snapshot.recording import ACTIONS, IntArray
from runtime.snapshot.stacks import Places

AnyIndex = QModelIndex | QPersistentModelIndex

COLUMNS = (
    mark("Event"),
    mark("Seconds"),
    mark("What happened"),
    mark("Bytes"),
    mark("Address"),
    mark("Stream"),
    mark("Where"),
)
RIGHT = frozenset({0, 1, 3})
HAPPENED, WHERE = 2, 6
SAID = {
    "alloc": mark("allocated"),
    "free_requested": mark("free asked for"),
    "free_completed": mark("freed"),
    "segment_alloc": mark("segment reserved"),
    "segment_free": mark("segment given back"),
    "segment_map": mark("segment grew"),
    "segment_unmap": mark("segment shrank"),
    "oom": mark("out of memory"),
    "snapshot": mark("snapshot taken"),
    "other": mark("other"),
}


class HistoryModel(QAbstractTableModel):
    """The events of a part, in order; those of one kind where a filter says so."""

    def __init__(self, part: Excerpt) -> None:
        super().__init__()
        self.part = part
        self._places = Places(part.recording)
        trace = part.trace
        last = trace.count if part.choice.last is None else min(part.choice.last, trace.count)
        self._all = np.arange(min(part.choice.first, last), last)
        self.events: IntArray = self._all
        """The events in the table."""

    def show_only(self, actions: tuple[str, ...]) -> None:
        """Only these actions; all where there are none."""
        self.beginResetModel()
        self.events = self._all
        if actions:
            wanted = [ACTIONS.index(action) for action in actions]
            self.events = self._all[np.isin(self.part.trace.events.action[self._all], wanted)]
        self.endResetModel()

    def row_of(self, event: int) -> int:
        """The row of an event, or the next one after it."""
        return min(int(np.searchsorted(self.events, event)), len(self.events) - 1)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.events)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return tr(COLUMNS[section]) if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells[index.column()](int(self.events[index.row()]))
        return None

    @property
    def _cells(self) -> tuple[Callable[[int], str], ...]:
        events, seconds = self.part.trace.events, self.part.trace.seconds
        return (
            lambda e: f"{e:,}",
            lambda e: f"{seconds[e]:.6f}" if len(seconds) else "",
            lambda e: tr(SAID[ACTIONS[int(events.action[e])]]),
            lambda e: bytes_exact(int(events.size[e])),
            lambda e: f"{int(events.address[e]):#x}",
            lambda e: f"{int(events.stream[e]):#x}",
            lambda e: self._places[int(events.stack[e])].text if events.stack[e] >= 0 else "",
        )


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
