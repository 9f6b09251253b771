"""Which part of a map shows given rectangles; no Qt."""

from collections.abc import Sequence

from app.map.raster import Window
from app.map.scene import Scene
from app.map.slot_axis import SlotAxis


def around(scene: Scene, rectangles: Sequence[int], axis: SlotAxis) -> Window:
    """These rectangles with something around them."""
    chosen = list(rectangles)
    x0, x1 = axis.place(int(scene.start[chosen].min())), axis.place(int(scene.end[chosen].max()))
    y0, y1 = float(scene.low[chosen].min()), float(scene.high[chosen].max())
    dx, dy = max((x1 - x0) * 0.12, 3.0), max((y1 - y0) * 1.5, 65536.0)
    return Window(x0 - dx, x1 + dx, y0 - dy, y1 + dy)


def moved_to(scene: Scene, rectangle: int, window: Window, axis: SlotAxis) -> Window:
    """``window`` moved just so far that something of a rectangle is in it."""
    start, end = axis.place(int(scene.start[rectangle])), axis.place(int(scene.end[rectangle]))
    dx = _shift(window.x0, window.x1, start, end)
    dy = _shift(window.y0, window.y1, float(scene.low[rectangle]), float(scene.high[rectangle]))
    return Window(window.x0 + dx, window.x1 + dx, window.y0 + dy, window.y1 + dy)


def _shift(first: float, last: float, start: float, end: float) -> float:
    """How far a range must move to overlap ``[start, end)`` by a tenth of itself or all of that."""
    least = min((last - first) / 10, end - start)
    if end - least < first:
        return end - least - first
    return start + least - last if start + least > last else 0.0
