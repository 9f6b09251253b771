"""What ties the rectangles of one tensor together: thin lines over the slots where it is away.

::

    ┌─────┐                    ┌────┐     made again: a solid line
    │     │▌──────────────────▐│    │     in host memory meanwhile: a dashed one
    └─────┘                    └────┘
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from app.map.scene import Join, Scene

if TYPE_CHECKING:
    from app.map.map_row import MapRow

DASH = [3.0, 3.0]
"""Of a line over host memory, in widths."""
STRONG, FAINT, FAINT_FROM = 130, 80, 60
"""Of 255: how the lines are inked, and from how many on the screen they are drawn fainter, so that they
do not hide the map."""
MARK = 2.0
"""Width of the bar at the start of a stay that is not the first, pixels."""
LEAST_MARKED = 4.0
"""Smaller rectangles carry no bar: it would cover them."""


def paint_joins(painter: QPainter, row: MapRow, scene: Scene) -> None:
    """Lines between the stays of all tensors, and bars where a tensor comes back."""
    theme, plot = row.state.theme, row.plot
    solid: list[QLineF] = []
    dashed: list[QLineF] = []
    for join in scene.joins:
        if hidden(row, join):
            continue
        line = line_of(row, join)
        if QRectF(line.p1(), line.p2()).normalized().adjusted(0, -1, 0, 1).intersects(plot):
            (dashed if join.parked else solid).append(line)
    alpha = STRONG if len(solid) + len(dashed) < FAINT_FROM else FAINT
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for lines, ink in ((solid, theme.text), (dashed, theme.accent)):
        colour = QColor(ink)
        colour.setAlpha(alpha)
        pen = QPen(colour, 1)
        if lines is dashed:
            pen.setDashPattern(DASH)
        painter.setPen(pen)
        painter.drawLines(lines)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for join in scene.joins:
        box = row.box_of(join.after)
        if box.width() >= LEAST_MARKED and box.intersects(plot) and not hidden(row, join):
            box.setWidth(MARK)
            painter.fillRect(box, QColor(theme.accent if join.parked else theme.text))


def hidden(row: MapRow, join: Join) -> bool:
    """Whether the tensor is not shown."""
    return row.state.is_hidden(join.after)


def line_of(row: MapRow, join: Join) -> QLineF:
    """From the end of a rectangle to the start of its next one, in the row's coordinates."""
    before, after = row.box_of(join.before), row.box_of(join.after)
    return QLineF(
        QPointF(before.right(), before.center().y()), QPointF(after.left(), after.center().y())
    )


def paint_selected_join(painter: QPainter, row: MapRow, join: Join, shift: QPointF) -> None:
    """The line of a selected tensor, with a halo; ``shift`` is the row's corner."""
    theme = row.state.theme
    line = line_of(row, join).translated(shift)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for width, colour in ((4.0, theme.map), (1.75, theme.accent if join.parked else theme.text)):
        pen = QPen(QColor(colour), width)
        if join.parked and width < 2:
            pen.setDashPattern(DASH)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawLine(line)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
