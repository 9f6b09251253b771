"""Where budgets and overheads lie on the trade-off plot, in pixels. No widgets."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF

from app.curve.budgets import BudgetPoint
from app.map.ticks import step_of, ticks
from app.numbers import Unit

ROOM_LEFT, ROOM_RIGHT = 0.08, 0.04
"""Of the span of the budgets: what is shown below the smallest and above the largest."""
ALONE = 0.2
"""Of the only solved budget: where the axis begins."""
HEADROOM = 1.18
LEAST_TOP = 0.01
"""Of the overhead axis."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The visible budgets (bytes) and overheads (fractions), and the plot's pixels."""

    first: float
    last: float
    low: float
    top: float
    plot: QRectF

    def x_of(self, budget: float) -> float:
        """Pixel of a budget."""
        return self.plot.left() + (budget - self.first) / (self.last - self.first) * self.plot.width()

    def y_of(self, overhead: float) -> float:
        """Pixel of an overhead."""
        share = (overhead - self.low) / (self.top - self.low)
        return self.plot.bottom() - share * self.plot.height()

    def at(self, budget: float, overhead: float) -> QPointF:
        """The pixels of both."""
        return QPointF(self.x_of(budget), self.y_of(overhead))

    def budget_at(self, x: float, unit: Unit) -> int:
        """The budget at a pixel, within the axis, to the last digit that is shown."""
        share = min(max((x - self.plot.left()) / self.plot.width(), 0.0), 1.0)
        exact = self.first + share * (self.last - self.first)
        digits = round(exact / unit.size * 10.0**unit.digits)
        return max(round(digits * unit.size / 10.0**unit.digits), 1)

    @property
    def bytes_a_pixel(self) -> float:
        return (self.last - self.first) / self.plot.width()

    def budget_ticks(self, unit: Unit, apart: int = 72) -> list[tuple[float, str]]:
        """Budgets and what stands at them, at least ``apart`` pixels from one another."""
        size = unit.size
        step = step_of((self.last - self.first) / size, max(int(self.plot.width() / apart), 1))
        digits = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
        found = ticks(self.first / size, self.last / size, step)
        return [(value * size, f"{value:,.{digits}f}") for value in found]

    def overhead_ticks(self, apart: int = 44) -> list[tuple[float, str]]:
        """Overheads and what stands at them."""
        step = step_of(self.top - self.low, max(int(self.plot.height() / apart), 1))
        digits = 0 if step >= 0.01 else 1 if step >= 0.001 else 2
        return [
            (value, f"{value * 100:.{digits}f} %".replace("-", "−"))
            for value in ticks(self.low, self.top, step)
        ]


def axes_of(points: Sequence[BudgetPoint], others: Sequence[int], plot: QRectF) -> Axes:
    """Axes that show all points, and the budgets ``others`` for which there is no plan."""
    budgets = [p.budget_bytes for p in points] + list(others)
    # A step without bytes has budgets of none, and still an axis.
    least, most = min(budgets, default=0), max(budgets, default=0) or 1 << 30
    first = least - ROOM_LEFT * (most - least)
    if len(set(budgets)) == 1:
        first = ALONE * least
    overheads = [p.overhead for p in points]
    low = min(0.0, min(overheads, default=0.0) * HEADROOM)
    top = max(max(overheads, default=0.0) * HEADROOM, LEAST_TOP)
    return Axes(max(first, 0.0), most + ROOM_RIGHT * (most - max(first, 0.0)), low, top, plot)
