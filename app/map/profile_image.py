"""The live profile as pixels: stacked areas and an outline, one column at a time; no Qt."""

from collections.abc import Sequence

import numpy as np

from app.map.palette import ColourArray
from app.map.raster import KERNELS
from app.map.scene import Scene
from app.map.slot_axis import BY_SLOT, SlotAxis
from solver.plan import IntArray


def column_slots(
    scene: Scene, first: float, last: float, columns: int, axis: SlotAxis = BY_SLOT
) -> IntArray:
    """The slot shown in each pixel column of places ``[first, last)``: of several the highest.

    Shape (columns,); ``scene`` has slots, the range lies within them. Needs the kernels.
    """
    slots = np.zeros(columns, np.int64)
    bounds = axis.slots(first + np.arange(columns + 1, dtype=np.float64) * ((last - first) / columns))
    KERNELS.load().column_slots(scene.live, scene.live_tops, bounds, slots)
    return slots


def draw_profile(
    image: ColourArray,
    sizes: IntArray,
    slots: IntArray,
    areas: Sequence[int],
    fills: ColourArray,
    zero: float,
    scale: float,
    line: int,
) -> None:
    """Stack areas over what is in ``image`` (uint32, rows × columns), lowest first, under an outline.

    ``sizes``: bytes by area and slot; ``slots``: the one shown in each column; ``areas``: which rows of
    ``sizes``; ``fills``: their colours; ``zero``: the pixel from the top at which 0 bytes are,
    ``scale``: pixels of a byte. Needs the kernels.
    """
    KERNELS.load().profile(
        sizes,
        slots,
        np.array(areas, np.int64),
        fills,
        float(zero),
        float(scale),
        np.uint32(line),
        image,
    )
