"""Placing a plan within a budget anew: what was moved stays where it was put, and the plan is right."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_programs import random_program_step

from app.edit.around import place_around
from app.edit.draft import Draft
from app.edit.original import Original
from app.library.ready import ready_folder
from solver.check import check
from solver.errors import BayplanError
from solver.files import load_plan, load_step
from solver.pins import At, Last
from solver.plan import Plan
from solver.reuse import possible_takeovers
from solver.step import GRANULE, Step
from tests.app.toy_case import toy_plan
from tests.app.toy_plans import plan_with, within_budget
from tests.app.toy_several import STORAGE, parked_plan, recomputed_plan


def draft_of(step: Step, plan: Plan) -> Draft:
    return Draft.of(Original(step, plan), "Edited")


def placed(draft: Draft) -> Plan:
    return place_around(draft, "Around", deadline=5.0, seed=0)


@pytest.mark.parametrize("make", [recomputed_plan, parked_plan])
def test_a_stay_lies_where_it_was_put_and_others_make_room(
    toy_step: Step, make: Callable[[Step], Plan]
) -> None:
    plan = make(toy_step)
    instance = max(i for i, one in enumerate(plan.instances) if one.storage == STORAGE)
    other = next(i for i, one in enumerate(plan.instances) if one.storage != STORAGE)
    draft = draft_of(toy_step, plan).with_address(instance, plan.instances[other].address)
    found = placed(draft)
    assert found.name == "Around"
    assert found.instances[instance].address == plan.instances[other].address
    assert found.actions == plan.actions
    assert check(toy_step, found) == []


@pytest.mark.parametrize("name", ["unet_b11_5GiB_offload", "unet_b11_8GiB_exact"])
def test_conflicts_in_a_real_plan_are_solved_within_its_budget(name: str) -> None:
    plan = load_plan(ready_folder() / f"{name}.plan")
    step = load_step(ready_folder() / "unet_b11.step")
    assert plan.terms is not None
    plan = replace(plan, terms=replace(plan.terms, budget_bytes=2 * plan.terms.budget_bytes))
    untouched = draft_of(step, plan)
    sizes = untouched.original.sizes
    large = int(sizes.argmax())
    below = next(
        i for i, a in enumerate(untouched.addresses.tolist()) if a != untouched.addresses[large]
    )
    draft = untouched.with_address(large, int(untouched.addresses[below]))
    assert draft.conflicts
    found = placed(draft)
    assert found.instances[large].address == int(untouched.addresses[below])
    assert check(step, found) == []


def test_a_plan_that_would_need_more_than_its_budget_is_refused_with_what_it_needs(
    toy_step: Step,
) -> None:
    plan = toy_plan(toy_step)
    plan = within_budget(toy_step, plan, toy_step.resident_bytes + plan.height_bytes)
    draft = draft_of(toy_step, plan).with_address(0, 4 * plan.height_bytes)
    with pytest.raises(BayplanError, match="more than its budget"):
        placed(draft)


def test_two_that_were_put_on_one_another_are_named(toy_step: Step) -> None:
    plan = recomputed_plan(toy_step)
    lifetimes = plan.lifetimes
    first, second = next(
        (a, b)
        for a in range(len(lifetimes))
        for b in range(a)
        if lifetimes[a, 0] < lifetimes[b, 1] and lifetimes[b, 0] < lifetimes[a, 1]
    )
    draft = draft_of(toy_step, plan).with_address(first, 1 << 20).with_address(second, 1 << 20)
    with pytest.raises(BayplanError):
        placed(draft)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 9), st.integers(0, 400), st.data())
def test_all_that_shares_bytes_stays_together_where_it_was_dropped(
    ops: int, seed: int, data: st.DataObject
) -> None:
    step = random_program_step(ops, seed)
    takeovers = possible_takeovers(step, range(len(step.ops)))
    untouched = draft_of(step, plan_with(step, takeovers))
    blocks = sorted(set(untouched.original.blocks.values()))
    assume(blocks)
    block = data.draw(st.sampled_from(blocks))
    top = untouched.plan.height_bytes // GRANULE
    address = data.draw(st.integers(0, top)) * GRANULE
    draft = untouched.with_address(data.draw(st.sampled_from(block)), address)
    assume(draft.edited)
    found = placed(draft)
    assert {found.instances[i].address for i in block} == {address}
    assert found.actions == draft.plan.actions, "every takeover is made as before"
    assert check(step, found) == []


def test_what_is_pinned_besides_stays_and_what_cannot_be_kept_is_named() -> None:
    step = random_program_step(8, 3)
    plan = plan_with(step, possible_takeovers(step, range(len(step.ops))))
    untouched = draft_of(step, plan)
    block = next(iter(untouched.original.blocks.values()))
    alone = next(i for i in range(len(plan.instances)) if len(untouched.original.block(i)) == 1)
    storage = plan.instances[alone].storage
    draft = untouched.with_address(block[0], 4 * plan.height_bytes)
    pin = At(storage, 2 * plan.height_bytes)
    found = place_around(draft, "Around", deadline=5.0, seed=0, pins=(pin,))
    assert found.pins == (pin,)
    assert found.instances[alone].address == 2 * plan.height_bytes
    assert check(step, found) == []
    with pytest.raises(BayplanError, match=r"is pinned last, but .* Remove the pin, or undo the edit"):
        place_around(draft, "Around", deadline=5.0, seed=0, pins=(Last(plan.order[0]),))
