"""Pins on the map: a small pin on what lies or runs where a person said.

::

    lane   (P)      ⚲                 ops: a pin over their slot, between the badges' lane and the map
    map    |‾‾‾‾‾‾⚲|                  tensors: a pin in the upper right corner of what is visible
                                      filled: the plan on the map keeps it; hollow: the next one is to
"""

from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.map.view import MapView

SIZE = 12.0
"""Of the round ground that a pin stands on, pixels."""
LEAST_HEIGHT = 4.0
"""Of a rectangle: on one that is lower the pin stands above it."""
MOST = 400
"""Marks of one kind that are drawn."""


class PinMarks(QGraphicsObject):
    """Painted in the coordinates of the widget, over what is selected; never asks for a new raster."""

    def __init__(self, view: MapView) -> None:
        super().__init__(view.canvas.column)
        self._view = view
        self._storages: Mapping[int, bool] = {}
        self._slots: Mapping[int, bool] = {}
        self.setZValue(12)
        view.canvas.column.geometryChanged.connect(self._relayout)
        for row in (view.lane, view.map_row):
            row.geometryChanged.connect(self._relayout)
        state = view.state
        for signal in (state.range_changed, state.colours_changed, state.scene_changed):
            signal.connect(self.update)

    @property
    def marked(self) -> tuple[Mapping[int, bool], Mapping[int, bool]]:
        """What has a pin: storages and slots; whether the plan on the map keeps it."""
        return self._storages, self._slots

    def set_pinned(self, storages: Mapping[int, bool], slots: Mapping[int, bool]) -> None:
        """Mark other storages and slots of the scene; True: the plan on the map keeps the pin."""
        if (storages, slots) != (self._storages, self._slots):
            self._storages, self._slots = storages, slots
            self.update()

    def _relayout(self) -> None:
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self._view.lane.geometry().united(self._view.map_row.geometry())

    def places(self) -> list[tuple[QPointF, bool]]:
        """Where the middles of the pins are, and whether each is filled.

        Of those that would cover one another the first is drawn, and none over words.
        """
        view = self._view
        found: list[tuple[QPointF, bool]] = []
        scene, row = view.state.scene, view.map_row
        if scene is None:
            return []
        area = row.mapRectToParent(row.plot)
        known = [s for s in self._storages if s < scene.storages]
        for rectangle in scene.rectangles_of(known[:MOST]):
            box = row.mapRectToParent(row.box_of(rectangle)).intersected(area)
            if box.isValid():
                x = max(box.right() - SIZE / 2 - 2, box.left() + SIZE / 2)
                tall = box.height() >= SIZE + 2
                y = box.top() + SIZE / 2 + 1 if tall else box.center().y()
                y = y if box.height() >= LEAST_HEIGHT else box.top() - SIZE / 2
                place = QPointF(min(x, area.right() - SIZE / 2), max(y, area.top() + SIZE / 2))
                found.append((place, self._storages[int(scene.storage[rectangle])]))
        lane = view.lane.geometry()
        for slot, kept in list(self._slots.items())[:MOST]:
            x = row.mapRectToParent(QRectF(row.x_of(slot + 0.5), 0, 0, 0)).x()
            if area.left() <= x <= area.right():
                found.append((QPointF(x, lane.bottom() + SIZE / 2), kept))
        words = [chip for chip, _ in view.selection_overlay.chips()]
        free: dict[tuple[int, int], tuple[QPointF, bool]] = {}
        for place, kept in found:
            cell = round(place.x() / SIZE), round(place.y() / SIZE)
            if cell not in free and not any(box.contains(place) for box in words):
                free[cell] = (place, kept)
        return list(free.values())

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if not self._storages and not self._slots:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place, kept in self.places():
            self._paint_pin(painter, place, kept)
        painter.restore()

    def _paint_pin(self, painter: QPainter, at: QPointF, kept: bool) -> None:
        """A head, a collar and a needle on a ground in the map's colour."""
        theme = self._view.state.theme
        ink = QColor(theme.text)
        painter.setPen(QPen(ink, 0.75))
        painter.setBrush(QColor(theme.map))
        painter.drawEllipse(at, SIZE / 2, SIZE / 2)
        painter.setPen(QPen(ink, 1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.setBrush(ink if kept else Qt.BrushStyle.NoBrush)
        head = [(-1.6, -3.6), (1.6, -3.6), (1.6, -1.0), (3.0, 0.8), (-3.0, 0.8), (-1.6, -1.0)]
        painter.drawPolygon(QPolygonF([at + QPointF(x, y) for x, y in head]))
        painter.drawLine(at + QPointF(0, 0.8), at + QPointF(0, 4.0))
