"""Small pictures for the library: a plan's map, a live-bytes profile; drawn once and kept."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF

from app.facts.plan import PlanFacts
from app.map.palette import argb
from app.theme import Theme
from solver.step import Category

THUMBNAIL = QSize(50, 30)
SPARK = QSize(60, 24)
SCALE = 3
"""Thumbnails are drawn this much larger and shrunk, so that thin tensors leave a trace."""


def map_thumbnail(facts: PlanFacts, theme: Theme, ratio: float = 1.0) -> QPixmap:
    """The plan's map without labels, framed; the largest tensors only where there are very many."""
    size = THUMBNAIL * ratio
    pixels = np.full((size.height() * SCALE, size.width() * SCALE), argb(theme.map), np.uint32)
    ink = {category: argb(colour) for category, colour in theme.fill.items()}
    boxes, categories = facts.largest
    wide = pixels.shape[1] / max(facts.slots, 1)
    high = pixels.shape[0] * 0.94 / max(facts.total_bytes, 1)
    edges = np.empty((len(boxes), 4), np.int64)
    edges[:, 0] = np.rint(boxes[:, 0] * wide)
    edges[:, 1] = np.maximum(np.rint(boxes[:, 1] * wide), edges[:, 0] + 1)
    edges[:, 3] = pixels.shape[0] - np.rint(boxes[:, 2] * high)
    edges[:, 2] = np.minimum(pixels.shape[0] - np.rint(boxes[:, 3] * high), edges[:, 3] - 1)
    for (left, right, top, bottom), category in zip(edges.tolist(), categories, strict=True):
        pixels[max(top, 0) : bottom, left:right] = ink[category]
    large = QImage(pixels.data, pixels.shape[1], pixels.shape[0], QImage.Format.Format_RGB32)
    small = large.scaled(
        size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    return _framed(QPixmap.fromImage(small), theme, ratio)


def profile_thumbnail(points: Sequence[int], theme: Theme, ratio: float = 1.0) -> QPixmap:
    """A stored plan that is not open: its live bytes over time, framed like a map."""
    result = QPixmap(THUMBNAIL * ratio)
    result.fill(QColor(theme.map))
    _draw_profile(result, points, theme, filled=1.0)
    return _framed(result, theme, ratio)


def spark_line(points: Sequence[int], theme: Theme, ratio: float = 1.0) -> QPixmap:
    """Live bytes over time, a line over a faint area."""
    result = QPixmap(SPARK * ratio)
    result.fill(Qt.GlobalColor.transparent)
    _draw_profile(result, points, theme, filled=0.25)
    result.setDevicePixelRatio(ratio)
    return result


def _draw_profile(target: QPixmap, points: Sequence[int], theme: Theme, *, filled: float) -> None:
    if not points:
        return
    width, height = target.width(), target.height()
    most = max(max(points), 1)
    last = max(len(points) - 1, 1)
    line = [
        QPointF(1 + i / last * (width - 2), height - 1 - value / most * (height - 4))
        for i, value in enumerate(points)
    ]
    painter = QPainter(target)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    area = QColor(theme.fill[Category.ACTIVATION])
    area.setAlphaF(filled)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(area)
    painter.drawPolygon(QPolygonF([QPointF(1, height), *line, QPointF(width - 1, height)]))
    if filled < 1:
        painter.setPen(QPen(QColor(theme.accent), 1.25 * target.devicePixelRatio()))
        painter.drawPolyline(QPolygonF(line))
    painter.end()


def _framed(picture: QPixmap, theme: Theme, ratio: float) -> QPixmap:
    painter = QPainter(picture)
    painter.setPen(QPen(QColor(theme.line2), 1))
    painter.drawRect(0, 0, picture.width() - 1, picture.height() - 1)
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture
