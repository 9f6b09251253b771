"""Profile pixels, badges, ticks, the tooltip's place, relations and descriptions."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRect

from app.map.badges import PITCH, place_badges
from app.map.describe import describe
from app.map.plan_scene import baseline_scene, plan_scene
from app.map.profile_image import column_slots, draw_profile
from app.map.relations import relations_of
from app.map.ticks import byte_ticks, op_ticks
from app.map.tooltip import place_beside
from solver.placement.caching_allocator import simulate
from solver.step import Step
from tests.app.map.made_scenes import first_fit_plan, large_scene


@pytest.mark.parametrize("visible", [(0.0, 2000.0), (13.7, 1800.2), (100.0, 130.0), (0.0, 300.0)])
def test_each_column_of_the_profile_shows_its_highest_slot(visible: tuple[float, float]) -> None:
    scene = large_scene(2000)
    first, last = visible
    slots = column_slots(scene, first, last, 300)
    edges = np.linspace(first, last, 301)
    for column in range(300):
        if last - first <= 300:
            assert slots[column] == int((edges[column] + edges[column + 1]) / 2)
        else:
            own = scene.live[int(edges[column]) : max(int(edges[column + 1]), int(edges[column]) + 1)]
            assert scene.live[slots[column]] == own.max()


def test_the_profile_is_stacked_under_a_line() -> None:
    sizes = np.array([[2, 2, 2, 9], [3, 3, 6, 0], [7, 7, 7, 7]])
    image = np.zeros((10, 3), np.uint32)
    fills = np.array([1, 2], np.uint32)
    draw_profile(image, sizes, np.arange(3), [0, 1], fills, 10.0, 1.0, 0xFFFFFFFF)
    assert (image[8:, 0] == 1).all()
    assert (image[6:8, 0] == 2).all()
    assert (image[:4, 0] == 0).all()
    assert all(image[4:6, 0] >= 0xFF000000)
    assert (image[2:5, 2] == 0xFFFFFFFF).all()  # the line falls from 2 to 5 between the columns


@given(
    slots=st.lists(st.integers(0, 999), max_size=12, unique=True).map(sorted),
    first=st.integers(0, 900),
    width=st.integers(5, 1000),
)
def test_badges_keep_their_order_and_distance(slots: list[int], first: int, width: int) -> None:
    def x_of(slot: float) -> float:
        return 56 + (slot - first) / width * 900

    uses = [(str(i), slot) for i, slot in enumerate(slots)]
    badges, before, after = place_badges(uses, x_of, 56, 956)
    assert [(b.text, b.slot) for b in badges] == uses
    assert all(b.x - a.x >= PITCH - 1e-6 for a, b in pairwise(badges))
    for badge in badges:
        in_view = x_of(badge.slot + 1) > 56 and x_of(badge.slot) < 956
        assert badge.at == (min(max(x_of(badge.slot + 0.5), 56), 956) if in_view else None)
    assert before == any(x_of(s + 1) <= 56 for s in slots)
    assert after == any(x_of(s) >= 956 for s in slots)


def test_the_first_and_the_last_op_in_view_are_not_told_to_be_outside() -> None:
    """A slot may be less than a pixel wide, so that its middle is on the lane's very end."""

    def x_of(slot: float) -> float:
        return 96 + slot / 569 * 86

    badges, before, after = place_badges([("P", 0), ("1", 568)], x_of, 96, 182)
    assert not before and not after
    assert [badge.at is not None for badge in badges] == [True, True]
    assert badges[0].x >= 96 + PITCH / 2 and badges[1].x <= 182 - PITCH / 2


def test_ticks_are_round_and_change_their_unit() -> None:
    assert [text for _, text in op_ticks(0, 622, 968)] == [str(v) for v in range(0, 601, 50)]
    values, unit = byte_ticks(0, 2.9 * 2**30, 400)
    assert unit == "GiB"
    assert [text for _, text in values] == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert byte_ticks(2**30, 2**30 + 50 * 2**20, 400)[1] == "MiB"
    assert byte_ticks(0, 3000, 400)[1] == "KiB"
    assert byte_ticks(0, 100, 400)[1] == "B"


@given(
    box=st.tuples(st.integers(0, 900), st.integers(0, 500), st.integers(1, 300), st.integers(1, 100)),
    size=st.tuples(st.integers(50, 300), st.integers(40, 200)),
)
def test_the_tooltip_never_covers_the_rectangle(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    area = QRect(0, 0, 1000, 600)
    place = place_beside(QRect(*box), *size, area)
    frame = QRect(place.x(), place.y(), *size)
    assert area.contains(frame)
    assert not frame.intersects(QRect(*box).intersected(area))


def test_relations_are_the_inspectors(toy_step: Step) -> None:
    scene = plan_scene(toy_step, first_fit_plan(toy_step))
    relations = relations_of(scene, 3)
    assert relations.uses == (("P", 1), ("1", 2), ("2", 3))
    links = [
        (x.slot, int(scene.storage[x.source]), int(scene.storage[x.target])) for x in relations.links
    ]
    assert links == [(1, 2, 3), (3, 3, 5)]
    assert relations_of(scene, 0).uses == (("1", 0), ("2", 5))


def test_arrows_lead_to_all_that_is_read_and_made(
    toy_step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = plan_scene(toy_step, first_fit_plan(toy_step))
    arrows = 0
    for storage in range(scene.storages):
        relations = relations_of(scene, storage)
        told = {
            (x.slot, int(scene.storage[x.source]), int(scene.storage[x.target]))
            for x in relations.links
        }
        expected = set()
        for use in scene.facts.producers(storage):
            if use.creates:
                reads = scene.facts.op_at(use.slot).reads
                expected |= {(use.slot, other, storage) for other in reads}
        for use in scene.facts.consumers(storage):
            op = scene.facts.op_at(use.slot)
            expected |= {(use.slot, storage, other) for other in (*op.creates, *op.writes)}
        assert told == {
            (slot, one, two)
            for slot, one, two in expected
            if one != two and toy_step.storages[two if one == storage else one].planned
        }
        arrows += len(told)
        mains = sum(link.main for link in relations.links)
        monkeypatch.setattr("app.map.relations.MOST", 1)
        few = relations_of(scene, storage)
        assert len(few.links) + few.more == len(relations.links)
        assert [link.main for link in few.links] == [True] * min(mains, 1)
        monkeypatch.undo()
    assert arrows > 4


def test_a_description_says_what_where_when_and_what_the_allocator_did(toy_step: Step) -> None:
    baseline = simulate(toy_step)
    scene = plan_scene(toy_step, first_fit_plan(toy_step), baseline)
    said = describe(scene, scene.rectangles_of((3,))[0])
    rows = dict(said.rows)
    assert said.title == "act · relu"
    assert rows["Bytes"] == "1.0 KiB"
    assert rows["Lifetime"] == "ops 1 – 3"
    assert rows["Made by"] == "relu in act"
    assert said.note.startswith("As run")
    as_run = baseline_scene(toy_step, baseline)
    assert describe(as_run, as_run.rectangles_of((3,))[0]).note
    weight = describe(scene, scene.rectangles_of((0,))[0])
    assert dict(weight.rows)["Lifetime"] == "across steps"
    assert weight.note == ""
