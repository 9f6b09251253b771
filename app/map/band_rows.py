"""The rows above the map: phases with their update ticks, modules, blocks."""

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.map.bands import Band
from app.map.row import LEFT, WEIGHT, Row, label_font, text_width, write
from app.map.state import MapState
from app.translation import tr
from solver.step import Category

LEAST_APART = 4
"""Pixels between the starts of bands that are told apart; an order may change modules at every op."""
LEAST_NAMED = 15.0
"""Narrower bands have no room for a name."""
TICKS, LEAST_ADDED = 3.0, 2.0
"""Height of the ticks under the phases, and the least width of those of added ops, which are few."""


class BandRow(Row):
    """Bands of the visible slots; a click on one asks to fit it."""

    fit_asked = Signal(int, int)
    """Slots of the band."""

    def __init__(self, state: MapState, height: float, caption: str) -> None:
        super().__init__(state, height)
        self.caption = caption
        self.band_height = height
        self._starts: list[int] = []
        state.range_changed.connect(self.refresh)
        state.scene_changed.connect(self._new_scene)

    def _new_scene(self) -> None:
        self._starts = [band.start for band in self.bands()]

    def bands(self) -> Sequence[Band]:
        """The bands to show."""
        return ()

    def clicked(self, position: QPointF) -> None:
        """The row was clicked at a position in its own coordinates."""
        slot = self.slot_at(position.x())
        band = next((b for b in self.bands() if b.start <= slot < b.end), None)
        if band is not None:
            self.fit_asked.emit(band.start, band.end)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        self.paint_caption(painter)
        plot = self.plot
        painter.setClipRect(plot)
        theme = self.state.theme
        strip = QRectF(plot.left(), 0, plot.width(), self.band_height)
        painter.fillRect(strip, QColor(theme.raised))
        bands, starts = self.bands(), self._starts
        gap, last_gap = QColor(theme.map), 0
        first, last = self.slot_at(LEFT), self.slot_at(plot.right())
        at = max(bisect_right(starts, first) - 1, 0)
        while at < len(bands) and starts[at] < last:
            band = bands[at]
            left, right = self.x_of(band.start), self.x_of(band.end)
            if band.start > first and round(left) >= last_gap + LEAST_APART:
                last_gap = round(left)
                painter.fillRect(QRectF(last_gap, 0, 1, self.band_height), gap)
            if right - left > LEAST_NAMED:
                self.paint_name(painter, tr(band.name), max(left, LEFT), min(right, plot.right()))
            # Of an order that changes modules at every op most bands are not told apart.
            seen = last_gap + LEAST_APART - 0.5
            skipped = bisect_right(starts, self.slot_at(seen)) - 1 if right < seen else 0
            at = max(at + 1, skipped)

    def paint_name(self, painter: QPainter, name: str, left: float, right: float) -> None:
        """The name at the visible left end of its band, if it fits."""
        font = label_font()
        if text_width(name, font) + 10 > right - left:
            name = name.rpartition(".")[2]  # of layer.11 the number
        if name and text_width(name, font) + 10 <= right - left:
            painter.setPen(QColor(self.state.theme.text2))
            write(painter, QRectF(left + 7, 0, right - left - 7, self.band_height), name, font)


class PhaseRow(BandRow):
    """Forward, backward, update; under them a tick for every run of updates, and of added ops."""

    def __init__(self, state: MapState) -> None:
        super().__init__(state, 18.0, tr("Phase"))
        self.set_height(self.band_height + TICKS + 2)

    def bands(self) -> Sequence[Band]:
        return self.state.scene.bands.phases if self.state.scene is not None else ()

    def paint_caption(self, painter: QPainter) -> None:
        painter.save()
        painter.translate(0, -(TICKS + 2) / 2)
        super().paint_caption(painter)
        painter.restore()

    def paint_name(self, painter: QPainter, name: str, left: float, right: float) -> None:
        font = label_font(11, WEIGHT.DemiBold)
        if text_width(name, font) + 10 <= right - left:
            painter.setPen(QColor(self.state.theme.text))
            write(painter, QRectF(left + 7, 0, right - left - 7, self.band_height), name, font)

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        super().paint(painter, option, widget)
        if self.state.scene is None:
            return
        bands, theme = self.state.scene.bands, self.state.theme
        self._paint_ticks(painter, bands.updates, QColor(theme.fill[Category.PARAMETER]))
        self._paint_ticks(painter, bands.added, QColor(theme.accent), LEAST_ADDED)

    def _paint_ticks(
        self, painter: QPainter, bands: Sequence[Band], colour: QColor, least: float = 1.0
    ) -> None:
        first, last = self.slot_at(LEFT), self.slot_at(self.plot.right())
        drawn = LEFT
        for band in bands[bisect_right(bands, first, key=lambda band: band.end) :]:
            if band.start >= last:
                break
            if self.x_of(band.end) > drawn:
                left, right = max(self.x_of(band.start), drawn), self.x_of(band.end)
                drawn = max(right, left + least)
                painter.fillRect(QRectF(left, self.band_height + 1, drawn - left, TICKS), colour)


class ModuleRow(BandRow):
    """The first level of the modules."""

    def __init__(self, state: MapState) -> None:
        super().__init__(state, 17.0, tr("Module"))

    def bands(self) -> Sequence[Band]:
        return self.state.scene.bands.modules if self.state.scene is not None else ()


class BlockRow(BandRow):
    """The second level of the modules, shown when zoomed in."""

    def __init__(self, state: MapState) -> None:
        super().__init__(state, 16.0, tr("Block"))

    def bands(self) -> Sequence[Band]:
        return self.state.scene.bands.blocks if self.state.scene is not None else ()
