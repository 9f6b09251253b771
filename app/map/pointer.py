"""What the mouse does on a map: zoom, pan, zoom box, hover, click, the overview's frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from app.map.band_rows import BandRow
from app.map.overview_row import Part
from app.map.raster import Window

if TYPE_CHECKING:
    from app.map.view import MapView

CLICK = 4.0
"""Pixels that the pointer may move between press and release of a click."""
ZOOM_STEP = 0.82
"""What one notch of the wheel leaves of the range."""
PAN_STEP = 0.12
"""Share of the range that a notch moves it."""


class _Kind(Enum):
    """What a press began."""

    PAN = "pan"
    BOX = "box"
    """A zoom box, or a click on a tensor if the pointer does not move."""
    FRAME = "frame"
    """The overview's."""
    CLICK = "click"
    GESTURE = "gesture"
    """What the installed gesture grabbed, or a click if the pointer does not move."""


@dataclass(slots=True)
class _Hold:
    """A pressed button."""

    start: QPointF
    window: Window
    kind: _Kind
    part: Part = Part.INSIDE
    moved: bool = False


class Pointer(QObject):
    """Turns the canvas' mouse events into changes of the map's range, hover and selection."""

    def __init__(self, view: MapView) -> None:
        super().__init__(view)
        self._view = view
        self._hold: _Hold | None = None
        canvas = view.canvas
        canvas.pressed.connect(self.press)
        canvas.moved.connect(self.move)
        canvas.released.connect(self.release)
        canvas.double_clicked.connect(self.double_click)
        canvas.wheeled.connect(self.wheel)
        canvas.left.connect(self.leave)

    def press(self, event: QMouseEvent) -> None:
        view, position = self._view, event.position()
        view.setFocus(Qt.FocusReason.MouseFocusReason)
        if view.state.scene is None:
            return
        row = view.canvas.row_at(position)
        window = view.state.window
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.button() == Qt.MouseButton.MiddleButton or (
            event.button() == Qt.MouseButton.LeftButton and shift
        ):
            self._hold = _Hold(position, window, _Kind.PAN)
        elif event.button() != Qt.MouseButton.LeftButton:
            self._hold = None
        elif row is view.overview:
            part = view.overview.part_at(position - row.geometry().topLeft())
            self._hold = _Hold(position, window, _Kind.FRAME, part)
            if part is Part.OUTSIDE:
                self._drag_frame(position)
        elif view.gesture is not None and view.gesture.press(position):
            self._hold = _Hold(position, window, _Kind.GESTURE)
        elif row is view.map_row or row is view.profile:
            self._hold = _Hold(position, window, _Kind.BOX)
        else:
            self._hold = _Hold(position, window, _Kind.CLICK)
        view.hide_tooltip()

    def move(self, event: QMouseEvent) -> None:
        position, hold = event.position(), self._hold
        if hold is None:
            self._hover(position)
            return
        if not hold.moved and (position - hold.start).manhattanLength() < CLICK:
            return
        hold.moved = True
        view = self._view
        if hold.kind is _Kind.PAN:
            plot = view.map_row.plot
            span = hold.window
            view.canvas.setCursor(Qt.CursorShape.ClosedHandCursor)
            slots = (hold.start.x() - position.x()) / plot.width() * (span.x1 - span.x0)
            size = (position.y() - hold.start.y()) / plot.height() * (span.y1 - span.y0)
            view.state.show(Window(span.x0 + slots, span.x1 + slots, span.y0 + size, span.y1 + size))
        elif hold.kind is _Kind.FRAME:
            self._drag_frame(position)
        elif hold.kind is _Kind.BOX:
            view.cursor_overlay.set_zoom_box(self._box(hold.start, position))
        elif hold.kind is _Kind.GESTURE and view.gesture is not None:
            view.gesture.move(position, event.modifiers())

    def release(self, event: QMouseEvent) -> None:
        hold, self._hold = self._hold, None
        view, position = self._view, event.position()
        if hold is None:
            return
        if hold.kind is _Kind.GESTURE and view.gesture is not None:
            if hold.moved:
                view.gesture.release()
            else:
                view.gesture.cancel()
        if hold.kind is _Kind.BOX and hold.moved:
            box = self._box(hold.start, position)
            view.cursor_overlay.set_zoom_box(None)
            if box.width() >= CLICK:
                self._zoom_to(box)
        elif hold.kind in (_Kind.BOX, _Kind.CLICK, _Kind.GESTURE) and not hold.moved:
            self._click(position, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        self._hover(position)

    def double_click(self, event: QMouseEvent) -> None:
        view = self._view
        rectangle = view.rectangle_at(event.position())
        if rectangle >= 0 and view.state.scene is not None:
            view.fit_storages((int(view.state.scene.storage[rectangle]),))
        elif view.canvas.row_at(event.position()) in (view.overview, view.map_row, view.profile):
            view.fit()

    def wheel(self, event: QWheelEvent) -> None:
        view = self._view
        if view.state.scene is None:
            return
        delta, position, state = event.angleDelta(), event.position(), view.state
        notches = (delta.y() or delta.x()) / 120
        sideways = bool(delta.x() and not delta.y())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or sideways:
            state.pan(-PAN_STEP * notches, 0.0)
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            y = position.y() - view.map_row.geometry().top()
            inside = 0 <= y <= view.map_row.plot.height()
            state.zoom_addresses(ZOOM_STEP**notches, view.map_row.address_at(y) if inside else None)
        else:
            in_overview = view.canvas.row_at(position) is view.overview
            place = None if in_overview else view.map_row.place_at(position.x())
            state.zoom_slots(ZOOM_STEP**notches, place)
        self._hover(position)

    def leave(self) -> None:
        self._view.point_at(None, -1)

    def _drag_frame(self, position: QPointF) -> None:
        hold, view = self._hold, self._view
        if hold is not None:
            corner = view.overview.geometry().topLeft()
            view.state.show(
                view.overview.dragged(hold.part, hold.window, hold.start - corner, position - corner)
            )

    def _box(self, start: QPointF, now: QPointF) -> QRectF:
        """The zoom box: a flat one takes the whole height."""
        view = self._view
        area = view.map_row.mapRectToParent(view.map_row.plot)
        box = QRectF(start, now).normalized().intersected(area)
        in_map = area.contains(start)
        if not in_map or abs(now.y() - start.y()) < 3 * CLICK:
            left, right = sorted((start.x(), now.x()))
            box = QRectF(left, area.top(), right - left, area.height()).intersected(area)
        return box

    def _zoom_to(self, box: QRectF) -> None:
        row = self._view.map_row
        top = row.geometry().top()
        self._view.state.show(
            Window(
                row.place_at(box.left()),
                row.place_at(box.right()),
                row.address_at(box.bottom() - top),
                row.address_at(box.top() - top),
            )
        )

    def _click(self, position: QPointF, add: bool) -> None:
        view = self._view
        badge = view.selection_overlay.badge_at(position)
        if badge is not None:
            view.go_to_slot(badge.slot)
            return
        row = view.canvas.row_at(position)
        if isinstance(row, BandRow):
            row.clicked(position - row.geometry().topLeft())
        elif row is view.map_row:
            rectangle = view.rectangle_at(position)
            storage = (
                int(view.state.scene.storage[rectangle]) if rectangle >= 0 and view.state.scene else -1
            )
            view.click(storage, add=add)

    def _hover(self, position: QPointF) -> None:
        view = self._view
        row = view.canvas.row_at(position)
        if row is view.map_row or row is view.profile or row is view.axis:
            place, window = view.map_row.place_at(position.x()), view.state.window
            if window.x0 <= place < window.x1:
                slot = view.state.axis.slot(place)
                address = view.map_row.address_at(position.y() - view.map_row.geometry().top())
                view.point_at((slot, address), view.rectangle_at(position))
                shape = view.gesture.shape(position) if view.gesture is not None else None
                if shape is not None:
                    view.canvas.setCursor(shape)
                return
        view.point_at(None, -1)
        self._set_shape(position)

    def _set_shape(self, position: QPointF) -> None:
        """The pointer tells what a press would do."""
        view = self._view
        row = view.canvas.row_at(position)
        shape = Qt.CursorShape.ArrowCursor
        if row is view.overview and view.state.scene is not None:
            part = view.overview.part_at(position - row.geometry().topLeft())
            if part in (Part.START, Part.END):
                shape = Qt.CursorShape.SizeHorCursor
            elif part is Part.INSIDE:
                shape = Qt.CursorShape.OpenHandCursor
        elif isinstance(row, BandRow) or view.selection_overlay.badge_at(position) is not None:
            shape = Qt.CursorShape.PointingHandCursor
        view.canvas.setCursor(shape)
