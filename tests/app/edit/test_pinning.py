"""The pins of what was moved: the edited plan keeps them itself, and a solve does."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program_step
from random_steps import random_step

from app.edit.draft import Draft
from app.edit.original import Original
from app.edit.pinning import by_pins, hindrance, pins_around, pins_of
from solver.check import check
from solver.check_pins import broken_pins
from solver.pins import At, Before, Last
from solver.reuse import possible_takeovers
from solver.solve import solve
from solver.step import GRANULE, Step
from tests.app.toy_budgets import within
from tests.app.toy_case import loose_plan, toy_plan
from tests.app.toy_plans import plan_with, stacked_plan
from tests.app.toy_several import recomputed_plan
from tests.conftest import make_toy_step


def draft_of(step: Step) -> Draft:
    return Draft.of(Original(step, loose_plan(step)), "Edited")


def block_draft() -> tuple[Draft, tuple[int, ...]]:
    """Of a plan in which tensors share bytes, and some that do."""
    step = random_program_step(8, 3)
    takeovers = possible_takeovers(step, range(len(step.ops)))
    draft = Draft.of(Original(step, plan_with(step, takeovers)), "Edited")
    return draft, next(iter(draft.original.blocks.values()))


def test_a_moved_storage_is_pinned_where_it_was_put(toy_step: Step) -> None:
    draft = draft_of(toy_step).with_address(3, 0)
    assert pins_of(draft) == (At(6, 0),)


def test_a_moved_op_is_pinned_past_what_it_passed_and_between_its_neighbours(toy_step: Step) -> None:
    # The sum went past the backward of relu and that of mm, of which the latter implies the former.
    draft = draft_of(toy_step).with_run(2, 5)
    assert set(pins_of(draft)) == {Before(4, 2), Before(2, 5)}
    back = draft_of(toy_step).with_run(4, 2)
    assert Before(4, 2) in pins_of(back)


def test_pins_that_the_plan_has_already_stay(toy_step: Step) -> None:
    plan = replace(loose_plan(toy_step), pins=(Last(5), At(6, 5120)))
    draft = Draft.of(Original(toy_step, plan), "Edited").with_address(2, 6144)
    assert pins_of(draft) == (Last(5), At(6, 5120), At(5, 6144))


def test_plans_of_ops_that_run_once_are_solved_with_pins_and_others_placed_anew(toy_step: Step) -> None:
    fresh = draft_of(toy_step)
    assert hindrance(fresh) == "Nothing is moved yet."
    assert hindrance(fresh.with_address(0, 8192)) == ""
    assert by_pins(fresh)
    for plan in (within(toy_plan(toy_step), 8192, 0.0, 0.0), recomputed_plan(toy_step)):
        other = Draft.of(Original(toy_step, plan), "Edited")
        assert not by_pins(other) and hindrance(other) == "Nothing is moved yet."
        assert hindrance(other.with_address(0, 8192)) == ""
        assert "stay in their order" in hindrance(other.with_run(1, 0))


def test_a_block_that_shares_bytes_is_not_split_by_a_pin_but_the_rest_placed_anew() -> None:
    draft, block = block_draft()
    assert by_pins(draft)
    moved = draft.with_address(block[-1], 1 << 20)
    assert not by_pins(moved) and hindrance(moved) == ""
    alone = next(i for i in range(len(draft.plan.instances)) if len(draft.original.block(i)) == 1)
    assert by_pins(draft.with_address(alone, 1 << 20))


def test_the_pins_that_are_given_hold_beside_a_block_that_is_moved() -> None:
    draft, block = block_draft()
    storages = draft.original.storages
    moved = draft.with_address(block[0], 1 << 20)
    at = [At(int(storages[i]), 0) for i in block]
    assert pins_around(moved, (Last(5), *at)) == (Last(5),)
    again = Draft.of(Original(make_toy_step(), recomputed_plan(make_toy_step())), "Edited")
    assert pins_around(again.with_address(0, 8192), (Last(5),)) == ()


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 9), st.integers(0, 400), st.data())
def test_a_right_edited_plan_keeps_the_pins_of_its_own_edits(
    ops: int, seed: int, data: st.DataObject
) -> None:
    step = random_step(ops, seed)
    draft = Draft.of(Original(step, stacked_plan(step, name="Stacked", gap=GRANULE)), "Edited")
    for _ in range(data.draw(st.integers(1, 3))):
        slot = data.draw(st.integers(0, ops - 1))
        draft = draft.with_run(slot, data.draw(st.integers(0, ops)))
    if draft.original.plan.instances:
        draft = draft.with_address(0, data.draw(st.integers(0, 60)) * GRANULE)
    pinned = replace(draft.plan, pins=pins_of(draft))
    assert broken_pins(step, pinned) == []


def test_a_solve_with_the_pins_keeps_what_was_moved(toy_step: Step) -> None:
    draft = draft_of(toy_step).with_address(2, 8192).with_run(2, 4)
    plan = solve(toy_step, deadline=5.0, pins=pins_of(draft)).plan
    assert check(toy_step, plan) == []
    assert next(i.address for i in plan.instances if i.storage == 5) == 8192
    assert plan.order.index(3) < plan.order.index(2)
