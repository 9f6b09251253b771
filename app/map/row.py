"""The base of the map's rows: strips of one width that share the slots' pixels."""

import threading
from collections.abc import Callable
from enum import Enum
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QStaticText, QTransform
from PySide6.QtWidgets import QGraphicsItem, QGraphicsWidget

from app.fonts import text_font
from app.map.index import FloatArray
from app.map.state import MapState
from solver.plan import IntArray

LEFT, RIGHT = 56.0, 16.0
"""Margins of every row, pixels: captions and address numbers stand in the left one."""

CAPTION = 11
WEIGHT = QFont.Weight


@cache
def label_font(pixels: int = CAPTION, weight: QFont.Weight = WEIGHT.Normal) -> QFont:
    """Inter for the map."""
    return text_font(pixels, weight)


@lru_cache(maxsize=4096)
def text_width(text: str, font: QFont) -> float:
    """Pixels that a text takes."""
    return QFontMetricsF(font).horizontalAdvance(text)


def _lay_out(text: str, font: QFont) -> tuple[QStaticText, float, float]:
    """A line of text with its width and height: laid out once, it is drawn in half the time."""
    line = QStaticText(text)
    line.setTextFormat(Qt.TextFormat.PlainText)
    line.setPerformanceHint(QStaticText.PerformanceHint.AggressiveCaching)
    line.prepare(QTransform(), font)
    return line, line.size().width(), line.size().height()


_laid_out = lru_cache(maxsize=4096)(_lay_out)
"""For the UI thread alone: a laid out line refers to a font engine of its thread, and dies with it."""


class At(Enum):
    """Where in its box a line of text stands; always in the middle of the height."""

    LEFT = "left"
    MIDDLE = "middle"
    RIGHT = "right"


def write(painter: QPainter, box: QRectF, text: str, font: QFont, at: At = At.LEFT) -> None:
    """Write a line of text with the painter's pen."""
    here = threading.current_thread() is threading.main_thread()
    line, width, height = (_laid_out if here else _lay_out)(text, font)
    spare = box.width() - width
    x = box.left() + (0.0 if at is At.LEFT else spare if at is At.RIGHT else spare / 2)
    painter.setFont(font)
    painter.drawStaticText(QPointF(x, round(box.top() + (box.height() - height) / 2)), line)


class Row(QGraphicsWidget):
    """A strip of the map widget, painted in pixels.

    Its painting is kept until ``update``, so that overlays above it cost it little.
    """

    caption = ""
    kept = True
    """Whether its painting is kept; one that is a picture of its own is as fast to draw again."""
    shapes: Callable[[QPainter], None] | None = None
    """Paints the content of the plot in place of pixels: for pictures made of shapes."""

    def __init__(self, state: MapState, height: float | None) -> None:
        super().__init__()
        self.state = state
        self.shown = True
        """Whether it takes part in the column."""
        self._height = height
        self._plot = QRectF(LEFT, 0, 1, 1)
        self.geometryChanged.connect(self._measure)
        self.apply_height()
        if self.kept:
            self.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
        state.scene_changed.connect(self.refresh)
        state.colours_changed.connect(self.refresh)

    def set_height(self, height: float) -> None:
        """Take exactly this height; a row made without one takes what is left."""
        if height != self._height:
            self._height = height
            self.apply_height()

    def apply_height(self) -> None:
        """Tell the column the height, nothing while not shown."""
        if self._height is not None:
            height = self._height if self.shown else 0.0
            self.setMinimumHeight(height)
            self.setPreferredHeight(height)
            self.setMaximumHeight(height)

    def refresh(self) -> None:
        """Paint again."""
        self.update()

    @property
    def plot(self) -> QRectF:
        """The part that shares its x pixels with the map, in own coordinates."""
        return self._plot

    def _measure(self) -> None:
        size = self.size()
        self._plot = QRectF(LEFT, 0, max(size.width() - LEFT - RIGHT, 1), max(size.height(), 1))

    @property
    def pixel_ratio(self) -> float:
        """Device pixels of one pixel."""
        views = self.scene().views() if self.scene() is not None else []
        return float(getattr(views[0], "pixel_ratio", 1.0)) if views else 1.0

    def image(self, pixels: npt.NDArray[np.uint32], image_format: QImage.Format) -> QImage:
        """Device pixels (uint32 H×W) as an image of their size in pixels; shares their memory."""
        rows, columns = pixels.shape
        image = QImage(pixels.data, columns, rows, 4 * columns, image_format)
        image.setDevicePixelRatio(self.pixel_ratio)
        return image

    def device_size(self) -> tuple[int, int]:
        """Columns and rows of the plot in device pixels."""
        ratio = self.pixel_ratio
        return round(self.plot.width() * ratio), round(self.plot.height() * ratio)

    def x_of(self, slot: float) -> float:
        """Pixel of a slot's start."""
        window, place = self.state.window, self.state.axis.place(slot)
        return LEFT + (place - window.x0) / (window.x1 - window.x0) * self.plot.width()

    def xs_of(self, slots: IntArray) -> FloatArray:
        """Pixels of many slots' starts."""
        window, places = self.state.window, self.state.axis.places(slots)
        scale = self.plot.width() / (window.x1 - window.x0)
        pixels: FloatArray = LEFT + (places - window.x0) * scale
        return pixels

    def slot_at(self, x: float) -> float:
        """Slot at a pixel."""
        return self.state.axis.slot(self.place_at(x))

    def place_at(self, x: float) -> float:
        """Place of the slots' axis at a pixel."""
        window = self.state.window
        return window.x0 + (x - LEFT) / self.plot.width() * (window.x1 - window.x0)

    def paint_caption(self, painter: QPainter) -> None:
        """The row's name in the left margin."""
        painter.setPen(QColor(self.state.theme.text3))
        box = QRectF(0, 0, LEFT - 9, self.size().height())
        write(painter, box, self.caption, label_font(), At.RIGHT)
