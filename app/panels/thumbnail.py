"""Small pictures for the library: a plan's map, a live-bytes profile; drawn once and kept."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from app.facts.plan import PlanFacts
from app.theme import Theme
from solver.step import Category

THUMBNAIL = QSize(50, 30)
SPARK = QSize(60, 24)
SCALE = 3
"""Thumbnails are drawn this much larger and shrunk, so that thin tensors leave a trace."""
MOST_RECTANGLES = 1500
"""A thumbnail has as many pixels; smaller tensors would leave no trace."""


def map_thumbnail(facts: PlanFacts, theme: Theme, ratio: float = 1.0) -> QPixmap:
    """The plan's map without labels, framed; the largest tensors only where there are very many."""
    size = THUMBNAIL * ratio * SCALE
    large = QPixmap(size)
    large.fill(QColor(theme.map))
    painter = QPainter(large)
    painter.setPen(Qt.PenStyle.NoPen)
    wide = size.width() / max(facts.slots, 1)
    high = size.height() * 0.94 / max(facts.total_bytes, 1)

    def fill(start: int, end: int, address: int, length: int, category: Category) -> None:
        top = size.height() - (address + length) * high
        box = QRectF(start * wide, top, max((end - start) * wide, 1), max(length * high, 1))
        painter.fillRect(box, QColor(theme.fill[category]))

    storages = facts.step.storages
    if facts.baseline is None:
        fill(0, facts.slots, 0, facts.step.resident_bytes, Category.PARAMETER)
    else:
        for storage, address in facts.baseline.resident_addresses.items():
            fill(0, facts.slots, address, int(facts.sizes[storage]), storages[storage].category)
    instances, lifetimes = facts.plan.instances, facts.plan.lifetimes
    sizes = facts.sizes[[instance.storage for instance in instances]] if instances else facts.sizes[:0]
    area = sizes * (lifetimes[:, 1] - lifetimes[:, 0])
    for index in np.argsort(-area, kind="stable")[:MOST_RECTANGLES]:
        instance = instances[index]
        start, end = (int(slot) for slot in lifetimes[index])
        address = facts.arena_base + instance.address
        fill(start, end, address, int(sizes[index]), storages[instance.storage].category)
    painter.end()
    small = large.scaled(
        THUMBNAIL * ratio,
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    return _framed(small, theme, ratio)


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
