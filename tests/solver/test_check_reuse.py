"""The validator lets bytes change hands where the step allows it, at that op, and nowhere else."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from random_programs import random_program_step
from reuse_steps import simple_step

from solver.assemble import assemble
from solver.check import check
from solver.cut_value import cut_value
from solver.plan import Action, Certificate, Free, Instance, Plan, Proof, Run, Status
from solver.reuse import possible_takeovers
from solver.solve import solve
from solver.step import GRANULE, Step

STEP = simple_step(
    [
        ("mm.default", ("in",), "a"),
        ("relu.default", ("a",), "b"),
        ("tanh.default", ("b",), "c"),
        ("mm.default", ("c",), "d"),
    ]
)
NONE = Certificate(0, Proof.NONE, -1, 2 * GRANULE, reuse=True)


def plan_of(step: Step, takeovers: dict[int, int], addresses: dict[int, int]) -> Plan:
    plan = assemble(
        step,
        range(len(step.ops)),
        addresses,
        name="test",
        status=Status.FEASIBLE,
        certificate=NONE,
        takeovers=takeovers,
    )
    return replace(plan, certificate=replace(NONE, height_bound_bytes=plan.peak_bytes))


PLAN = plan_of(STEP, {1: 1, 2: 2}, {1: 0, 2: 0, 3: 0, 4: GRANULE})
"""a, b and c in the same bytes, d above."""


def with_run(plan: Plan, op: int, change: Callable[[Run], Run]) -> Plan:
    actions: list[Action] = []
    for action in plan.actions:
        mine = isinstance(action, Run) and action.op == op
        actions.append(change(action) if mine else action)
    return replace(plan, actions=tuple(actions))


def assert_refused(plan: Plan, words: str) -> None:
    problems = check(STEP, plan)
    assert problems and words in problems[0], problems


def test_bytes_that_change_hands_count_once() -> None:
    assert check(STEP, PLAN) == []
    assert (PLAN.peak_bytes, PLAN.height_bytes) == (2 * GRANULE, 2 * GRANULE)
    assert PLAN.lifetimes.tolist() == [[0, 1], [1, 2], [2, 4], [3, 4]]
    assert [a for a in PLAN.actions if isinstance(a, Free)] == [Free(2), Free(3)]


def test_without_the_takeover_the_same_addresses_overlap() -> None:
    plan = plan_of(STEP, {2: 2}, {1: 0, 2: 0, 3: 0, 4: GRANULE})
    assert_refused(plan, "overlaps")


def test_a_takeover_at_another_address_is_found() -> None:
    moved = (*PLAN.instances[:1], Instance(2, 8 * GRANULE), *PLAN.instances[2:])
    assert_refused(replace(PLAN, instances=moved), "not 0")


def test_an_op_that_is_not_elementwise_takes_nothing_over() -> None:
    assert_refused(with_run(PLAN, 3, lambda run: replace(run, takes=((3, 2),))), "may not do")


@pytest.mark.parametrize(
    ("takes", "words"),
    [
        (((0, 1),), "does not make the one of the other"),
        (((1, 2),), "does not make the one of the other"),
        (((1, 0), (1, 0)), "does not make the one of the other"),
        (((1, 9),), "not there"),
        (((-1, 0),), "not there"),
    ],
)
def test_a_takeover_of_something_else_is_found(takes: tuple[tuple[int, int], ...], words: str) -> None:
    assert_refused(with_run(PLAN, 1, lambda run: replace(run, takes=takes)), words)


def test_what_was_taken_over_is_not_there_any_more() -> None:
    freed = (*PLAN.actions[:2], Free(0), *PLAN.actions[2:])
    assert_refused(replace(PLAN, actions=freed), "freed but not alive")
    calls = [
        ("mm.default", ("in",), "a"),
        ("relu.default", ("a",), "b"),
        ("mm.default", ("a", "b"), "c"),
    ]
    step = simple_step(calls)
    plan = plan_of(step, {}, {1: 0, 2: GRANULE, 3: 2 * GRANULE})
    early = with_run(plan, 1, lambda run: replace(run, takes=((1, 0),)))
    early = replace(early, instances=(Instance(1, 0), Instance(2, 0), Instance(3, 2 * GRANULE)))
    problems = check(step, early)
    assert problems and "is not in memory" in problems[0]


def test_a_bound_for_plans_without_reuse_says_nothing_of_a_plan_with_it() -> None:
    plan = replace(PLAN, certificate=replace(PLAN.certificate, reuse=False))
    assert_refused(plan, "its bound is for plans that do not")


def test_a_bound_is_held_against_the_cut_with_reuse_where_it_says_so() -> None:
    least = cut_value(STEP, 1, reuse=True)
    assert (least, cut_value(STEP, 1)) == (GRANULE, 2 * GRANULE)
    stated = replace(PLAN.certificate, peak_bound_bytes=2 * GRANULE, peak_proof=Proof.CUT, peak_op=1)
    assert_refused(replace(PLAN, certificate=stated), "which gives 512")
    alone = plan_of(STEP, {}, {1: 0, 2: GRANULE, 3: 0, 4: GRANULE})
    assert check(STEP, replace(alone, certificate=replace(stated, reuse=False))) == []


def test_a_bound_without_proof_leaves_out_what_may_take_bytes_over() -> None:
    wide = simple_step([("mm.default", ("in",), "a"), ("relu.default", ("a",), "b")], {"a": 4, "b": 4})
    plan = plan_of(wide, {}, {1: 0, 2: 4 * GRANULE})
    for bound, problems in ((4 * GRANULE, 0), (5 * GRANULE, 1)):
        stated = replace(plan.certificate, peak_bound_bytes=bound)
        assert len(check(wide, replace(plan, certificate=stated))) == problems


@pytest.mark.parametrize("seed", range(20))
def test_plans_with_all_possible_takeovers_are_right(seed: int) -> None:
    step = random_program_step(14, seed)
    takeovers = possible_takeovers(step, range(14))
    top, addresses = 0, {}
    for op in step.ops:
        made = op.creates[0]
        if step.ops.index(op) in takeovers:
            addresses[made] = addresses[takeovers[step.ops.index(op)]]
        else:
            addresses[made], top = top, top + 8 * GRANULE
    plan = plan_of(step, takeovers, addresses)
    assert check(step, plan) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_step_solved_with_and_without_reuse_has_right_plans(seed: int) -> None:
    step = random_program_step(12, seed)
    reused, alone = solve(step, deadline=10).plan, solve(step, deadline=10, reuse=False).plan
    for plan in (reused, alone):
        assert check(step, plan) == []
        assert plan.status is Status.OPTIMAL
    assert reused.height_bytes <= alone.height_bytes
    assert (reused.certificate.reuse, alone.certificate.reuse) == (True, False)
    assert not any(isinstance(action, Run) and action.takes for action in alone.actions)
