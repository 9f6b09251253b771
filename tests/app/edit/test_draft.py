"""Editing plans by hand: what follows from a move, and conflicts that agree with the validator."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import random_program_step
from random_steps import random_step

from app.edit.conflicts import find_overlaps
from app.edit.draft import Draft
from app.edit.original import Original
from app.edit.room import Room
from app.edit.words import broken_pins_text
from app.library.ready import ready_folder
from solver.check import Checker, check
from solver.files import load_plan, load_step
from solver.pins import At, Before
from solver.plan import Plan, Proof, Run, Status
from solver.reuse import possible_takeovers
from solver.step import GRANULE, Step
from tests.app.toy_case import loose_plan, toy_plan
from tests.app.toy_plans import plan_with
from tests.app.toy_several import parked_plan, recomputed_plan
from tests.conftest import make_toy_step


def draft_of(step: Step, plan: Plan) -> Draft:
    return Draft.of(Original(step, plan), "Edited")


def instance_of(plan: Plan, storage: int) -> int:
    return next(i for i, one in enumerate(plan.instances) if one.storage == storage)


def test_what_is_not_edited_is_the_same_plan_under_another_name(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    draft = draft_of(toy_step, plan)
    assert not draft.edited
    assert (draft.plan.actions, draft.plan.instances) == (plan.actions, plan.instances)
    assert draft.plan.name == "Edited"
    assert draft.plan.provenance.edited_from == "Planned"
    assert check(toy_step, draft.plan) == []


def test_a_storage_moved_into_free_bytes_makes_a_right_plan_with_its_own_height(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    draft = draft_of(toy_step, plan).with_address(instance_of(plan, 6), 8192)
    assert not draft.conflicts
    assert draft.judging and not draft.right
    draft.verdict.problems = draft.judge()
    assert draft.right and not draft.judging
    assert draft.plan.height_bytes == 8192 + 512
    assert draft.plan.status is Status.FEASIBLE
    assert check(toy_step, draft.plan) == []


def test_a_storage_moved_onto_another_says_which_bytes_and_slots_they_share(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    one, other = instance_of(plan, 3), instance_of(plan, 2)
    draft = draft_of(toy_step, plan).with_address(one, 1536)
    (overlap,) = draft.conflicts.overlaps
    assert (overlap.one, overlap.other) == tuple(sorted((one, other)))
    assert (overlap.low, overlap.high, overlap.start, overlap.end) == (1536, 2048, 1, 4)
    assert (overlap.size, overlap.slots) == (512, 3)
    assert not draft.judging and not draft.right, "what is seen at once needs no validator"
    assert check(toy_step, draft.plan)


def test_moved_back_it_is_as_if_it_had_never_been_moved(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    instance = instance_of(plan, 3)
    draft = draft_of(toy_step, plan).with_address(instance, 9216)
    back = draft.with_address(instance, 2048)
    assert not back.edited and back.right


def test_a_verdict_is_of_one_draft_and_not_of_those_made_of_it(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    draft = draft_of(toy_step, plan).with_address(instance_of(plan, 6), 8192)
    draft.verdict.problems = ("It is not right.",)
    assert draft.conflicts.others == ("It is not right.",) and not draft.right
    assert draft.with_address(instance_of(plan, 6), 9216).judging


def test_an_op_past_what_it_needs_says_which_and_why(toy_step: Step) -> None:
    draft = draft_of(toy_step, loose_plan(toy_step)).with_run(1, 0)
    assert draft.plan.order == (1, 0, 2, 3, 4, 5)
    (violation,) = draft.conflicts.violations
    assert (violation.first_op, violation.second_op, violation.storage) == (0, 1, 2)
    assert (violation.first_slot, violation.second_slot) == (1, 0)
    assert check(toy_step, draft.plan)


def test_an_op_moved_where_nothing_forbids_it_takes_its_frees_along(toy_step: Step) -> None:
    draft = draft_of(toy_step, loose_plan(toy_step)).with_run(2, 6)
    assert draft.plan.order == (0, 1, 3, 4, 5, 2)
    assert not draft.conflicts
    relu = instance_of(draft.plan, 3)
    assert draft.plan.lifetimes[relu].tolist() == [1, 6]
    assert check(toy_step, draft.plan) == []


def test_a_plan_that_breaks_its_pins_has_them_no_more_nor_their_bound(toy_step: Step) -> None:
    plan = replace(toy_plan(toy_step), pins=(At(6, 0),))
    assert check(toy_step, plan) == []
    kept = draft_of(toy_step, plan).with_address(instance_of(plan, 5), 3584)
    assert kept.plan.pins == (At(6, 0),)
    assert check(toy_step, kept.plan) == []
    broken = draft_of(toy_step, plan).with_address(instance_of(plan, 6), 512)
    assert broken.plan.pins == ()
    assert broken.plan.certificate.peak_proof is Proof.NONE
    assert check(toy_step, broken.plan) == []


def test_of_several_pins_only_those_that_an_edit_breaks_are_dropped_and_they_are_named(
    toy_step: Step,
) -> None:
    plan = replace(toy_plan(toy_step), pins=(At(6, 0), Before(0, 1), At(5, 3072)))
    assert check(toy_step, plan) == []
    draft = draft_of(toy_step, plan).with_address(instance_of(plan, 5), 3584)
    assert draft.plan.pins == (At(6, 0), Before(0, 1))
    assert draft.dropped == (At(5, 3072),)
    assert broken_pins_text(draft).startswith("The edit breaks a pin, which the plan has no more: ")
    assert "∂ act" in broken_pins_text(draft)
    assert draft.judge() == ()
    both = draft.with_address(instance_of(plan, 6), 8192)
    assert both.dropped == (At(6, 0), At(5, 3072)) and both.judge() == ()


def random_edits(draft: Draft, data: st.DataObject) -> Draft:
    """A few moves of storages and ops, mostly short ones."""
    slots, top = len(draft.plan.order), draft.plan.height_bytes // GRANULE
    for _ in range(data.draw(st.integers(1, 4))):
        if draft.original.plan.instances and data.draw(st.booleans()):
            instance = data.draw(st.integers(0, len(draft.original.plan.instances) - 1))
            address = data.draw(st.integers(0, top + 2)) * GRANULE
            draft = draft.with_address(instance, address)
        else:
            slot = data.draw(st.integers(0, slots - 1))
            target = data.draw(st.integers(max(slot - 3, 0), min(slot + 3, slots)))
            draft = draft.with_run(slot, target)
    return draft


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 9), st.integers(0, 400), st.data())
def test_conflicts_of_random_edits_agree_with_the_validator(
    ops: int, seed: int, data: st.DataObject
) -> None:
    step = random_step(ops, seed)
    assert_agreed(random_edits(draft_of(step, plan_with(step, {})), data))


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 8), st.integers(0, 400), st.data())
def test_so_do_those_of_plans_that_reuse_bytes_in_place(
    ops: int, seed: int, data: st.DataObject
) -> None:
    step = random_program_step(ops, seed)
    takeovers = possible_takeovers(step, range(len(step.ops)))
    assert_agreed(random_edits(draft_of(step, plan_with(step, takeovers)), data))


def assert_agreed(draft: Draft) -> None:
    found = bool(draft.conflicts.overlaps or draft.conflicts.violations)
    assert found == bool(check(draft.original.captured, draft.plan))
    assert bool(draft.conflicts) == found


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([recomputed_plan, parked_plan]), st.data())
def test_no_edit_of_a_plan_with_repetitions_or_copies_is_clean_unless_the_validator_says_so(
    make: Callable[[Step], Plan], data: st.DataObject
) -> None:
    step = make_toy_step()
    plan = make(step)
    draft = random_edits(draft_of(step, plan), data)
    problems = check(step, draft.plan)
    draft.verdict.problems = draft.judge()
    assert draft.right is (problems == []) or draft.overlaps or draft.violations
    assert bool(draft.conflicts) or problems == []
    if problems == [] and draft.conflicts:
        # Two runs of one op changed places, which is the same plan with other names.
        assert all(v.storage == -1 or v.first_op == v.second_op for v in draft.conflicts.violations)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.integers(0, 5), st.integers(0, 12), st.integers(0, 5)),
        max_size=12,
    )
)
def test_overlaps_are_those_of_all_pairs(boxes: list[tuple[int, int, int, int]]) -> None:
    table = np.array(boxes, np.int64).reshape(-1, 4)
    start, low, size = table[:, 0], table[:, 2], table[:, 3]
    lifetimes = np.stack([start, start + table[:, 1]], axis=1)
    expected = {
        (i, j)
        for i in range(len(boxes))
        for j in range(i + 1, len(boxes))
        if max(start[i], start[j]) < min(lifetimes[i, 1], lifetimes[j, 1])
        and max(low[i], low[j]) < min(low[i] + size[i], low[j] + size[j])
    }
    found = find_overlaps(lifetimes, low, size)
    assert {(o.one, o.other) for o in found} == expected
    assert len(found) == len(expected)
    assert all(o.size > 0 and o.slots > 0 for o in found)


class TestRoom:
    @pytest.fixture
    def room(self, toy_step: Step) -> Room:
        plan = toy_plan(toy_step)
        return Room(draft_of(toy_step, plan), (instance_of(plan, 3),))

    def test_it_snaps_to_neighbours_and_else_to_granules(self, room: Room) -> None:
        assert room.snapped(2000, 100) == 2048
        assert room.snapped(4200, 100) == 4096
        assert room.snapped(-300, 100) == 0
        assert room.snapped(5000, 200) == 5120

    def test_the_next_gap_up_begins_where_something_ends(self, room: Room) -> None:
        # Over its slots [1, 4) lie 2 at [0, 2048) and 5 at [3072, 5120).
        assert room.next_gap(up=True) == 5120
        assert room.next_gap(up=False) is None

    def test_it_says_what_is_in_the_way(self, room: Room) -> None:
        assert room.overlaps(2048) == ()
        (met,) = room.overlaps(2560)
        assert (met.low, met.high, met.start, met.end) == (3072, 3584, 3, 4)
        assert room.fits(2048)
        assert not room.fits(2560)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9), st.integers(0, 400), st.data())
def test_what_is_in_the_way_of_a_block_is_what_it_overlaps_when_it_is_there(
    ops: int, seed: int, data: st.DataObject
) -> None:
    step = random_program_step(ops, seed)
    draft = draft_of(step, plan_with(step, possible_takeovers(step, range(len(step.ops)))))
    instance = data.draw(st.integers(0, len(draft.original.plan.instances) - 1))
    address = data.draw(st.integers(0, draft.plan.height_bytes // GRANULE)) * GRANULE
    room = Room(draft, draft.original.block(instance))
    foreseen = {
        frozenset((o.one, o.other)): (o.start, o.end, o.low, o.high) for o in room.overlaps(address)
    }
    moved = draft.with_address(instance, address)
    found = {frozenset((o.one, o.other)): (o.start, o.end, o.low, o.high) for o in moved.overlaps}
    assert foreseen == found
    assert room.fits(address) == (not found)
    for up in (True, False):
        gap = room.next_gap(up)
        if gap is not None:
            assert (gap > room.address) is up
            assert not draft.with_address(instance, gap).conflicts


def test_the_runs_of_a_draft_keep_what_they_use(toy_step: Step) -> None:
    plan = loose_plan(toy_step)
    draft = draft_of(toy_step, plan).with_run(2, 4)
    uses = {a.op: (a.uses, a.creates) for a in plan.actions if isinstance(a, Run)}
    assert {a.op: (a.uses, a.creates) for a in draft.plan.actions if isinstance(a, Run)} == uses


@pytest.mark.parametrize("name", ["unet_b11_5GiB_offload", "unet_b11_8GiB_exact"])
def test_conflicts_of_edits_of_real_plans_within_budgets_agree_with_the_validator(name: str) -> None:
    # Recompute, trips to the host, fused runs and other implementations.
    plan = load_plan(ready_folder() / f"{name}.plan")
    step = load_step(ready_folder() / "unet_b11.step")
    untouched, checker, random = draft_of(step, plan), Checker(step), Random(7)
    verdicts = set()
    for _ in range(25):
        draft = untouched
        slot = random.randrange(len(draft.runs))
        draft = draft.with_run(slot, min(max(slot + random.randint(-4, 5), 0), len(draft.runs)))
        if random.random() < 0.4:
            top = plan.height_bytes // GRANULE
            instance = random.randrange(len(plan.instances))
            draft = draft.with_address(instance, random.randrange(top) * GRANULE)
        right = checker.check(draft.plan) == []
        assert right is not bool(draft.overlaps or draft.violations)
        verdicts.add(right)
    assert verdicts == {True, False}
