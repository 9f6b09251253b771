"""The whole step in a strip, with the visible window as a frame that can be dragged and resized."""

from enum import Enum

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.raster import Surface, Window
from app.map.row import LEFT, Row
from app.map.state import MapState
from app.translation import tr

HEIGHT = 38.0
LEAST = 12.0
"""The frame is never drawn smaller than this."""
GRIP = 6.0
"""Pixels from a side of the frame within which it is resized."""


class Part(Enum):
    """What of the frame is held."""

    START = "start"
    END = "end"
    INSIDE = "inside"
    OUTSIDE = "outside"


class OverviewRow(Row):
    """The step at a glance; rasterised again only for another scene, theme or size."""

    caption = "Step"

    kept = False

    def __init__(self, state: MapState) -> None:
        super().__init__(state, HEIGHT)
        self._image: QImage | None = None
        self._surface = Surface(1, 1)
        self.geometryChanged.connect(self.refresh)
        state.range_changed.connect(self.update)

    def refresh(self) -> None:
        self._image = None
        self.update()

    def part_at(self, position: QPointF) -> Part:
        """What a press at a position would hold."""
        frame = self.frame()
        if abs(position.x() - frame.left()) <= GRIP:
            return Part.START
        if abs(position.x() - frame.right()) <= GRIP:
            return Part.END
        return Part.INSIDE if frame.contains(position) else Part.OUTSIDE

    def dragged(self, part: Part, origin: Window, start: QPointF, now: QPointF) -> Window:
        """The window after a drag from ``start`` to ``now`` that began with ``origin`` visible."""
        whole, plot = self.state.whole, self.plot
        slots = (now.x() - start.x()) / plot.width() * whole.x1
        size = (start.y() - now.y()) / plot.height() * whole.y1
        match part:
            case Part.START:
                return Window(min(origin.x0 + slots, origin.x1 - 1), origin.x1, origin.y0, origin.y1)
            case Part.END:
                return Window(origin.x0, max(origin.x1 + slots, origin.x0 + 1), origin.y0, origin.y1)
            case Part.INSIDE:
                return Window(origin.x0 + slots, origin.x1 + slots, origin.y0 + size, origin.y1 + size)
            case Part.OUTSIDE:
                middle = (now.x() - LEFT) / plot.width() * whole.x1
                half = (origin.x1 - origin.x0) / 2
                return Window(middle - half, middle + half, origin.y0, origin.y1)

    def frame(self) -> QRectF:
        """The visible window, pixels."""
        whole, window, plot = self.state.whole, self.state.window, self.plot
        left = LEFT + window.x0 / whole.x1 * plot.width()
        right = LEFT + window.x1 / whole.x1 * plot.width()
        top = (1 - window.y1 / whole.y1) * plot.height()
        bottom = (1 - window.y0 / whole.y1) * plot.height()
        frame = QRectF(left, top, max(right - left, LEAST), max(bottom - top, LEAST))
        frame.moveBottom(min(frame.bottom(), plot.height()))
        frame.moveRight(min(frame.right(), plot.right()))
        return frame

    def _rasterise(self) -> QImage | None:
        drawing = self.state.drawing
        columns, rows = self.device_size()
        if drawing is None or columns < 2 or rows < 2:
            return None
        if self._surface.shape != (columns, rows):
            self._surface = Surface(columns, rows)
        drawing.draw(self._surface, self.state.whole, self.state.palette)
        return self.image(self._surface.image, QImage.Format.Format_RGB32).copy()

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        theme, plot = self.state.theme, self.plot
        painter.fillRect(plot, QColor(theme.map))
        scene = self.state.scene
        self.caption = tr("Step") if scene is None or scene.slot_name == "op" else tr("All")
        self.paint_caption(painter)
        if self._image is None:
            self._image = self._rasterise()
        if self._image is None:
            return
        painter.drawImage(QPointF(plot.left(), 0), self._image)
        frame = self.frame().intersected(plot)
        shade = QColor(theme.map)
        shade.setAlphaF(0.6)
        for part in (
            QRectF(plot.left(), 0, frame.left() - plot.left(), plot.height()),
            QRectF(frame.right(), 0, plot.right() - frame.right(), plot.height()),
            QRectF(frame.left(), 0, frame.width(), frame.top()),
            QRectF(frame.left(), frame.bottom(), frame.width(), plot.bottom() - frame.bottom()),
        ):
            if part.width() > 0 and part.height() > 0:
                painter.fillRect(part, shade)
        pen = QPen(QColor(theme.accent), 2)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(frame.adjusted(1, 1, -1, -1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent))
        for x in (frame.left(), frame.right() - 5):
            painter.drawRoundedRect(QRectF(x, frame.center().y() - 7, 5, 14), 2, 2)
