"""The raster and the pick query, held against plain loops over all rectangles."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.map.index import BLOCK, build_index
from app.map.palette import Palette, argb, make_palette
from app.map.plan_scene import PlanScene, plan_scene
from app.map.raster import KERNELS, Drawing, Surface, Window
from app.map.scene import CATEGORIES
from app.theme import DARK, LIGHT
from solver.step import Category, Step
from tests.app.map.made_scenes import (
    Arrays,
    allocator_arrays,
    first_fit_plan,
    large_scene,
    scene_of_arrays,
    training_arrays,
)


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    KERNELS.load()


@pytest.fixture(scope="module")
def flat() -> Palette:
    """Dark without edges: the fill of a pixel tells its rectangle's category."""
    palette = make_palette(DARK)
    return replace(palette, edge=palette.fill)


def scene_of(rectangles: list[tuple[int, int, int, int]], toy_step: Step) -> PlanScene:
    """A scene of (start, end, low, high) with categories in turn."""
    columns = np.array(rectangles, np.int64).reshape(-1, 4)
    numbers = np.arange(len(columns))
    return replace(
        plan_scene(toy_step, first_fit_plan(toy_step)),
        start=columns[:, 0],
        end=columns[:, 1],
        low=columns[:, 2],
        high=columns[:, 3],
        category=(numbers % len(CATEGORIES)).astype(np.uint8),
        tint=np.zeros(len(columns), np.uint8),
        storage=numbers,
        instance=numbers,
        strips=(),
    )


def rectangles() -> st.SearchStrategy[list[tuple[int, int, int, int]]]:
    """Rectangles in 16 slots and 12 bytes that do not overlap: cells of a grid, some merged."""
    cell = st.tuples(st.integers(0, 15), st.integers(1, 16), st.integers(0, 11), st.integers(1, 12))
    return st.lists(cell, max_size=30).map(_apart)


def _apart(found: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    taken = np.zeros((16, 12), bool)
    result = []
    for start, length, low, height in found:
        end, high = min(start + length, 16), min(low + height, 12)
        if not taken[start:end, low:high].any():
            taken[start:end, low:high] = True
            result.append((start, end, low, high))
    return result


@settings(max_examples=100, deadline=None)
@given(found=rectangles(), smooth=st.booleans())
def test_pixels_that_match_slots_show_exactly_the_rectangles(
    found: list[tuple[int, int, int, int]], smooth: bool
) -> None:
    from tests.conftest import make_toy_step

    palette = replace(make_palette(DARK), edge=make_palette(DARK).fill)
    scene = scene_of(found, make_toy_step())
    surface = Surface(48, 36)
    Drawing(scene).draw(surface, Window(0, 16, 0, 12), palette, smooth=smooth)
    expected = np.full((36, 48), palette.ground, np.uint32)
    for i, (start, end, low, high) in enumerate(found):
        expected[36 - 3 * high : 36 - 3 * low, 3 * start : 3 * end] = palette.fill[scene.category[i]]
    assert np.array_equal(surface.image, expected)
    assert not surface.coverage.any()


def test_neighbours_tile_without_seams_at_any_zoom(toy_step: Step, flat: Palette) -> None:
    stack = [(0, 10, 7 * i, 7 * (i + 1)) for i in range(40)]
    side = [(10, 20, 11 * i, 11 * (i + 1)) for i in range(25)]
    scene = scene_of(stack + side, toy_step)
    for zoom in np.random.default_rng(1).uniform(20, 270, 30):
        surface = Surface(200, 100)
        Drawing(scene).draw(surface, Window(0, 20, 2, 2 + zoom), flat)
        assert not (surface.image == flat.ground).any()


@pytest.mark.parametrize("smooth", [True, False])
def test_what_is_thinner_than_a_pixel_does_not_vanish(
    toy_step: Step, flat: Palette, smooth: bool
) -> None:
    scene = scene_of([(0, 1000, 500, 501), (500, 501, 0, 400)], toy_step)
    surface = Surface(100, 80)
    Drawing(scene).draw(surface, Window(0, 1000, 0, 1000), flat, smooth=smooth)
    assert (surface.image != flat.ground).any(axis=0).all()
    assert (surface.image != flat.ground).any(axis=1)[48:80].all()
    if not smooth:
        assert set(np.unique(surface.image)) <= {flat.ground, flat.fill[0], flat.fill[1]}


def test_thin_rectangles_that_fill_a_pixel_together_are_opaque(toy_step: Step, flat: Palette) -> None:
    scene = scene_of([(0, 100, i, i + 1) for i in range(900)], toy_step)
    same = replace(scene, category=np.zeros(900, np.uint8))
    surface = Surface(50, 90)
    Drawing(same).draw(surface, Window(0, 100, 0, 900), flat)
    assert (surface.image == flat.fill[0]).all()


def test_coverage_decides_how_strong_a_thin_rectangle_is(toy_step: Step) -> None:
    palette = replace(make_palette(DARK), ground=0xFF000000, grid=0xFF000000)
    palette.fill[0] = 0xFFFFFFFF
    strengths = []
    for height in (1, 4, 6, 10):
        surface = Surface(10, 10)
        scene = scene_of([(0, 10, 50, 50 + height)], toy_step)
        Drawing(scene).draw(surface, Window(0, 10, 0, 100), palette)
        strengths.append(int(surface.image[4, 5] & 255))
    assert strengths == sorted(strengths)
    assert strengths[0] == round(0.45 * 255)
    assert strengths[-1] == 255


def test_edges_only_from_four_pixels_and_outlines_in_light(toy_step: Step) -> None:
    light = make_palette(LIGHT)
    scene = scene_of([(2, 5, 2, 5), (7, 8, 7, 8)], toy_step)
    surface = Surface(30, 30)
    Drawing(scene).draw(surface, Window(0, 10, 0, 10), light)
    box = surface.image[15:25, 6:16]
    assert (box[0] == light.edge[0]).all()
    assert (box[-1] == light.edge[0]).all()
    assert (box[:, 0] == light.edge[0]).all()
    assert (box[:, -1] == light.edge[0]).all()
    assert (box[1:-1, 1:-1] == light.fill[0]).all()
    assert not (surface.image == light.edge[1]).any()
    assert (surface.image[6:9, 21:24] == light.fill[1]).all()


def test_hidden_categories_are_neither_drawn_nor_picked(toy_step: Step) -> None:
    scene = scene_of([(0, 10, 0, 10)], toy_step)
    drawing = Drawing(scene)
    shown, hidden = make_palette(DARK), make_palette(DARK, {CATEGORIES[0]})
    surface = Surface(20, 20)
    drawing.draw(surface, Window(0, 10, 0, 10), hidden)
    assert (surface.image == hidden.ground).all()
    assert drawing.pick(5, 5, shown) == 0
    assert drawing.pick(5, 5, hidden) == -1


def test_labels_are_proposed_where_there_is_room(toy_step: Step, flat: Palette) -> None:
    scene = scene_of([(0, 60, 0, 12), (0, 59, 20, 32), (0, 60, 40, 51)], toy_step)
    labels = Drawing(scene).draw(Surface(100, 100), Window(0, 100, 0, 100), flat)
    assert labels.tolist() == [[0, 0, 88, 60, 100]]


def test_picking_finds_what_a_loop_over_all_rectangles_finds(flat: Palette) -> None:
    scene = large_scene(3000)
    drawing = Drawing(scene)
    random = np.random.default_rng(2)
    for slot, size in random.random((400, 2)) * (scene.slots, scene.top):
        inside = (scene.start <= slot) & (slot < scene.end) & (scene.low <= size) & (size < scene.high)
        found = drawing.pick(slot, size, flat)
        assert found in (np.flatnonzero(inside) if inside.any() else [-1])


def test_picking_near_takes_the_nearest_within_reach(toy_step: Step, flat: Palette) -> None:
    drawing = Drawing(scene_of([(0, 10, 0, 1), (0, 10, 5, 6)], toy_step))
    assert drawing.pick(5, 2, flat, 1, 2) == 0
    assert drawing.pick(5, 4, flat, 1, 2) == 1
    assert drawing.pick(5, 3, flat, 1, 1.5) == -1
    assert drawing.pick(12, 0.5, flat, 1, 1) == -1


def test_an_empty_scene_is_drawn_as_ground(toy_step: Step, flat: Palette) -> None:
    drawing = Drawing(scene_of([], toy_step))
    surface = Surface(5, 5)
    assert len(drawing.draw(surface, Window(0, 1, 0, 1), flat)) == 0
    assert (surface.image == flat.ground).all()
    assert drawing.pick(0, 0, flat) == -1


def test_until_the_kernels_are_there_the_largest_rectangles_are_shown(
    toy_step: Step, flat: Palette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KERNELS, "_module", None)
    drawing = Drawing(scene_of([(0, 5, 0, 10)], toy_step))
    surface = Surface(20, 20)
    drawing.draw(surface, Window(0, 10, 0, 10), flat)
    assert (surface.image[:, :10] == flat.fill[0]).all()
    assert (surface.image[:, 10:] == flat.ground).all()
    assert drawing.pick(2, 2, flat) == 0
    assert drawing.pick(7, 2, flat) == -1


def test_text_on_a_fill_is_readable() -> None:
    for theme in (DARK, LIGHT):
        palette = make_palette(theme)
        assert len(palette.ink) == len(palette.fill)
    assert make_palette(DARK).ink[CATEGORIES.index(Category.TEMPORARY)] == "#0d1014"
    assert make_palette(DARK).fill[CATEGORIES.index(Category.GRADIENT)] == argb("#d07e25")


def test_blocks_hold_every_rectangle_once_the_largest_first() -> None:
    scene = scene_of_arrays(allocator_arrays(5000))
    index = build_index(scene.start, scene.end, scene.low, scene.high)
    assert sorted(index.original.tolist()) == list(range(5000))
    for block, box in enumerate(index.boxes):
        start, end, low, high = index.rectangles[block * BLOCK : (block + 1) * BLOCK].T.astype(float)
        assert (start.min(), end.max(), low.min(), high.max()) == tuple(box[:4])
        area = (end - start) * (high - low)
        assert (np.diff(area) <= 0).all()
        durations, sizes = end - start, high - low
        means = [durations.mean(), sizes.mean(), area.mean()]
        assert box[4:].tolist() == pytest.approx([*means, durations.max(), sizes.max()])


def test_addresses_beyond_31_bits_are_kept_in_larger_units() -> None:
    low = np.array([0, 1 << 40], np.int64)
    index = build_index(np.array([0, 0]), np.array([4, 4]), low, low + 4096)
    assert index.unit == 1024
    assert sorted((index.rectangles[:, 2:].astype(np.int64) * index.unit).tolist()) == [
        [0, 4096],
        [1 << 40, (1 << 40) + 4096],
    ]


@pytest.mark.parametrize("make", [training_arrays, allocator_arrays])
def test_a_picture_of_what_moves_is_nearly_that_at_rest(make: Callable[[int], Arrays]) -> None:
    scene = scene_of_arrays(make(50_000))
    drawing, palette = Drawing(scene), make_palette(DARK)
    covered = []
    for smooth in (False, True):
        surface = Surface(300, 200)
        drawing.draw(surface, Window(0, scene.slots, 0, scene.top), palette, smooth=smooth)
        covered.append(surface.image != palette.ground)
    assert covered[0].sum() > 0.9 * covered[1].sum()


def test_picking_among_many_finds_what_a_loop_finds(flat: Palette) -> None:
    scene = scene_of_arrays(training_arrays(30_000))
    drawing = Drawing(scene)
    random = np.random.default_rng(3)
    near_x, near_y = scene.slots / 1500, scene.top / 600
    for slot, size in random.random((300, 2)) * (scene.slots, scene.top):
        beside = np.maximum(np.maximum(scene.start - slot, slot - scene.end), 0) / near_x
        above = np.maximum(np.maximum(scene.low - size, size - scene.high), 0) / near_y
        distance = np.maximum(beside, above)
        found = drawing.pick(slot, size, flat, near_x, near_y)
        assert found < 0 if distance.min() >= 1 else distance[found] == distance.min()
