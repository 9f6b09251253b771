"""Live bytes over the slots, stacked by category, under the map."""

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.chips import first_free
from app.map.lines import BOUND_DASH, paint_staircase
from app.map.palette import argb
from app.map.profile_image import column_slots, draw_profile
from app.map.raster import KERNELS
from app.map.row import LEFT, WEIGHT, At, Row, label_font, text_width, write
from app.map.scene import Scene
from app.map.state import MapState
from app.map.ticks import byte_ticks
from app.translation import mark, tr

HEIGHT = 102.0
LABEL = 22.0
"""Height above the peak that holds its label."""


class ProfileRow(Row):
    """Stacked steps over the slots that the map shows."""

    caption = mark("Live")

    kept = False

    def __init__(self, state: MapState) -> None:
        super().__init__(state, HEIGHT)
        self._pixels = np.zeros((1, 1), np.uint32)
        self.geometryChanged.connect(self.refresh)
        state.range_changed.connect(self.refresh)

    @property
    def highest(self) -> int:
        """The highest value shown, bytes."""
        scene = self.state.scene
        if scene is None or scene.slots == 0:
            return 1
        bound = scene.bound.size if scene.bound is not None else 0
        return max(scene.live_peak, scene.most_reserved, bound, 1)

    def y_of(self, size: float) -> float:
        """Pixel of an amount of live bytes."""
        room = self.plot.height() - min(LABEL, self.plot.height() * 0.4) - 1
        return self.plot.height() - 1 - size / self.highest * room

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        scene, theme, plot = self.state.scene, self.state.theme, self.plot
        if scene is None or scene.slots == 0:
            painter.fillRect(plot, QColor(theme.map))
            return
        self._paint_axis(painter)
        painter.setClipRect(plot)
        self._paint_stack(painter, scene)
        paint_staircase(painter, self, scene, 1.25)
        if scene.bound is not None:
            self._paint_bound(painter, scene.bound.size, scene.bound.text)
        self._paint_peak(painter, scene)

    def _ticks(self) -> list[tuple[float, str]]:
        return byte_ticks(0, self.highest, self.plot.height() - self.y_of(self.highest), 26)[0]

    def _paint_axis(self, painter: QPainter) -> None:
        theme, plot = self.state.theme, self.plot
        painter.setPen(QColor(theme.text3))
        highest = self.y_of(self.highest)
        write(painter, QRectF(0, highest - 8, LEFT - 9, 16), tr(self.caption), label_font(), At.RIGHT)
        for value, text in self._ticks():
            y = self.y_of(value)
            if y - highest >= 13:
                painter.setPen(QColor(theme.text3))
                box = QRectF(0, min(y - 8, plot.height() - 14), LEFT - 9, 16)
                write(painter, box, text, label_font(), At.RIGHT)

    def _paint_stack(self, painter: QPainter, scene: Scene) -> None:
        """The areas, and the grid lines under them."""
        if self.shapes is not None:
            self.shapes(painter)
            return
        window, plot, theme = self.state.window, self.plot, self.state.theme
        columns, rows = self.device_size()
        if self._pixels.shape != (rows, columns):
            self._pixels = np.zeros((rows, columns), np.uint32)
        self._pixels.fill(argb(theme.map))
        for value, _ in self._ticks():
            at = min(round(self.y_of(value) * self.pixel_ratio), rows - 1)
            self._pixels[at] = argb(theme.line)
        colouring = self.state.colouring
        if KERNELS.ready and colouring is not None:
            palette, numbers = self.state.palette, colouring.areas
            shown = [area for area in colouring.present if palette.fill[numbers[area]]]
            zero = self.y_of(0)
            scale = (zero - self.y_of(self.highest)) / self.highest
            draw_profile(
                self._pixels,
                colouring.sizes,
                column_slots(scene, window.x0, window.x1, columns, self.state.axis),
                shown,
                palette.fill[[numbers[row] for row in shown]],
                zero * self.pixel_ratio,
                scale * self.pixel_ratio,
                argb(theme.text),
            )
        painter.drawImage(QPointF(plot.left(), 0), self.image(self._pixels, QImage.Format.Format_RGB32))

    def _paint_bound(self, painter: QPainter, size: int, text: str) -> None:
        theme, plot = self.state.theme, self.plot
        y = round(self.y_of(size)) + 0.5
        pen = QPen(QColor(theme.ok), 1.5)
        pen.setDashPattern(BOUND_DASH)
        painter.setPen(pen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        box = self._bound_box(size, text)
        if box is not None:
            painter.setPen(QColor(theme.ok))
            write(painter, box, text, label_font())

    def words(self) -> list[QRectF]:
        """Where the row writes, and the peak's dot, in own coordinates."""
        scene = self.state.scene
        if scene is None or scene.slots == 0:
            return []
        boxes = self._peak_words(scene)
        if scene.bound is not None:
            bound = self._bound_box(scene.bound.size, scene.bound.text)
            boxes += [bound] if bound is not None else []
        return boxes

    def _bound_box(self, size: int, text: str) -> QRectF | None:
        """Where the bound is named: at an end of its line, off what is live and the peak's name."""
        scene, plot = self.state.scene, self.plot
        if scene is None or plot.height() <= 80:
            return None
        y = round(self.y_of(size)) + 0.5
        width = text_width(text, label_font())
        ends = (plot.left() + 7, plot.right() - 7 - width)
        places = [QRectF(left, y + dy, width, 16) for dy in (2.0, -18.0) for left in ends]
        clear = [box for box in places if box.top() >= 0 and self._is_sky(scene, box)]
        return first_free(clear, self._peak_words(scene))

    def _is_sky(self, scene: Scene, box: QRectF) -> bool:
        """Whether nothing that is drawn of the slots reaches up into a box."""
        first, last = int(self.slot_at(box.left() - 2)), int(self.slot_at(box.right() + 2))
        part = slice(max(first, 0), max(last + 1, 0))
        highest = int(scene.live[part].max(initial=0))
        if len(scene.reserved):
            highest = max(highest, int(scene.reserved[part].max(initial=0)))
        return self.y_of(highest) >= box.bottom()

    def peak_dot(self) -> QRectF | None:
        """The dot at the peak, in own coordinates; None while it is not in sight."""
        scene = self.state.scene
        if scene is None or scene.slots == 0:
            return None
        x, y = self.x_of(scene.peak_slot + 0.5), self.y_of(int(scene.live[scene.peak_slot]))
        return QRectF(x - 5, y - 5, 10, 10) if self.plot.left() <= x <= self.plot.right() else None

    def _peak_words(self, scene: Scene) -> list[QRectF]:
        """The peak's name and dot, where they are in sight."""
        return [box for box in (self._peak_box(scene), self.peak_dot()) if box is not None]

    def _peak_box(self, scene: Scene) -> QRectF | None:
        """Where the peak is named; None while it is not in sight."""
        plot = self.plot
        x, y = self.x_of(scene.peak_slot + 0.5), self.y_of(int(scene.live[scene.peak_slot]))
        if not plot.left() <= x <= plot.right():
            return None
        size, place = scene.peak_label
        width = text_width(size, label_font(11, WEIGHT.DemiBold)) + text_width(place, label_font()) + 12
        left = min(x + 10, plot.right() - width + 2)
        if not len(scene.reserved):
            return QRectF(max(left, plot.left() + 2), y - 20, width, 16)
        # The reserved line climbs at the right: left of the peak, and above that line.
        left = max(x - width - 12, plot.left() + 2)
        first, last = (int(self.slot_at(edge)) for edge in (left - 2, left + width + 2))
        highest = int(scene.reserved[max(first, 0) : last + 1].max(initial=0))
        return QRectF(left, max(min(y - 20, self.y_of(highest) - 18), 0), width, 16)

    def _paint_peak(self, painter: QPainter, scene: Scene) -> None:
        theme, box = self.state.theme, self._peak_box(scene)
        if box is None:
            return
        x, y = self.x_of(scene.peak_slot + 0.5), self.y_of(int(scene.live[scene.peak_slot]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.map), 1))
        painter.setBrush(QColor(theme.text))
        painter.drawEllipse(QPointF(x, y), 4, 4)
        size, place = scene.peak_label
        strong = label_font(11, WEIGHT.DemiBold)
        painter.setPen(QColor(theme.text))
        write(painter, box, size, strong)
        painter.setPen(QColor(theme.text2))
        write(painter, box.adjusted(text_width(size, strong) + 8, 0, 0, 0), place, label_font())
