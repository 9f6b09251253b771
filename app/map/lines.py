"""The lines over the map's rectangles: plan height, bound, what is reserved, what is saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.map.chips import first_free
from app.map.row import WEIGHT, At, label_font, text_width, write
from app.map.scene import Line, LineRole, Scene
from app.numbers import human, percent
from app.translation import tr

if TYPE_CHECKING:
    from app.map.map_row import MapRow
    from app.map.profile_row import ProfileRow

BOUND_DASH = (10 / 3, 8 / 3)
"""5 and 4 pixels at a width of 1.5; Qt counts in widths."""
RESERVED_DASH = (4 / 3, 8 / 3)
TEXT = 18.0
"""Height of a line of text, pixels."""
FURTHEST = 240
"""Pixels that the saving gives way to the left of its bracket, where lines stand on it."""
BRACKET_ROOM = 52.0
"""Least distance of two lines between which the saving is written."""


@dataclass(frozen=True, slots=True)
class LineName:
    """What is written at a line, and where."""

    line: Line
    box: QRectF


def line_names(row: MapRow, scene: Scene, taken: Sequence[QRectF]) -> list[LineName]:
    """Where the names of the visible lines stand: beside their lines, on nothing that is taken.

    Above the line at the left, where the free sky of a plan is; as run at the end of the staircase.
    Else below the line, or at the other end.
    """
    plot, names = row.plot, []
    used = list(taken)
    left = max(plot.left() + 8, row.label_shelf() + 4)
    for line in scene.lines:
        y = round(row.y_of(line.size)) + 0.5
        if not 0 <= y <= plot.height():
            continue
        width = text_width(line.text, label_font()) + 2
        ends = [left, plot.right() - 4 - width]
        if len(scene.reserved):
            ends.reverse()
        places = [QRectF(x, y + dy, width, TEXT - 2) for x in ends for dy in (-TEXT, 2)]
        places = [box for box in places if box.top() >= 0 and box.bottom() <= plot.height()]
        others = [_across(row, other) for other in scene.lines if other is not line]
        box = first_free(places, [*used, *others]) or first_free(places, used)
        if box is not None:
            names.append(LineName(line, box))
            used.append(box)
    return names


def _across(row: MapRow, line: Line) -> QRectF:
    """The pixels of a line."""
    return QRectF(row.plot.left(), round(row.y_of(line.size)) - 0.5, row.plot.width(), 2)


def paint_lines(
    painter: QPainter, row: MapRow, scene: Scene, names: Sequence[LineName], saving: QRectF | None
) -> None:
    """All lines of a scene, their names and the saving; the painter is clipped to the plot."""
    paint_staircase(painter, row, scene, 2.0)
    for line in scene.lines:
        _paint_line(painter, row, scene, line)
    ground = QColor(row.state.theme.map)
    ground.setAlphaF(0.75)
    for name in names:
        painter.fillRect(name.box.adjusted(-3, 0, 3, 0), ground)
        painter.setPen(QColor(_colour(row, name.line)))
        write(painter, name.box, name.line.text, label_font())
    if saving is not None:
        _paint_saving(painter, row, scene, saving)


def _colour(row: MapRow, line: Line) -> str:
    theme = row.state.theme
    return {
        LineRole.BOUND: theme.ok,
        LineRole.HEIGHT: theme.text,
        LineRole.RESERVED: theme.warn,
        LineRole.BUDGET: theme.accent,
    }[line.role]


def paint_staircase(painter: QPainter, row: MapRow | ProfileRow, scene: Scene, width: float) -> None:
    """What the allocator has reserved as run, as a line over the slots; of a plan nothing."""
    reserved = scene.reserved
    if not len(reserved):
        return
    line = QPolygonF([QPointF(x, row.y_of(size)) for x, size in stairs(row, scene)])
    pen = QPen(QColor(row.state.theme.warn), width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(line)


def stairs(row: MapRow | ProfileRow, scene: Scene) -> Iterator[tuple[float, int]]:
    """The corners of the visible part, as pixel and bytes; of many steps in a pixel how far they go.

    A step of 20,000 ops has as many, which would take longer to draw than all its rectangles.
    """
    reserved = scene.reserved
    slots = np.flatnonzero(np.diff(reserved)) + 1
    pixels = row.xs_of(slots)
    left = max(row.plot.left(), row.x_of(0))
    right = min(row.plot.right(), row.x_of(scene.slots))
    first, end = np.searchsorted(pixels, (left, right)).tolist()
    size = int(reserved[slots[first] - 1] if first < len(slots) else reserved[-1])
    yield left, size
    slots, pixels = slots[first:end], pixels[first:end]
    columns = np.flatnonzero(np.diff(np.floor(pixels), prepend=-1.0))
    for at, after in pairwise([*columns.tolist(), len(slots)]):
        x, sizes = float(pixels[at]), reserved[slots[at:after]]
        yield x, size
        if after > at + 1:
            yield x, int(sizes.min())
            yield x, int(sizes.max())
        size = int(sizes[-1])
        yield x, size
    yield right, size


def _paint_line(painter: QPainter, row: MapRow, scene: Scene, line: Line) -> None:
    y = round(row.y_of(line.size)) + 0.5
    if len(scene.reserved) or not 0 <= y <= row.plot.height():
        return
    pen = QPen(QColor(_colour(row, line)), 1.5)
    if line.role is LineRole.BOUND or line.role is LineRole.BUDGET:
        pen.setDashPattern(BOUND_DASH)
    elif line.role is LineRole.RESERVED:
        pen.setDashPattern(RESERVED_DASH)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    painter.drawLine(QPointF(row.plot.left(), y), QPointF(row.plot.right(), y))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _saved(row: MapRow, scene: Scene) -> tuple[int, float, float]:
    """What a plan needs less than what is reserved as run, and the pixels of both; 0: not shown."""
    reserved = next((x for x in scene.lines if x.role is LineRole.RESERVED), None)
    saved = reserved.size - scene.total_bytes if reserved is not None else 0
    if len(scene.reserved) or reserved is None or saved <= 0:
        return 0, 0.0, 0.0
    top, bottom = row.y_of(reserved.size), row.y_of(scene.total_bytes)
    if top < 0 or bottom > row.plot.height() or bottom - top < BRACKET_ROOM:
        return 0, 0.0, 0.0
    return saved, top, bottom


def _saving_texts(saved: int, scene: Scene) -> tuple[str, str]:
    return human(saved), tr("{} of reserved").format(percent(saved / (saved + scene.total_bytes)))


def saving_box(row: MapRow, scene: Scene, taken: Sequence[QRectF]) -> QRectF | None:
    """Where the saving is written, if it is, with its bracket at the right; on nothing taken."""
    saved, top, bottom = _saved(row, scene)
    if not saved:
        return None
    figure, share = _saving_texts(saved, scene)
    width = max(text_width(figure, label_font(14, WEIGHT.DemiBold)), text_width(share, label_font()))
    box = QRectF(row.plot.right() - 66 - width - 2, (top + bottom) / 2 - 19, width + 2, 36)
    places = [box.translated(-step, 0) for step in range(0, FURTHEST, 12)]
    stems = [QRectF(x - 3, box.top(), 6, box.height()) for x in row.stems()]
    return first_free(places, [*taken, *stems]) or first_free(places[:1], taken)


def _paint_saving(painter: QPainter, row: MapRow, scene: Scene, box: QRectF) -> None:
    """A bracket from what is reserved as run down to a plan's height, and the bytes in between."""
    saved, top, bottom = _saved(row, scene)
    theme = row.state.theme
    x = row.plot.right() - 54
    painter.setPen(QPen(QColor(theme.text), 1))
    ends = [QLineF(x - 4, y, x + 4, y) for y in (top, bottom)]
    painter.drawLines([QLineF(x, top, x, bottom), *ends])
    figure, share = _saving_texts(saved, scene)
    write(
        painter,
        QRectF(box.left(), box.top(), box.width(), 20),
        figure,
        label_font(14, WEIGHT.DemiBold),
        At.RIGHT,
    )
    painter.setPen(QColor(theme.text2))
    write(painter, QRectF(box.left(), box.top() + 20, box.width(), 16), share, label_font(), At.RIGHT)
