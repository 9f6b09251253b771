"""What the colours of a map tell: every rectangle has a class, and classes add up to what is alive."""

import numpy as np
import pytest

from app.map.colouring import ALWAYS, MOVED, ONLY, REST, SAME, ColourBy, Colouring, colour, ways
from app.map.palette import argb, channels, make_palette
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.theme import DARK, LIGHT, Theme
from solver.placement.caching_allocator import simulate
from solver.step import Step
from tests.app.map.made_scenes import first_fit_plan, large_scene, scene_of_arrays, training_arrays


@pytest.fixture(scope="module")
def scene(resnet50_step: Step) -> PlanScene:
    """A real step in program order."""
    return plan_scene(resnet50_step, first_fit_plan(resnet50_step))


def class_of(colouring: Colouring, rectangle: int) -> str:
    """The class that a rectangle is drawn as."""
    number = int(colouring.numbers[rectangle])
    return next(one.name for one in colouring.classes if number in one.numbers)


@pytest.mark.parametrize("by", [ColourBy.CATEGORY, ColourBy.DTYPE, ColourBy.MODULE, ColourBy.AGE])
def test_classes_add_up_to_what_is_alive(scene: PlanScene, by: ColourBy) -> None:
    colouring = colour(scene, by)
    assert colouring.by is by
    assert np.array_equal(colouring.sizes.sum(axis=0), scene.live)
    for slot in (0, scene.peak_slot, scene.slots - 1):
        assert sum(colouring.bytes_at(slot)) == scene.live[slot]
    assert colouring.bytes_at(-1) == (0,) * len(colouring.classes)
    assert all(class_of(colouring, rectangle) for rectangle in range(scene.count))


def test_modules_are_those_that_the_bands_name_and_the_rest(scene: PlanScene) -> None:
    colouring = colour(scene, ColourBy.MODULE)
    names = [one.name for one in colouring.classes]
    assert names[:3] == ["layer1", "layer2", "layer3"]
    assert names[-1] == REST
    assert len(names) <= 8
    for rectangle in range(scene.count):
        if scene.name(rectangle).startswith("layer2."):
            assert class_of(colouring, rectangle) == "layer2"


def test_dtypes_are_told_apart(scene: PlanScene) -> None:
    colouring = colour(scene, ColourBy.DTYPE)
    for rectangle in range(0, scene.count, 7):
        value = scene.facts.value(int(scene.storage[rectangle]))
        assert class_of(colouring, rectangle) == (value.dtype if value is not None else REST)


def test_age_is_how_long_it_is_there(scene: PlanScene) -> None:
    colouring = colour(scene, ColourBy.AGE)
    by_age = np.argsort(scene.end - scene.start)
    assert class_of(colouring, int(by_age[0])).startswith("Under 1 %")
    assert class_of(colouring, int(by_age[-1])) == ALWAYS
    assert (np.diff(colouring.numbers[by_age].astype(int)) >= 0).all()


def test_a_plan_does_not_differ_from_itself(scene: PlanScene) -> None:
    colouring = colour(scene, ColourBy.DIFFERENCE, scene)
    assert {class_of(colouring, rectangle) for rectangle in range(scene.count)} == {SAME}


def test_what_lies_elsewhere_in_the_other_plan_is_moved(scene: PlanScene, resnet50_step: Step) -> None:
    other = baseline_scene(resnet50_step, simulate(resnet50_step))
    colouring = colour(scene, ColourBy.DIFFERENCE, other)
    for rectangle in range(0, scene.count, 5):
        theirs = next(iter(other.rectangles_of((int(scene.storage[rectangle]),))), -1)
        same = theirs >= 0 and scene.low[rectangle] == other.low[theirs]
        expected = ONLY if theirs < 0 else MOVED if not same else None
        assert expected is None or class_of(colouring, rectangle) == expected


def test_scenes_of_arrays_know_categories_and_ages() -> None:
    scene = scene_of_arrays(training_arrays(500))
    assert ways(scene) == (ColourBy.CATEGORY, ColourBy.AGE)
    assert colour(scene, ColourBy.MODULE).by is ColourBy.CATEGORY
    assert np.array_equal(colour(scene, ColourBy.AGE).sizes.sum(axis=0), scene.live)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_hidden_numbers_have_no_fill_and_all_have_a_name(theme: Theme) -> None:
    colouring = colour(large_scene(100), ColourBy.AGE)
    number = colouring.classes[0].numbers[0]
    shown, hidden = make_palette(theme), make_palette(theme, {number})
    assert hidden.fill[number] == 0
    assert shown.fill[number] == argb(shown.names[number])
    assert len(set(theme.series) | set(theme.ramp)) == len(theme.series) + len(theme.ramp)


SEEN = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""What the colour-blind see of linear red, green and blue (Machado et al. 2009, full strength)."""

LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_classes_are_told_apart_by_the_colour_blind(
    theme: Theme, seen: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
) -> None:
    for colours in (theme.series, theme.ramp):
        parts = np.array([channels(one) for one in colours]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        places = np.cbrt(np.clip(linear @ seen.T, 0, 1) @ LMS.T) @ OKLAB.T
        distance = 100 * np.linalg.norm(places[:, None] - places[None], axis=2)
        assert distance[np.triu_indices(len(colours), 1)].min() > 8.5
