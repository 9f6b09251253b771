"""How the trade-off curve is painted: ground and axes, curves and gap, the budget line, its callout."""

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from app.curve.budgets import BudgetPoint, Infeasible
from app.fonts import text_font
from app.map.palette import ink_on, mix
from app.numbers import Unit
from app.panels.budget_axes import Axes
from app.theme import Theme
from app.translation import mark, tr

STRONG = QFont.Weight.DemiBold
HATCH = 7.0
GAP_ALPHA = 62
"""Of 255."""
DASH = [3.4, 2.7]
"""5 and 4 pixels at a width of 1.5."""
PILL = QSize(7, 22)
"""The handle of the line."""
LEGEND = (
    mark("Best plan found"),
    mark("Certified lower bound"),
    mark("Gap, not yet closed"),
    mark("No plan this low yet"),
)
LEGEND_WIDTH, LEGEND_ROW = 168.0, 19.0
LEGEND_FROM = 560.0
"""Widths of the legend, and of the plot from which it is shown."""
CAPTION = 24.0
"""What the name of the upright axis takes of the plot's width, pixels."""
PLACES = 10
"""So many heights are tried for the callout."""


def callout_size(texts: tuple[str, str], button: QSize | None) -> QSizeF:
    """Pixels of a callout with these two lines, the second of which may be empty."""
    strong, plain = QFontMetricsF(text_font(12, STRONG)), QFontMetricsF(text_font(11))
    widths = [strong.horizontalAdvance(texts[0]), plain.horizontalAdvance(texts[1])]
    height = 32.0 + (17 if texts[1] else 0)
    if button is not None:
        widths.append(button.width())
        height += button.height() + 8
    return QSizeF(max(widths) + 24, height)


def callout_box(axes: Axes, budget: int, points: Sequence[BudgetPoint], size: QSizeF) -> QRectF:
    """Where the callout of the line stands: beside it, where it covers least of curve and legend."""
    plot, x = axes.plot, axes.x_of(budget)
    spots = _samples([axes.at(p.budget_bytes, p.overhead) for p in points])
    # The figures of the points stand right above them.
    figures = [axes.at(p.budget_bytes, p.overhead) + QPointF(20, -13) for p in points]
    legend = legend_box(axes)
    room = max(plot.height() - size.height() - 12, 0.0)
    best, least = QRectF(), float("inf")
    for left in (x + 16, x - 16 - size.width()):
        outside = max(plot.left() + 4 - left, left + size.width() - plot.right() + 4, 0.0)
        for part in range(PLACES + 1):
            share = part / PLACES
            box = QRectF(left, plot.top() + 6 + share * room, size.width(), size.height())
            around = box.adjusted(-8, -6, 8, 6)
            covered = sum(around.contains(spot) for spot in (*spots, *figures, *figures))
            cost = covered + 4 * around.intersects(legend) + outside + 0.5 * abs(share - 0.4)
            if cost + 0.2 * (left < x) < least:
                best, least = box, cost + 0.2 * (left < x)
    left = min(max(best.left(), plot.left() + 4), max(plot.right() - size.width() - 4, plot.left() + 4))
    best.moveLeft(left)
    return best


def _samples(corners: Sequence[QPointF]) -> list[QPointF]:
    """Points along a line, some pixels apart."""
    result = list(corners)
    for one, two in pairwise(corners):
        count = max(int((two - one).manhattanLength() / 12), 1)
        result += [one + (two - one) * (n / count) for n in range(1, count)]
    return result


def legend_box(axes: Axes) -> QRectF:
    """The legend's place; empty where there is no room for it."""
    plot = axes.plot
    if plot.width() < LEGEND_FROM:
        return QRectF()
    height = LEGEND_ROW * len(LEGEND) + 10
    return QRectF(plot.right() - LEGEND_WIDTH - 8, plot.top() + 4, LEGEND_WIDTH + 4, height)


class CurvePainter:
    """One painting; all coordinates are the widget's."""

    def __init__(self, painter: QPainter, axes: Axes, theme: Theme, unit: Unit) -> None:
        self._painter, self._axes, self._theme, self._unit = painter, axes, theme, unit
        self._taken = [legend_box(axes)]

    # Ground

    def paint_ground(
        self,
        page: QRectF,
        points: Sequence[BudgetPoint],
        failures: Sequence[Infeasible],
        enough: int | None,
    ) -> None:
        """Axes and grid, the budgets below the lowest solved one, and those from ``enough`` on: the
        plan at the line fits into them."""
        painter, axes, theme, plot = self._painter, self._axes, self._theme, self._axes.plot
        painter.fillRect(page, QColor(theme.map))
        if enough is not None:
            x = axes.x_of(enough)
            tint = QColor(mix(theme.sel, theme.map, 0.5))
            painter.fillRect(QRectF(x, plot.top(), max(plot.right() - x, 0), plot.height()), tint)
        painter.setFont(text_font(11))
        # Without a curve it is not known which figures matter.
        curve = any(not point.free for point in points)
        for value, text in axes.overhead_ticks() if curve else [(0.0, "0 %")]:
            y = round(axes.y_of(value))
            line = theme.line2 if abs(value) < 1e-12 else theme.line
            painter.fillRect(QRectF(plot.left(), y, plot.width(), 1), QColor(line))
            self._text(QRectF(0, y - 8, plot.left() - 9, 16), text, theme.text3, right=True)
        for value, text in axes.budget_ticks(self._unit) if points else ():
            x = round(axes.x_of(value))
            painter.fillRect(QRectF(x, plot.bottom(), 1, 4), QColor(theme.line2))
            self._centred(QRectF(x - 36, plot.bottom() + 6, 72, 14), text, theme.text3)
        self._text(QRectF(8, plot.top() - 26, 120, 16), tr("Added time"), theme.text3)
        unit = f", {self._unit.name}" if points else ""
        caption = tr("Memory budget{}, all that stays in memory included").format(unit)
        area = QRectF(plot.left(), plot.bottom() + 24, plot.width(), 16)
        self._centred(area, caption, theme.text3)
        if curve:
            self._hatch(axes.x_of(points[0].budget_bytes))
        for one in failures:
            self._impossible(one)

    def _hatch(self, right: float) -> None:
        """The budgets below the lowest solved one."""
        painter, plot = self._painter, self._axes.plot
        area = QRectF(plot.left(), plot.top(), right - plot.left(), plot.height())
        if area.width() < 1:
            return
        painter.save()
        painter.setClipRect(area)
        painter.setPen(QPen(QColor(self._theme.line2), 1))
        x = area.left() - area.height()
        lines = []
        while x < area.right():
            lines.append(QLineF(x, area.bottom(), x + area.height(), area.top()))
            x += HATCH * 1.414
        painter.drawLines(lines)
        painter.restore()

    def _impossible(self, one: Infeasible) -> None:
        """A cross on the axis: at this budget no plan was found."""
        painter, axes, theme = self._painter, self._axes, self._theme
        x, y = axes.x_of(one.budget_bytes), axes.plot.bottom()
        painter.setPen(QPen(QColor(theme.error), 1.75))
        for sign in (-1, 1):
            painter.drawLine(QPointF(x - 4, y - 8 - 4 * sign), QPointF(x + 4, y - 8 + 4 * sign))

    # Curves

    def paint_curves(self, points: Sequence[BudgetPoint], chosen: int | None) -> None:
        """Gap, bound, plans, and the figure of each plan; the legend."""
        axes, theme, painter = self._axes, self._theme, self._painter
        best = [axes.at(p.budget_bytes, p.overhead) for p in points]
        proven = [p for p in points if p.bound is not None]
        bounds = [axes.at(p.budget_bytes, p.bound or 0.0) for p in proven]
        above = [axes.at(p.budget_bytes, p.overhead) for p in proven]
        painter.save()
        # A weak bound may lie below all that is shown.
        painter.setClipRect(axes.plot.adjusted(-8, -8, 8, 8 if axes.low < 0 else 4))
        if len(proven) > 1:
            fill = QColor(theme.ok)
            fill.setAlpha(GAP_ALPHA)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawPolygon(QPolygonF([*above, *reversed(bounds)]))
        pen = QPen(QColor(theme.ok), 1.5)
        pen.setDashPattern(DASH)
        self._path(bounds, pen)
        self._path(best, QPen(QColor(theme.accent), 2))
        painter.setBrush(QColor(theme.map))
        painter.setPen(QPen(QColor(theme.ok), 1.25))
        for at, over in zip(bounds, above, strict=True):
            if over.y() - at.y() < -5:  # else the plan's mark would hide it
                painter.drawRect(QRectF(at.x() - 3, at.y() - 3, 6, 6))
        painter.restore()
        for at, point in zip(best, points, strict=True):
            radius = 6.0 if point.budget_bytes == chosen else 4.5
            painter.setPen(QPen(QColor(theme.map), 1.5))
            painter.setBrush(QColor(theme.accent))
            painter.drawEllipse(at, radius, radius)
        for at, point in zip(best, points, strict=True):
            if point.budget_bytes != chosen:
                self._figure(at, f"{point.overhead * 100:.2f} %".replace("-", "−"))

    def _figure(self, at: QPointF, text: str) -> None:
        """The overhead of a point, right above it; left out where it would cover another."""
        font = text_font(11)
        width = QFontMetricsF(font).horizontalAdvance(text)
        plot = self._axes.plot
        left = at.x() + 8 if at.x() + 8 + width <= plot.right() + 16 else at.x() - 8 - width
        box = QRectF(left, max(at.y() - 20, plot.top() - 14), width + 2, 15)
        if not any(box.intersects(other) for other in self._taken):
            self._taken.append(box)
            self._painter.setFont(font)
            self._text(box, text, self._theme.text)

    def _path(self, spots: Sequence[QPointF], pen: QPen) -> None:
        if len(spots) > 1:
            path = QPainterPath(spots[0])
            for at in spots[1:]:
                path.lineTo(at)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            self._painter.setPen(pen)
            self._painter.setBrush(Qt.BrushStyle.NoBrush)
            self._painter.drawPath(path)

    def paint_legend(self, budget: int | None) -> None:
        """What the lines are; over the budget line where that stands there."""
        painter, theme = self._painter, self._theme
        back = legend_box(self._axes)
        if back.isEmpty():
            return
        x = self._axes.x_of(budget) if budget is not None else 0.0
        left, y = back.left() + 8, back.top() + 15
        if back.left() <= x <= back.right():
            painter.fillRect(back, QColor(theme.map))
        painter.setFont(text_font(11))
        for number, text in enumerate(map(tr, LEGEND)):
            box = QRectF(left, y - 5, 22, 10)
            if number == 0:
                self._path([QPointF(left, y), QPointF(left + 22, y)], QPen(QColor(theme.accent), 2))
            elif number == 1:
                pen = QPen(QColor(theme.ok), 1.5)
                pen.setDashPattern(DASH)
                self._path([QPointF(left, y), QPointF(left + 22, y)], pen)
            elif number == 2:
                fill = QColor(theme.ok)
                fill.setAlpha(GAP_ALPHA)
                painter.fillRect(box, fill)
            else:
                painter.save()
                painter.setClipRect(box)
                painter.setPen(QPen(QColor(theme.line2), 1))
                for x in range(-10, 24, 6):
                    painter.drawLine(QPointF(left + x, box.bottom()), QPointF(left + x + 10, box.top()))
                painter.restore()
            self._text(QRectF(left + 32, y - 8, LEGEND_WIDTH - 32, 16), text, theme.text2)
            y += LEGEND_ROW

    # The line

    def paint_line(self, budget: int, point: BudgetPoint | None) -> None:
        """The line with its handle, the budget above it, and from its plan across to the axis."""
        painter, axes, theme, plot = self._painter, self._axes, self._theme, self._axes.plot
        x = axes.x_of(budget)
        accent = QColor(theme.accent)
        if point is not None:
            pen = QPen(accent, 1)
            pen.setDashPattern([3, 3])
            painter.setPen(pen)
            y = axes.y_of(point.overhead)
            painter.drawLine(QPointF(plot.left(), y), QPointF(x - 7, y))
        pen = QPen(accent, 1.5)
        if point is None:
            pen.setDashPattern(DASH)
        painter.setPen(pen)
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        under = legend_box(axes).adjusted(-PILL.width(), 0, PILL.width(), 0)
        crossed = under.left() <= x <= under.right()
        self._handle(x, plot.top() + (0.7 if crossed else 0.3) * plot.height())
        text = f"{self._unit.text(budget)} {self._unit.name}"
        font = text_font(11, STRONG)
        width = QFontMetricsF(font).horizontalAdvance(text) + 20
        left = min(max(x - width / 2, plot.left() + CAPTION), plot.right() + 16 - width)
        chip = QRectF(left, plot.top() - 22, width, 20)
        painter.setPen(QPen(accent, 1.5) if point is None else Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.map) if point is None else accent)
        painter.drawRoundedRect(chip.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(font)
        self._centred(chip, text, theme.accent if point is None else ink_on(theme.accent))

    def _handle(self, x: float, y: float) -> None:
        painter, theme = self._painter, self._theme
        box = QRectF(x - PILL.width() / 2, y - PILL.height() / 2, PILL.width(), PILL.height())
        painter.setPen(QPen(QColor(theme.map), 1))
        painter.setBrush(QColor(theme.accent))
        painter.drawRoundedRect(box, 3.5, 3.5)
        painter.setPen(QPen(QColor(theme.map), 1))
        for shift in (-3, 0, 3):
            painter.drawLine(QPointF(x - 1.5, y + shift), QPointF(x + 1.5, y + shift))

    def paint_callout(self, box: QRectF, first: str, second: str, tone: str, second_tone: str) -> None:
        """A card beside the line."""
        painter, theme = self._painter, self._theme
        painter.setPen(QPen(QColor(theme.line2), 1))
        painter.setBrush(QColor(theme.raised if theme.dark else theme.panel))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setFont(text_font(12, STRONG))
        line = QRectF(box.left() + 12, box.top() + 7, box.width() - 16, 18)
        self._text(line, first, getattr(theme, tone))
        if second:
            painter.setFont(text_font(11))
            self._text(line.translated(0, 18), second, getattr(theme, second_tone))

    def paint_invitation(self, button: QRect) -> None:
        """Above the button of a plot without a curve."""
        self._painter.setFont(text_font(12))
        line = QRectF(button).translated(0, -button.height()).adjusted(-240, 0, 240, 0)
        text = tr("What less memory costs in time is not solved yet for what plans may do here")
        self._centred(line, text, self._theme.text2)

    def paint_ring(self) -> None:
        """Where the keyboard's focus is."""
        self._painter.setPen(QPen(QColor(self._theme.accent), 1))
        self._painter.setBrush(Qt.BrushStyle.NoBrush)
        self._painter.drawRect(self._axes.plot.adjusted(-0.5, -0.5, 0.5, 0.5))

    def _text(self, box: QRectF, text: str, colour: str, *, right: bool = False) -> None:
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        self._painter.setPen(QColor(colour))
        self._painter.drawText(box, int(side | Qt.AlignmentFlag.AlignVCenter), text)

    def _centred(self, box: QRectF, text: str, colour: str) -> None:
        self._painter.setPen(QColor(colour))
        self._painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), text)
