"""The map itself: rasterised rectangles in a QImage, labels, lines, the address axis at its left."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QTimer
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.chips import is_free
from app.map.colouring import ColourBy
from app.map.index import FloatArray
from app.map.joins import paint_joins
from app.map.lines import line_names, paint_lines, saving_box
from app.map.palette import ink_on
from app.map.raster import LabelArray, Surface
from app.map.row import LEFT, WEIGHT, At, Row, label_font, text_width, write
from app.map.scene import Scene
from app.map.state import MapState
from app.map.ticks import byte_ticks
from app.numbers import human
from solver.plan import IntArray

IDLE_MS = 60
"""Rest after a motion before thin rectangles are drawn by coverage."""
LABEL_PAD = 5.0
LEAST_LABEL = 12
INK = 11.0
"""Pixels that the letters of a label take upwards: labels of neighbours do not touch."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One rasterised view and what it was made for."""

    image: QImage
    labels: LabelArray


class MapRow(Row):
    """Paints the visible part of the scene; rasterises only when range, scene or colours changed."""

    kept = False

    def __init__(self, state: MapState) -> None:
        super().__init__(state, None)
        self._surface = Surface(1, 1)
        self._picture: Picture | None = None
        self.label_shelf: Callable[[], float] = lambda: 0.0
        """Where labels begin at the earliest: right of the lines that the selection draws."""
        self.other_words: list[Callable[[], list[QRectF]]] = []
        """Where what lies over the map writes, in own coordinates: no other words stand there."""
        self.stems: Callable[[], list[float]] = list
        """Pixels of the lines that the selection draws from the lane down."""
        self.written: list[QRectF] = []
        """Where the names of tensors stand, in own coordinates, since the last paint."""
        self._smooth = True
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self._rest)
        self.geometryChanged.connect(self._resized)
        state.range_changed.connect(self._moved)
        state.scene_changed.connect(self._new_scene)
        state.selection_changed.connect(self.update)

    def _resized(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        self._picture = None
        self.update()

    def _new_scene(self) -> None:
        self.refresh()

    def _moved(self) -> None:
        self._smooth = False
        self._idle.start()
        self.refresh()

    def _rest(self) -> None:
        self._smooth = True
        self.refresh()

    @property
    def outdated(self) -> bool:
        """Whether something changed since the last paint."""
        return self._picture is None

    @property
    def moving(self) -> bool:
        """Whether its range changed a moment ago, so that it is drawn fast rather than finely."""
        return self._idle.isActive()

    def settle(self) -> None:
        """Draw as at rest, at once."""
        self._idle.stop()
        self._rest()

    def y_of(self, address: float) -> float:
        """Pixel of an address."""
        window = self.state.window
        return (window.y1 - address) / (window.y1 - window.y0) * self.plot.height()

    def ys_of(self, addresses: IntArray) -> FloatArray:
        """Pixels of many addresses."""
        window = self.state.window
        scale = self.plot.height() / (window.y1 - window.y0)
        pixels: FloatArray = (window.y1 - addresses.astype(np.float64)) * scale
        return pixels

    def address_at(self, y: float) -> float:
        """Address at a pixel."""
        window = self.state.window
        return window.y1 - y / self.plot.height() * (window.y1 - window.y0)

    def box_of(self, rectangle: int) -> QRectF:
        """Pixels of a rectangle, in own coordinates, not clipped."""
        scene = self.state.scene
        assert scene is not None
        # As Python's numbers: numpy's single ones are slow, and a selection may have hundreds.
        left, right = self.x_of(int(scene.start[rectangle])), self.x_of(int(scene.end[rectangle]))
        top, bottom = self.y_of(int(scene.high[rectangle])), self.y_of(int(scene.low[rectangle]))
        return QRectF(left, top, right - left, bottom - top)

    def rectangle_at(self, position: QPointF) -> int:
        """The rectangle at a pixel or within two pixels of it, or -1."""
        drawing = self.state.drawing
        if drawing is None or not self.plot.contains(position):
            return -1
        window, plot = self.state.window, self.plot
        return drawing.pick(
            self.place_at(position.x()),
            self.address_at(position.y()),
            self.state.palette,
            2 * (window.x1 - window.x0) / plot.width(),
            2 * (window.y1 - window.y0) / plot.height(),
        )

    def _address_ticks(self) -> list[tuple[float, str]]:
        window = self.state.window
        return byte_ticks(window.y0, window.y1, self.plot.height())[0]

    def unit(self) -> str:
        """The unit of the address axis' numbers."""
        window = self.state.window
        return byte_ticks(window.y0, window.y1, self.plot.height())[1]

    def _rasterise(self) -> Picture | None:
        drawing = self.state.drawing
        columns, rows = self.device_size()
        if drawing is None or columns < 2 or rows < 2:
            return None
        if self._surface.shape != (columns, rows):
            self._surface = Surface(columns, rows)
        grid = tuple(value for value, _ in self._address_ticks() if value > 0)
        labels = drawing.draw(
            self._surface, self.state.window, self.state.palette, grid=grid, smooth=self._smooth
        )
        image = self.image(self._surface.image, QImage.Format.Format_RGB32)
        return Picture(image, labels)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        theme, plot = self.state.theme, self.plot
        if self._picture is None:
            self._picture = self._rasterise()
        scene = self.state.scene
        if scene is None or self._picture is None or self.shapes is not None:
            painter.fillRect(plot, QColor(theme.map))
        if scene is None or self._picture is None:
            return
        if self.shapes is not None:
            self.shapes(painter)
        else:
            painter.drawImage(QPointF(plot.left(), 0), self._picture.image)
        self._paint_axis(painter)
        painter.setClipRect(plot)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        if scene.joins:
            paint_joins(painter, self, scene)
        taken = [box for words in self.other_words for box in words()]
        saving = saving_box(self, scene, taken)
        taken += [saving] if saving is not None else []
        names = line_names(self, scene, taken)
        taken += [name.box for name in names]
        self._paint_labels(painter, scene, self._picture.labels, taken)
        paint_lines(painter, self, scene, names, saving)

    def _paint_axis(self, painter: QPainter) -> None:
        theme = self.state.theme
        for value, text in self._address_ticks():
            y = self.y_of(value)
            painter.fillRect(QRectF(LEFT - 4, round(y), 4, 1), QColor(theme.line2))
            painter.setPen(QColor(theme.text3))
            box = QRectF(0, min(max(y - 8, -1), self.plot.height() - 14), LEFT - 9, 16)
            write(painter, box, text, label_font(), At.RIGHT)

    def _paint_labels(
        self, painter: QPainter, scene: Scene, labels: LabelArray, taken: list[QRectF]
    ) -> None:
        """The names of tensors, where no other words stand."""
        strong, plain = label_font(11, WEIGHT.Medium), label_font()
        right_end, shelf = self.plot.right(), self.label_shelf()
        written = set()
        self.written.clear()
        selected = set(self.state.selection)
        ratio = self.pixel_ratio
        for rectangle, *box_in_device in labels.tolist():
            left, top, right, bottom = (edge / ratio for edge in box_in_device)
            if bottom - top < LEAST_LABEL:
                continue
            name, size = scene.label(rectangle)
            if scene.storage[rectangle] in selected:
                continue  # the overlay writes it on its lighter fill
            start = LEFT + left + LABEL_PAD
            end = min(LEFT + right, right_end) - 4
            width = text_width(name, strong)
            if start < shelf <= end - width:
                start = shelf
            room = end - start
            if width > room:
                continue
            box = QRectF(start, top + 1, room, bottom - top - 1)
            both = width + 8 + text_width(size, plain) <= room
            extent = width + 8 + text_width(size, plain) if both else width
            words = QRectF(start, box.center().y() - INK / 2, extent, INK)
            if not is_free(words, taken):
                continue
            written.add(rectangle)
            self.written.append(words)
            painter.setPen(QColor(self.state.palette.ink[self.state.number_of(rectangle)]))
            write(painter, box, name, strong)
            if both:
                write(painter, box.adjusted(width + 8, 0, 0, 0), size, plain)
        self._paint_strip_names(painter, scene, written, taken)

    def _paint_strip_names(
        self, painter: QPainter, scene: Scene, written: set[int], taken: list[QRectF]
    ) -> None:
        """What a strip of residents is, where its residents are too small to be named themselves."""
        strong, plain = label_font(11, WEIGHT.Medium), label_font()
        residents = [r for r in written if scene.instance[r] < 0]
        for strip in scene.strips:
            top, bottom = max(self.y_of(strip.high), 0), min(self.y_of(strip.low), self.plot.height())
            named = [self.box_of(r) for r in residents if strip.low <= scene.low[r] < strip.high]
            edges = [top, *sorted(y for box in named for y in (box.top(), box.bottom())), bottom]
            free = max(zip(edges[::2], edges[1::2], strict=True), key=lambda gap: gap[1] - gap[0])
            by_category = self.state.colour_by is ColourBy.CATEGORY
            gone = by_category and strip.category in self.state.hidden
            if free[1] - free[0] < LEAST_LABEL or gone:
                continue
            fill = self.state.theme.fill[strip.category] if by_category else self.state.theme.raised
            start = max(LEFT + LABEL_PAD, self.label_shelf())
            box = QRectF(start, free[0] + 1, 400, free[1] - free[0] - 1)
            shift = text_width(strip.name, strong) + 8
            size = human(strip.high - strip.low)
            # The edges of small residents would strike the text through.
            ground = QRectF(box.left() - 3, 0, shift + text_width(size, plain) + 6, LEAST_LABEL)
            ground.moveTop(round(box.center().y() - LEAST_LABEL / 2))
            if not is_free(ground, taken):
                continue
            painter.fillRect(ground, QColor(fill))
            painter.setPen(QColor(ink_on(fill)))
            write(painter, box, strip.name, strong)
            write(painter, box.adjusted(shift, 0, 0, 0), size, plain)
