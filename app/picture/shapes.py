"""Rectangles and live bytes as shapes rather than pixels: for pictures that stay sharp at any size.

One path for all rectangles of a colour and one for all their edges, so a file grows by some twenty
letters a rectangle.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from app.map.map_row import MapRow
from app.map.profile_row import ProfileRow
from app.map.raster import HATCH_PITCH
from app.map.scene import CATEGORIES, Scene
from app.map.ticks import byte_ticks

MOST_SHAPES = 20_000
"""Of more visible rectangles the pixels are drawn: a file of them would open slowly everywhere."""
EDGED = 3.0
"""Pixels of a side from which a rectangle has an edge, as in the raster."""


def visible(row: MapRow, scene: Scene) -> list[int]:
    """Rectangles that the map shows and that are not hidden, by their number."""
    state, window = row.state, row.state.window
    assert state.colouring is not None
    first, last = state.axis.slot(window.x0), state.axis.slot(window.x1)
    here = (scene.start < last) & (scene.end > first)
    here &= (scene.low < window.y1) & (scene.high > window.y0)
    here &= state.palette.fill[state.colouring.numbers] > 0
    found: list[int] = np.flatnonzero(here).tolist()
    return found


def map_shapes(row: MapRow) -> Callable[[QPainter], None]:
    """Paints what the pixels of the map show."""

    def paint(painter: QPainter) -> None:
        scene, palette = row.state.scene, row.state.palette
        if scene is None or row.state.colouring is None:
            return
        painter.save()
        painter.setClipRect(row.plot)
        _paint_reserved(painter, row, scene)
        window, theme = row.state.window, row.state.theme
        for value, _ in byte_ticks(window.y0, window.y1, row.plot.height())[0]:
            if value > 0:
                y = round(row.y_of(value))
                painter.fillRect(QRectF(row.plot.left(), y, row.plot.width(), 1), QColor(theme.line))
        for strip in scene.strips:
            number = CATEGORIES.index(strip.category)
            if palette.fill[number]:
                box = _box(row, 0, scene.slots, strip.low, strip.high)
                painter.fillRect(box, QColor(palette.names[number]))
        _paint_unusable(painter, row, scene)
        _paint_rectangles(painter, row, scene)
        painter.restore()

    return paint


def _box(row: MapRow, start: float, end: float, low: float, high: float) -> QRectF:
    """Pixels of an area, cut to the plot."""
    corner = QPointF(row.x_of(start), row.y_of(high))
    return QRectF(corner, QPointF(row.x_of(end), row.y_of(low))).intersected(row.plot)


def _paint_rectangles(painter: QPainter, row: MapRow, scene: Scene) -> None:
    palette, colouring = row.state.palette, row.state.colouring
    assert colouring is not None
    fills: dict[int, QPainterPath] = {}
    edges: dict[int, QPainterPath] = {}
    for rectangle in visible(row, scene):
        number = int(colouring.numbers[rectangle])
        box = row.box_of(rectangle).intersected(row.plot)
        fills.setdefault(number, QPainterPath()).addRect(box)
        if min(box.width(), box.height()) >= EDGED:
            path = edges.setdefault(number, QPainterPath())
            if palette.outlined:
                path.addRect(box.adjusted(0.25, 0.25, -0.25, -0.25))
            else:
                path.moveTo(box.bottomLeft())
                path.lineTo(box.topLeft())
                path.lineTo(box.topRight())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for number, path in fills.items():
        painter.fillPath(path, QColor(palette.names[number]))
    painter.setBrush(QColor(0, 0, 0, 0))
    for number, path in edges.items():
        painter.strokePath(path, QPen(QColor.fromRgb(int(palette.edge[number])), 0.75))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_reserved(painter: QPainter, row: MapRow, scene: Scene) -> None:
    """The ground of what an allocator holds."""
    drawing, path = row.state.drawing, QPainterPath()
    if drawing is None:
        return
    for first, last, low, high in drawing.reserved.tolist():
        slot = row.state.axis.slot
        path.addRect(_box(row, slot(first), slot(last), low, high))
    painter.fillPath(path, QColor(row.state.theme.raised))


def _paint_unusable(painter: QPainter, row: MapRow, scene: Scene) -> None:
    """Hatched with lines, each cut to its area."""
    lines = QPainterPath()
    for start, end, low, high in scene.unusable.tolist():
        box = _box(row, start, end, low, high)
        if box.isEmpty():
            continue
        # x + y is the same along a line; lines of neighbouring areas go on in one another.
        first = int(np.ceil((box.left() + box.top()) / HATCH_PITCH)) * HATCH_PITCH
        for total in range(first, int(box.right() + box.bottom()) + 1, HATCH_PITCH):
            left = max(box.left(), total - box.bottom())
            right = min(box.right(), total - box.top())
            if right > left:
                lines.moveTo(left, total - left)
                lines.lineTo(right, total - right)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.strokePath(lines, QPen(QColor.fromRgb(row.state.palette.hatch), 0.75))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def profile_shapes(row: ProfileRow) -> Callable[[QPainter], None]:
    """Paints the areas of the live profile, the lowest first, and the line above them."""

    def paint(painter: QPainter) -> None:
        scene, colouring = row.state.scene, row.state.colouring
        if scene is None or colouring is None or not scene.slots:
            return
        window, palette = row.state.window, row.state.palette
        first = max(int(row.state.axis.slot(window.x0)), 0)
        last = min(int(np.ceil(row.state.axis.slot(window.x1))), scene.slots)
        slots = range(first, last)
        painter.save()
        painter.setClipRect(row.plot)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        below = np.zeros(len(slots), np.int64)
        for area in colouring.present:
            number = colouring.areas[area]
            if not palette.fill[number]:
                continue
            above = below + colouring.sizes[area, first:last]
            outline = _stairs(row, first, above) + _stairs(row, first, below)[::-1]
            painter.setBrush(QColor(palette.names[number]))
            painter.setPen(QColor(0, 0, 0, 0))
            painter.drawPolygon(QPolygonF(outline))
            below = above
        painter.setPen(QPen(QColor(row.state.theme.text), 1))
        painter.drawPolyline(QPolygonF(_stairs(row, first, below)))
        painter.restore()

    return paint


def _stairs(
    row: ProfileRow, first: int, sizes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> list[QPointF]:
    """Corners of a staircase from the slot ``first`` on; equal neighbours are one step."""
    edges = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(sizes)]
    corners = []
    for left, right in pairwise(edges):
        y = row.y_of(int(sizes[left]))
        corners += [QPointF(row.x_of(first + left), y), QPointF(row.x_of(first + right), y)]
    return corners
