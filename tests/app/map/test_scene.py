"""The scene shows the plan as it is: one rectangle a stay, and sums that the timeline made."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from app.map.plan_scene import baseline_scene, plan_scene
from app.map.scene import CATEGORIES, STACK, LineRole
from solver.placement.caching_allocator import simulate
from solver.plan import Certificate, Proof
from solver.step import Category, Op, Origin, Step, Storage
from solver.timeline import instance_sizes, live_bytes, plan_profile
from tests.app.map.made_scenes import first_fit_plan


def test_every_instance_is_one_rectangle_above_the_residents(resnet50_step: Step) -> None:
    plan = first_fit_plan(resnet50_step)
    scene = plan_scene(resnet50_step, plan)
    planned = scene.instance >= 0
    order = np.argsort(scene.instance[planned])
    assert scene.instance[planned][order].tolist() == list(range(len(plan.instances)))
    assert np.array_equal(scene.start[planned][order], plan.lifetimes[:, 0])
    assert np.array_equal(scene.end[planned][order], plan.lifetimes[:, 1])
    base = resnet50_step.resident_bytes
    assert scene.low[planned][order].tolist() == [base + i.address for i in plan.instances]
    size = scene.high[planned][order] - scene.low[planned][order]
    assert np.array_equal(size, instance_sizes(resnet50_step, plan))
    assert scene.storage[planned][order].tolist() == [i.storage for i in plan.instances]


def test_residents_fill_a_strip_from_address_0_over_the_whole_step(resnet50_step: Step) -> None:
    scene = plan_scene(resnet50_step, first_fit_plan(resnet50_step))
    resident = scene.instance < 0
    assert (scene.start[resident] == 0).all()
    assert (scene.end[resident] == len(resnet50_step.ops)).all()
    spans = sorted(zip(scene.low[resident].tolist(), scene.high[resident].tolist(), strict=True))
    assert spans[0][0] == 0
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    assert spans[-1][1] == resnet50_step.resident_bytes == scene.strips[-1].high
    assert [strip.category for strip in scene.strips] == [Category.PARAMETER, Category.BUFFER]


def test_the_stacked_profile_is_the_timelines_sum(resnet50_step: Step) -> None:
    plan = first_fit_plan(resnet50_step)
    scene = plan_scene(resnet50_step, plan)
    expected = plan_profile(resnet50_step, plan) + resnet50_step.resident_bytes
    assert np.array_equal(scene.live, expected)
    assert scene.peak_slot == int(expected.argmax())
    gradients = scene.category == CATEGORIES.index(Category.GRADIENT)
    rows = np.stack([scene.start[gradients], scene.end[gradients]], axis=1)
    size = (scene.high - scene.low)[gradients]
    assert np.array_equal(
        scene.profile[STACK.index(Category.GRADIENT)], live_bytes(rows, size, scene.slots)
    )


def test_a_height_at_its_bound_is_one_line_and_otherwise_two(toy_step: Step) -> None:
    plan = first_fit_plan(toy_step)
    tight = replace(plan, certificate=Certificate(plan.height_bytes, Proof.CUT, 3, plan.peak_bytes))
    loose = replace(plan, certificate=Certificate(512, Proof.CUT, 3, plan.peak_bytes))
    assert [line.role for line in plan_scene(toy_step, tight).lines] == [LineRole.BOUND]
    lines = plan_scene(toy_step, loose).lines
    assert [line.role for line in lines] == [LineRole.HEIGHT, LineRole.BOUND]
    assert lines[0].size == toy_step.resident_bytes + plan.height_bytes
    assert plan_scene(toy_step, plan).bound is None


def test_as_run_lies_in_the_allocators_space(resnet50_step: Step) -> None:
    baseline = simulate(resnet50_step)
    scene = baseline_scene(resnet50_step, baseline)
    for rectangle in range(scene.count):
        if scene.instance[rectangle] >= 0:
            expected = baseline.plan.instances[int(scene.instance[rectangle])].address
        else:
            expected = baseline.resident_addresses[int(scene.storage[rectangle])]
        assert scene.low[rectangle] == expected
    assert scene.top == baseline.reserved_bytes
    assert len(scene.unusable)
    assert (scene.live <= baseline.reserved).all()


def test_a_plan_next_to_the_baseline_can_say_what_is_reserved_today(toy_step: Step) -> None:
    plan, baseline = first_fit_plan(toy_step), simulate(toy_step)
    with_line = plan_scene(toy_step, plan, baseline)
    assert with_line.lines[0].role is LineRole.RESERVED
    assert with_line.top == baseline.reserved_bytes
    without = plan_scene(toy_step, plan, baseline, as_run_line=False)
    assert all(line.role is not LineRole.RESERVED for line in without.lines)


def test_neighbouring_blocks_of_activations_have_two_tints(resnet50_step: Step) -> None:
    scene = plan_scene(resnet50_step, first_fit_plan(resnet50_step))
    activation = scene.category == CATEGORIES.index(Category.ACTIVATION)
    tint = {
        block: {
            int(scene.tint[i]) for i in np.flatnonzero(activation) if scene.name(i).startswith(block)
        }
        for block in ("layer1.0.", "layer1.1.", "layer1.2.")
    }
    assert all(len(tints) == 1 for tints in tint.values())
    assert tint["layer1.0."] == tint["layer1.2."] != tint["layer1.1."]
    assert not scene.tint[~activation].any()


def test_rectangles_are_found_by_storage(toy_step: Step) -> None:
    scene = plan_scene(toy_step, first_fit_plan(toy_step))
    found = scene.rectangles_of((5, 0))
    assert scene.storage[found].tolist() == [5, 0]
    assert scene.rectangles_of((99,)) == []


@pytest.mark.parametrize("ops", [0, 1])
def test_tiny_steps_and_empty_storages_make_a_scene(ops: int) -> None:
    origin = Origin("tiny", "tiny", 1, "", False, "cpu", "float32")
    storages = (
        Storage(512, Category.PARAMETER, "weight"),
        Storage(0, Category.TEMPORARY, "nothing"),
        Storage(0, Category.INPUT, "empty input"),
    )
    step = Step(origin, storages, tuple([Op("a", "a.default", (0,), (), (1,))][:ops]))
    scene = plan_scene(step, first_fit_plan(step))
    assert scene.slots == ops
    assert scene.count == ops  # the weight, while there is an op
    assert scene.live.tolist() == [512] * ops
    assert scene.peak_label[0] == ("Peak 512 B" if ops else "")
    assert scene.top >= 1
