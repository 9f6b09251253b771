"""The command palette (Ctrl+K): every command, plan and recent file, found by a few letters."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.fonts import text_font
from app.icons import disabled_color, icon
from app.settings import Settings
from app.theme import DARK, Theme
from app.translation import tr
from app.window.palette_entries import PaletteEntry, found, used

AnyIndex: TypeAlias = QModelIndex | QPersistentModelIndex
ENTRY = Qt.ItemDataRole.UserRole + 1
WIDTH, ROW, SHOWN = 600, 30, 11
TOP = 72
"""Below the window's upper edge."""
RECENT = "palette/recent"


class CommandPalette(QFrame):
    """Lies over the window while it is open; a choice, Esc or a click elsewhere closes it."""

    def __init__(
        self, window: QWidget, settings: Settings, offered: Callable[[], Sequence[PaletteEntry]]
    ) -> None:
        """``offered``: what there is to choose from, asked each time it is opened."""
        super().__init__(window)
        self.setObjectName("palette")
        self.setAccessibleName(tr("Commands"))
        self.setProperty("surface", "card")
        self._window, self._settings, self._offered = window, settings, offered
        self._entries: Sequence[PaletteEntry] = ()
        self._before: QWidget | None = None
        self.field = QLineEdit()
        self.field.setObjectName("paletteField")
        self.field.setAccessibleName(tr("Find a command, a plan or a recent file"))
        self.field.setPlaceholderText(tr("Find a command, a plan or a recent file"))
        self.field.setClearButtonEnabled(True)
        self.field.setFixedHeight(34)
        self.model = EntryModel(self)
        self.list = QListView()
        self.list.setObjectName("paletteList")
        self.list.setAccessibleName(tr("What can be done"))
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.painter = EntryPainter(self.list)
        self.list.setItemDelegate(self.painter)
        self.nothing = QLabel(tr("Nothing is called that."))
        self.nothing.setProperty("role", "second")
        self.nothing.setContentsMargins(10, 8, 10, 8)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.field)
        column.addWidget(self.list)
        column.addWidget(self.nothing)
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list.clicked.connect(self._clicked)
        self.list.entered.connect(self.list.setCurrentIndex)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.painter.theme = theme
        self.list.viewport().update()

    def open(self) -> None:
        """Show it, with what was used last on top."""
        if self.isVisible():
            self.close_it()
            return
        self._before = self._window.focusWidget()
        self._entries = self._offered()
        self.field.clear()
        self._search("")
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_it(self) -> bool:
        """Go back to where the keyboard was; False where it was not open."""
        shown = self.isVisible()
        self.hide()
        if shown and self._before is not None:
            self._before.setFocus(Qt.FocusReason.PopupFocusReason)
        self._before = None
        return shown

    def _search(self, typed: str) -> None:
        recent = self._settings.text(RECENT, "").split("\n")
        entries = found(self._entries, typed, recent)
        self.model.set_entries(entries)
        self.list.setVisible(bool(entries))
        self.nothing.setVisible(not entries)
        self.list.setFixedHeight(ROW * min(max(len(entries), 1), SHOWN))
        width = min(WIDTH, self._window.width() - 32)
        self.setFixedWidth(width)
        self.adjustSize()
        self.move(QPoint((self._window.width() - width) // 2, TOP))
        usable = (at for at, entry in enumerate(entries) if entry.enabled)
        self._choose(0 if typed.strip() else next(usable, 0))

    def _choose(self, row: int) -> None:
        index = self.model.index(row, 0)
        self.list.setCurrentIndex(index)
        self.list.scrollTo(index)
        entry = index.data(ENTRY)
        # The list never has the focus: the field says what is chosen in it.
        self.field.setAccessibleDescription(said(entry) if isinstance(entry, PaletteEntry) else "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.field and self.isVisible():
            if isinstance(event, QKeyEvent) and event.key() in _KEYS:
                if event.type() == QEvent.Type.ShortcutOverride:
                    event.accept()
                    return True
                if event.type() == QEvent.Type.KeyPress:
                    self._press(event.key())
                    return True
            elif event.type() == QEvent.Type.FocusOut and _elsewhere(event):
                self._before = None
                self.hide()
        return super().eventFilter(watched, event)

    def _press(self, key: int) -> None:
        row, rows = self.list.currentIndex().row(), self.model.rowCount()
        if key == Qt.Key.Key_Escape:
            self.close_it()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._clicked(self.list.currentIndex())
        elif rows:
            by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(key))
            far = {Qt.Key.Key_PageUp: -SHOWN, Qt.Key.Key_PageDown: SHOWN}.get(Qt.Key(key), 0)
            self._choose((row + by) % rows if by else min(max(row + far, 0), rows - 1))

    def _clicked(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY)
        if not isinstance(entry, PaletteEntry) or not entry.enabled:
            return
        self.close_it()
        recent = self._settings.text(RECENT, "").split("\n")
        self._settings.set_text(RECENT, "\n".join(used(recent, entry.key)))
        entry.run()


_KEYS = frozenset(
    {
        Qt.Key.Key_Escape,
        Qt.Key.Key_Return,
        Qt.Key.Key_Enter,
        Qt.Key.Key_Up,
        Qt.Key.Key_Down,
        Qt.Key.Key_PageUp,
        Qt.Key.Key_PageDown,
    }
)


def _elsewhere(event: QEvent) -> bool:
    """Whether the keyboard went to another part of the window."""
    stays = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
    return isinstance(event, QFocusEvent) and event.reason() not in stays


class EntryModel(QAbstractListModel):
    """The entries that fit what is typed."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.entries: list[PaletteEntry] = []

    def set_entries(self, entries: list[PaletteEntry]) -> None:
        """Show others."""
        self.beginResetModel()
        self.entries = entries
        self.endResetModel()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008, N802
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry = self.entries[index.row()]
        if role == ENTRY:
            return entry
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return said(entry)
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        # Also what cannot be used can be looked at: it says why.
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable


class EntryPainter(QStyledItemDelegate):
    """Icon, text and remark on the left, the key on the right; greyed where it cannot be used."""

    theme = DARK

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:  # noqa: N802
        return QSize(320, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        entry: PaletteEntry = index.data(ENTRY)
        theme, box = self.theme, QRect(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        state: QStyle.StateFlag = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.sel))
            painter.drawRoundedRect(box.adjusted(0, 1, 0, -1), 5, 5)
        tone = theme.text if entry.enabled else disabled_color(theme)
        if entry.icon:
            at = QRect(box.left() + 10, box.center().y() - 7, 16, 16)
            icon(entry.icon, theme, theme.text2 if entry.enabled else tone).paint(painter, at)
        inner = box.adjusted(36, 0, -12, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(text_font(11))
        painter.setPen(QColor(theme.text3))
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignRight), entry.shortcut)
        room = inner.width() - painter.fontMetrics().horizontalAdvance(entry.shortcut) - 12
        painter.setFont(text_font(12))
        metrics = painter.fontMetrics()
        text = metrics.elidedText(entry.text, Qt.TextElideMode.ElideRight, room)
        painter.setPen(QColor(tone))
        painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignLeft), text)
        inner.setLeft(inner.left() + metrics.horizontalAdvance(text) + 10)
        room -= metrics.horizontalAdvance(text) + 10
        painter.setFont(text_font(11))
        painter.setPen(QColor(theme.text3 if entry.enabled else theme.warn))
        remark = painter.fontMetrics().elidedText(entry.remark, Qt.TextElideMode.ElideMiddle, room)
        if room > 24:
            painter.drawText(inner, int(middle | Qt.AlignmentFlag.AlignLeft), remark)
        painter.restore()


def said(entry: PaletteEntry) -> str:
    """What a screen reader says of an entry."""
    cannot = "" if entry.enabled else "unavailable"
    return ", ".join(part for part in (entry.text, cannot, entry.remark, entry.shortcut) if part)
