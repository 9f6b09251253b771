"""The plot of a solve: the best plan so far and the proven bound over time."""

from itertools import pairwise

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from app.facts.solve import Curve
from app.fonts import text_font
from app.numbers import GIB, unit_of
from app.panels.controls import label
from app.theme import DARK, Theme
from app.translation import tr

HEADROOM = 1.3
"""Of the highest value: the name of the incumbent stands above its curve."""

NEAR_FLOOR = 0.25
"""Part of the axis under which a name stands above its curve, to stay clear of the axis."""

NEAR_NAME = 0.3
"""Part of the axis that two names above one another take."""

MILLISECONDS_UNTIL = 2.0
"""Seconds up to which the time axis counts milliseconds."""


class _TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """Ticks in ms or s; the last one names the unit."""

    def tickStrings(  # noqa: N802
        self, values: list[float], scale: float, spacing: float
    ) -> list[str]:
        last = max(values, default=0.0)
        short = self.range[1] <= MILLISECONDS_UNTIL
        factor, unit = (1000.0, "ms") if short else (1.0, "s")
        texts = []
        for value in values:
            text = f"{value * factor:,.10g}"
            texts.append(f"{text} {unit}" if value == last else text)
        return texts


class SolvePlot(pg.PlotWidget):  # type: ignore[misc]
    """Two step curves: the incumbent solid, the bound dashed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, axisItems={"bottom": _TimeAxis("bottom")})
        self.setObjectName("solvePlot")
        self.setAccessibleName(tr("Best plan and lower bound over time"))
        self.setMenuEnabled(False)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setFrameShape(self.Shape.NoFrame)
        self.incumbent = pg.PlotCurveItem()
        self.bound = pg.PlotCurveItem()
        self._now = pg.ScatterPlotItem(size=8)
        self._names = (
            pg.TextItem("incumbent", anchor=(0, 0)),
            pg.TextItem(tr("lower bound"), anchor=(0, 0)),
        )
        for item in (self.bound, self.incumbent, self._now, *self._names):
            self.addItem(item)
        self._unit = unit_of(GIB)
        self._unit_name = label("", "caption", "text3")
        self._unit_name.setParent(self)
        self._unit_name.move(12, 2)
        self._unit_name.resize(40, 16)
        axis = self.getAxis("left")
        axis.setWidth(40)
        self.getAxis("bottom").setHeight(22)
        self.getPlotItem().setContentsMargins(4, 16, 14, 2)
        self._curves = (Curve((), ()), Curve((), ()))
        self.set_theme(DARK)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setBackground(theme.panel)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(QColor(theme.line))
            axis.setTextPen(QColor(theme.text3))
            axis.setStyle(tickFont=text_font(11), tickLength=0, tickTextOffset=6)
        self.getPlotItem().showGrid(y=True, alpha=0.35)
        self.incumbent.setPen(pg.mkPen(theme.text, width=1.75))
        self.bound.setPen(pg.mkPen(theme.ok, width=1.75, style=Qt.PenStyle.DashLine, dash=[5, 4]))
        self._now.setPen(pg.mkPen(theme.panel, width=1))
        self._now.setBrush(QColor(theme.text))
        for name, tone in zip(self._names, (theme.text, theme.ok), strict=True):
            name.setFont(text_font(11))
            name.setColor(QColor(tone))

    def set_curves(self, incumbent: Curve, bound: Curve, *, running: bool) -> None:
        """Show other curves; while the solve runs the newest incumbent has no dot."""
        self._curves = (incumbent, bound)
        most = max((s for c in (incumbent, bound) for s in c.sizes), default=GIB)
        self._unit = unit_of(most)
        self._unit_name.setText(self._unit.name)
        for item, curve in ((self.incumbent, incumbent), (self.bound, bound)):
            x, y = _steps(curve, self._unit.size)
            item.setData(x, y)
        last = max((c.seconds[-1] for c in (incumbent, bound) if c.seconds), default=0.0)
        self.setXRange(0, max(last, 1e-3) * 1.04, padding=0)
        self.setYRange(0, most / self._unit.size * HEADROOM, padding=0)
        reached = [
            t
            for t, s in zip(incumbent.seconds, incumbent.sizes, strict=True)
            if s == incumbent.sizes[-1]
        ]
        done = bool(reached) and not running
        self._now.setData(
            [reached[0]] if done else [], [incumbent.sizes[-1] / self._unit.size] if done else []
        )
        self._place_names()

    def _place_names(self) -> None:
        """Each name at its curve where the curve is longest at one value; never one over the other."""
        tops = [s for c in self._curves for s in c.sizes]
        places = []
        for name, curve in zip(self._names, self._curves, strict=True):
            name.setVisible(bool(curve.sizes))
            if not curve.sizes:
                continue
            lengths = [b - a for a, b in pairwise(curve.seconds)] or [0.0]
            longest = max(range(len(lengths)), key=lambda i: lengths[i])
            size = curve.sizes[longest]
            # The bound lies under the incumbent, so their names stand on opposite sides.
            above = name is self._names[0] or size < NEAR_FLOOR * max(tops)
            name.setAnchor((0, 1) if above else (0, 0))
            name.setPos(curve.seconds[longest], size / self._unit.size)
            places.append((above, size))
        if len(places) == 2 and places[1][0] and places[0][1] - places[1][1] < NEAR_NAME * max(tops):
            # Both curves are low: the bound's name has room only above the incumbent's curve too,
            # beyond the incumbent's name, and there it stands at the right end.
            name = self._names[1]
            name.setAnchor((1, 1))
            name.setPos(self._curves[1].seconds[-1], places[0][1] / self._unit.size)


def _steps(curve: Curve, unit: int) -> tuple[list[float], list[float]]:
    """A step curve as the corners of a line."""
    x: list[float] = []
    y: list[float] = []
    for seconds, size in zip(curve.seconds, curve.sizes, strict=True):
        if y:
            x.append(seconds)
            y.append(y[-1])
        x.append(seconds)
        y.append(size / unit)
    return x, y
