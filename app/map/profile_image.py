"""The live profile as pixels: stacked categories and an outline, one column at a time; no Qt."""

import numpy as np
import numpy.typing as npt

from app.map.palette import ColourArray, channels
from app.map.scene import Scene
from solver.plan import IntArray

HALF_LINE = 0.6
"""Half the outline's width, pixels."""


def column_slots(scene: Scene, first: float, last: float, columns: int) -> IntArray:
    """The slot shown in each pixel column of slots ``[first, last)``: of several the highest.

    Shape (columns,); ``scene`` has slots, the range lies within them.
    """
    edges = first + np.arange(columns + 1) * ((last - first) / columns)
    starts = np.clip(edges[:-1].astype(np.int64), 0, scene.slots - 1)
    if last - first <= columns:
        # At most one boundary in a column: the slot under its middle.
        middles = (edges[:-1] + edges[1:]) / 2
        return np.clip(middles.astype(np.int64), 0, scene.slots - 1)
    end = min(int(np.ceil(last)), scene.slots)
    ranked = scene.ranked_slots[:end]
    best: IntArray = np.maximum.reduceat(ranked, starts) % scene.slots
    return best


def draw_profile(
    levels: npt.NDArray[np.float64], fills: ColourArray, ground: int, line: str, rows: int
) -> ColourArray:
    """An image (uint32, rows × columns) of stacked areas under an outline.

    ``levels``: pixels from the top of each area's upper end in every column, lowest area first,
    shape (areas, columns); ``fills``: their colours.
    """
    image = np.full((rows, levels.shape[1]), ground, np.uint32)
    row = np.arange(rows, dtype=np.int16)[:, None]
    for level, fill in zip(levels[::-1], fills[::-1], strict=True):
        # From the top area down: each overwrites what lies below its upper end.
        np.copyto(image, fill, where=row >= np.rint(level).astype(np.int16)[None, :])
    if len(levels):
        _outline(image, levels[-1], line)
    return image


def _outline(image: ColourArray, level: npt.NDArray[np.float64], line: str) -> None:
    """Blend a line along ``level`` into the image; it climbs and falls between columns."""
    before = np.concatenate([level[:1], level[:-1]])
    upper, lower = np.minimum(level, before) - HALF_LINE, np.maximum(level, before) + HALF_LINE
    first = max(int(upper.min()), 0)
    last = min(int(np.ceil(lower.max())) + 1, image.shape[0])
    if first >= last:
        return
    row = np.arange(first, last, dtype=np.float32)[:, None]
    upper, lower = upper.astype(np.float32), lower.astype(np.float32)
    cover = np.clip(np.minimum(row + 1, lower) - np.maximum(row, upper), 0, 1)
    part = image[first:last]
    at = np.nonzero(cover)
    share, under = cover[at], part[at]
    blended = np.full(len(under), 0xFF, np.uint32)
    for shift, ink in zip((16, 8, 0), channels(line), strict=True):
        old = ((under >> np.uint32(shift)) & np.uint32(255)).astype(np.float64)
        new = np.rint(old + (ink - old) * share).astype(np.uint32)
        blended = (blended << np.uint32(8)) | new
    part[at] = blended
