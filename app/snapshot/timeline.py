"""Bytes over a recording's events as two curves, with a range that is dragged or moved by keys."""

from enum import Enum

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.fonts import text_font
from app.numbers import human
from app.theme import DARK, Theme
from app.translation import tr
from runtime.snapshot.recording import IntArray, Trace
from solver.step import Category

HEIGHT = 132
MARGIN = 8
TITLE = 20
GRIP = 7
"""Pixels; a handle is taken hold of within this distance."""
NUDGE = 0.01
"""Share of the recording by which a key moves an end."""


class _Hold(Enum):
    FIRST = "first"
    LAST = "last"
    BOTH = "both"


class Timeline(QWidget):
    """Reserved bytes as an outline, allocated ones filled; ``changed`` says the range in events."""

    changed = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAccessibleName(tr("Time range: arrows move the end, with Shift the beginning"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.theme: Theme = DARK
        self.first, self.last = 0, 0
        self._trace: Trace | None = None
        self._curves: tuple[int, IntArray, IntArray] | None = None
        self._hold: _Hold | None = None
        self._grabbed = 0.0

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(520, HEIGHT)

    def set_trace(self, trace: Trace | None) -> None:
        """Show another device's recording, all of it chosen."""
        self._trace, self._curves = trace, None
        self.first, self.last = 0, trace.count if trace is not None else 0
        self.update()

    def set_range(self, first: int, last: int) -> None:
        """Choose these events; emits nothing."""
        self.first, self.last = first, last
        self.update()

    @property
    def _count(self) -> int:
        return max(self._trace.count, 1) if self._trace is not None else 1

    @property
    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(MARGIN, TITLE, -MARGIN, -MARGIN)

    def _x(self, event: int) -> float:
        plot = self._plot
        return plot.left() + plot.width() * event / self._count

    def _event_at(self, x: float) -> int:
        plot = self._plot
        return round(min(max((x - plot.left()) / max(plot.width(), 1.0), 0.0), 1.0) * self._count)

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        x = event.position().x()
        self._grabbed = x
        self._hold = self._at(x)
        if self._hold is None:
            self._hold = _Hold.LAST
            at = self._event_at(x)
            self._choose(at, at)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        x = event.position().x()
        if self._hold is None:
            over = self._at(x)
            shapes = {None: Qt.CursorShape.CrossCursor, _Hold.BOTH: Qt.CursorShape.OpenHandCursor}
            self.setCursor(shapes.get(over, Qt.CursorShape.SizeHorCursor))
            return
        at = self._event_at(x)
        if self._hold is _Hold.BOTH:
            by = at - self._event_at(self._grabbed)
            by = min(max(by, -self.first), self._count - self.last)
            self._grabbed = x
            self._choose(self.first + by, self.last + by)
        elif self._hold is _Hold.FIRST:
            if at > self.last:
                self._hold = _Hold.LAST
            self._choose(min(at, self.last), max(at, self.last))
        else:
            if at < self.first:
                self._hold = _Hold.FIRST
            self._choose(min(at, self.first), max(at, self.first))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._hold = None
        if self.first == self.last:
            self._choose(0, self._count)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._choose(0, self._count)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        ways = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        step = max(round(self._count * NUDGE), 1)
        if event.key() in ways:
            by = ways[Qt.Key(event.key())] * step
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._choose(min(max(self.first + by, 0), self.last - 1), self.last)
            else:
                self._choose(self.first, max(min(self.last + by, self._count), self.first + 1))
        elif event.key() == Qt.Key.Key_Home:
            self._choose(0, self._count)
        else:
            super().keyPressEvent(event)

    def _at(self, x: float) -> _Hold | None:
        if abs(x - self._x(self.last)) <= GRIP:
            return _Hold.LAST
        if abs(x - self._x(self.first)) <= GRIP:
            return _Hold.FIRST
        whole = self.first == 0 and self.last == self._count
        return _Hold.BOTH if self._x(self.first) < x < self._x(self.last) and not whole else None

    def _choose(self, first: int, last: int) -> None:
        if (first, last) != (self.first, self.last) and self._trace is not None:
            self.set_range(first, last)
            self.changed.emit(first, last)

    # Painting

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        theme, plot = self.theme, self._plot
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.map))
        painter.setFont(text_font(11))
        if self._trace is None:
            painter.setPen(QColor(theme.text3))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), tr("Reading…"))
            return
        reserved, allocated = self._sampled(max(int(plot.width()), 2))
        top = max(int(reserved.max(initial=0)), int(allocated.max(initial=0)), 1)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.fill[Category.ACTIVATION]))
        painter.drawPolygon(_outline(allocated, plot, top))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.warn), 1.25))
        painter.drawPolyline(QPolygonF(_points(reserved, plot, top)))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        veil = QColor(theme.map)
        veil.setAlphaF(0.65)
        left, right = self._x(self.first), self._x(self.last)
        painter.fillRect(QRectF(plot.left(), plot.top(), left - plot.left(), plot.height()), veil)
        painter.fillRect(QRectF(right, plot.top(), plot.right() - right, plot.height()), veil)
        painter.setPen(QPen(QColor(theme.accent), 2))
        for x in (left, right):
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        box = QRectF(MARGIN, 0, plot.width(), TITLE)
        painter.setPen(QColor(theme.warn))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(
            box, middle, tr("Reserved, at most {}").format(human(int(reserved.max(initial=0))))
        )
        painter.setPen(QColor(theme.text2))
        right_side = middle | int(Qt.AlignmentFlag.AlignRight)
        text = tr("Allocated, at most {}").format(human(int(allocated.max(initial=0))))
        painter.drawText(box, right_side, text)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _sampled(self, columns: int) -> tuple[IntArray, IntArray]:
        """The most reserved and allocated in each of ``columns`` stretches."""
        assert self._trace is not None
        if self._curves is None or self._curves[0] != columns:
            reserved, allocated = self._trace.reserved, self._trace.allocated
            self._curves = columns, _most(reserved, columns), _most(allocated, columns)
        return self._curves[1], self._curves[2]


def _most(curve: IntArray, columns: int) -> IntArray:
    if len(curve) <= columns:
        return curve
    edges = np.linspace(0, len(curve), columns, endpoint=False).astype(np.int64)
    return np.asarray(np.maximum.reduceat(curve, edges), np.int64)


def _outline(curve: IntArray, plot: QRectF, top: int) -> QPolygonF:
    points = _points(curve, plot, top)
    return QPolygonF(
        [QPointF(plot.left(), plot.bottom()), *points, QPointF(plot.right(), plot.bottom())]
    )


def _points(curve: IntArray, plot: QRectF, top: int) -> list[QPointF]:
    xs = np.linspace(plot.left(), plot.right(), len(curve)).tolist()
    ys = (plot.bottom() - plot.height() * curve / top).tolist()
    return [QPointF(x, y) for x, y in zip(xs, ys, strict=True)]
