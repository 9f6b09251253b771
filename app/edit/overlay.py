"""What lies over a map while a plan is edited by hand: what is dragged, was moved, conflicts."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget

from app.edit.conflicts import Overlap
from app.edit.draft import Draft
from app.map.axis_row import OpAxisRow
from app.map.map_row import MapRow
from app.map.row import WEIGHT, label_font, text_width
from app.map.state import MapState

SHOWN = 400
"""Conflicts of one kind that are drawn; the bar above the map counts all."""
RAISED = 14.0
"""How far above the axis the line to an op lies that must not be passed, pixels."""


@dataclass(frozen=True)
class Dragged:
    """What is being dragged, and what would come of it."""

    text: str
    """What it is and where it would go."""
    block: tuple[int, ...] = ()
    """The instances that are dragged; of an op none."""
    address: int = -1
    """Where they would lie, in the arena."""
    overlaps: tuple[Overlap, ...] = ()
    slot: int = -1
    """Of the op that is dragged."""
    target: int = -1
    """The slot before which it would run."""
    past: tuple[float, ...] = ()
    """Slots of the ops that it must not pass, but would."""

    @property
    def conflicts(self) -> bool:
        """Whether it cannot stay there."""
        return bool(self.overlaps or self.past)


class EditOverlay(QGraphicsObject):
    """Painted in the coordinates of the widget; never asks for a new raster."""

    def __init__(self, state: MapState, map_row: MapRow, axis: OpAxisRow) -> None:
        super().__init__()
        self._state, self._map, self._axis = state, map_row, axis
        self.draft: Draft | None = None
        self.base = 0
        """Where the arena begins in the map's addresses."""
        self.dragged: Dragged | None = None
        self.held_slot = -1
        """Of the op that keys would move."""
        self.setZValue(15)
        for row in (map_row, axis):
            row.geometryChanged.connect(self._relayout)
        for signal in (state.range_changed, state.colours_changed, state.scene_changed):
            signal.connect(self.update)

    def show_draft(self, draft: Draft | None, base: int) -> None:
        """What was edited so far."""
        self.draft, self.base = draft, base
        self.update()

    def show_dragged(self, dragged: Dragged | None) -> None:
        """What is being dragged now."""
        self.dragged = dragged
        self.update()

    def hold(self, slot: int) -> None:
        """Mark the op that keys would move; -1: none."""
        if slot != self.held_slot:
            self.held_slot = slot
            self.update()

    def _relayout(self) -> None:
        self.prepareGeometryChange()

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self._map.geometry().united(self._axis.geometry())

    def paint(
        self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None
    ) -> None:
        draft, dragged = self.draft, self.dragged
        if draft is None or self._state.scene is None:
            return
        area = self._map.mapRectToParent(self._map.plot)
        painter.save()
        painter.setClipRect(area.united(self._axis.mapRectToParent(self._axis.plot)))
        if draft.edited:
            self._paint_moved(painter, draft)
            self._paint_overlaps(painter, draft, draft.overlaps)
            pairs = [(v.second_slot + 0.5, v.first_slot + 0.5) for v in draft.violations[:SHOWN]]
            self._paint_violations(painter, area, pairs)
        if self.held_slot >= 0:
            self._paint_held(painter, area, self.held_slot)
        if dragged is not None and dragged.block:
            self._paint_block(painter, area, draft, dragged)
        elif dragged is not None:
            self._paint_run(painter, area, dragged)
        painter.restore()

    # -- what was moved ------------------------------------------------------------------------------

    def _paint_moved(self, painter: QPainter, draft: Draft) -> None:
        pen = QPen(QColor(self._state.theme.accent), 1)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for instance, address in draft.moved.items():
            for member in draft.original.block(instance):
                painter.drawRect(self._box(draft, member, address).adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_overlaps(
        self, painter: QPainter, draft: Draft, overlaps: Sequence[Overlap], *, outline: bool = True
    ) -> None:
        """Shared bytes hatched, the storages that share them outlined."""
        err = QColor(self._state.theme.error)
        ground = QColor(self._state.theme.map)
        ground.setAlphaF(0.45)
        for overlap in overlaps[:SHOWN]:
            box = self._area(overlap.start, overlap.end, overlap.low, overlap.high)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.fillRect(box, ground)
            painter.fillRect(box, QBrush(err, Qt.BrushStyle.BDiagPattern))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(err, 1.5))
            painter.drawRect(box)
            if outline:
                painter.setPen(QPen(err, 1))
                for member in (overlap.one, overlap.other):
                    painter.drawRect(self._box(draft, member, int(draft.addresses[member])))

    def _paint_violations(
        self, painter: QPainter, area: QRectF, pairs: Sequence[tuple[float, float]]
    ) -> None:
        """Lines from ops to those that they must not pass: where both are, in slots."""
        theme = self._state.theme
        err, halo = QColor(theme.error), QColor(theme.map)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for number, pair in enumerate(pairs):
            y = area.bottom() - RAISED - 9 * (number % 8)
            wrong, needed = (self._map.x_of(slot) for slot in pair)
            for width, colour in ((3.5, halo), (1.5, err)):
                painter.setPen(QPen(colour, width))
                painter.drawLine(QPointF(wrong, y), QPointF(needed, y))
                for x in (wrong, needed):
                    painter.drawLine(QPointF(x, y), QPointF(x, area.bottom()))
            painter.setBrush(err)
            painter.setPen(QPen(halo, 1))
            painter.drawEllipse(QPointF(wrong, y), 3.5, 3.5)
            way = 1 if needed > wrong else -1
            painter.setPen(QPen(err, 1.5))
            painter.drawPolyline(
                [
                    QPointF(needed - 6 * way, y - 4),
                    QPointF(needed, y),
                    QPointF(needed - 6 * way, y + 4),
                ]
            )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    # -- what is held and dragged --------------------------------------------------------------------

    def _paint_held(self, painter: QPainter, area: QRectF, slot: int) -> None:
        """The op that keys move: its slot, from the top of the map to the axis."""
        left, right = self._map.x_of(slot), self._map.x_of(slot + 1)
        accent = QColor(self._state.theme.accent)
        column = QRectF(round(left), area.top(), max(round(right - left), 2), area.height() + 6)
        shade = QColor(accent)
        shade.setAlphaF(0.18)
        painter.fillRect(column, shade)
        painter.fillRect(QRectF(column.left(), column.bottom() - 4, column.width(), 4), accent)

    def _paint_block(self, painter: QPainter, area: QRectF, draft: Draft, dragged: Dragged) -> None:
        theme = self._state.theme
        ink = QColor(theme.error if dragged.conflicts else theme.accent)
        self._paint_overlaps(painter, draft, dragged.overlaps, outline=False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for overlap in dragged.overlaps[:SHOWN]:
            painter.setPen(QPen(QColor(theme.error), 1))
            painter.drawRect(self._box(draft, overlap.other, int(draft.addresses[overlap.other])))
        fill = QColor(ink)
        fill.setAlphaF(0.22)
        box = QRectF()
        for member in dragged.block:
            box = self._box(draft, member, dragged.address)
            painter.fillRect(box, fill)
            for colour, width in ((QColor(theme.map), 4), (ink, 2)):
                painter.setPen(QPen(colour, width))
                painter.drawRect(box)
        above = QPointF(max(box.left(), area.left()) + 6, box.top() - 28)
        if above.y() < area.top():
            above.setY(min(box.bottom() + 8, area.bottom() - 24))
        self._paint_chip(painter, area, above, dragged.text, ink)

    def _paint_run(self, painter: QPainter, area: QRectF, dragged: Dragged) -> None:
        """An op on its way: where it was, and the line before which it would run."""
        theme = self._state.theme
        ink = QColor(theme.error if dragged.conflicts else theme.accent)
        self._paint_held(painter, area, dragged.slot)
        pairs = [(float(dragged.target), slot + 0.5) for slot in dragged.past[:SHOWN]]
        self._paint_violations(painter, area, pairs)
        x = round(self._map.x_of(dragged.target))
        painter.fillRect(QRectF(x - 2, area.top(), 5, area.height() + 6), QColor(theme.map))
        painter.fillRect(QRectF(x - 1, area.top(), 3, area.height() + 6), ink)
        self._paint_chip(painter, area, QPointF(x + 10, area.top() + 30), dragged.text, ink)

    def _paint_chip(
        self, painter: QPainter, area: QRectF, corner: QPointF, text: str, ink: QColor
    ) -> None:
        theme, font = self._state.theme, label_font(11, WEIGHT.Medium)
        width = text_width(text, font) + 18
        left = max(min(corner.x(), area.right() - width - 4), area.left() + 4)
        chip = QRectF(left, corner.y(), width, 22)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(ink, 1.5))
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(chip, 4, 4)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, text)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    # -- where things are ----------------------------------------------------------------------------

    def _box(self, draft: Draft, instance: int, address: int) -> QRectF:
        """Pixels of an instance at an address of the arena."""
        start, end = draft.plan.lifetimes[instance].tolist()
        return self._area(start, end, address, address + int(draft.original.sizes[instance]))

    def _area(self, start: int, end: int, low: int, high: int) -> QRectF:
        left, right = self._map.x_of(start), self._map.x_of(end)
        top, bottom = self._map.y_of(high + self.base), self._map.y_of(low + self.base)
        box = self._map.mapRectToParent(
            QRectF(left, top, max(right - left, 2.0), max(bottom - top, 2.0))
        )
        return box.intersected(QRectF(-1e4, -1e4, 4e4, 4e4))
