"""The op axis under the map."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.row import At, Row, label_font, text_width, write
from app.map.state import MapState
from app.map.ticks import op_ticks


class OpAxisRow(Row):
    """Slots of the visible range."""

    def __init__(self, state: MapState) -> None:
        super().__init__(state, 20.0)
        self.caption = "Op"
        state.range_changed.connect(self.refresh)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        if self.state.scene is None:
            return
        self.paint_caption(painter)
        theme, plot, window = self.state.theme, self.plot, self.state.window
        font = label_font()
        for slot, text in op_ticks(window.x0, window.x1, plot.width()):
            x = self.x_of(slot)
            painter.fillRect(QRectF(round(x), 0, 1, 4), QColor(theme.line2))
            painter.setPen(QColor(theme.text3))
            half = text_width(text, font) / 2
            middle = min(max(x, plot.left() - 3 + half), plot.right() + 8 - half)
            write(painter, QRectF(middle - 40, 4, 80, 16), text, font, At.MIDDLE)
