"""What exploring draws over the map: found tensors, the op that is selected, what comes and goes."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRect, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.explore.player import less_motion
from app.map.index import FloatArray
from app.map.map_row import MapRow
from app.map.palette import mix
from app.map.scene import Scene
from app.map.view import MapView
from solver.plan import IntArray

NONE: IntArray = np.zeros(0, np.int64)
VEIL = 0.72
"""How much of the map is covered where nothing was found."""
EDGED, SPECK = 6, 40
"""Pixels: the least height of what was found that has an edge, and the most area of a speck."""
DRAWN = 4000
"""At most so many places are drawn."""
MOST = 400
"""Rectangles drawn of those that come or go at one step."""
FADE_MS, FRAME_MS = 120, 24


class Boxes:
    """Pixels of rectangles on a map, all at once."""

    def __init__(self, view: MapView) -> None:
        self._view = view

    def of(self, rectangles: IntArray) -> tuple[IntArray, FloatArray]:
        """Colour numbers and (left, top, width, height) of those that are in sight and not hidden.

        At least a pixel wide and high, cut at the map's edges; each place once, the largest ``DRAWN``.
        Shapes (n,) and (n, 4).
        """
        view = self._view
        scene, window, colouring = view.state.scene, view.state.window, view.state.colouring
        if scene is None or colouring is None or not len(rectangles):
            return NONE, np.zeros((0, 4))
        row: MapRow = view.map_row
        plot = row.mapRectToParent(row.plot)
        wide = plot.width() / (window.x1 - window.x0)
        high = plot.height() / (window.y1 - window.y0)
        numbers = colouring.numbers[rectangles].astype(np.int64)
        there = view.state.palette.fill[numbers] > 0
        own, numbers = rectangles[there], numbers[there]
        places = view.state.axis.places
        x0 = plot.left() + (places(scene.start[own]) - window.x0) * wide
        x1 = plot.left() + (places(scene.end[own]) - window.x0) * wide
        y0 = plot.bottom() - (scene.high[own] - window.y0) * high
        y1 = plot.bottom() - (scene.low[own] - window.y0) * high
        seen = (x1 > plot.left()) & (x0 < plot.right()) & (y1 > plot.top()) & (y0 < plot.bottom())
        edges = np.stack([x0, y0, x1, y1], axis=1)[seen]
        edges[:, 0::2] = edges[:, 0::2].clip(plot.left() - 4, plot.right() + 4)
        edges[:, 1::2] = edges[:, 1::2].clip(plot.top() - 4, plot.bottom() + 4)
        edges = np.round(edges)
        boxes = np.concatenate([edges[:, :2], np.maximum(edges[:, 2:] - edges[:, :2], 1)], axis=1)
        keys = np.zeros(len(boxes), np.int64)
        for column in range(4):  # 15 bits each: a screen is narrower than 32,768 pixels
            keys = (keys << 15) | (boxes[:, column].astype(np.int64) + 8)
        first = np.unique(keys, return_index=True)[1]
        area = boxes[first, 2] * boxes[first, 3]
        kept = first[np.argsort(-area, kind="stable")[:DRAWN]]
        return numbers[seen][kept], boxes[kept]


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
        self._rectangles = NONE
        self._of: Scene | None = None
        """The scene that these are of."""
        # Painted when the view changes, not with every move of the pointer.
        self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)

    def set_found(self, storages: Sequence[int] | None) -> None:
        """Set off these; None: nothing is looked for."""
        self.found = None if storages is None else tuple(storages)
        self._of = None
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
        if self._of is not scene:
            self._of = scene
            self._rectangles = np.flatnonzero(np.isin(scene.storage, self.found))
        numbers, boxes = self._boxes.of(self._rectangles)
        painter.setClipRect(self.area)
        painter.setPen(Qt.PenStyle.NoPen)
        # Specks in the text's colour, and an edge of it around those that have room for one. Edges
        # of low ones, which often lie on one another, would make one dark area.
        width, height = boxes[:, 2], boxes[:, 3]
        roomy = (width > 3) & (height >= EDGED)
        dark = roomy | (width * height <= SPECK)
        painter.setBrush(QColor(theme.text))
        painter.drawRects([QRect(*box) for box in boxes[dark].astype(np.int64).tolist()])
        inner = np.where(roomy[:, None], boxes + np.array([1, 1, -2, -2]), boxes)
        coloured = roomy | ~dark
        for number in np.unique(numbers[coloured]):
            painter.setBrush(QColor(state.palette.names[int(number)]))
            own = inner[coloured & (numbers == number)]
            painter.drawRects([QRect(*box) for box in own.astype(np.int64).tolist()])


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
        scene = self._view.state.scene
        if scene is None or not len(rectangles) or int(rectangles.max()) >= scene.count:
            return []
        numbers, boxes = self._boxes.of(rectangles)
        return [(n, QRectF(*box)) for n, box in zip(numbers.tolist(), boxes.tolist(), strict=True)]


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
