"""A theme's colours in the form that the raster and the painters of the map need."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from app.map.scene import CATEGORIES, ByteArray, Scene
from app.theme import Theme
from solver.step import Category

ColourArray: TypeAlias = npt.NDArray[np.uint32]

ODD_ACTIVATION = len(CATEGORIES)
"""Colour number of an activation of an odd block; those before it are numbers of categories."""

SERIES, MOST_SERIES = ODD_ACTIVATION + 1, 7
"""The first colour number without a meaning of its own, and how many there are."""
OTHER = SERIES + MOST_SERIES
RAMP = OTHER + 1
"""The first colour number from short to long."""

INK_DARK, INK_LIGHT = "#0d1014", "#f4f7fb"
"""Text on a fill: whichever contrasts more."""

OUTLINE_INK = "#10151c"


@dataclass(frozen=True, eq=False)
class Palette:
    """ARGB of every colour number, and what lies under the rectangles."""

    names: tuple[str, ...]
    """``#rrggbb`` of every colour number, hidden or not."""
    fill: ColourArray
    """0: hidden."""
    edge: ColourArray
    outlined: bool
    """Whether rectangles have an edge on all sides, because their fill is faint on the map."""
    ground: int
    grid: int
    reserved: int
    hatch: int
    ink: tuple[str, ...]
    """Text colour on each fill."""


def category_numbers(scene: Scene) -> ByteArray:
    """The colour number of every rectangle by its category."""
    odd: ByteArray = np.where(scene.tint > 0, ODD_ACTIVATION, scene.category).astype(np.uint8)
    return odd


def make_palette(theme: Theme, hidden: Collection[Category | int] = ()) -> Palette:
    """The palette of a theme without the hidden categories and colour numbers."""
    names = [*(theme.fill[c] for c in CATEGORIES), theme.activation_odd, *theme.series, *theme.ramp]
    if theme.dark:
        edges = [mix(theme.map, name, 0.6) for name in names]
    else:
        edges = [mix(OUTLINE_INK, name, 0.4) for name in names]
    gone = {CATEGORIES.index(one) if isinstance(one, Category) else one for one in hidden}
    if Category.ACTIVATION in hidden:
        gone.add(ODD_ACTIVATION)
    fill = np.array([0 if i in gone else argb(name) for i, name in enumerate(names)], np.uint32)
    return Palette(
        names=tuple(names),
        fill=fill,
        edge=np.array([argb(name) for name in edges], np.uint32),
        outlined=not theme.dark,
        ground=argb(theme.map),
        grid=argb(theme.line),
        reserved=argb(theme.raised),
        hatch=argb(mix(theme.warn, theme.raised, 0.55)),
        ink=tuple(ink_on(name) for name in names),
    )


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of ``#rrggbb``."""
    value = int(colour.removeprefix("#"), 16)
    return value >> 16, value >> 8 & 255, value & 255


def argb(colour: str) -> int:
    """``#rrggbb`` as an opaque pixel."""
    red, green, blue = channels(colour)
    return 0xFF000000 | red << 16 | green << 8 | blue


@lru_cache(maxsize=256)
def mix(first: str, second: str, share: float) -> str:
    """``share`` of the first colour, the rest of the second."""
    parts = (
        round(a * share + b * (1 - share))
        for a, b in zip(channels(first), channels(second), strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2)."""

    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(value) for value in channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=256)
def ink_on(fill: str) -> str:
    """The text colour that contrasts more with ``fill``."""
    ground = luminance(fill)

    def contrast(ink: str) -> float:
        bright, dark = sorted((luminance(ink), ground), reverse=True)
        return (bright + 0.05) / (dark + 0.05)

    return max((INK_LIGHT, INK_DARK), key=contrast)
