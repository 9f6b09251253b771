"""The op axis under the map."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.row import At, Row, label_font, text_width, write
from app.map.state import MapState
from app.map.ticks import op_ticks, second_ticks

CAPTIONS = {"allocation": "Alloc.", "time step": "Time"}
"""Of units that have no room in the margin."""


class OpAxisRow(Row):
    """Slots of the visible range."""

    def __init__(self, state: MapState) -> None:
        super().__init__(state, 20.0)
        state.range_changed.connect(self.refresh)

    def _ticks(self) -> list[tuple[float, str]]:
        """Places and what stands there."""
        window, axis = self.state.window, self.state.axis
        if not axis.timed:
            name = self.state.scene.slot_name if self.state.scene is not None else ""
            self.caption = CAPTIONS.get(name, name.capitalize())
            return op_ticks(window.x0, window.x1, self.plot.width())
        first, last = axis.second(window.x0), axis.second(window.x1)
        marks, self.caption = second_ticks(first, last, self.plot.width())
        scale = (window.x1 - window.x0) / (last - first)
        return [(window.x0 + (second - first) * scale, text) for second, text in marks]

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if self.state.scene is None:
            return
        marks = self._ticks()
        self.paint_caption(painter)
        theme, plot, window = self.state.theme, self.plot, self.state.window
        font = label_font()
        for place, text in marks:
            x = plot.left() + (place - window.x0) / (window.x1 - window.x0) * plot.width()
            painter.fillRect(QRectF(round(x), 0, 1, 4), QColor(theme.line2))
            painter.setPen(QColor(theme.text3))
            half = text_width(text, font) / 2
            middle = min(max(x, plot.left() - 3 + half), plot.right() + 8 - half)
            write(painter, QRectF(middle - 40, 4, 80, 16), text, font, At.MIDDLE)
