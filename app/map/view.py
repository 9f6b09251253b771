"""The map widget: overview, bands, badge lane, map, op axis and live profile over shared slots."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.fonts import load_fonts
from app.map.axis_row import OpAxisRow
from app.map.band_rows import BlockRow, ModuleRow, PhaseRow
from app.map.canvas import Canvas
from app.map.cursor_overlay import CursorOverlay
from app.map.describe import describe
from app.map.gesture import Gesture
from app.map.keys import press_key
from app.map.map_row import MapRow
from app.map.menu import menu_at
from app.map.overview_row import OverviewRow
from app.map.pointer import Pointer
from app.map.profile_row import HEIGHT as PROFILE_HEIGHT
from app.map.profile_row import ProfileRow
from app.map.raster import KERNELS, Window
from app.map.reach import around, moved_to
from app.map.row import Row
from app.map.ruler import Ruler
from app.map.scene import Scene
from app.map.selection_overlay import LaneRow, SelectionOverlay
from app.map.state import MapState
from app.map.tooltip import MapTooltip
from app.theme import Theme
from app.translation import tr
from solver.step import Category

TOOLTIP_MS = 150
KERNELS_MS = 250
"""After which the kernels are loaded, milliseconds."""
BLOCKS_BELOW = 0.7
"""Blocks are shown when less than this share of the step is visible."""
WITHOUT_OVERVIEW, HALF_PROFILE = 564, 504
"""Heights under which the overview goes and the profile halves."""


class MapView(QWidget):
    """One scene over slots and addresses. Storages are named by their index in the step."""

    hovered = Signal(int)
    """The storage under the pointer, or -1."""
    selected = Signal(object)
    """A click asks for these storages (a tuple) to be selected."""
    cursor_moved = Signal(int, object)
    """Slot and address (float) under the pointer, or -1 and None."""
    menu_asked = Signal(object, int)
    """A menu (QMenu) of a tensor, or of the op at a slot (else -1), to which others may add."""
    range_changed = Signal(object)
    """The visible (first slot, last slot, low, high)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        load_fonts()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("Memory map"))
        self.state = MapState(self)
        state = self.state
        self.canvas = Canvas(self)
        self.overview = OverviewRow(state)
        self.phases, self.modules, self.blocks = PhaseRow(state), ModuleRow(state), BlockRow(state)
        self.map_row = MapRow(state)
        self.lane = LaneRow(state, self.map_row.unit)
        self.axis = OpAxisRow(state)
        self.profile = ProfileRow(state)
        rows: tuple[tuple[Row, float], ...] = (
            (self.overview, 0.0),
            (self.phases, 8.0),
            (self.modules, 0.0),
            (self.blocks, 1.0),
            (self.lane, 2.0),
            (self.map_row, 2.0),
            (self.axis, 0.0),
            (self.profile, 6.0),
        )
        for row, gap in rows:
            self.canvas.add_row(row, gap)
        self.selection_overlay = SelectionOverlay(state, self.map_row, self.lane)
        self.cursor_overlay = CursorOverlay(state, self.map_row, self.axis, self.profile)
        for overlay in (self.selection_overlay, self.cursor_overlay):
            overlay.setParentItem(self.canvas.column)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.addWidget(self.canvas)
        self._tooltip = MapTooltip(self)
        self._tooltip_timer = QTimer(self, singleShot=True, interval=TOOLTIP_MS)
        self._tooltip_timer.timeout.connect(self._show_tooltip)
        self.gesture: Gesture | None = None
        """What the mouse and the keys may mean besides, while it is set."""
        self.ruler = Ruler(self)
        self._linked: list[MapView] = []
        self._parts = {"overview": True, "profile": True}
        for band_row in (self.phases, self.modules, self.blocks):
            band_row.fit_asked.connect(self._fit_band)
        for placed in self.canvas.rows:
            placed.geometryChanged.connect(self._relayout)
        state.range_changed.connect(self._range_changed)
        self._pointer = Pointer(self)
        self._waiting = QTimer(self, interval=40)
        self._waiting.timeout.connect(self._kernels_loaded)
        if not KERNELS.ready:
            # Not at once: what is shown first must not share the interpreter with numba's import.
            QTimer.singleShot(KERNELS_MS, KERNELS.start)
            self._waiting.start()
        self.set_theme(state.theme)

    # What is shown

    def set_scene(self, scene: Scene | None) -> None:
        """Show a scene; the visible range stays for another plan of the same step, else all fits."""
        before, window, moving = self.state.scene, self.state.window, self.map_row.moving
        whole_before = self.state.whole
        self.hide_tooltip()
        self.state.set_scene(scene)
        keep = (
            before is not None
            and scene is not None
            and scene.shares_slots(before)
            and window != whole_before
        )
        for view in (self, *self._linked):
            view._share_top()
        if not keep:
            self.fit()
        else:
            self.state.show(window)
        if not (keep and moving):
            self.map_row.settle()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.state.set_colours(theme, self.state.hidden)
        self.canvas.setBackgroundBrush(QColor(theme.map))
        palette = self.palette()
        palette.setColor(self.backgroundRole(), QColor(theme.map))
        self.setPalette(palette)
        self.setAutoFillBackground(True)
        self._tooltip.set_theme(theme)

    def set_hidden(self, hidden: Collection[Category | int]) -> None:
        """Hide the storages of these categories, or of these colour numbers."""
        self.state.set_colours(self.state.theme, hidden)

    def select(self, storages: tuple[int, ...]) -> None:
        """Mark storages as selected, the primary one first; emits nothing."""
        self.state.select(tuple(storages))

    def set_hovered(self, storage: int) -> None:
        """Outline a storage hovered somewhere else; -1: none. Emits nothing."""
        if storage != self.state.hovered:
            self.hide_tooltip()
            self.state.hover(storage, -1, self.state.cursor)

    def set_parts(self, *, overview: bool, profile: bool) -> None:
        """Whether the overview and the live profile are wanted; small windows drop them anyway."""
        self._parts = {"overview": overview, "profile": profile}
        self._collapse()

    # What is visible

    def visible_range(self) -> tuple[float, float, float, float]:
        """First and last slot, lowest and highest address."""
        window = self.state.window
        slot = self.state.axis.slot
        return slot(window.x0), slot(window.x1), window.y0, window.y1

    def set_visible_range(self, first: float, last: float, low: float, high: float) -> None:
        """Show these slots and addresses, as far as there are any."""
        place = self.state.axis.place
        self.state.show(Window(place(first), place(last), low, high))

    def fit(self) -> None:
        """Show everything."""
        self.state.show(self.state.whole)

    def fit_storages(self, storages: Sequence[int]) -> None:
        """Show these storages with something around them."""
        scene = self.state.scene
        rectangles = scene.rectangles_of(storages) if scene is not None else []
        if scene is not None and rectangles:
            self.state.show(around(scene, rectangles, self.state.axis))

    def fit_selection(self) -> None:
        """Show the selected storages, everything when there are none."""
        if self.state.selection:
            self.fit_storages(self.state.selection)
        else:
            self.fit()

    def _fit_band(self, start: int, end: int) -> None:
        window = self.state.window
        place = self.state.axis.place
        self.state.show(Window(place(start), place(end), window.y0, window.y1))

    def reveal(self, storage: int) -> None:
        """Move the visible range just so far that something of a storage is in it."""
        scene = self.state.scene
        rectangles = scene.rectangles_of((storage,)) if scene is not None else []
        if scene is not None and rectangles:
            self.state.show(moved_to(scene, rectangles[0], self.state.window, self.state.axis))

    def next_stay(self, by: int = 1) -> None:
        """Go on to the next rectangle of the selected storage; ``by`` -1: to the one before.

        Where the pointer is on none of them, it is the first, or the last.
        """
        scene = self.state.scene
        own = scene.rectangles_of(self.state.selection[:1]) if scene is not None else []
        if scene is None or not own:
            return
        here = self.state.hovered_rectangle
        at = own[(own.index(here) + by) % len(own) if here in own else min(by, 0)]
        self.state.show(moved_to(scene, at, self.state.window, self.state.axis))
        self.point_at((float(scene.start[at]) + 0.5, float(scene.low[at] + scene.high[at]) / 2), at)

    def go_to_slot(self, slot: int) -> None:
        """Bring a slot into the middle and put the cursor there."""
        scene = self.state.scene
        if scene is None or not 0 <= slot < scene.slots:
            return
        window = self.state.window
        half = (window.x1 - window.x0) / 2
        place = self.state.axis.place(slot + 0.5)
        if not window.x0 + half * 0.1 <= place <= window.x1 - half * 0.1:
            self.state.show(Window(place - half, place + half, window.y0, window.y1))
        address = float(scene.live[slot])
        self.point_at((slot + 0.5, address), -1)

    def go_to_peak(self) -> None:
        """Put the cursor on the slot with the most live bytes."""
        if self.state.scene is not None:
            self.go_to_slot(self.state.scene.peak_slot)

    def go_to_use(self, badge: str) -> None:
        """Go to the producer (``P``) or a consumer (``1`` …) of the selected storage."""
        for text, slot in self.selection_overlay.uses:
            if text == badge:
                self.go_to_slot(slot)
                return

    def link(self, other: "MapView") -> None:
        """Show the same addresses as ``other`` from now on, both ways; the op axes stay free."""
        if other is self or other in self._linked:
            return
        self._linked.append(other)
        other._linked.append(self)
        for view in (self, other):
            view._share_top()
        self.fit()
        other.fit()

    def _share_top(self) -> None:
        tops = [v.state.scene.top for v in (self, *self._linked) if v.state.scene is not None]
        if self._linked and self.state.shared_top != max(tops, default=0):
            at_top = self.state.window.y1 >= self.state.top
            self.state.shared_top = max(tops, default=0)
            window = self.state.window
            if at_top:
                self.state.show(Window(window.x0, window.x1, 0.0, self.state.top))

    def _range_changed(self) -> None:
        window = self.state.window
        self.hide_tooltip()
        self._collapse()
        self.range_changed.emit(self.visible_range())
        for other in self._linked:
            other._collapse()
            theirs = other.state.window
            if (theirs.y0, theirs.y1) != (window.y0, window.y1):
                other.state.show(Window(theirs.x0, theirs.x1, window.y0, window.y1))

    # Pointer and keyboard

    def rectangle_at(self, position: QPointF) -> int:
        """The rectangle at a position of the canvas, or -1."""
        return self.map_row.rectangle_at(position - self.map_row.geometry().topLeft())

    def point_at(self, cursor: tuple[float, float] | None, rectangle: int) -> None:
        """The pointer is at a slot and address, over a rectangle or none."""
        scene = self.state.scene
        storage = int(scene.storage[rectangle]) if scene is not None and rectangle >= 0 else -1
        changed = storage != self.state.hovered
        if rectangle != self.state.hovered_rectangle:
            self.hide_tooltip()
            if rectangle >= 0:
                self._tooltip_timer.start()
        self.state.hover(storage, rectangle, cursor)
        if changed:
            self.hovered.emit(storage)
        if cursor is None:
            self.cursor_moved.emit(-1, None)
        else:
            self.canvas.setCursor(Qt.CursorShape.ArrowCursor)
            self.cursor_moved.emit(int(cursor[0]), cursor[1])

    def click(self, storage: int, *, add: bool = False) -> None:
        """Ask for a storage to be selected; -1: for none. ``add`` adds it or takes it away."""
        selection = self.state.selection
        if add and storage < 0:
            return
        if storage < 0:
            new: tuple[int, ...] = ()
        elif add and storage in selection:
            new = tuple(s for s in selection if s != storage)
        elif add:
            new = (*selection, storage)
        else:
            new = (storage,)
        self.state.select(new)
        self.selected.emit(new)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        by_keyboard = event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
        )
        self.cursor_overlay.set_ring(by_keyboard)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.cursor_overlay.set_ring(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not press_key(self, event):
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        menu = menu_at(self, QPointF(self.canvas.mapFrom(self, event.pos())))
        if menu is not None:
            self.hide_tooltip()
            menu.popup(event.globalPos())

    def hide_tooltip(self) -> None:
        self._tooltip_timer.stop()
        self._tooltip.hide()

    def _show_tooltip(self) -> None:
        scene, rectangle = self.state.scene, self.state.hovered_rectangle
        if scene is None or rectangle < 0:
            return
        description = describe(scene, rectangle)
        fill = self.state.fill_of(rectangle)
        box = self.map_row.mapRectToParent(self.map_row.box_of(rectangle))
        corner = self.canvas.pos()
        box.translate(corner.x(), corner.y())
        self._tooltip.show_beside(
            description, self.state.theme, fill, box, self.rect().adjusted(8, 4, -8, -4)
        )

    # Layout

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(900, 620)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, 240)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._collapse()

    def _collapse(self) -> None:
        """Show the rows that there is room and need for."""
        canvas = self.canvas
        height = self.height()
        canvas.show_row(self.overview, self._parts["overview"] and height >= WITHOUT_OVERVIEW, 8.0)
        scene = self.state.scene
        banded = scene is None or bool(scene.bands.phases)
        canvas.show_row(self.phases, banded, 0.0)
        canvas.show_row(self.modules, banded, 1.0)
        # Linked maps show them together, so that equal addresses stay at equal heights.
        zoomed = any(v._zoomed() for v in (self, *self._linked))
        canvas.show_row(self.blocks, banded and zoomed, 2.0)
        canvas.show_row(self.profile, self._parts["profile"], 0.0)
        self.profile.set_height(PROFILE_HEIGHT if height >= HALF_PROFILE else PROFILE_HEIGHT / 2)

    def _zoomed(self) -> bool:
        window = self.state.window
        visible = window.x1 - window.x0
        return self.state.scene is not None and visible < BLOCKS_BELOW * self.state.slots

    def _relayout(self) -> None:
        self.selection_overlay.relayout()
        self.cursor_overlay.relayout()

    def _kernels_loaded(self) -> None:
        if KERNELS.ready:
            self._waiting.stop()
            self.state.colours_changed.emit()

    def settle(self) -> None:
        """Be drawn as at rest: kernels loaded, rows laid out, no motion pending."""
        KERNELS.load()
        self._kernels_loaded()
        self.canvas.settle()
        self.map_row.settle()
