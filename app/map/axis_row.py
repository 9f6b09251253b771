"""The op axis under the map."""

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.chips import is_free
from app.map.row import WEIGHT, At, Row, label_font, text_width, write
from app.map.state import MapState
from app.map.ticks import op_ticks, second_ticks, seconds_text
from app.translation import mark, tr

CAPTIONS = {"allocation": mark("Alloc."), "time step": mark("Time"), "op": mark("Op")}
"""Of units that have no room in the margin."""


class OpAxisRow(Row):
    """Slots of the visible range."""

    def __init__(self, state: MapState) -> None:
        super().__init__(state, 20.0)
        self._covered: list[str] = []
        """The ticks that the cursor's chip leaves out."""
        state.range_changed.connect(self.refresh)
        state.hover_changed.connect(self._cursor_moved)

    def cursor_chip(self) -> tuple[QRectF, str] | None:
        """Where the cursor's slot is written, in own coordinates, and what; None: nowhere."""
        scene, cursor, plot = self.state.scene, self.state.cursor, self.plot
        if scene is None or cursor is None or not 0 <= int(cursor[0]) < scene.slots:
            return None
        slot = int(cursor[0])
        x = self.x_of(slot + 0.5)
        if not plot.left() <= x <= plot.right():
            return None
        text = str(slot)
        if self.state.axis.timed:
            text = tr("op {}, {}").format(
                slot, seconds_text(self.state.axis.second(self.state.axis.place(slot)))
            )
        width = max(text_width(text, label_font(11, WEIGHT.Medium)) + 14, 30)
        left = min(max(x - width / 2, plot.left()), plot.right() - width)
        return QRectF(left, 2, width, 18), text

    def _cursor_moved(self) -> None:
        """Painted anew only where the chip comes over another tick, or leaves one."""
        covered = [text for box, text in self._words() if not self._is_clear(box)]
        if covered != self._covered:
            self._covered = covered
            self.update()

    def _is_clear(self, box: QRectF) -> bool:
        chip = self.cursor_chip()
        return chip is None or is_free(box, [chip[0]])

    def _ticks(self) -> list[tuple[float, str]]:
        """Places and what stands there."""
        window, axis = self.state.window, self.state.axis
        if not axis.timed:
            name = self.state.scene.slot_name if self.state.scene is not None else ""
            self.caption = tr(CAPTIONS.get(name, name.capitalize()))
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
        words = self._words()
        self.paint_caption(painter)
        theme = self.state.theme
        for box, text in words:
            if self._is_clear(box):
                painter.setPen(QColor(theme.text3))
                write(painter, box, text, label_font(), At.MIDDLE)
        for place, _ in self._ticks():
            painter.fillRect(QRectF(round(self._pixel(place)), 0, 1, 4), QColor(theme.line2))

    def _pixel(self, place: float) -> float:
        window, plot = self.state.window, self.plot
        return plot.left() + (place - window.x0) / (window.x1 - window.x0) * plot.width()

    def _words(self) -> list[tuple[QRectF, str]]:
        """The ticks' texts and where they stand."""
        plot, font = self.plot, label_font()
        words = []
        for place, text in self._ticks():
            half = text_width(text, font) / 2
            middle = min(max(self._pixel(place), plot.left() - 3 + half), plot.right() + 8 - half)
            words.append((QRectF(middle - half, 4, 2 * half, 16), text))
        return words
