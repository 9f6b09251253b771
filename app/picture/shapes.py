"""Rectangles and live bytes as shapes rather than pixels: for pictures that stay sharp at any size.

One path for all rectangles of a colour and one for all their edges, so a file grows by some twenty
letters a rectangle.
"""

from collections.abc import Callable, Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPolygonF

from app.map.index import FloatArray
from app.map.map_row import MapRow
from app.map.profile_row import ProfileRow
from app.map.raster import HATCH_PITCH
from app.map.scene import CATEGORIES, Scene
from app.map.ticks import byte_ticks
from solver.plan import IntArray

MOST_SHAPES = 20_000
"""Of more visible rectangles the pixels are drawn: a file of them would open slowly everywhere."""
MOST_STEPS = 8_000
"""Of more slots the profile's pixels are drawn: there are several in each of our pixels."""
AT_ONCE = 1000
"""Rectangles painted by one call: while Qt paints, no other thread has the interpreter."""
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


def map_shapes(row: MapRow, stopping: Callable[[], bool]) -> Callable[[QPainter], None]:
    """Paints what the pixels of the map show, or less of it once ``stopping``."""

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
        _paint_unusable(painter, row, scene, stopping)
        _paint_rectangles(painter, row, scene, stopping)
        painter.restore()

    return paint


def _box(row: MapRow, start: float, end: float, low: float, high: float) -> QRectF:
    """Pixels of an area, cut to the plot."""
    corner = QPointF(row.x_of(start), row.y_of(high))
    return QRectF(corner, QPointF(row.x_of(end), row.y_of(low))).intersected(row.plot)


def _paint_rectangles(
    painter: QPainter, row: MapRow, scene: Scene, stopping: Callable[[], bool]
) -> None:
    palette, colouring, plot = row.state.palette, row.state.colouring, row.plot
    assert colouring is not None
    chosen = np.asarray(visible(row, scene), np.int64)
    left = np.maximum(row.xs_of(scene.start[chosen]), plot.left())
    right = np.minimum(row.xs_of(scene.end[chosen]), plot.right())
    top = np.maximum(row.ys_of(scene.high[chosen]), plot.top())
    bottom = np.minimum(row.ys_of(scene.low[chosen]), plot.bottom())
    boxes = np.stack([left, top, right - left, bottom - top], axis=1)
    numbers = colouring.numbers[chosen]
    _, firsts = np.unique(numbers, return_index=True)
    present = [int(number) for number in numbers[np.sort(firsts)]]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for number in present:
        for some in _in_turn(boxes[numbers == number], stopping):
            fill = QPainterPath()
            for box in some:
                fill.addRect(*box)
            painter.fillPath(fill, QColor(palette.names[number]))
    painter.setBrush(QColor(0, 0, 0, 0))
    edged = np.minimum(boxes[:, 2], boxes[:, 3]) >= EDGED
    for number in present:
        pen = QPen(QColor.fromRgb(int(palette.edge[number])), 0.75)
        for some in _in_turn(boxes[edged & (numbers == number)], stopping):
            painter.strokePath(_edges(some, whole=palette.outlined), pen)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _in_turn(boxes: FloatArray, stopping: Callable[[], bool]) -> Iterator[list[list[float]]]:
    """Left, top, width and height of rectangles, some at a time."""
    for first in range(0, len(boxes), AT_ONCE):
        if stopping():
            return
        yield boxes[first : first + AT_ONCE].tolist()


def _edges(boxes: list[list[float]], *, whole: bool) -> QPainterPath:
    """All edges of rectangles, or those on the left and on top."""
    path = QPainterPath()
    for left, top, width, height in boxes:
        if whole:
            path.addRect(left + 0.25, top + 0.25, width - 0.5, height - 0.5)
        else:
            path.moveTo(left, top + height)
            path.lineTo(left, top)
            path.lineTo(left + width, top)
    return path


def _paint_reserved(painter: QPainter, row: MapRow, scene: Scene) -> None:
    """The ground of what an allocator holds."""
    drawing, path = row.state.drawing, QPainterPath()
    if drawing is None:
        return
    for first, last, low, high in drawing.reserved.tolist():
        slot = row.state.axis.slot
        path.addRect(_box(row, slot(first), slot(last), low, high))
    painter.fillPath(path, QColor(row.state.theme.raised))


def _paint_unusable(painter: QPainter, row: MapRow, scene: Scene, stopping: Callable[[], bool]) -> None:
    """Hatched with lines, each cut to its area."""
    lines = QPainterPath()
    pen = QPen(QColor.fromRgb(row.state.palette.hatch), 0.75)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for start, end, low, high in scene.unusable.tolist():
        box = _box(row, start, end, low, high)
        if box.isEmpty():
            continue
        if stopping():
            break
        if lines.elementCount() > 2 * AT_ONCE:
            painter.strokePath(lines, pen)
            lines = QPainterPath()
        # x + y is the same along a line; lines of neighbouring areas go on in one another.
        first = int(np.ceil((box.left() + box.top()) / HATCH_PITCH)) * HATCH_PITCH
        for total in range(first, int(box.right() + box.bottom()) + 1, HATCH_PITCH):
            left = max(box.left(), total - box.bottom())
            right = min(box.right(), total - box.top())
            if right > left:
                lines.moveTo(left, total - left)
                lines.lineTo(right, total - right)
    painter.strokePath(lines, pen)
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


def _stairs(row: ProfileRow, first: int, sizes: IntArray) -> list[QPointF]:
    """Corners of a staircase from the slot ``first`` on; equal neighbours are one step."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(sizes)) + 1, [len(sizes)]])
    xs = np.repeat(row.xs_of(first + edges), 2)[1:-1].tolist()
    zero = row.y_of(0)
    heights = sizes[edges[:-1]] * ((zero - row.y_of(row.highest)) / row.highest)
    ys = np.repeat(zero - heights, 2).tolist()
    return [QPointF(x, y) for x, y in zip(xs, ys, strict=True)]
