"""The op axis under the map."""

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.row import Row, label_font
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
        painter.setFont(label_font())
        for slot, text in op_ticks(window.x0, window.x1, plot.width()):
            x = self.x_of(slot)
            painter.fillRect(QRectF(round(x), 0, 1, 4), QColor(theme.line2))
            painter.setPen(QColor(theme.text3))
            box = QRectF(x - 40, 4, 80, 16)
            if x - 12 < plot.left():
                box.moveLeft(max(x, plot.left()) - 3)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)
            elif box.center().x() + 20 > plot.right():
                box.moveRight(plot.right() + 8)
                painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            else:
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
