"""The legend: which categories there are, their bytes at the peak, and which of them are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QShowEvent,
)
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QWidget

from app.document import Document
from app.facts.plan import GROUPS, Group, plan_facts
from app.fonts import text_font
from app.map.colouring import ColourBy, ColourClass, Colouring
from app.map.palette import make_palette
from app.numbers import bytes_exact, human
from app.panels.controls import HatchKey, Strip, label
from app.panels.sheet import panel_sheet
from app.theme import DARK, Theme
from app.translation import tr
from solver.step import Category, Step

if TYPE_CHECKING:
    from app.panels.colours import LookChooser

HEIGHT = 32
BOX = 13
GAP = 6
TEXT = 11
"""Pixels of a box, of the gap behind it, of the letters."""
FITS = (
    (True, True, False, True, True),
    (True, True, False, True, False),
    (True, False, False, True, False),
    (True, False, True, True, False),
    (False, True, True, True, False),
    (False, False, True, True, False),
    (False, False, True, False, False),
)
"""Are there figures, captions at the right end, short words, choosers, a remark: the widest first."""


class LegendBox(QAbstractButton):
    """One group of categories: a box in its colour that is ticked while the group is shown."""

    alone = Signal()
    """Alt+click or Alt+Space: show only this one."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.shows = group
        self.figure = ""
        self.figures_shown = True
        self._theme = DARK
        self._by_key = False
        self.setCheckable(True)
        self.setChecked(True)
        self.setText(tr(group.label))
        self.setObjectName(f"legend {group.label}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setToolTip(tr("Click: hide or show. Alt+click: show only this."))

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def fill(self, theme: Theme) -> str:
        """The colour of the box."""
        return theme.fill[next(c for c in Category if c in self.shows.categories)]

    def set_bytes(self, size: int) -> None:
        """Show the group's bytes at the peak."""
        self.figure = human(size)
        self.setAccessibleName(
            tr("{}, {} bytes at the peak").format(tr(self.shows.label), bytes_exact(size))
        )
        hint = tr("Click: hide or show. Alt+click: show only this.")
        self.setToolTip(tr("{} at the peak. {}").format(human(size), hint))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        width = BOX + GAP + self._width(self.text()) + 1
        if self.figure and self.figures_shown:
            width += GAP - 1 + self._width(self.figure)
        return QSize(width, 22)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    def _width(self, text: str) -> int:
        return QFontMetrics(text_font(TEXT)).horizontalAdvance(text)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        by_key = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self._by_key = event.reason() in by_key
        super().focusInEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.alone.emit()
            event.accept()
            return
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.alone.emit()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        theme = self._theme
        painter = QPainter(self)
        painter.setFont(text_font(TEXT))
        top = (self.height() - BOX) / 2
        box = QRectF(0.5, top, BOX, BOX)
        ticked = self.isChecked() and self.isEnabled()
        if ticked:
            fill = QColor(self.fill(theme))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawRoundedRect(box, 3, 3)
            _tick(painter, box, fill, theme)
        else:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme.line2), 1))
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        x = BOX + GAP
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.setPen(QColor(theme.text if ticked else theme.text3))
        painter.drawText(QRectF(x, 0, self.width(), self.height()), middle, self.text())
        if self.figures_shown:
            x += painter.fontMetrics().horizontalAdvance(self.text()) + GAP - 1
            painter.setPen(QColor(theme.text3))
            painter.drawText(QRectF(x, 0, self.width(), self.height()), middle, self.figure)
        if self._by_key and self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)


def _tick(painter: QPainter, box: QRectF, fill: QColor, theme: Theme) -> None:
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ink = QColor(theme.map if (fill.lightnessF() > 0.5) == theme.dark else theme.text)
    painter.setPen(QPen(ink, 1.6, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    x, y, side = box.x(), box.y(), box.width()
    points = [(0.25, 0.52), (0.43, 0.70), (0.76, 0.32)]
    painter.drawPolyline(QPolygonF([QPointF(x + a * side, y + b * side) for a, b in points]))
    painter.restore()


class ClassBox(LegendBox):
    """One class of a colouring that is not by category."""

    def __init__(self, shows: ColourClass) -> None:
        super().__init__(Group(shows.name, frozenset()))
        self.numbers = frozenset(shows.numbers)
        self._number = shows.numbers[0]

    def fill(self, theme: Theme) -> str:
        return make_palette(theme).names[self._number]


class Legend(Strip):
    """A box for each group of categories or class of a colouring; the map hides what is not ticked."""

    hidden_changed = Signal(frozenset)
    """Categories and colour numbers that are not shown now."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(HEIGHT)
        self.setParent(parent)
        self.setObjectName("legend")
        self.setAccessibleName(tr("Legend"))
        self._document = document
        self._where = label(tr("At the peak"), "caption", "text3")
        self.row.addWidget(self._where)
        self.boxes = tuple(LegendBox(group) for group in GROUPS)
        for box in self.boxes:
            box.clicked.connect(self._emit)
            box.alone.connect(self._show_alone)
            self.row.addWidget(box)
        self.row.addStretch(1)
        self.count: QLabel = label("", "caption", "text2")
        self.row.addWidget(self.count)
        self.row.setSpacing(12)
        self.classes: tuple[ClassBox, ...] = ()
        """Shown instead of the boxes while the map is not coloured by category."""
        self._plain = True
        self._theme = DARK
        self._keys: tuple[HatchKey, ...] = ()
        self._remark: QWidget | None = None
        self._chooser: LookChooser | None = None
        self._outdated = True
        self._counted: Step | None = None
        self._present: set[Category] = set()
        self._planned = 0
        document.step_changed.connect(self.refresh)
        document.shown_changed.connect(self.refresh)
        self.set_theme(DARK)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.setStyleSheet(panel_sheet(theme))
        for box in (*self.boxes, *self.classes):
            box.set_theme(theme)

    @property
    def hidden(self) -> frozenset[Category | int]:
        """Categories and colour numbers that are not shown."""
        if self.classes:
            return frozenset().union(*(box.numbers for box in self.classes if not box.isChecked()))
        groups = (box.shows.categories for box in self.boxes if box.isEnabled() and not box.isChecked())
        return frozenset().union(*groups)

    def show_colouring(self, colouring: Colouring | None, slot: int) -> None:
        """One box for each class of a colouring, with its bytes at a slot; None: the categories.

        What was not ticked stays so while the classes have the same names.
        """
        plain = colouring is None or colouring.by is ColourBy.CATEGORY
        classes = () if colouring is None or plain else colouring.classes
        # Each view says so whenever anything changes, and fitting costs some milliseconds.
        if plain and self._plain:
            return
        self._plain = plain
        if [box.text() for box in self.classes] != [tr(one.name) for one in classes]:
            for old in self.classes:
                self.row.removeWidget(old)
                old.hide()
                old.deleteLater()
            self.classes = tuple(ClassBox(one) for one in classes)
            at = self.row.indexOf(self.boxes[-1]) + 1
            for place, box in enumerate(self.classes):
                box.set_theme(self._theme)
                box.clicked.connect(self._emit)
                box.alone.connect(self._show_alone)
                self.row.insertWidget(at + place, box)
                box.show()  # at once: what is hidden takes no room
        for group in self.boxes:
            group.setVisible(plain)
        if colouring is not None:
            for box, size in zip(self.classes, colouring.bytes_at(slot), strict=False):
                box.set_bytes(size)
        self.fit()

    def add(self, keys: Sequence[HatchKey], remark: QWidget, last: LookChooser) -> None:
        """Put keys behind the boxes, and a remark and choosers in the place of the count of tensors."""
        at = self.row.indexOf(self.boxes[-1]) + 1
        for place, key in enumerate(keys):
            self.row.insertWidget(at + place, key)
        self.row.insertWidget(self.row.indexOf(self.count), remark)
        self.row.replaceWidget(self.count, last)
        self.count.hide()
        self._keys, self._remark, self._chooser = tuple(keys), remark, last

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._outdated:
            self.refresh()

    def refresh(self) -> None:
        """Follow the document: bytes at the peak of what is on the map; later, where out of sight."""
        self._outdated = not self.isVisible()
        if self._outdated:
            return
        step, entry = self._document.step, self._document.shown
        if step is not self._counted:
            # Once for a step: while a solve runs, its plans come several times a second.
            storages = step.storages if step is not None else ()
            self._counted = step
            self._present = {s.category for s in storages if s.size}
            self._planned = sum(s.planned for s in storages)
        sizes: dict[str, int] = {}
        if step is not None and entry is not None:
            facts = plan_facts(step, entry.plan, entry.baseline)
            sizes = facts.peak_group_bytes
        for box in self.boxes:
            box.setEnabled(bool(box.shows.categories & self._present))
            box.set_bytes(sizes.get(box.shows.label, 0))
            if entry is None or not box.isEnabled():
                box.figure = ""
        self.count.setText(tr("{:,} tensors").format(self._planned) if step is not None else "")
        self.fit()

    def fit(self) -> None:
        """Where it is narrow the count of tensors goes first, or the words before the choosers.

        A remark goes before all that. Then keys have short words, then figures and what they are go,
        and last all keys but the first.
        """
        for figures, last, short, choosers, remark in FITS:
            for box in (*self.boxes, *self.classes):
                box.figures_shown = figures
                box.updateGeometry()
                box.update()
            for place, key in enumerate(self._keys):
                key.set_short(short)
                key.setVisible(key.wanted and (choosers or place == 0))
            if self._remark is not None:
                self._remark.setVisible(remark)
            self._where.setVisible(figures)
            if self._chooser is not None:
                self._chooser.set_captions(last, choosers=choosers)
            else:
                self.count.setVisible(last)
            self.row.invalidate()
            if self.row.minimumSize().width() <= self.width():
                return

    def _show_alone(self) -> None:
        chosen = self.sender()
        boxes = self.classes or self.boxes
        others = [box for box in boxes if box is not chosen and box.isEnabled()]
        already = all(not box.isChecked() for box in others)
        for box in boxes:
            box.setChecked(box is chosen or already)
        self._emit()

    def _emit(self) -> None:
        self.hidden_changed.emit(self.hidden)
