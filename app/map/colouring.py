"""What the colours of a map tell: category, dtype, module, age, or the difference from another plan.

::

    rectangle  -> colour number  -> colour of the theme     (``numbers``; ``app.map.palette``)
    class      -> its numbers, its bytes alive at a slot    (a box of the legend)

No Qt.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from app.facts.plan import GROUPS
from app.map.bands import module_levels
from app.map.palette import (
    MOST_SERIES,
    ODD_ACTIVATION,
    OTHER,
    RAMP,
    SERIES,
    category_numbers,
)
from app.map.plan_scene import PlanScene
from app.map.scene import CATEGORIES, STACK, ByteArray, Scene
from app.translation import mark
from solver.plan import IntArray
from solver.step import Category
from solver.timeline import live_bytes


class ColourBy(StrEnum):
    """What is told apart."""

    CATEGORY = "Category"
    DTYPE = "Dtype"
    MODULE = "Module"
    AGE = "Age"
    DIFFERENCE = "Plan difference"


AGES = (
    (0.01, mark("Under 1 % of the step")),
    (0.05, mark("1 to 5 %")),
    (0.2, mark("5 to 20 %")),
    (0.5, mark("20 to 50 %")),
)
"""How long a rectangle is there, as a share of all slots; these and what is longer."""
LONGER, ALWAYS = mark("Over 50 %"), mark("All the time")
SAME, LATER, MOVED, ONLY = (
    mark("Same place"),
    mark("Other ops, same address"),
    mark("Other address"),
    mark("Only here"),
)
DIFFERENCES = ((SAME, OTHER), (LATER, SERIES + 1), (MOVED, SERIES), (ONLY, SERIES + 2))
"""What became of a stay in another plan, and its colour number."""
REST = mark("Other")


@dataclass(frozen=True, slots=True)
class ColourClass:
    """One box of the legend."""

    name: str
    numbers: tuple[int, ...]
    """Its colour numbers, that of the box first."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """The colour number of every rectangle of a scene, and what the numbers mean."""

    by: ColourBy
    classes: tuple[ColourClass, ...]
    numbers: ByteArray
    sizes: IntArray
    """Bytes alive by area and slot, the lowest area of the live profile first, shape (areas, slots)."""
    areas: tuple[int, ...]
    """The colour number of each area."""

    @cached_property
    def present(self) -> tuple[int, ...]:
        """The areas that have bytes."""
        return tuple(np.flatnonzero(self.sizes.any(axis=1)).tolist())

    def bytes_at(self, slot: int) -> tuple[int, ...]:
        """Bytes alive at a slot by class; all 0 where there is no such slot."""
        if not 0 <= slot < self.sizes.shape[1]:
            return (0,) * len(self.classes)
        return tuple(
            sum(
                int(self.sizes[area, slot])
                for area, number in enumerate(self.areas)
                if number in one.numbers
            )
            for one in self.classes
        )


def ways(scene: Scene) -> tuple[ColourBy, ...]:
    """What the rectangles of a scene can be told apart by, besides the difference from a plan."""
    if isinstance(scene, PlanScene):
        return (ColourBy.CATEGORY, ColourBy.DTYPE, ColourBy.MODULE, ColourBy.AGE)
    return (ColourBy.CATEGORY, ColourBy.AGE)


def colour(
    scene: Scene, by: ColourBy, other: PlanScene | None = None, like: Colouring | None = None
) -> Colouring:
    """Colour a scene; by category where it does not know what is asked for.

    ``other``: the plan to compare with, of the same step as captured; ``like``: a colouring of another
    scene by the same, whose classes keep their colours here.
    """
    names = [one.name for one in like.classes] if like is not None and like.by is by else []
    if by is ColourBy.AGE:
        return _by_age(scene)
    if isinstance(scene, PlanScene):
        match by:
            case ColourBy.DTYPE:
                return _series(scene, by, _dtype_of(scene), names)
            case ColourBy.MODULE:
                return _series(scene, by, _module_of(scene), names)
            case ColourBy.DIFFERENCE if other is not None:
                return _by_difference(scene, other)
            case _:
                pass
    return _by_category(scene)


def _by_category(scene: Scene) -> Colouring:
    number = {category: index for index, category in enumerate(CATEGORIES)}
    classes = []
    for group in GROUPS:
        own = [number[category] for category in Category if category in group.categories]
        own += [ODD_ACTIVATION] if Category.ACTIVATION in group.categories else []
        classes.append(ColourClass(group.label, tuple(own)))
    areas = tuple(number[category] for category in STACK)
    numbers = category_numbers(scene)
    return Colouring(ColourBy.CATEGORY, tuple(classes), numbers, scene.profile, areas)


def _of_classes(
    scene: Scene, by: ColourBy, names: Sequence[str], colours: Sequence[int], of: IntArray
) -> Colouring:
    """``of``: the class of every rectangle, an index into ``names`` and their ``colours``."""
    sizes = np.zeros((len(names), scene.slots), np.int64)
    size = scene.high - scene.low
    lifetimes = np.stack([scene.start, scene.end], axis=1)
    for area in range(len(names)):
        own = np.flatnonzero(of == area)
        if len(own):
            sizes[area] = live_bytes(lifetimes[own], size[own], scene.slots)
    numbers: ByteArray = np.array([*colours, 0], np.uint8)[of]
    classes = tuple(ColourClass(name, (one,)) for name, one in zip(names, colours, strict=True))
    return Colouring(by, classes, numbers, sizes, tuple(colours))


def _series(
    scene: PlanScene, by: ColourBy, name_of: Callable[[int], str], first: Sequence[str]
) -> Colouring:
    """Names in the order of their bytes times slots, the least of them together as others.

    Those in ``first`` come before, in their order.
    """
    names = [name_of(storage) for storage in range(scene.storages)]
    weight = ((scene.high - scene.low) * (scene.end - scene.start).astype(np.float64)).tolist()
    total: Counter[str] = Counter()
    for storage, one in zip(scene.storage.tolist(), weight, strict=True):
        total[names[storage]] += one
    ranked = sorted((name for name in total if name), key=lambda name: (-total[name], name))
    known = [name for name in first if name != REST]
    kept = [*known, *(name for name in ranked if name not in known)][:MOST_SERIES]
    place = {name: index for index, name in enumerate(kept)}
    of_storage = np.array([place.get(name, len(kept)) for name in names] or [0], np.int64)
    of = of_storage[scene.storage]
    colours = [SERIES + index for index in range(len(kept))]
    if len(of) and int(of.max()) == len(kept):
        return _of_classes(scene, by, [*kept, REST], [*colours, OTHER], of)
    return _of_classes(scene, by, kept, colours, of)


def _dtype_of(scene: PlanScene) -> Callable[[int], str]:
    def dtype(storage: int) -> str:
        value = scene.facts.value(storage)
        return value.dtype if value is not None else ""

    return dtype


def _module_of(scene: PlanScene) -> Callable[[int], str]:
    """The module whose op makes a storage; of what no op makes the one that its name begins with."""
    step, levels = scene.step, module_levels(scene.step)
    path = {storage: op.module for op in step.ops for storage in op.creates}

    def module(storage: int) -> str:
        name = step.storages[storage].name
        known = path.get(storage) or (name if step.storages[storage].resident else "")
        return levels(known)[0] if "." in known or storage in path else ""

    return module


def _by_age(scene: Scene) -> Colouring:
    share = (scene.end - scene.start) / max(scene.slots, 1)
    of = np.searchsorted([limit for limit, _ in AGES], share, side="right")
    of = np.where(share > AGES[-1][0], len(AGES), of)
    of = np.where(scene.end - scene.start >= max(scene.slots, 1), len(AGES) + 1, of)
    names = [*(name for _, name in AGES), LONGER, ALWAYS]
    # What stays longest lies lowest in the live profile.
    return _of_classes(
        scene,
        ColourBy.AGE,
        names[::-1],
        [RAMP + index for index in range(len(names))][::-1],
        len(names) - 1 - of.astype(np.int64),
    )


def _by_difference(scene: PlanScene, other: PlanScene) -> Colouring:
    """By what became of the same stay of the same tensor in the other plan."""
    ours, theirs = _stays(scene), _stays(other)
    of = np.zeros(scene.count, np.int64)
    for key, rectangle in ours.items():
        match = theirs.get(key, -1)
        if match < 0:
            of[rectangle] = 3
        elif scene.low[rectangle] != other.low[match]:
            of[rectangle] = 2
        elif _life(scene, rectangle) != _life(other, match):
            of[rectangle] = 1
    names, colours = [name for name, _ in DIFFERENCES], [number for _, number in DIFFERENCES]
    return _of_classes(scene, ColourBy.DIFFERENCE, names, colours, of)


def _stays(scene: PlanScene) -> dict[tuple[int, int], int]:
    """Rectangles by the storage of the step as captured and the number of the stay."""
    seen: Counter[int] = Counter()
    result: dict[tuple[int, int], int] = {}
    for rectangle in np.argsort(scene.start, kind="stable").tolist():
        own = int(scene.storage[rectangle])
        # A storage that only this plan's rewrites make is told by a number of its own.
        storage = scene.in_captured.get(own, -1 - own)
        result[storage, seen[storage]] = rectangle
        seen[storage] += 1
    return result


def _life(scene: PlanScene, rectangle: int) -> tuple[str, str]:
    """The ops of the first and the last slot; of a resident none."""
    if scene.instance[rectangle] < 0:
        return "", ""
    first, last = int(scene.start[rectangle]), int(scene.end[rectangle]) - 1
    return scene.facts.op_at(first).name, scene.facts.op_at(last).name
