"""The map's pixels: buffers of one size into which scenes are drawn, and the kernels' loading.

numba takes a second to import and, the first time on a machine, longer to compile. So the kernels
are compiled by another process and loaded in a thread; until they are ready the largest rectangles
are drawn plainly.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from app.heavy import begin, compile_kernels, load_module
from app.map.index import BlockIndex, FloatArray, build_index
from app.map.palette import Palette, category_numbers
from app.map.scene import CATEGORIES, ArrayScene, ByteArray, Scene
from app.map.slot_axis import BY_SLOT, SlotAxis
from solver.plan import IntArray

if TYPE_CHECKING:
    from types import ModuleType

LabelArray: TypeAlias = npt.NDArray[np.int32]

MAX_LABELS = 400
PREVIEW = 2000
"""Rectangles that are drawn while the kernels are not ready."""
HATCH_PITCH = 7
FINEST = 1 << 30
"""Steps of the time axis."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is visible: places ``[x0, x1)`` of the slots' axis and bytes ``[y0, y1)``."""

    x0: float
    x1: float
    y0: float
    y1: float


class KernelLoader:
    """Imports and compiles the kernels, once for the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._module: ModuleType | None = None
        self._begun: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        return self._module is not None

    def start(self) -> None:
        """Load in the background; returns at once."""
        if not self.ready and (self._begun is None or not self._begun.is_alive()):
            self._begun = begin("map kernels", self._work)

    def _work(self, stopping: Callable[[], bool]) -> None:
        compile_kernels()
        if not stopping():
            self.load()

    def load(self) -> ModuleType:
        """The kernels, compiled; waits until they are."""
        with self._lock:
            if self._module is None:
                load_module("numba")
                from app.map import kernels

                _call_each(kernels)
                self._module = kernels
            return self._module


KERNELS = KernelLoader()


def warm_up() -> None:
    """Compile the kernels in this process; ``app.heavy`` names this function."""
    KERNELS.load()


def _call_each(kernels: ModuleType) -> None:
    """Call every kernel once with the types that the map uses, which compiles or loads it."""
    one = np.array([0, 1], np.int64)
    index = build_index(one[:1], one[1:], one[:1], one[1:])
    colour = np.zeros(1, np.uint8)
    paint = np.full(1, 0xFFFFFFFF, np.uint32)
    surface = Surface(2, 2)
    _raster(kernels, surface, index, colour, paint, paint, False, Window(0, 1, 0, 1), True)
    _pick(kernels, index, colour, paint, 0.5, 0.5, 0.0, 0.0)
    kernels.regions(np.zeros((1, 4)), 0.0, 1.0, 0.0, 1.0, np.uint32(1), 1, surface.image)
    slots = np.zeros(2, np.int64)
    kernels.column_slots(one, one, np.zeros(3), slots)
    kernels.profile(one[None, :], slots, one[:1], paint, 1.0, 1.0, np.uint32(1), surface.image)


class Surface:
    """Pixel buffers of one size."""

    def __init__(self, columns: int, rows: int) -> None:
        self.image = np.zeros((rows, columns), np.uint32)
        """0xAARRGGBB, row 0 at the highest address."""
        self.coverage = np.zeros((rows, columns + 1, 4), np.int32)
        self.labels: LabelArray = np.zeros((MAX_LABELS, 5), np.int32)

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.image.shape[1], self.image.shape[0]


class Drawing:
    """A scene prepared for drawing and picking."""

    def __init__(self, scene: Scene, axis: SlotAxis = BY_SLOT) -> None:
        self.scene = scene
        self._start, self._end = axis.places(scene.start), axis.places(scene.end)
        if axis.timed:
            # As whole numbers fine enough to tell the shortest op from its neighbours.
            self._grain = FINEST / max(scene.slots, 1)
            start, end = (np.rint(x * self._grain).astype(np.int64) for x in (self._start, self._end))
            self.index = build_index(start, end, scene.low, scene.high)
        else:
            self._grain, self.index = 1.0, scene.blocks
        self._numbers = category_numbers(scene)
        self._colour: ByteArray = self._numbers[self.index.original]
        self._by_category = True
        self.unusable = _along(axis, scene.unusable)
        self.reserved = _along(axis, _reserved_areas(scene))
        self.strips = [
            (np.array([[0.0, scene.slots, strip.low, strip.high]]), CATEGORIES.index(strip.category))
            for strip in scene.strips
        ]
        """Under residents, which may be thinner than a pixel."""

    def set_numbers(self, numbers: ByteArray, *, by_category: bool) -> None:
        """Take other colour numbers of the rectangles; ``by_category``: strips have theirs, too."""
        self._numbers, self._by_category = numbers, by_category
        self._colour = numbers[self.index.original]

    def draw(
        self,
        surface: Surface,
        window: Window,
        palette: Palette,
        *,
        grid: tuple[float, ...] = (),
        smooth: bool = True,
    ) -> LabelArray:
        """Draw what ``window`` shows; returns label candidates (rectangle, left, top, right, bottom).

        ``grid``: addresses of the grid lines. ``smooth``: thin rectangles by coverage.
        """
        surface.image.fill(palette.ground)
        if KERNELS.ready:
            kernels = KERNELS.load()
            x0, x1, y0, y1 = window.x0, window.x1, window.y0, window.y1
            kernels.regions(
                self.reserved, x0, x1, y0, y1, np.uint32(palette.reserved), 1, surface.image
            )
            _draw_grid(surface, window, palette, grid)
            for area, category in self.strips:
                if palette.fill[category] and self._by_category:
                    kernels.regions(area, x0, x1, y0, y1, palette.fill[category], 1, surface.image)
            hatch = np.uint32(palette.hatch)
            kernels.regions(self.unusable, x0, x1, y0, y1, hatch, HATCH_PITCH, surface.image)
            found = _raster(
                kernels,
                surface,
                self.index,
                self._colour,
                palette.fill,
                palette.edge,
                palette.outlined,
                Window(x0 * self._grain, x1 * self._grain, y0, y1),
                smooth,
            )
            labels = surface.labels[:found].copy()
            labels[:, 0] = self.index.original[labels[:, 0]]
            return labels
        _draw_grid(surface, window, palette, grid)
        self._preview(surface, window, palette)
        return surface.labels[:0]

    def _preview(self, surface: Surface, window: Window, palette: Palette) -> None:
        """The largest rectangles, without edges or coverage."""
        scene, (columns, rows) = self.scene, surface.shape
        numbers = self._numbers
        area = (self._end - self._start) * (scene.high - scene.low)
        scale_x, scale_y = columns / (window.x1 - window.x0), rows / (window.y1 - window.y0)
        for i in np.argsort(-area)[:PREVIEW].tolist():
            left = max(round((self._start[i] - window.x0) * scale_x), 0)
            right = max(round((self._end[i] - window.x0) * scale_x), 0)
            top = max(round((window.y1 - scene.high[i]) * scale_y), 0)
            bottom = max(round((window.y1 - scene.low[i]) * scale_y), 0)
            if palette.fill[numbers[i]]:
                surface.image[top:bottom, left:right] = palette.fill[numbers[i]]

    def pick(
        self, x: float, y: float, palette: Palette, near_x: float = 0.0, near_y: float = 0.0
    ) -> int:
        """The visible rectangle at place x and byte y, else the nearest within reach, or -1."""
        index, scene = self.index, self.scene
        if not KERNELS.ready:
            inside = (self._start <= x) & (x < self._end) & (scene.low <= y) & (y < scene.high)
            found = np.flatnonzero(inside & (palette.fill[self._numbers] > 0))
            return int(found[0]) if len(found) else -1
        kernels = KERNELS.load()
        reach = near_x * self._grain, float(near_y)
        at = _pick(kernels, index, self._colour, palette.fill, x * self._grain, float(y), *reach)
        return int(index.original[at]) if at >= 0 else -1


def _draw_grid(surface: Surface, window: Window, palette: Palette, grid: tuple[float, ...]) -> None:
    rows = surface.shape[1]
    for address in grid:
        row = int((window.y1 - address) / (window.y1 - window.y0) * rows + 0.5)
        if 0 <= row < rows:
            surface.image[row] = palette.grid


def _raster(
    kernels: ModuleType,
    surface: Surface,
    index: BlockIndex,
    colour: ByteArray,
    fill: npt.NDArray[np.uint32],
    edge: npt.NDArray[np.uint32],
    outlined: bool,
    window: Window,
    smooth: bool,
) -> int:
    found: int = kernels.raster(
        index.rectangles,
        colour,
        index.boxes,
        float(window.x0),
        float(window.x1),
        window.y0 / index.unit,
        window.y1 / index.unit,
        fill,
        edge,
        outlined,
        surface.coverage,
        smooth,
        surface.image,
        surface.labels,
    )
    return found


def _pick(
    kernels: ModuleType,
    index: BlockIndex,
    colour: ByteArray,
    fill: npt.NDArray[np.uint32],
    x: float,
    y: float,
    near_x: float,
    near_y: float,
) -> int:
    found: int = kernels.pick(
        index.rectangles, colour, index.boxes, fill, x, y / index.unit, near_x, near_y / index.unit
    )
    return found


def _along(axis: SlotAxis, areas: IntArray) -> FloatArray:
    """Areas (start, end, low, high) with the places of their slots."""
    result: FloatArray = areas.astype(np.float64)
    for column in (0, 1):
        result[:, column] = axis.places(areas[:, column])
    return result


def _reserved_areas(scene: Scene) -> IntArray:
    """What the allocator has reserved: where that is, else areas under a staircase; shape (n, 4)."""
    if isinstance(scene, ArrayScene) and len(scene.held):
        return scene.held
    reserved = scene.reserved
    if not len(reserved):
        return np.zeros((0, 4), np.int64)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(reserved)) + 1, [len(reserved)]])
    areas = np.zeros((len(edges) - 1, 4), np.int64)
    areas[:, 0], areas[:, 1], areas[:, 3] = edges[:-1], edges[1:], reserved[edges[:-1]]
    return areas
