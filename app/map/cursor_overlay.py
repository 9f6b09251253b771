"""What follows the pointer: the hover outline, the cursor line with its figures, the zoom box."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.map.axis_row import OpAxisRow
from app.map.chips import first_free
from app.map.map_row import MapRow
from app.map.palette import ink_on
from app.map.profile_row import ProfileRow
from app.map.row import WEIGHT, At, label_font, text_width, write
from app.map.scene import Scene, size_of_plan
from app.map.state import MapState
from app.translation import tr

LIVE_HEIGHT = 20.0
"""Pixels of the chip that says what is live at the cursor."""


class CursorOverlay(QGraphicsObject):
    """Painted in the coordinates of the widget; never asks for a new raster."""

    def __init__(self, state: MapState, map_row: MapRow, axis: OpAxisRow, profile: ProfileRow) -> None:
        super().__init__()
        self.state, self._map, self._axis, self._profile = state, map_row, axis, profile
        self.zoom_box: QRectF | None = None
        """In the widget's coordinates while it is drawn."""
        self._ring = False
        self.setZValue(20)
        for signal in (
            state.hover_changed,
            state.range_changed,
            state.scene_changed,
            state.colours_changed,
        ):
            signal.connect(self.update)

    def boundingRect(self) -> QRectF:  # noqa: N802
        result = self._map.geometry().united(self._axis.geometry())
        return result.united(self._profile.geometry()) if self._profile.shown else result

    def relayout(self) -> None:
        """The rows have moved."""
        self.prepareGeometryChange()

    def set_zoom_box(self, box: QRectF | None) -> None:
        self.zoom_box = box
        self.update()

    def set_ring(self, shown: bool) -> None:
        """Show where the keyboard's focus is."""
        self._ring = shown
        self.update()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        scene = self.state.scene
        if scene is None:
            return
        self._paint_hovered(painter, scene)
        if self._ring:
            painter.setPen(QPen(QColor(self.state.theme.accent), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            area = self._map.mapRectToParent(self._map.plot)
            painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        if self.zoom_box is not None:
            self._paint_zoom_box(painter, self.zoom_box)
        elif self.state.cursor is not None and scene.slots:
            slot = int(self.state.cursor[0])
            if 0 <= slot < scene.slots:
                self._paint_cursor(painter, scene, slot)

    def _paint_hovered(self, painter: QPainter, scene: Scene) -> None:
        if not 0 <= self.state.hovered < scene.storages:
            return
        rectangles = scene.rectangles_of((self.state.hovered,))
        painter.save()
        painter.setClipRect(self._map.mapRectToParent(self._map.plot))
        pen = QPen(QColor(self.state.theme.accent), 1.5)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        for rectangle in rectangles:
            box = self._map.mapRectToParent(self._map.box_of(rectangle))
            box = box.intersected(QRectF(-1e4, -1e4, 4e4, 4e4))
            painter.drawRect(
                QRectF(
                    round(box.left()) - 0.25,
                    round(box.top()) - 0.25,
                    max(round(box.width()), 1) + 0.5,
                    max(round(box.height()), 1) + 0.5,
                )
            )
        painter.restore()

    def _paint_zoom_box(self, painter: QPainter, box: QRectF) -> None:
        fill = QColor(self.state.theme.accent)
        fill.setAlphaF(0.15)
        painter.setPen(QPen(QColor(self.state.theme.accent), 1))
        painter.setBrush(fill)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_cursor(self, painter: QPainter, scene: Scene, slot: int) -> None:
        theme = self.state.theme
        x = self._map.x_of(slot + 0.5)
        area = self._map.mapRectToParent(self._map.plot)
        if not area.left() <= x <= area.right():
            return
        accent = QColor(theme.accent)
        line = QRectF(round(x), area.top(), 1, area.height())
        painter.fillRect(line, accent)
        font = label_font(11, WEIGHT.Medium)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        found = self._axis.cursor_chip()
        if found is not None:
            chip, text = self._axis.mapRectToParent(found[0]), found[1]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(accent)
            painter.drawRoundedRect(chip, 3, 3)
            painter.setPen(QColor(ink_on(theme.accent)))
            write(painter, chip, text, font, At.MIDDLE)
        if self._profile.shown:
            self._paint_live(painter, scene, slot, x)

    def _paint_live(self, painter: QPainter, scene: Scene, slot: int, x: float) -> None:
        theme = self.state.theme
        plot = self._profile.mapRectToParent(self._profile.plot)
        live = int(scene.live[slot])
        y = plot.top() + self._profile.y_of(live)
        accent = QColor(theme.accent)
        axis = self._axis.geometry()
        painter.fillRect(QRectF(round(x), axis.top() + 20, 1, plot.bottom() - axis.top() - 20), accent)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        painter.drawEllipse(QPointF(round(x) + 0.5, y), 3.5, 3.5)
        font = label_font(11, WEIGHT.Medium)
        text = tr("Live {}").format(size_of_plan(live))
        if len(scene.reserved):
            text = tr("Live {} of {}").format(size_of_plan(live), size_of_plan(scene.reserved_at(slot)))
        width = text_width(text, font) + 14
        chip = self._live_chip(plot, QPointF(x, y), width)
        painter.setPen(QPen(QColor(theme.line2), 1))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setPen(QColor(theme.text))
        write(painter, chip, text, font, At.MIDDLE)

    def _live_chip(self, plot: QRectF, at: QPointF, width: float) -> QRectF:
        """Beside the cursor's dot, on no word of the profile and not on the peak's dot."""
        taken = [self._profile.mapRectToParent(box) for box in self._profile.words()]
        sides = [at.x() + 8, at.x() - 8 - width]
        if sides[0] + width > plot.right():
            sides.reverse()
        lowest = plot.bottom() - LIVE_HEIGHT
        near = [min(max(at.y() + dy, plot.top()), lowest) for dy in (-24.0, 6.0)]
        levels = [*near, *(lowest - down for down in range(0, int(plot.height()) - 20, 8))]
        places = [QRectF(left, top, width, LIVE_HEIGHT) for top in levels for left in sides]
        inside = [box for box in places if plot.left() <= box.left() and box.right() <= plot.right()]
        return first_free(inside, taken) or places[0]
