"""A ruler between two points of a map: slots, their time, and bytes.

::

    B ┌╌╌╌╌╌╌╌╌╌┐        Drag from A to B; by keys Space puts A and then B where the cursor is.
      ╎         ╎        Slots are whole, addresses catch the edges of tensors.
      └╌╌╌╌╌╌╌╌╌┘ A
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.map.chips import HEIGHT, first_free, place_chip
from app.map.map_row import MapRow
from app.map.row import WEIGHT, At, label_font, text_width, write
from app.map.state import MapState
from app.map.ticks import seconds_text
from app.numbers import bytes_exact, human
from app.translation import plural, tr

if TYPE_CHECKING:
    from app.map.view import MapView

CATCH = 7.0
"""Pixels from an edge of a tensor within which an address is the edge's."""


@dataclass(frozen=True, slots=True)
class Point:
    """The start of a slot, and an address."""

    slot: int
    address: int


class RulerOverlay(QGraphicsObject):
    """Paints the ruler in the coordinates of the widget."""

    def __init__(
        self, state: MapState, map_row: MapRow, selected_words: Callable[[], list[QRectF]]
    ) -> None:
        super().__init__()
        self.state, self._map = state, map_row
        self._selected_words = selected_words
        map_row.other_words.append(self.words_in_map)
        self.points: tuple[Point, ...] = ()
        self.setZValue(30)
        map_row.geometryChanged.connect(self.prepareGeometryChange)
        for signal in (state.range_changed, state.colours_changed):
            signal.connect(self.update)

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self._map.geometry()

    def show_points(self, *points: Point) -> None:
        """None, one, or the two between which is measured."""
        self.points = points
        self.update()
        self._map.update()

    def text(self) -> str:
        """``124 ops, 3.21 ms · 98.0 MiB``; empty without two points."""
        if len(self.points) < 2:
            return ""
        first, last = sorted(point.slot for point in self.points)
        low, high = sorted(point.address for point in self.points)
        axis = self.state.axis
        time = axis.second(axis.place(last)) - axis.second(axis.place(first))
        along = _slots_text(
            self.state.scene.slot_name if self.state.scene is not None else "op", last - first
        )
        if axis.timed:
            along = f"{along}, {seconds_text(time)}"
        return f"{along}  ·  {human(high - low)}"

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if not self.points:
            return
        theme = self.state.theme
        area = self._map.mapRectToParent(self._map.plot)
        painter.setClipRect(area)
        places = [self._place(point) for point in self.points]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if len(places) == 2:
            box = QRectF(*places).normalized()
            fill = QColor(theme.accent)
            fill.setAlphaF(0.12)
            painter.fillRect(box, fill)
            for width, colour in ((3.0, theme.map), (1.25, theme.accent)):
                pen = QPen(QColor(colour), width)
                if colour == theme.accent:
                    pen.setDashPattern([4, 3])
                painter.setPen(pen)
                painter.drawRect(box)
        for place in places:
            for width, colour in ((4.0, theme.map), (1.75, theme.accent)):
                painter.setPen(QPen(QColor(colour), width))
                painter.drawLine(place - QPointF(6, 0), place + QPointF(6, 0))
                painter.drawLine(place - QPointF(0, 6), place + QPointF(0, 6))
        if len(places) == 2:
            self._paint_figures(painter, box, area)

    def _paint_figures(self, painter: QPainter, box: QRectF, area: QRectF) -> None:
        theme, font, text = self.state.theme, label_font(11, WEIGHT.DemiBold), self.text()
        chip = self._chip(box, area)
        painter.setPen(QPen(QColor(theme.accent), 1))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setPen(QColor(theme.text))
        write(painter, chip, text, font, At.MIDDLE)

    def _chip(self, box: QRectF, area: QRectF) -> QRectF:
        """Beside the measured box, or inside it where it fills the map; on no words of a selection."""
        width = text_width(self.text(), label_font(11, WEIGHT.DemiBold)) + 18
        taken = [self._map.mapRectToParent(words) for words in self._selected_words()]
        left = min(max(box.center().x() - width / 2, area.left() + 4), area.right() - width - 4)
        highest, lowest = area.top() + 4, area.bottom() - HEIGHT - 4
        tops = [box.top() - 28, box.bottom() + 8, *(box.top() + 8 + 24 * n for n in range(40))]
        inside = [QRectF(left, top, width, HEIGHT) for top in tops if highest <= top <= lowest]
        return first_free(inside, taken) or place_chip(box.intersected(area), width, area, 0.0, taken)

    def words_in_map(self) -> list[QRectF]:
        """Where the figures stand, in the map's coordinates."""
        if len(self.points) < 2:
            return []
        area = self._map.mapRectToParent(self._map.plot)
        box = QRectF(*(self._place(point) for point in self.points)).normalized()
        return [self._map.mapRectFromParent(self._chip(box, area))]

    def _place(self, point: Point) -> QPointF:
        x = self._map.x_of(point.slot)
        return self._map.mapToParent(QPointF(x, self._map.y_of(point.address)))


class Ruler(QObject):
    """The gesture that puts the ruler's points; see ``app.map.gesture``."""

    def __init__(self, view: MapView) -> None:
        super().__init__(view)
        self._view = view
        self.overlay = RulerOverlay(view.state, view.map_row, view.selection_overlay.words_in_map)
        self.overlay.setParentItem(view.canvas.column)
        self._before = view.gesture
        self._start: Point | None = None
        """Where a drag began, or what a key put."""
        view.state.scene_changed.connect(lambda: self.overlay.show_points())

    @property
    def active(self) -> bool:
        """Whether the mouse measures."""
        return self._view.gesture is self

    def toggle(self) -> None:
        """Begin to measure, or take the ruler away."""
        self._start = None
        self.overlay.show_points()
        if self.active:
            self._view.gesture = self._before
        elif self._view.state.scene is not None:
            self._before = self._view.gesture
            self._view.gesture = self
            self._view.setFocus()

    def escape(self) -> bool:
        """Take the ruler away; whether it was there."""
        was = self.active
        if was:
            self.toggle()
        return was

    def point_at(self, position: QPointF) -> Point | None:
        """The point at a position of the canvas, caught by edges; None outside the map."""
        view = self._view
        row, state = view.map_row, view.state
        if view.canvas.row_at(position) is not row or state.scene is None:
            return None
        inside = position - row.geometry().topLeft()
        slot = min(max(round(row.slot_at(inside.x())), 0), state.slots)
        address = row.address_at(inside.y())
        rectangle = row.rectangle_at(inside)
        if rectangle >= 0:
            edges = (int(state.scene.low[rectangle]), int(state.scene.high[rectangle]))
            near = min(edges, key=lambda edge: abs(row.y_of(edge) - inside.y()))
            if abs(row.y_of(near) - inside.y()) <= CATCH:
                address = near
        return Point(slot, max(round(address), 0))

    def press(self, position: QPointF) -> bool:
        self._start = self.point_at(position)
        return self._start is not None

    def move(self, position: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        point = self.point_at(position)
        if point is not None and self._start is not None:
            self._view.hide_tooltip()
            self._lay(self._start, point)

    def release(self) -> None:
        self._start = None

    def cancel(self) -> None:
        self._start = None

    def _lay(self, first: Point, second: Point) -> None:
        self.overlay.show_points(first, second)
        size = bytes_exact(abs(first.address - second.address))
        said = tr("Ruler: {}, {} bytes").format(self.overlay.text(), size)
        self._view.setAccessibleDescription(said)

    def key(self, event: QKeyEvent) -> bool:
        cursor = self._view.state.cursor
        if event.key() == Qt.Key.Key_Escape:
            self.escape()
        elif event.key() == Qt.Key.Key_Space and cursor is not None:
            point = Point(int(cursor[0]), max(round(cursor[1]), 0))
            if self._start is None:
                self._start = point
                self.overlay.show_points(point)
            else:
                self._lay(self._start, point)
                self._start = None
        else:
            return False
        return True

    def shape(self, position: QPointF) -> Qt.CursorShape | None:
        return Qt.CursorShape.CrossCursor


def _slots_text(unit: str, count: int) -> str:
    """``1,204 ops``: slots between two points, by what a slot is."""
    if unit == "allocation":
        return plural("{} allocation", "{} allocations", count)
    if unit == "time step":
        return plural("{} time step", "{} time steps", count)
    if unit == "slot":
        return plural("{} slot", "{} slots", count)
    return plural("{} op", "{} ops", count)
