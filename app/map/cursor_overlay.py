"""What follows the pointer: the hover outline, the cursor line with its figures, the zoom box."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.map.axis_row import OpAxisRow
from app.map.map_row import MapRow
from app.map.palette import ink_on
from app.map.profile_row import ProfileRow
from app.map.row import WEIGHT, label_font, text_width
from app.map.scene import Scene, size_of_plan
from app.map.state import MapState
from app.map.ticks import seconds_text


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
        axis = self._axis.geometry()
        text = str(slot)
        if self.state.axis.timed:
            text = f"op {slot}, {seconds_text(self.state.axis.second(self.state.axis.place(slot)))}"
        width = max(text_width(text, font) + 14, 30)
        left = min(max(x - width / 2, area.left()), area.right() - width)
        chip = QRectF(left, axis.top() + 2, width, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        painter.drawRoundedRect(chip, 3, 3)
        painter.setFont(font)
        painter.setPen(QColor(ink_on(theme.accent)))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
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
        text = f"Live {size_of_plan(live)}"
        if len(scene.reserved):
            text += f" of {size_of_plan(scene.reserved_at(slot))}"
        width = text_width(text, font) + 14
        left = x + 8 if x + 8 + width <= plot.right() else x - 8 - width
        chip = QRectF(left, min(max(y - 24, plot.top() + 22), plot.bottom() - 20), width, 20)
        painter.setPen(QPen(QColor(theme.line2), 1))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
