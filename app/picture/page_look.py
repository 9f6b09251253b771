"""What colours and the axis of a standalone page tell: the classes and the seconds of the window.

::

    colours = {Category: {classes: [[name, numbers]], areas: [numbers], numbers: "0092…"}, Dtype: …}

A colour number is a letter, so that 200,000 of them are one text. The differences between plans are
found in the page (``resources/page/colours.js``), which would otherwise hold one column for each two.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.map.colouring import DIFFERENCES, ColourBy, ColourClass, colour, ways
from app.map.index import FloatArray
from app.map.palette import ODD_ACTIVATION
from app.map.plan_scene import PlanScene
from app.map.scene import CATEGORIES, ArrayScene, Scene
from app.map.slot_axis import SecondsOf, by_seconds
from solver.step import Category

ACTIVATION = CATEGORIES.index(Category.ACTIVATION)


@dataclass(frozen=True, slots=True)
class PageLook:
    """What a page begins with."""

    shown: int = 0
    """The index of the plan."""
    by: ColourBy = ColourBy.CATEGORY
    against: int = -1
    """The index of the plan that colours show the difference from."""
    timed: bool = False
    """Slots are as wide as their seconds, where those are known."""


PLAIN = PageLook()


def no_seconds(_: Scene) -> FloatArray | None:
    """Nobody knows how long slots take."""
    return None


def kinds(scene: Scene) -> list[str]:
    """What the colour numbers of categories are called, that of an odd block's activation last."""
    names = [category.value for category in CATEGORIES]
    if isinstance(scene, ArrayScene):
        names = [scene.kinds.get(category, category.value) for category in CATEGORIES]
    return [*names, names[ACTIVATION]]


def colours(scene: Scene) -> dict[str, dict[str, Any]]:
    """Classes, areas of the live profile and numbers of the rectangles, by what a scene can tell."""
    found = {}
    for by in ways(scene):
        colouring = colour(scene, by)
        found[by.value] = {
            "classes": _classes(scene, by, colouring.classes),
            "areas": [_area(number) for number in colouring.areas],
            "numbers": (colouring.numbers + ord("0")).astype(np.uint8).tobytes().decode("ascii"),
        }
    return found


def _classes(scene: Scene, by: ColourBy, classes: tuple[ColourClass, ...]) -> list[list[Any]]:
    if by is ColourBy.CATEGORY and isinstance(scene, ArrayScene) and scene.kinds:
        # Recordings know other kinds than steps do.
        return [[name, _area(CATEGORIES.index(category))] for category, name in scene.kinds.items()]
    return [[one.name, list(one.numbers)] for one in classes]


def _area(number: int) -> list[int]:
    """The colour numbers that an area adds up, its own first."""
    return [number, ODD_ACTIVATION] if number == ACTIVATION else [number]


def differences() -> dict[str, list[Any]]:
    """Classes and areas of the difference between two plans."""
    return {
        "classes": [[name, [number]] for name, number in DIFFERENCES],
        "areas": [[number] for _, number in DIFFERENCES],
    }


def captured(scene: PlanScene) -> list[int]:
    """By storage the one of the step as captured; of those that only a plan makes a number below 0."""
    return [scene.in_captured.get(own, -1 - own) for own in range(len(scene.step.storages))]


def slot_times(scene: Scene, seconds_of: SecondsOf) -> list[float] | None:
    """Seconds of every slot as wide as the window draws them, six digits; None where nobody knows."""
    seconds = seconds_of(scene) if scene.slots else None
    if seconds is None:
        return None
    axis = by_seconds(seconds)
    assert axis.edges is not None
    widths = np.diff(axis.edges) * (axis.seconds / scene.slots)
    return [float(f"{width:.6g}") for width in widths.tolist()]
