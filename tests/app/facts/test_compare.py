"""Where the difference between two ways to run a step comes from, against cases worked by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.facts.compare import (
    AFTER_PEAK,
    AT_PEAK,
    FRAGMENTATION,
    ORDER,
    UPDATES,
    WORSE_ORDER,
    compare,
    moved_ops,
    refill_requests,
)
from app.facts.plan import PlanFacts
from solver.step import Category, Op, Phase, Step, Storage
from tests.app.toy_case import RESERVED, RESIDENT, loose_plan, toy_baseline, toy_plan
from tests.app.toy_plans import stacked_plan


@pytest.fixture
def as_run(toy_step: Step) -> PlanFacts:
    baseline = toy_baseline(toy_step)
    return PlanFacts(toy_step, baseline.plan, baseline)


@pytest.fixture
def planned(toy_step: Step) -> PlanFacts:
    return PlanFacts(toy_step, toy_plan(toy_step))


def test_reserved_bytes_are_split_at_the_live_peak(as_run: PlanFacts, planned: PlanFacts) -> None:
    # 12288 are reserved at the live peak (slot 3), of which 5120 + 1536 are alive; 4096 come later.
    comparison = compare(as_run, planned)
    assert [(c.label, c.saved) for c in comparison.causes] == [
        (AT_PEAK, 12288 - 6656),
        (AFTER_PEAK, 4096),
    ]
    assert comparison.total.saved == RESERVED - (RESIDENT + 5120)
    assert comparison.total.share == pytest.approx(9728 / 16384)
    assert all(cause.by_allocator for cause in comparison.causes)


def test_causes_add_up_to_the_total_both_ways(as_run: PlanFacts, planned: PlanFacts) -> None:
    for left, right in ((as_run, planned), (planned, as_run), (as_run, as_run)):
        comparison = compare(left, right)
        assert sum(cause.saved for cause in comparison.causes) == comparison.total.saved
        assert comparison.total.saved == left.total_bytes - right.total_bytes


def test_two_plans_of_one_order_differ_in_fragmentation(toy_step: Step) -> None:
    comparison = compare(
        PlanFacts(toy_step, loose_plan(toy_step)), PlanFacts(toy_step, toy_plan(toy_step))
    )
    assert [(c.label, c.saved) for c in comparison.causes] == [(FRAGMENTATION, 512)]
    assert not comparison.has_segments
    assert comparison.refills == ()
    assert comparison.order == "Both run the ops in the same order; only the addresses differ."


def two_updates() -> Step:
    """Two gradients of 1024 bytes, each with an update that can run right after it or at the end."""
    return Step(
        origin=stub_origin(),
        storages=(
            Storage(512, Category.PARAMETER, "w"),
            Storage(512, Category.PARAMETER, "v"),
            Storage(1024, Category.GRADIENT, "∂ w"),
            Storage(1024, Category.GRADIENT, "∂ v"),
        ),
        ops=(
            Op("a", "mm.default", (0,), (), (2,), phase=Phase.BACKWARD),
            Op("b", "mm.default", (1,), (), (3,), phase=Phase.BACKWARD),
            Op("u", "add_.Tensor", (0, 2), (0,), (), phase=Phase.UPDATE),
            Op("x", "add_.Tensor", (1, 3), (1,), (), phase=Phase.UPDATE),
        ),
    )


def stub_origin():  # type: ignore[no-untyped-def]
    from solver.step import Origin

    return Origin("two", "two", 1, "sgd", True, "cpu", "float32")


def in_order(step: Step, order: tuple[int, ...]) -> PlanFacts:
    from solver.assemble import assemble

    base = stacked_plan(step, name="base")
    plan = assemble(
        step,
        order,
        {2: 0, 3: 1024},
        name="p",
        status=base.status,
        certificate=base.certificate,
    )
    return PlanFacts(step, plan)


def test_updates_that_run_beside_their_gradient_are_named() -> None:
    step = two_updates()
    comparison = compare(in_order(step, (0, 1, 2, 3)), in_order(step, (0, 2, 1, 3)))
    # The peak falls from 2048 to 1024; the same two addresses now leave 1024 bytes between tensors.
    assert {c.label: c.saved for c in comparison.causes} == {UPDATES: 1024, FRAGMENTATION: -1024}
    assert comparison.total.saved == 0
    assert comparison.order.startswith("1 update op run")


def test_an_order_with_more_live_bytes_is_named_so() -> None:
    step = two_updates()
    comparison = compare(in_order(step, (0, 2, 1, 3)), in_order(step, (0, 1, 2, 3)))
    assert {c.label for c in comparison.causes} == {WORSE_ORDER, FRAGMENTATION}


def test_other_ops_that_move_are_only_called_fewer_live_bytes() -> None:
    step = two_updates()
    ops = tuple(replace(op, phase=Phase.BACKWARD) for op in step.ops)
    step = replace(step, ops=ops)
    comparison = compare(in_order(step, (0, 1, 2, 3)), in_order(step, (0, 2, 1, 3)))
    assert {c.label for c in comparison.causes} == {ORDER, FRAGMENTATION}


def test_requests_that_opened_a_segment_for_nothing(as_run: PlanFacts, planned: PlanFacts) -> None:
    # Slot 3 asks 2048 while 1024 are free: no refill. Slot 4 asks 512 while 3072 are free: one.
    (refill,) = refill_requests(as_run, planned)
    assert (refill.slot, refill.storage, refill.request) == (4, 6, 512)
    assert (refill.free_bytes, refill.largest_block, refill.segment) == (3072, 400, 4096)
    assert (refill.as_run_address, refill.plan_address) == (12288, RESIDENT)
    assert refill.moved == RESIDENT - 12288
    assert refill.phase is Phase.BACKWARD


def test_the_side_of_the_step_as_run_does_not_matter_for_requests(
    as_run: PlanFacts, planned: PlanFacts
) -> None:
    assert compare(as_run, planned).refills == compare(planned, as_run).refills
    assert compare(as_run, planned).refill_summary == "1 in backward, 4.0 KiB of segments"


def test_moved_ops_are_the_fewest() -> None:
    assert moved_ops((0, 1, 2, 3), (0, 1, 2, 3)) == ()
    assert moved_ops((0, 1, 2, 3), (3, 0, 1, 2)) == (3,)
    assert moved_ops((0, 1, 2, 3), (0, 1, 1, 2, 3)) == ()


@given(st.permutations(range(6)))
def test_moved_ops_are_as_few_as_any_subset(order: list[int]) -> None:
    stays = 6 - len(moved_ops(range(6), order))
    best = max(
        len(kept)
        for mask in range(64)
        if (kept := [op for op in order if mask >> op & 1]) == sorted(kept)
    )
    assert stays == best


def test_resnet50_as_the_mockups_have_it(resnet50_step: Step) -> None:
    from solver.placement.caching_allocator import simulate

    baseline = simulate(resnet50_step)
    as_run = PlanFacts(resnet50_step, baseline.plan, baseline)
    program = PlanFacts(resnet50_step, stacked_plan(resnet50_step, name="stacked"))
    comparison = compare(as_run, program)
    saved = {cause.label: cause.saved for cause in comparison.causes}
    assert saved[AFTER_PEAK] / 2**20 == pytest.approx(538.0, abs=0.05)
    assert saved[AT_PEAK] / 2**20 == pytest.approx(136.2, abs=0.05)
