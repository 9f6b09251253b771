"""What is alive, made and freed at a slot is what a look at every rectangle says."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.explore.alive import Slots
from app.map.plan_scene import plan_scene
from app.map.scene import array_scene
from solver.step import Step
from tests.app.toy_case import toy_plan

SLOTS = 12
rectangles = st.lists(
    st.tuples(st.integers(0, SLOTS - 1), st.integers(1, SLOTS), st.integers(0, 9), st.integers(1, 5)),
    max_size=30,
)


@given(rectangles, st.integers(-1, SLOTS))
def test_slots_of_plain_arrays(rows: list[tuple[int, int, int, int]], slot: int) -> None:
    start = np.array([s for s, *_ in rows], np.int64)
    end = np.minimum(start + np.array([length for _, length, *_ in rows], np.int64), SLOTS)
    low = np.array([a for *_, a, _ in rows], np.int64)
    high = low + np.array([size for *_, size in rows], np.int64)
    scene = array_scene("arrays", start, end, low, high, np.zeros(len(rows), np.uint8), slots=SLOTS)
    slots = Slots(scene)
    there = [r for r in range(len(rows)) if start[r] <= slot < end[r]]
    there.sort(key=lambda r: (low[r] - high[r], low[r], r))
    assert slots.alive(slot).tolist() == there
    assert sorted(slots.made(slot).tolist()) == [r for r in range(len(rows)) if start[r] == slot]
    assert sorted(slots.freed(slot).tolist()) == [r for r in range(len(rows)) if end[r] == slot]
    for r in there:
        assert slots.module(r) == "" and slots.made_by(r) == f"slot {start[r]}"
        assert slots.until(r) == f"slot {end[r] - 1}"


def test_a_plan_says_modules_and_ops(toy_step: Step) -> None:
    scene = plan_scene(toy_step, toy_plan(toy_step))
    slots = Slots(scene)
    by_name = {scene.name(r): r for r in range(scene.count)}
    act = by_name["act · relu"]
    assert slots.module(act) == "act"
    assert slots.made_by(act) == "op 1, relu"
    assert slots.until(act) == "op 3, threshold backward"
    weight = by_name["weight"]
    assert slots.resident(weight) and slots.made_by(weight) == "before the step"
    assert slots.until(weight) == "stays"
    assert slots.until(by_name["loss"]) == "leaves the step"


def test_what_is_alive_has_the_live_bytes(toy_step: Step) -> None:
    scene = plan_scene(toy_step, toy_plan(toy_step))
    slots = Slots(scene)
    for slot in range(scene.slots):
        assert int(slots.sizes[slots.alive(slot)].sum()) == int(scene.live[slot])


def test_residents_neither_come_nor_go(toy_step: Step) -> None:
    scene = plan_scene(toy_step, toy_plan(toy_step))
    slots = Slots(scene)
    came = np.concatenate([slots.made(slot) for slot in range(scene.slots + 1)])
    gone = np.concatenate([slots.freed(slot) for slot in range(scene.slots + 1)])
    assert sorted(came.tolist()) == sorted(gone.tolist())
    assert not any(slots.resident(int(r)) for r in came)
