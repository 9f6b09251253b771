"""The lines over the map's rectangles: plan height, bound, what is reserved, what is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.map.row import WEIGHT, label_font, text_width
from app.map.scene import Line, LineRole, Scene
from app.numbers import human, percent

if TYPE_CHECKING:
    from app.map.map_row import MapRow
    from app.map.profile_row import ProfileRow

BOUND_DASH = (10 / 3, 8 / 3)
"""5 and 4 pixels at a width of 1.5; Qt counts in widths."""
RESERVED_DASH = (4 / 3, 8 / 3)
TEXT = 18.0
"""Height of a line of text, pixels."""
BRACKET_ROOM = 52.0
"""Least distance of two lines between which the saving is written."""


def paint_lines(painter: QPainter, row: MapRow, scene: Scene) -> None:
    """All lines of a scene, with their names; the painter is clipped to the plot."""
    paint_staircase(painter, row, scene, 2.0)
    for line in scene.lines:
        _paint_line(painter, row, scene, line)
    _paint_saving(painter, row, scene)


def paint_staircase(painter: QPainter, row: MapRow | ProfileRow, scene: Scene, width: float) -> None:
    """What the allocator has reserved as run, as a line over the slots; of a plan nothing."""
    reserved = scene.reserved
    if not len(reserved):
        return
    line = QPolygonF([QPointF(row.x_of(0), row.y_of(int(reserved[0])))])
    for slot in (np.flatnonzero(np.diff(reserved)) + 1).tolist():
        x = row.x_of(slot)
        line.append(QPointF(x, row.y_of(int(reserved[slot - 1]))))
        line.append(QPointF(x, row.y_of(int(reserved[slot]))))
    line.append(QPointF(row.x_of(scene.slots), row.y_of(int(reserved[-1]))))
    pen = QPen(QColor(row.state.theme.warn), width)
    pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawPolyline(line)


def _paint_line(painter: QPainter, row: MapRow, scene: Scene, line: Line) -> None:
    theme, plot = row.state.theme, row.plot
    y = round(row.y_of(line.size)) + 0.5
    if not 0 <= y <= plot.height():
        return
    colour = {
        LineRole.BOUND: theme.ok,
        LineRole.HEIGHT: theme.text,
        LineRole.RESERVED: theme.warn,
        LineRole.BUDGET: theme.accent,
    }[line.role]
    if not len(scene.reserved):
        pen = QPen(QColor(colour), 1.5)
        if line.role is LineRole.BOUND or line.role is LineRole.BUDGET:
            pen.setDashPattern(BOUND_DASH)
        elif line.role is LineRole.RESERVED:
            pen.setDashPattern(RESERVED_DASH)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen)
        painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setFont(label_font())
    painter.setPen(QColor(colour))
    # As run the end of the staircase is named. Of a plan the free sky at the left; where another
    # line or the top is near above, the name stands below its line.
    left = max(plot.left() + 8, row.label_shelf() + 4)
    box = QRectF(left, y - TEXT, plot.right() - left - 4, TEXT - 2)
    side = Qt.AlignmentFlag.AlignRight if len(scene.reserved) else Qt.AlignmentFlag.AlignLeft
    if line.role is LineRole.HEIGHT and _near_budget(row, scene, line):
        side = Qt.AlignmentFlag.AlignRight
    if y < TEXT or _crowded(row, scene, line):
        box.translate(0, TEXT + 2)
    painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, line.text)


def _near_budget(row: MapRow, scene: Scene, line: Line) -> bool:
    """Whether the name of the budget would stand where that of a line does: two lines' height away."""
    budgets = [other for other in scene.lines if other.role is LineRole.BUDGET]
    return any(abs(row.y_of(line.size) - row.y_of(one.size)) < 2 * TEXT for one in budgets)


def _crowded(row: MapRow, scene: Scene, line: Line) -> bool:
    """Whether the name of a line would stand on another line close above it."""
    y = row.y_of(line.size)
    return any(
        other is not line and other.size >= line.size and y - row.y_of(other.size) < TEXT
        for other in scene.lines
    )


def _paint_saving(painter: QPainter, row: MapRow, scene: Scene) -> None:
    """A bracket from what is reserved as run down to a plan's height, and the bytes in between."""
    reserved = next((x for x in scene.lines if x.role is LineRole.RESERVED), None)
    saved = reserved.size - scene.total_bytes if reserved is not None else 0
    if len(scene.reserved) or reserved is None or saved <= 0:
        return
    theme = row.state.theme
    top, bottom = row.y_of(reserved.size), row.y_of(scene.total_bytes)
    if top < 0 or bottom > row.plot.height() or bottom - top < BRACKET_ROOM:
        return
    x = row.plot.right() - 54
    painter.setPen(QPen(QColor(theme.text), 1))
    ends = [QLineF(x - 4, y, x + 4, y) for y in (top, bottom)]
    painter.drawLines([QLineF(x, top, x, bottom), *ends])
    middle = (top + bottom) / 2
    strong, plain = label_font(14, WEIGHT.DemiBold), label_font()
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    share = f"{percent(saved / reserved.size)} of reserved"
    left = x - 12 - max(text_width(human(saved), strong), text_width(share, plain)) - 2
    painter.setFont(strong)
    painter.drawText(QRectF(left, middle - 19, x - 12 - left, 20), right, human(saved))
    painter.setFont(plain)
    painter.setPen(QColor(theme.text2))
    painter.drawText(QRectF(left, middle + 1, x - 12 - left, 16), right, share)
