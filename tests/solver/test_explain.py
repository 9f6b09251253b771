"""What a plan's bytes are for: who is alive, who made it, who still waits for it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import random_step

from solver.errors import BayplanError
from solver.explain import Use, alive_at, explain_slot, histories, peak_slot
from solver.plan import Plan
from solver.solve import solve
from solver.step import Category, Step
from solver.timeline import plan_profile


@pytest.fixture
def toy_plan(toy_step: Step) -> Plan:
    """Program order."""
    return solve(toy_step, deadline=0.0).plan


def test_the_toy_peaks_in_relu_backward(toy_step: Step, toy_plan: Plan) -> None:
    assert peak_slot(toy_step, toy_plan) == 3
    alive = [toy_plan.instances[i].storage for i in alive_at(toy_step, toy_plan, 3)]
    assert alive[:1] in ([2], [5])  # 2 KiB each
    assert sorted(alive) == [2, 3, 5]
    assert explain_slot(toy_step, toy_plan, 3).by_category == {
        Category.ACTIVATION: 3 * 1024,
        Category.GRADIENT: 2 * 1024,
    }


def test_an_activation_is_made_by_one_op_and_kept_for_the_last_that_uses_it(
    toy_step: Step, toy_plan: Plan
) -> None:
    instance = next(i for i, made in enumerate(toy_plan.instances) if made.storage == 2)
    known = histories(toy_step, toy_plan)
    assert known.made[instance] == Use(0, 0)
    assert known.uses[instance] == (Use(0, 0), Use(1, 1), Use(3, 3))


def test_nothing_peaks_in_an_empty_plan() -> None:
    step = random_step(0, 0)
    plan = solve(step, deadline=0.0).plan
    assert peak_slot(step, plan) == -1


@given(st.integers(1, 20), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_it_agrees_with_the_profile_and_the_program(ops: int, seed: int) -> None:
    step = random_step(ops, seed)
    plan = solve(step, deadline=0.0).plan
    profile = plan_profile(step, plan)
    assert profile[peak_slot(step, plan)] == profile.max()
    known = histories(step, plan)
    for slot in range(ops):
        assert explain_slot(step, plan, slot, known=known).live_bytes == profile[slot]
        alive = alive_at(step, plan, slot)
        sizes = [step.storages[plan.instances[i].storage].size for i in alive]
        assert [-(-z // 512) for z in sizes] == sorted((-(-z // 512) for z in sizes), reverse=True)
        for instance in alive:
            made, uses = known.made[instance], known.uses[instance]
            assert made is not None
            storage = plan.instances[instance].storage
            assert storage in step.ops[made.op].creates
            touching = [o for o in plan.order if storage in step.ops[o].touches]
            assert [use.op for use in uses] == touching
            assert all(plan.order[use.slot] == use.op for use in uses)
            assert made.slot <= slot <= uses[-1].slot


def test_a_slot_says_who_made_each_storage_and_who_waits_for_it(toy_step: Step, toy_plan: Plan) -> None:
    about = explain_slot(toy_step, toy_plan, 1)
    assert (about.slot, about.op, about.live_bytes) == (1, 1, 3072)
    first, second = about.alive
    assert (first.storage, first.bytes, first.made) == (2, 2048, Use(0, 0))
    assert first.used_here
    assert (first.following, first.last) == (Use(3, 3), Use(3, 3))
    assert (second.storage, second.made) == (3, Use(1, 1))
    assert (second.following, second.last) == (Use(2, 2), Use(3, 3))


def test_a_storage_that_no_op_uses_at_the_slot_waits_for_its_next_user(
    toy_step: Step, toy_plan: Plan
) -> None:
    about = {one.storage: one for one in explain_slot(toy_step, toy_plan, 2).alive}
    assert not about[2].used_here
    assert about[2].following == Use(3, 3)
    assert about[3].used_here


def test_without_a_slot_it_is_the_peak(toy_step: Step, toy_plan: Plan) -> None:
    about = explain_slot(toy_step, toy_plan)
    assert about.slot == 3
    assert about.live_bytes == toy_plan.peak_bytes
    assert all(one.following is None or one.following.slot > 3 for one in about.alive)


@pytest.mark.parametrize("slot", [-1, 6])
def test_a_slot_that_is_not_there_is_refused(toy_step: Step, toy_plan: Plan, slot: int) -> None:
    with pytest.raises(BayplanError, match="its slots are from 0 to 5"):
        explain_slot(toy_step, toy_plan, slot)


@given(st.integers(1, 20), st.integers(0, 1000), st.integers(0, 19))
@settings(max_examples=25, deadline=None)
def test_a_slots_storages_sum_up_to_the_profile(ops: int, seed: int, slot: int) -> None:
    step = random_step(ops, seed)
    plan = solve(step, deadline=0.0).plan
    slot %= ops
    about = explain_slot(step, plan, slot)
    assert about.live_bytes == plan_profile(step, plan)[slot]
    assert sum(about.by_category.values()) == about.live_bytes
    for one in about.alive:
        assert one.made is not None
        assert one.made.slot <= slot
        assert one.used_here or one.following is not None
