"""The validator on plans in which ops run again: each test breaks one thing of a right one."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from random_steps import ORIGIN
from test_repetition import VECTOR, batch_norm_step

from solver.check import check
from solver.pins import Before, Freeze
from solver.plan import (
    SAVED_STATISTICS,
    Action,
    Certificate,
    Free,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Run,
    Status,
)
from solver.plan import HostSlot as Slot
from solver.step import GRANULE, Category, Op, Step, Storage
from solver.terms import DeviceModel, Terms


def plan_of(step: Step, instances: tuple[int, ...], actions: tuple[Action, ...]) -> Plan:
    """These actions with every instance in bytes of its own, stating what they come to."""
    plan = Plan(
        step.fingerprint,
        "recompute",
        tuple(Instance(storage, GRANULE * at) for at, storage in enumerate(instances)),
        actions,
        0,
        GRANULE * len(instances),
        Status.FEASIBLE,
        Certificate(0, Proof.NONE, -1, 0, reuse=True),
    )
    return stating_its_peak(step, plan)


def stating_its_peak(step: Step, plan: Plan) -> Plan:
    """All storages here have one granule."""
    changes = [0] * (len(plan.order) + 1)
    for start, end in plan.lifetimes.tolist():
        changes[start] += GRANULE
        changes[end] -= GRANULE
    peak = max(sum(changes[: slot + 1]) for slot in range(len(changes)))
    return replace(
        plan, peak_bytes=peak, certificate=replace(plan.certificate, height_bound_bytes=peak)
    )


def assert_refused(step: Step, plan: Plan, words: str) -> None:
    problems = check(step, plan)
    assert problems, "the broken plan passed"
    assert words in problems[0], problems


def with_run(plan: Plan, slot: int, change: Callable[[Run], Run]) -> Plan:
    position = [at for at, action in enumerate(plan.actions) if isinstance(action, Run)][slot]
    run = plan.actions[position]
    assert isinstance(run, Run)
    return replace(plan, actions=(*plan.actions[:position], change(run), *plan.actions[position + 1 :]))


def simple(**changes: object) -> tuple[Step, Plan]:
    """x is made, used, dropped, made again and used again; ``changes`` are of the op that makes it."""
    make = replace(Op("make", "op.default", (1,), (), (0,)), **changes)  # type: ignore[arg-type]
    step = Step(
        ORIGIN,
        (
            Storage(GRANULE, Category.ACTIVATION, "x"),
            Storage(GRANULE, Category.PARAMETER, "weight"),
            Storage(GRANULE, Category.ACTIVATION, "loss", output=True),
        ),
        (
            make,
            Op("use", "op.default", (0,), (), ()),
            Op("use again", "op.default", (0,), (), ()),
            Op("update", "op.default", (), (1,), ()),
        ),
    )
    plan = plan_of(
        step,
        (0, 0),
        (
            Run(0, (), (0,)),
            Run(1, (0,), ()),
            Free(0),
            Run(0, (), (1,)),
            Run(2, (1,), ()),
            Free(1),
            Run(3, (), ()),
        ),
    )
    return step, plan


def test_an_op_may_run_again() -> None:
    assert check(*simple()) == []


def test_an_op_may_draw_its_random_numbers_again() -> None:
    assert check(*simple(random=True)) == []


def test_a_repetition_may_come_before_the_next_op_that_draws_or_after_it() -> None:
    step, plan = simple(random=True)
    drawing = replace(step.ops[1], random=True)
    step = replace(step, ops=(step.ops[0], drawing, *step.ops[2:]))
    plan = replace(plan, fingerprint=step.fingerprint)
    assert check(step, plan) == []


def test_first_runs_that_draw_out_of_order_are_found_also_where_repetitions_are_in_order() -> None:
    step = Step(
        ORIGIN,
        tuple(Storage(GRANULE, Category.ACTIVATION, name) for name in "ab"),
        (
            Op("first", "dropout.default", (), (), (0,), random=True),
            Op("second", "dropout.default", (), (), (1,), random=True),
        ),
    )
    right = (Run(0, (), (0,)), Run(1, (), (1,)), Run(0, (), (2,)))
    assert check(step, plan_of(step, (0, 1, 0), right)) == []
    wrong = (Run(1, (), (1,)), Run(0, (), (0,)), Run(1, (), (2,)))
    assert_refused(step, plan_of(step, (0, 1, 1), wrong), "random numbers")


def test_a_repetition_after_the_update_of_its_weight_is_found() -> None:
    step, plan = simple()
    late = (*plan.actions[:3], plan.actions[6], *plan.actions[3:6])
    assert_refused(step, replace(plan, actions=late), "weight has had 1 writes there, 0 are due")


def test_a_repetition_of_an_op_with_effects_is_found() -> None:
    step, plan = simple(writes=(1,), reads=())
    problems = check(step, plan)
    assert "cannot run again, as it writes weight" in problems[0]
    assert_refused(*simple(creates=(0, 2)), "as it makes loss, which leaves the step")


def test_a_repetition_into_the_instance_of_the_first_run_is_found() -> None:
    step, plan = simple()
    assert_refused(step, with_run(plan, 2, lambda run: replace(run, creates=(0,))), "a second time")


def test_pins_are_about_first_runs() -> None:
    step, plan = simple()
    for pin in (Before(0, 1), Freeze(0, 3)):
        assert check(step, replace(plan, pins=(pin,))) == []
    assert_refused(step, replace(plan, pins=(Before(2, 1),)), "is pinned before")


# -- batch norm and what is fused to it --------------------------------------------------------

STEP = batch_norm_step()
Y, MEAN, DEVIATION, Z = 4, 5, 6, 7


def norm_plan(*, saved: bool = True, fused: bool = True) -> Plan:
    """Batch norm and its relu_ run, y is dropped and made again by both, tanh takes it over."""
    uses, creates = ((1, 2), (3,)) if saved else ((), (3, 5, 6))
    actions: tuple[Action, ...] = (
        Run(0, (), (0, 1, 2)),
        Run(1, (0,), ()),
        Free(0),
        Run(0, uses, creates, SAVED_STATISTICS if saved else ""),
        Free(1),
        Run(1, (3,), (), fused=fused),
        Run(2, (3,), (4,), takes=((4, 3),)),
        Run(3, (4,), ()),
        Free(4),
    )
    more = () if saved else (MEAN, DEVIATION)
    plan = plan_of(STEP, (Y, MEAN, DEVIATION, Y, Z, *more), actions)
    instances = list(plan.instances)
    instances[4] = replace(instances[4], address=instances[3].address)
    height = plan.height_bytes if more else 4 * GRANULE
    return replace(plan, instances=tuple(instances), height_bytes=height)


@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("fused", [True, False])
def test_batch_norm_may_run_again_and_its_relu_in_one_pass_with_it(*, saved: bool, fused: bool) -> None:
    assert VECTOR == GRANULE
    assert check(STEP, norm_plan(saved=saved, fused=fused)) == []


def test_repeating_the_norm_does_not_hide_that_running_statistics_moved_too_little() -> None:
    plan = norm_plan()
    twice = replace(STEP, ops=(*STEP.ops, Op("count", "add_.Tensor", (), (2,), ())))
    problems = check(twice, replace(plan, fingerprint=twice.fingerprint))
    assert "Op 4 (count) never runs." in problems
    assert "running_mean ends with 1 of its 2 writes." in problems


def test_saved_statistics_are_for_repetitions_alone() -> None:
    plan = with_run(norm_plan(), 0, lambda run: replace(run, implementation=SAVED_STATISTICS))
    assert_refused(STEP, plan, "the implementation 'saved statistics' is not known")


def test_saved_statistics_are_for_batch_norms_alone() -> None:
    plan = with_run(norm_plan(), 3, lambda run: replace(run, implementation=SAVED_STATISTICS))
    assert_refused(STEP, plan, "it saved no statistics")


@pytest.mark.parametrize(
    "change",
    [
        {"uses": ()},
        {"uses": (1,)},
        {"uses": (1, 2, 4)},
        {"creates": (3, 5, 6)},
        {"creates": ()},
        {"implementation": ""},
    ],
)
def test_saved_statistics_name_what_they_use_and_make(change: dict[str, tuple[int, ...]]) -> None:
    plan = norm_plan()
    instances = (*plan.instances, Instance(MEAN, 0), Instance(DEVIATION, 0))
    broken = with_run(plan, 2, lambda run: replace(run, **change))  # type: ignore[arg-type]
    assert_refused(STEP, replace(broken, instances=instances), "names other storages than the op")


def test_statistics_that_were_freed_are_missed() -> None:
    plan = norm_plan()
    early = (*plan.actions[:2], Free(1), *plan.actions[2:4], *plan.actions[5:])
    assert_refused(STEP, replace(plan, actions=early), "mean is not in memory")


def test_another_implementation_is_unknown() -> None:
    plan = with_run(norm_plan(), 2, lambda run: replace(run, implementation="fast"))
    assert_refused(STEP, plan, "'fast' is not known")


def test_a_first_run_is_not_fused() -> None:
    plan = with_run(norm_plan(), 1, lambda run: replace(run, fused=True))
    assert_refused(STEP, plan, "only a repetition can be fused")


def test_a_run_is_fused_to_the_one_right_before() -> None:
    """Here another op runs in between, which leaves y as it is."""
    step = replace(STEP, ops=(*STEP.ops, Op("peek", "tanh.default", (), (), ())))
    plan = replace(norm_plan(), fingerprint=step.fingerprint)
    assert check(step, replace(plan, actions=(Run(4, (), ()), *plan.actions))) == []
    between = replace(plan, actions=(*plan.actions[:5], Run(4, (), ()), *plan.actions[5:]))
    assert_refused(step, between, "not right after a run that it could be fused to")


def test_no_copy_begins_within_a_pass() -> None:
    plan = norm_plan()
    actions = (*plan.actions[:5], Offload(2, 0), Free(2), *plan.actions[5:])
    broken = replace(plan, actions=actions, host_slots=(Slot(DEVIATION, 0),))
    assert_refused(STEP, broken, "not right after a run that it could be fused to")
    actions = (
        *plan.actions[:2],
        Offload(2, 0),
        *plan.actions[2:4],
        Free(1),
        Prefetch(0, 5),
        *plan.actions[5:],
    )
    instances = (*plan.instances, Instance(DEVIATION, 6 * GRANULE))
    broken = replace(plan, actions=actions, host_slots=(Slot(DEVIATION, 0),), instances=instances)
    assert_refused(STEP, broken, "not right after a run that it could be fused to")


def test_a_fused_run_takes_over_the_result_of_the_run_before() -> None:
    """relu_ writes another instance of y than the one that the norm just made again."""
    plan = norm_plan()
    actions = (
        *plan.actions[:3],
        Run(0, (1, 2), (5,), SAVED_STATISTICS),
        *plan.actions[3:],
    )
    broken = replace(plan, actions=actions, instances=(*plan.instances, Instance(Y, 6 * GRANULE)))
    broken = with_run(broken, 4, lambda run: replace(run, uses=(5,)))
    assert_refused(STEP, broken, "does not take over the result")


# -- status --------------------------------------------------------------------------------------

DEVICE = DeviceModel("test", {"float32": 1e12}, 1e11, 1e-6, 1e10)


@pytest.mark.parametrize(("overhead", "right"), [(0.5, True), (0.75, False)])
def test_a_plan_within_a_budget_is_optimal_where_its_overhead_is_its_bound(
    overhead: float, *, right: bool
) -> None:
    step, plan = simple()
    terms = Terms(10 * GRANULE, (), DEVICE, False, 1.0, overhead, 0.5)
    optimal = replace(plan, status=Status.OPTIMAL, terms=terms)
    assert any("overhead is above its bound" in each for each in check(step, optimal)) is not right
    assert not any("height is above its bound" in each for each in check(step, optimal))
