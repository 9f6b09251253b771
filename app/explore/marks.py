"""What exploring draws over the map: found tensors, the op that is selected, what comes and goes."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.explore.player import less_motion
from app.map.map_row import MapRow
from app.map.palette import mix
from app.map.view import MapView
from solver.plan import IntArray

NONE: IntArray = np.zeros(0, np.int64)
VEIL = 0.72
"""How much of the map is covered where nothing was found."""
OUTLINED = 2000
"""More found tensors than this in sight are filled only."""
MOST = 400
"""Rectangles drawn of those that come or go at one step."""
FADE_MS, FRAME_MS = 120, 24


class Boxes:
    """Pixels of rectangles on a map, all at once."""

    def __init__(self, view: MapView) -> None:
        self._view = view

    def of(self, rectangles: IntArray) -> list[QRectF]:
        """Those that are in sight and not hidden, at least a pixel wide and high."""
        view = self._view
        scene, window, axis = view.state.scene, view.state.window, view.state.axis
        if scene is None or not len(rectangles):
            return []
        row: MapRow = view.map_row
        plot = row.mapRectToParent(row.plot)
        wide = plot.width() / (window.x1 - window.x0)
        high = plot.height() / (window.y1 - window.y0)
        low, top = scene.low[rectangles], scene.high[rectangles]
        near = (top > window.y0) & (low < window.y1)
        result = []
        for at in rectangles[near].tolist():
            if view.state.is_hidden(at):
                continue
            x0 = plot.left() + (axis.place(int(scene.start[at])) - window.x0) * wide
            x1 = plot.left() + (axis.place(int(scene.end[at])) - window.x0) * wide
            y1 = plot.bottom() - (float(scene.low[at]) - window.y0) * high
            y0 = plot.bottom() - (float(scene.high[at]) - window.y0) * high
            box = QRectF(
                round(x0), round(y0), max(round(x1) - round(x0), 1), max(round(y1) - round(y0), 1)
            )
            if box.intersects(plot):
                result.append(box.intersected(plot.adjusted(-4, -4, 4, 4)))
        return result


class _Overlay(QGraphicsObject):
    """Over the map's own row, under what is selected."""

    def __init__(self, view: MapView, z: float) -> None:
        super().__init__()
        self._view = view
        self._boxes = Boxes(view)
        self.setParentItem(view.canvas.column)
        self.setZValue(z)
        for signal in (view.state.range_changed, view.state.scene_changed, view.state.colours_changed):
            signal.connect(self.update)
        for row in view.canvas.rows:
            row.geometryChanged.connect(self._moved)
        self.hide()

    def _moved(self) -> None:
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self._view.map_row.geometry()

    @property
    def area(self) -> QRectF:
        """The map's plot, in own coordinates."""
        return self._view.map_row.mapRectToParent(self._view.map_row.plot)


class FoundOverlay(_Overlay):
    """Everything but what was found lies under a veil."""

    def __init__(self, view: MapView) -> None:
        super().__init__(view, 6)
        self.found: tuple[int, ...] | None = None
        # Painted when the view changes, not with every move of the pointer.
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)

    def set_found(self, storages: Sequence[int] | None) -> None:
        """Set off these; None: nothing is looked for."""
        self.found = None if storages is None else tuple(storages)
        self.setVisible(self.found is not None)
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        state = self._view.state
        scene = state.scene
        if scene is None or self.found is None:
            return
        theme = state.theme
        veil = QColor(theme.map)
        veil.setAlphaF(VEIL)
        painter.fillRect(self.area, veil)
        rectangles = scene.rectangles_of([s for s in self.found if s < scene.storages])
        window, axis = state.window, state.axis
        first, last = axis.slot(window.x0), axis.slot(window.x1)
        chosen = np.array(rectangles, np.int64)
        chosen = chosen[(scene.end[chosen] > first) & (scene.start[chosen] < last)]
        outlined = len(chosen) <= OUTLINED
        line = QColor(theme.text)
        for number in np.unique(state.colouring.numbers[chosen]) if state.colouring else ():
            own = chosen[state.colouring.numbers[chosen] == number] if state.colouring else chosen
            fill = QColor(state.palette.names[int(number)])
            for box in self._boxes.of(own):
                if outlined and box.width() > 3 and box.height() > 3:
                    painter.fillRect(box, line)
                    painter.fillRect(box.adjusted(1, 1, -1, -1), fill)
                else:
                    painter.fillRect(box, fill if not outlined else line)


class PlayOverlay(_Overlay):
    """What is made at the played slot lights up; what was freed there fades out."""

    def __init__(self, view: MapView) -> None:
        super().__init__(view, 12)
        self.made, self.freed = NONE, NONE
        self.strength = 0.0
        """1 at the step, 0 once it has faded."""
        self._timer = QTimer(interval=FRAME_MS)
        self._timer.timeout.connect(self._fade)

    def show_step(self, made: IntArray, freed: IntArray) -> None:
        """Another slot is played."""
        self.made, self.freed = made[:MOST], freed[:MOST]
        self.show()
        if less_motion():
            self.strength = 0.0
        else:
            self.strength = 1.0
            self._timer.start()
        self.update()

    def clear(self) -> None:
        """Nothing is played."""
        self._timer.stop()
        self.made, self.freed, self.strength = NONE, NONE, 0.0
        self.hide()

    def _fade(self) -> None:
        self.strength = max(self.strength - FRAME_MS / FADE_MS, 0.0)
        if self.strength <= 0:
            self._timer.stop()
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        state = self._view.state
        theme = state.theme
        painter.save()
        painter.setClipRect(self.area)
        for number, box in self._coloured(self.made):
            bright = mix("#ffffff" if theme.dark else "#000000", state.palette.names[number], 0.35)
            fill = QColor(mix(bright, state.palette.names[number], 0.4 + 0.6 * self.strength))
            painter.fillRect(box, fill)
            painter.setPen(QPen(QColor(theme.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(-0.5, -0.5, 0.5, 0.5))
        pen = QPen(QColor(theme.text2), 1)
        pen.setDashPattern([3, 2])
        for _, box in self._coloured(self.freed):
            gone = QColor(theme.map)
            gone.setAlphaF(0.75 * (1 - self.strength))
            painter.fillRect(box, gone)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.restore()

    def _coloured(self, rectangles: IntArray) -> list[tuple[int, QRectF]]:
        scene, state = self._view.state.scene, self._view.state
        if scene is None or not len(rectangles) or int(rectangles.max()) >= scene.count:
            return []
        return [
            (state.number_of(at), box)
            for at in rectangles.tolist()
            for box in self._boxes.of(np.array([at], np.int64))
        ]


class OpOverlay(_Overlay):
    """A line at the op that is selected, and one at the slot that is held."""

    def __init__(self, view: MapView) -> None:
        super().__init__(view, 11)
        self.op, self.held = -1, -1

    def set_slots(self, op: int, held: int) -> None:
        """The slots of both; -1: none."""
        self.op, self.held = op, held
        self.setVisible(op >= 0 or held >= 0)
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        scene, theme, area = self._view.state.scene, self._view.state.theme, self.area
        if scene is None:
            return
        painter.setClipRect(area)
        row = self._view.map_row
        if 0 <= self.op < scene.slots:
            left, right = row.x_of(self.op), row.x_of(self.op + 1)
            band = QColor(theme.text)
            band.setAlphaF(0.16)
            if right - left > 3:
                painter.fillRect(QRectF(left, area.top(), right - left, area.height()), band)
            painter.setPen(QPen(QColor(theme.text), 1))
            middle = round((left + right) / 2)
            painter.drawLine(middle, round(area.top()), middle, round(area.bottom()))
        if 0 <= self.held < scene.slots and self.held != self.op:
            pen = QPen(QColor(theme.accent), 1)
            pen.setDashPattern([4, 3])
            painter.setPen(pen)
            x = round(row.x_of(self.held + 0.5))
            painter.drawLine(x, round(area.top()), x, round(area.bottom()))
