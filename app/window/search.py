"""The search field: finds tensors, modules and ops of the open step by any part of their names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QPainter,
    QResizeEvent,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QCompleter,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from app.document import Document
from app.icons import pixmap
from app.numbers import human
from app.plain_text import tip
from app.theme import DARK, Theme
from app.translation import mark, tr
from solver.step import Step

if TYPE_CHECKING:
    from app.explore.matches import Matches

PLACEHOLDER = mark("Find by name, op, >64MiB, 64x256")
TIP = mark(
    "Words of a tensor's name, module, op or type; bytes as >64MiB, <1KiB or =4MiB; a shape as "
    "64x256x56x56 or 64x*x56x56. Return and Shift+Return go through what was found."
)
NONE = mark("none")
"""What is said where nothing was found."""
HINT_PAD = 40
"""Pixels around the magnifying glass, the placeholder and the key."""
SHOWN = 40
"""Most results in the list."""
AnyIndex: TypeAlias = QModelIndex | QPersistentModelIndex
HIT_ROLE = Qt.ItemDataRole.UserRole + 1


@dataclass(frozen=True)
class Hit:
    """Something to find: its kind, its name, a remark, and the storages that it stands for."""

    kind: str
    name: str
    remark: str
    storages: tuple[int, ...]
    op: int = -1
    """Of the step, where the hit is one."""


def index_of(step: Step) -> tuple[Hit, ...]:
    """All that can be found in a step: tensors, then modules, then ops."""
    hits = [
        Hit("tensor", storage.name, human(storage.size), (index,))
        for index, storage in enumerate(step.storages)
        if storage.size
    ]
    modules: dict[str, dict[int, None]] = {}
    for op in step.ops:
        parts = op.module.split(".") if op.module else []
        for depth in range(1, len(parts) + 1):
            made = modules.setdefault(".".join(parts[:depth]), {})
            made.update(dict.fromkeys(op.creates))
    hits += [
        Hit("module", name, tr("{:,} tensors").format(len(made)), tuple(made))
        for name, made in modules.items()
        if made
    ]
    hits += [
        Hit("op", op.name, tr("op {:,}").format(index), op.creates or op.writes or op.reads, index)
        for index, op in enumerate(step.ops)
        if op.touches
    ]
    return tuple(hits)


def find(hits: tuple[Hit, ...], text: str, limit: int = SHOWN) -> list[Hit]:
    """The hits whose name has every word of ``text``; those that begin with it first."""
    words = text.casefold().split()
    if not words:
        return []
    found = [hit for hit in hits if all(word in hit.name.casefold() for word in words)]
    found.sort(key=lambda hit: (not hit.name.casefold().startswith(words[0]), len(hit.name)))
    return found[:limit]


class _HitDelegate(QStyledItemDelegate):
    """A result: its name on the left, kind and remark on the right."""

    theme = DARK

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:  # noqa: N802
        return QSize(320, 24)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        hit: Hit = index.data(HIT_ROLE)
        box = QRect(option.rect)
        painter.save()
        state: QStyle.StateFlag = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, self.theme.sel)
        inner = box.adjusted(10, 0, -10, 0)
        remark = f"{hit.kind} · {hit.remark}" if hit.kind != "op" else hit.remark
        painter.setPen(self.theme.text3)
        right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        painter.drawText(inner, right, remark)
        metrics = painter.fontMetrics()
        room = inner.width() - metrics.horizontalAdvance(remark) - 12
        painter.setPen(self.theme.text)
        left = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(inner, left, metrics.elidedText(hit.name, Qt.TextElideMode.ElideMiddle, room))
        painter.restore()


class SearchField(QLineEdit):
    """Ctrl+F; choosing a result emits ``chosen``."""

    chosen = Signal(object)
    """A Hit."""
    searched = Signal(str)
    """Another text is looked for; empty: nothing."""
    stepped = Signal(int)
    """The next tensor that was found is asked for (1), or the one before (-1)."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.setObjectName("search")
        self.setPlaceholderText(tr(PLACEHOLDER))
        self.setToolTip(tr(TIP))
        self.setAccessibleName(tr("Find tensor, module or op"))
        self.setMinimumWidth(150)
        self.setMaximumWidth(304)
        self.setFixedHeight(28)
        self.setTextMargins(20, 0, 0, 0)
        self._document = document
        self._hits: tuple[Hit, ...] | None = None
        self._indexed: Step | None = None
        self._model = QStandardItemModel(self)
        self._delegate = _HitDelegate(self)
        completer = QCompleter(self._model, self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setMaxVisibleItems(14)
        self._popup = popup = QListView()
        popup.setObjectName("results")
        popup.setUniformItemSizes(True)
        completer.setPopup(popup)
        popup.setItemDelegate(self._delegate)
        popup.setMinimumWidth(380)
        popup.installEventFilter(self)
        completer.activated[QModelIndex].connect(self._activated)  # type: ignore[index]
        self.setCompleter(completer)
        self._glass = QLabel(self)
        self._glass.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._count = QLabel(self)
        self._count.setObjectName("findCount")
        self._count.setProperty("role", "caption")
        self._count.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._key = QLabel("Ctrl+F", self)
        self._key.setProperty("role", "key")
        self._key.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        # Before the completer sees the new text, so that it completes from the new results.
        self.textEdited.connect(self._search)
        self.textChanged.connect(self._place)
        self.textChanged.connect(self.searched)
        document.step_changed.connect(self._forget)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        ratio = self.devicePixelRatioF()
        self._glass.setPixmap(pixmap("search", theme.text2, 16, ratio))
        self._delegate.theme = theme

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(304, 28)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._place()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self._place()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self._place()

    def show_matches(self, matches: "Matches") -> None:
        """Say how many were found, and which one was stepped to."""
        if matches.text != self.text():
            self.setText(matches.text)
        self._count.setText(matches.count_text)
        self.setToolTip(tip(matches.error) if matches.error else tr(TIP))
        self._place()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Return goes to the next tensor that was found, with Shift to the one before."""
        in_list = self._popup.isVisible() and self._popup.currentIndex().isValid()
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or in_list:
            super().keyPressEvent(event)
            return
        self._popup.hide()
        if self._count.text() and self._count.text() not in (tr(NONE), "?"):
            self.stepped.emit(-1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1)
        else:
            self._take_first()

    def close_results(self) -> bool:
        """Close the list of results; False where it was not open."""
        shown = self._popup.isVisible()
        self._popup.hide()
        return shown

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self._popup and event.type() in (QEvent.Type.Show, QEvent.Type.Move):
            # The results are wider than the field, which stands at the window's right end.
            place = self._popup.geometry()
            place.moveRight(self.mapToGlobal(self.rect().bottomRight()).x())
            if place.topLeft() != self._popup.pos():
                self._popup.move(place.topLeft())
        return super().eventFilter(watched, event)

    def _place(self) -> None:
        self._glass.adjustSize()
        self._glass.move(9, (self.height() - self._glass.height()) // 2)
        self._count.adjustSize()
        self._count.move(
            self.width() - self._count.width() - 8, (self.height() - self._count.height()) // 2
        )
        self.setTextMargins(20, 0, self._count.width() + 6 if self._count.text() else 0, 0)
        self._key.adjustSize()
        self._key.move(self.width() - self._key.width() - 8, (self.height() - self._key.height()) // 2)
        hint = self.fontMetrics().horizontalAdvance(self.placeholderText())
        room = self.width() - self._key.width() - self._glass.width() - hint > HINT_PAD
        self._key.setVisible(not self.text() and not self.hasFocus() and room)

    def _forget(self) -> None:
        self._hits = None
        self.clear()
        self._model.clear()

    def _search(self, text: str) -> None:
        step = self._document.planned
        if self._hits is None or step is not self._indexed:
            self._hits, self._indexed = index_of(step) if step is not None else (), step
        self._model.clear()
        for hit in find(self._hits, text):
            item = QStandardItem(hit.name)
            item.setData(hit, HIT_ROLE)
            self._model.appendRow(item)

    def _activated(self, index: QModelIndex) -> None:
        hit = index.data(HIT_ROLE)
        if isinstance(hit, Hit):
            self.chosen.emit(hit)

    def _take_first(self) -> None:
        item = self._model.item(0)
        if item is not None:
            self.chosen.emit(item.data(HIT_ROLE))
