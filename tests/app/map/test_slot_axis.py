"""Slots as wide as their time: places and slots lead to one another, picking still finds tensors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.map.palette import make_palette
from app.map.plan_scene import plan_scene
from app.map.profile_image import column_slots
from app.map.raster import KERNELS, Drawing
from app.map.slot_axis import BY_SLOT, by_seconds, slot_seconds
from app.map.ticks import second_ticks, seconds_text
from app.theme import DARK
from solver.budget.devices import V100
from solver.step import Step
from tests.app.map.made_scenes import first_fit_plan, large_scene


@given(
    seconds=st.lists(st.floats(0, 10), min_size=1, max_size=40),
    share=st.floats(0, 1),
)
def test_places_and_slots_lead_to_one_another(seconds: list[float], share: float) -> None:
    axis = by_seconds(np.array(seconds))
    count = len(seconds)
    assert axis.place(0) == 0
    assert axis.place(count) == pytest.approx(count)
    assert axis.second(count) == pytest.approx(sum(seconds), rel=1e-3, abs=1e-9)
    slot = share * count
    assert axis.slot(axis.place(slot)) == pytest.approx(slot, abs=1e-6)
    places = axis.places(np.arange(count + 1))
    assert (np.diff(places) > 0).all()
    assert axis.slots(places).tolist() == pytest.approx(list(range(count + 1)))


def test_without_times_places_are_slots() -> None:
    assert (BY_SLOT.place(3.5), BY_SLOT.slot(3.5), BY_SLOT.timed) == (3.5, 3.5, False)
    assert BY_SLOT.places(np.array([1, 2])).tolist() == [1.0, 2.0]


def test_a_slot_is_as_wide_as_its_op_takes(resnet50_step: Step) -> None:
    scene = plan_scene(resnet50_step, first_fit_plan(resnet50_step))
    seconds = slot_seconds(scene.facts, V100, False)
    axis = by_seconds(seconds)
    widths = np.diff(axis.places(np.arange(scene.slots + 1)))
    assert widths / widths.sum() == pytest.approx(seconds / seconds.sum(), rel=1e-3, abs=1e-6)
    assert axis.seconds == pytest.approx(seconds.sum(), rel=1e-3)


def test_picking_by_time_finds_what_a_loop_finds() -> None:
    KERNELS.load()
    scene = large_scene(2000)
    random = np.random.default_rng(5)
    axis = by_seconds(np.exp(random.normal(0, 2, scene.slots)))
    drawing, palette = Drawing(scene, axis), make_palette(DARK)
    for place, size in random.random((400, 2)) * (scene.slots, scene.top):
        slot = axis.slot(place)
        if min(slot % 1, 1 - slot % 1) < 1e-3:
            continue  # nearer to an edge than the steps of the axis
        inside = (scene.start <= slot) & (slot < scene.end) & (scene.low <= size) & (size < scene.high)
        found = drawing.pick(place, size, palette)
        assert found in (np.flatnonzero(inside) if inside.any() else [-1])


def test_the_profile_shows_the_highest_slot_of_each_column_by_time() -> None:
    scene = large_scene(2000)
    axis = by_seconds(np.exp(np.random.default_rng(6).normal(0, 2, scene.slots)))
    slots = column_slots(scene, 0.0, float(scene.slots), 200, axis)
    bounds = axis.slots(np.linspace(0, scene.slots, 201))
    for column in range(200):
        first, last = bounds[column], bounds[column + 1]
        if last - first > 1:
            own = scene.live[int(first) : max(int(last), int(first) + 1)]
            assert scene.live[slots[column]] == own.max()
        else:
            assert slots[column] == min(int((first + last) / 2), scene.slots - 1)


def test_times_have_round_marks_and_four_digits() -> None:
    marks, unit = second_ticks(0.0, 0.3567, 900)
    assert unit == "ms"
    assert [text for _, text in marks][:3] == ["0", "50", "100"]
    assert marks[1][0] == pytest.approx(0.05)
    assert second_ticks(1e-5, 3e-5, 900)[1] == "µs"
    assert [seconds_text(s) for s in (2.5, 0.0123456, 0.35e-3, 1.2e-6)] == [
        "2.500 s",
        "12.35 ms",
        "350.0 µs",
        "1.200 µs",
    ]
