"""The orders in which the constructors take the storages of a part.

An order is named by its keys, most important first. Long lifetimes come first in the first ones:
they end up low in the arena, and the map draws a mountain without floating bands.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from solver.placement.problem import Part
from solver.plan import IntArray

Key: TypeAlias = npt.NDArray[np.int64] | npt.NDArray[np.float64]

ORDERS: dict[str, tuple[str, ...]] = {
    "lifetime": ("lifetime", "area", "crowd"),
    "start time": ("start",),
    "crowd": ("crowd", "lifetime", "area"),
    "area": ("area",),
    "lifetime and size": ("lifetime", "size"),
    "sections": ("sections", "size"),
    "size": ("size", "lifetime"),
    "crowd and area": ("crowd", "area"),
    "size and sections": ("size^1.5",),
    "size² and sections": ("size^2",),
    "size³ and sections": ("size^3",),
    "crowd and size": ("crowd", "size"),
    "neighbours": ("neighbours",),
    "late start": ("late start", "size"),
    "end time": ("late end", "size"),
}
"""Keys of each order, by the name that the log shows."""

LEADING = 6
"""So many are compared even when one meets the bound: long lives lie lowest in one of them."""


def orders(part: Part) -> dict[str, Callable[[], IntArray]]:
    """For each of ``ORDERS`` a function that computes it: indices into the part's arrays."""
    known: dict[str, Key] = {}

    def key(name: str) -> Key:
        if name not in known:
            known[name] = _key(part, name)
        return known[name]

    def make(names: tuple[str, ...]) -> Callable[[], IntArray]:
        # lexsort takes the most important key last.
        return lambda: np.lexsort([key(name) for name in reversed(names)]).astype(np.int64)

    return {name: make(keys) for name, keys in ORDERS.items()}


def _key(part: Part, name: str) -> Key:
    """What to sort by, ascending."""
    sections = part.last - part.first
    if name.startswith("size^"):
        power = float(name.removeprefix("size^"))
        weight: Key = -(np.log(part.sizes) * power + np.log(sections))
        return weight
    match name:
        case "lifetime":
            return -part.lifetimes
        case "sections":
            return -sections
        case "size":
            return -part.sizes
        case "area":
            return -(part.lifetimes.astype(np.float64) * part.sizes)
        case "start":
            return part.first
        case "late start":
            return -part.first
        case "late end":
            return -part.last
        case "crowd":
            return -crowd(part)
        case "neighbours":
            begun = np.searchsorted(np.sort(part.first), part.last, side="left")
            return np.searchsorted(np.sort(part.last), part.first, side="right") - begun
    raise ValueError(name)


def crowd(part: Part) -> IntArray:
    """Largest live sum that each storage is part of: a range maximum by doubling tables."""
    tables = [part.sums]
    while 2 ** len(tables) <= len(part.sums):
        table, half = tables[-1], 2 ** (len(tables) - 1)
        tables.append(np.maximum(table[:-half], table[half:]))
    result = np.empty(len(part.sizes), np.int64)
    width = part.last - part.first
    levels = np.frexp(width.astype(np.float64))[1] - 1
    for level, table in enumerate(tables):
        here = levels == level
        result[here] = np.maximum(table[part.first[here]], table[part.last[here] - 2**level])
    return result
