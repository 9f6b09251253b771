"""The curve of a step as a PNG: overhead against budget, the proven bound below it, the gap between."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from app.curve.points import Point, ordered
from app.fonts import load_fonts, text_font
from app.map.picture import ensure_application, write_pixmap
from app.map.ticks import byte_ticks, step_of, ticks
from app.numbers import plan_size
from app.theme import DARK, Theme
from app.translation import tr

LEFT, RIGHT, TOP, BOTTOM = 64, 40, 92, 56
"""Margins of the plot, pixels."""
HEAD = 40
"""Height of the title line."""
GAP_ALPHA = 70
"""Of 255: how the gap is tinted."""
LABEL = QFont.Weight.DemiBold


def render_curve(
    points: Sequence[Point],
    path: Path,
    *,
    title: str,
    width: int = 1200,
    height: int = 520,
    theme: Theme = DARK,
) -> None:
    """Write the picture to ``path``; needs no display. ``points``: at least one has a plan.

    Raises OSError.
    """
    ensure_application()
    load_fonts()
    pixmap = QPixmap(width, height)
    pixmap.fill(QColor(theme.panel))
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    try:
        _CurvePainter(painter, points, QRectF(0, 0, width, height), theme).paint(title)
    finally:
        painter.end()
    write_pixmap(pixmap, path)


class _CurvePainter:
    """One painting: it knows where a budget and an overhead lie."""

    def __init__(self, painter: QPainter, points: Sequence[Point], page: QRectF, theme: Theme) -> None:
        self._painter, self._page, self._theme = painter, page, theme
        self._solved = [p for p in reversed(ordered(points)) if p.overhead is not None]
        self._proven = [p for p in self._solved if p.overhead_bound is not None]
        self._failed = any(p.overhead is None for p in points)
        self._plot = page.adjusted(LEFT, TOP, -RIGHT, -BOTTOM)
        budgets = [p.budget_bytes for p in self._solved]
        span = max(max(budgets) - min(budgets), 1)
        self._first = max(0.0, min(budgets) - 0.06 * span)
        self._last = max(budgets) + 0.04 * span
        highest = max(p.overhead or 0.0 for p in self._solved)
        lowest = min(0.0, *(p.overhead or 0.0 for p in self._solved))
        self._tick = step_of(max(1.1 * highest - lowest, 1e-3), 5)
        self._top = 1.1 * max(highest, 0.9 * self._tick)
        self._low = lowest

    def paint(self, title: str) -> None:
        """Everything, the curve last."""
        self._paint_head(title)
        self._paint_axes()
        self._paint_unsolved()
        self._paint_gap()
        self._paint_bound()
        self._paint_curve()
        self._paint_legend()

    def _at(self, budget: float, overhead: float) -> QPointF:
        plot = self._plot
        x = plot.left() + (budget - self._first) / (self._last - self._first) * plot.width()
        y = plot.bottom() - (overhead - self._low) / (self._top - self._low) * plot.height()
        return QPointF(x, y)

    def _paint_head(self, title: str) -> None:
        theme, page = self._theme, self._page
        self._painter.fillRect(QRectF(0, HEAD, page.width(), 1), QColor(theme.line))
        x = self._write(QPointF(16, HEAD / 2), title, 14, theme.text, LABEL)
        count = tr("{} budgets").format(len(self._solved))
        self._write(QPointF(x + 24, HEAD / 2), count, 12, theme.text2)
        self._write(QPointF(16, HEAD + 24), tr("Added time"), 11, theme.text2)

    def _paint_axes(self) -> None:
        theme, plot = self._theme, self._plot
        self._painter.fillRect(plot, QColor(theme.map))
        for value in ticks(self._low, self._top, self._tick):
            at = self._at(self._first, value)
            colour = theme.line2 if abs(value) < 1e-12 else theme.line
            self._painter.fillRect(QRectF(plot.left(), at.y(), plot.width(), 1), QColor(colour))
            digits = 0 if self._tick >= 0.01 else 1
            text = f"{100 * value:.{digits}f} %".replace("-", "−")
            self._write(QPointF(plot.left() - 8, at.y()), text, 11, theme.text3, align="right")
        marks, unit = byte_ticks(self._first, self._last, plot.width(), 72)
        for budget, text in marks:
            at = self._at(budget, self._low)
            self._painter.fillRect(QRectF(at.x(), plot.bottom(), 1, 4), QColor(theme.line2))
            self._write(at + QPointF(0, 14), text, 11, theme.text3, align="centre")
        middle = QPointF(plot.center().x(), plot.bottom() + 36)
        self._write(
            middle,
            tr("Memory budget, {}, residents included").format(unit),
            11,
            theme.text2,
            align="centre",
        )

    def _paint_unsolved(self) -> None:
        """Hatch what lies below the lowest budget with a plan."""
        plot = self._plot
        right = self._at(self._solved[0].budget_bytes, 0).x()
        area = QRectF(plot.left(), plot.top(), right - plot.left(), plot.height())
        brush = QBrush(QColor(self._theme.line2), Qt.BrushStyle.BDiagPattern)
        self._painter.fillRect(area, brush)

    def _paint_gap(self) -> None:
        upper = [self._at(p.budget_bytes, p.overhead or 0.0) for p in self._proven]
        lower = [self._at(p.budget_bytes, p.overhead_bound or 0.0) for p in self._proven]
        colour = QColor(self._theme.ok)
        colour.setAlpha(GAP_ALPHA)
        self._painter.setPen(Qt.PenStyle.NoPen)
        self._painter.setBrush(colour)
        self._painter.drawPolygon(QPolygonF([*upper, *reversed(lower)]))

    def _paint_bound(self) -> None:
        spots = [self._at(p.budget_bytes, p.overhead_bound or 0.0) for p in self._proven]
        pen = QPen(QColor(self._theme.ok), 1.5)
        pen.setDashPattern([5 / 1.5, 4 / 1.5])
        if spots:
            self._line(spots, pen)
        self._painter.setPen(QPen(QColor(self._theme.ok), 1.25))
        self._painter.setBrush(QColor(self._theme.map))
        for at in spots:
            self._painter.drawRect(QRectF(at.x() - 3, at.y() - 3, 6, 6))

    def _paint_curve(self) -> None:
        theme = self._theme
        spots = [self._at(p.budget_bytes, p.overhead or 0.0) for p in self._solved]
        self._line(spots, QPen(QColor(theme.accent), 2))
        self._painter.setPen(QPen(QColor(theme.map), 1))
        self._painter.setBrush(QColor(theme.accent))
        for at in spots:
            self._painter.drawEllipse(at, 5, 5)
        last = -1e9
        for point, at in zip(self._solved, spots, strict=True):
            if at.x() - last >= 56:
                text = f"{100 * (point.overhead or 0.0):.2f} %".replace("-", "−")
                right = at.x() > self._plot.right() - 56
                spot = at + (QPointF(0, -18) if right else QPointF(10, -12))
                self._write(spot, text, 11, theme.text, align="centre" if right else "left")
                last = at.x()

    def _line(self, spots: Sequence[QPointF], pen: QPen) -> None:
        path = QPainterPath(spots[0])
        for at in spots[1:]:
            path.lineTo(at)
        self._painter.setPen(pen)
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.drawPath(path)

    def _paint_legend(self) -> None:
        theme, plot = self._theme, self._plot
        lowest = plan_size(self._solved[0].budget_bytes)
        below = (
            tr("No plan found below {}").format(lowest)
            if self._failed
            else tr("Below the lowest budget solved")
        )
        texts = (tr("Best plan found"), tr("Proven lower bound"), tr("Gap"), below)
        left, y = plot.right() - 216, plot.top() + 16
        bound = QPen(QColor(theme.ok), 1.5)
        bound.setDashPattern([5 / 1.5, 4 / 1.5])
        for number, text in enumerate(texts):
            swatch = QRectF(left, y - 5, 24, 10)
            if number < 2:
                pen = bound if number else QPen(QColor(theme.accent), 2)
                self._line([QPointF(left, y), QPointF(left + 24, y)], pen)
            elif number == 2:
                colour = QColor(theme.ok)
                colour.setAlpha(GAP_ALPHA)
                self._painter.fillRect(swatch, colour)
            else:
                brush = QBrush(QColor(theme.line2), Qt.BrushStyle.BDiagPattern)
                self._painter.fillRect(swatch, brush)
            self._write(QPointF(left + 34, y), text, 11, theme.text2)
            y += 20

    def _write(
        self,
        at: QPointF,
        text: str,
        pixels: int,
        colour: str,
        weight: QFont.Weight = QFont.Weight.Normal,
        align: str = "left",
    ) -> float:
        """Write text whose left end, middle or right end is at ``at``; where it ends."""
        painter = self._painter
        painter.setFont(text_font(pixels, weight))
        painter.setPen(QColor(colour))
        width = painter.fontMetrics().horizontalAdvance(text) + 2
        x = at.x() - {"left": 0.0, "centre": width / 2, "right": float(width)}[align]
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(x, at.y() - 12, width, 24), int(flags), text)
        return x + width
