"""Scenes of plain arrays: lifetimes and addresses that are no plan's."""

import numpy as np
import pytest

from app.map.describe import describe
from app.map.scene import CATEGORIES, STACK, ArrayScene, array_scene
from solver.step import Category

ACTIVATION, GRADIENT = (CATEGORIES.index(c) for c in (Category.ACTIVATION, Category.GRADIENT))


@pytest.fixture
def scene() -> ArrayScene:
    """Three rectangles, two of them stays of one thing, in an allocator that holds 4 KiB."""
    return array_scene(
        "three",
        np.array([0, 2, 5]),
        np.array([4, 6, 8]),
        np.array([0, 1024, 0]),
        np.array([1024, 3072, 1024]),
        np.array([ACTIVATION, GRADIENT, ACTIVATION], np.uint8),
        slots=8,
        storage=np.array([0, 1, 0]),
        reserved=np.full(8, 4096),
        named=lambda rectangle: f"block {rectangle}",
        told=lambda rectangle: (("Stack", "model.py:12"),),
        placed=lambda slot: f"event {slot}",
    )


def test_its_live_bytes_are_the_sum_of_what_is_alive(scene: ArrayScene) -> None:
    assert scene.live.tolist() == [1024, 1024, 3072, 3072, 2048, 3072, 1024, 1024]
    assert scene.profile[STACK.index(Category.GRADIENT)].tolist() == [
        0,
        0,
        2048,
        2048,
        2048,
        2048,
        0,
        0,
    ]
    assert (scene.peak_slot, scene.top, scene.total_bytes) == (2, 3072, 4096)
    assert scene.peak_label == ("Peak 3.0 KiB", "event 2")


def test_it_names_what_it_was_told(scene: ArrayScene) -> None:
    assert scene.rectangles_of((0,)) == [0, 2]
    assert scene.label(1) == ("block 1", "2.0 KiB")
    told = describe(scene, 1)
    assert told.title == "block 1"
    assert dict(told.rows)["Stack"] == "model.py:12"
    assert dict(told.rows)["Lifetime"] == "slots 2 to 6"


def test_one_without_words_numbers_its_tensors() -> None:
    one = np.array([0])
    scene = array_scene("", one, one + 1, one, one + 512, np.zeros(1, np.uint8), slots=1)
    assert scene.name(0) == "tensor 0"
    assert describe(scene, 0).title == "tensor 0"
