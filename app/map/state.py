"""What all rows of one map share: the scene, the visible range, selection, hover, colours."""

from collections.abc import Collection

from PySide6.QtCore import QObject, Signal

from app.map.colouring import ColourBy, Colouring, colour
from app.map.palette import Palette, make_palette
from app.map.plan_scene import PlanScene
from app.map.raster import Drawing, Window
from app.map.scene import Scene
from app.map.slot_axis import BY_SLOT, SecondsOf, by_seconds
from app.theme import DARK, Theme
from solver.step import Category

HEADROOM = 1.07
"""The address axis ends this much above the highest line, for the line's label."""

LEAST_SLOTS = 4.0
LEAST_BYTES = 4096.0


class MapState(QObject):
    """The model of one map widget."""

    scene_changed = Signal()
    range_changed = Signal()
    colours_changed = Signal()
    selection_changed = Signal()
    hover_changed = Signal()
    """The hovered storage or the cursor."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.scene: Scene | None = None
        self.drawing: Drawing | None = None
        self.theme: Theme = DARK
        self.hidden: frozenset[Category | int] = frozenset()
        """Categories and colour numbers that are not shown."""
        self.colour_by = ColourBy.CATEGORY
        self.colour_against: PlanScene | None = None
        """The plan that the colours show the difference from."""
        self.colour_like: Colouring | None = None
        """Of another map, whose classes have the same colours here."""
        self.colouring: Colouring | None = None
        """Of the scene."""
        self.palette: Palette = make_palette(DARK)
        self.selection: tuple[int, ...] = ()
        self.hovered = -1
        self.hovered_rectangle = -1
        """The one under the pointer, or -1 when the storage is hovered elsewhere."""
        self.cursor: tuple[float, float] | None = None
        """Slot and address under the pointer."""
        self.shared_top = 0
        """The highest address of a linked map."""
        self.axis = BY_SLOT
        self._seconds_of: SecondsOf | None = None
        self._window = Window(0.0, 1.0, 0.0, 1.0)

    def set_scene(self, scene: Scene | None) -> None:
        """Show another scene; the range is the caller's to set."""
        self.scene = scene
        self._measure()
        self.hovered, self.hovered_rectangle, self.cursor = -1, -1, None
        self.scene_changed.emit()

    def colour_scene(
        self, by: ColourBy, against: PlanScene | None = None, like: Colouring | None = None
    ) -> None:
        """Tell the rectangles apart by something else; all are shown again."""
        self.colour_by, self.colour_against, self.colour_like = by, against, like
        self._colour()
        self.set_colours(self.theme, ())

    def set_time(self, seconds_of: SecondsOf | None) -> None:
        """Make slots as wide as their seconds, or all as wide as one another; all is visible then."""
        self._seconds_of = seconds_of
        self._measure()
        self.scene_changed.emit()
        self.show(self.whole)

    def _measure(self) -> None:
        """Find the axis of the scene, and draw it along that."""
        scene, self.axis = self.scene, BY_SLOT
        if scene is not None and scene.slots and self._seconds_of is not None:
            seconds = self._seconds_of(scene)
            self.axis = by_seconds(seconds) if seconds is not None else BY_SLOT
        self.drawing = Drawing(scene, self.axis) if scene is not None else None
        self._colour()

    def _colour(self) -> None:
        self.colouring = None
        if self.scene is not None and self.drawing is not None:
            self.colouring = colour(self.scene, self.colour_by, self.colour_against, self.colour_like)
            by_category = self.colouring.by is ColourBy.CATEGORY
            self.drawing.set_numbers(self.colouring.numbers, by_category=by_category)

    def number_of(self, rectangle: int) -> int:
        """The colour number of a rectangle."""
        return int(self.colouring.numbers[rectangle]) if self.colouring is not None else 0

    def fill_of(self, rectangle: int) -> str:
        """The colour of a rectangle, ``#rrggbb``."""
        return self.palette.names[self.number_of(rectangle)]

    def is_hidden(self, rectangle: int) -> bool:
        """Whether a rectangle is not shown."""
        return not self.palette.fill[self.number_of(rectangle)]

    def set_colours(self, theme: Theme, hidden: Collection[Category | int]) -> None:
        self.theme, self.hidden = theme, frozenset(hidden)
        self.palette = make_palette(theme, self.hidden)
        self.colours_changed.emit()

    def select(self, storages: tuple[int, ...]) -> None:
        if storages != self.selection:
            self.selection = storages
            self.selection_changed.emit()

    def hover(
        self, storage: int, rectangle: int = -1, cursor: tuple[float, float] | None = None
    ) -> None:
        if (storage, rectangle, cursor) != (self.hovered, self.hovered_rectangle, self.cursor):
            self.hovered, self.hovered_rectangle, self.cursor = storage, rectangle, cursor
            self.hover_changed.emit()

    @property
    def slots(self) -> int:
        """Of the scene; at least 1."""
        return max(self.scene.slots, 1) if self.scene is not None else 1

    @property
    def top(self) -> float:
        """Where the address axis ends, bytes."""
        own = self.scene.top if self.scene is not None else 1
        return max(own, self.shared_top) * HEADROOM

    @property
    def window(self) -> Window:
        """What is visible: places of the axis, which are slots unless it shows time, and bytes."""
        return self._window

    @property
    def whole(self) -> Window:
        """All there is to see."""
        return Window(0.0, float(self.slots), 0.0, self.top)

    def show(self, window: Window) -> None:
        """Make ``window`` visible, moved and cut so that it stays within the whole."""
        x0, x1 = _within(window.x0, window.x1, float(self.slots), LEAST_SLOTS)
        y0, y1 = _within(window.y0, window.y1, self.top, LEAST_BYTES)
        if (shown := Window(x0, x1, y0, y1)) != self._window:
            self._window = shown
            self.range_changed.emit()

    def zoom_slots(self, factor: float, around: float | None = None) -> None:
        """Zoom the op axis about a place, which keeps its pixel."""
        window = self.window
        middle = (window.x0 + window.x1) / 2 if around is None else around
        factor = max(factor, min(LEAST_SLOTS / (window.x1 - window.x0), 1.0))
        first, last = middle - (middle - window.x0) * factor, middle + (window.x1 - middle) * factor
        self.show(Window(first, last, window.y0, window.y1))

    def zoom_addresses(self, factor: float, around: float | None = None) -> None:
        """Zoom the address axis about an address, which keeps its pixel."""
        window = self.window
        middle = (window.y0 + window.y1) / 2 if around is None else around
        factor = max(factor, min(LEAST_BYTES / (window.y1 - window.y0), 1.0))
        low, high = middle - (middle - window.y0) * factor, middle + (window.y1 - middle) * factor
        self.show(Window(window.x0, window.x1, low, high))

    def pan(self, slots: float, addresses: float) -> None:
        """Move the visible range by shares of itself."""
        window = self.window
        dx, dy = slots * (window.x1 - window.x0), addresses * (window.y1 - window.y0)
        self.show(Window(window.x0 + dx, window.x1 + dx, window.y0 + dy, window.y1 + dy))


def _within(first: float, last: float, limit: float, least: float) -> tuple[float, float]:
    """A range of at least ``least`` (or the whole) inside ``[0, limit]``, as near as can be."""
    span = min(max(last - first, min(least, limit)), limit)
    middle = (first + last) / 2
    start = min(max(middle - span / 2, 0.0), limit - span)
    return start, start + span
