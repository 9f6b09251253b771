"""How long a plan takes: runs in sequence, copies beside them, and who waits for whom."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from random_programs import random_program_step
from random_steps import ORIGIN

from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.duration import plan_seconds
from solver.plan import (
    SAVED_STATISTICS,
    Action,
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Run,
    Status,
)
from solver.step import Category, Op, Step, Storage
from solver.terms import DeviceModel

SLOW = DeviceModel("slow", {"float32": 1.0}, 1e30, 0.0, 100.0)
"""Its copies move 100 bytes a second; ops take what was measured."""

MADE = Run(0, (), (0,))


def _step(*writes: int) -> Step:
    """Op 0 makes x (700 bytes) in a second; ops 1 to 4 take 1, 2, 4 and 8 s, and read or write it."""
    storages = (Storage(700, Category.ACTIVATION, "x"), Storage(0, Category.PARAMETER, "w"))
    ops = [Op("make", "make.default", (), (), (0,), seconds=1.0)]
    for index in range(1, 5):
        writing = (0,) if index in writes else ()
        ops.append(Op(f"op{index}", "any.default", (0,), writing, (), seconds=float(2 ** (index - 1))))
    return Step(ORIGIN, storages, tuple(ops))


def _plan(step: Step, actions: Sequence[Action], instances: int = 2) -> Plan:
    return Plan(
        step.fingerprint,
        "by hand",
        tuple(Instance(0, 0) for _ in range(instances)),
        tuple(actions),
        0,
        0,
        Status.FEASIBLE,
        Certificate(0, Proof.NONE, -1, 0),
        host_slots=(HostSlot(0, 0),),
    )


def _seconds(step: Step, *actions: Action) -> float:
    return plan_seconds(step, _plan(step, actions), SLOW, measured=True)


def _uses(op: int, instance: int = 0) -> Run:
    return Run(op, (instance,), ())


def test_runs_follow_one_another() -> None:
    assert _seconds(_step(), MADE, _uses(1), _uses(2), _uses(3)) == 8


def test_a_copy_beside_the_runs_costs_nothing() -> None:
    assert _seconds(_step(), MADE, Offload(0, 0), _uses(4), Free(0)) == 9


def test_the_step_ends_when_the_last_copy_has() -> None:
    assert _seconds(_step(), MADE, Offload(0, 0), _uses(1)) == 1 + 7


def test_to_free_what_is_being_copied_takes_a_wait() -> None:
    assert _seconds(_step(), MADE, Offload(0, 0), _uses(1), Free(0), _uses(2, 1)) == 1 + 7 + 2


def test_reading_what_is_being_copied_takes_none_but_writing_does() -> None:
    actions = (MADE, Offload(0, 0), _uses(1), _uses(4))
    assert _seconds(_step(), *actions) == 1 + 1 + 8
    assert _seconds(_step(1), *actions) == 1 + 7 + 1 + 8


def test_a_copy_begins_when_the_runs_before_it_are_done_and_its_first_use_waits() -> None:
    away = (MADE, Offload(0, 0), _uses(4), Free(0))
    assert _seconds(_step(), *away, Prefetch(0, 1), _uses(1, 1)) == 9 + 7 + 1
    assert _seconds(_step(), *away, Prefetch(0, 1), Run(2, (), ()), _uses(3, 1)) == 9 + 7 + 4


def test_copies_follow_one_another() -> None:
    actions = (MADE, Offload(0, 0), Prefetch(0, 1), _uses(1, 1))
    assert _seconds(_step(), *actions) == 1 + 7 + 7 + 1


def test_what_is_taken_over_while_it_is_copied_takes_a_wait() -> None:
    takes = Run(1, (0,), (1,), takes=((1, 0),))
    assert _seconds(_step(), MADE, Offload(0, 0), takes) == 1 + 7 + 1
    assert _seconds(_step(), MADE, Offload(0, 0), _uses(1), _uses(4)) == 1 + 1 + 8


def test_repetitions_cost_as_the_first_run_fused_ones_less_and_from_statistics_less() -> None:
    step = random_program_step(8, seed=3)
    op = next(iter(step.reusable))
    norm = replace(step.ops[op], target="native_batch_norm.default")
    norms = replace(step, ops=(*step.ops[:op], norm, *step.ops[op + 1 :]))
    for of, again in ((step, Run(op, (), ())), (step, Run(op, (), (), fused=True))):
        costs = op_costs(of, V100, measured=False)
        seconds = plan_seconds(of, _plan(of, [Run(op, (), ()), again]), V100, measured=False)
        repeated = costs.fused if again.fused else costs.first
        assert seconds == pytest.approx(costs.first[op] + repeated[op])
        assert not again.fused or costs.fused[op] < costs.first[op]
    costs = op_costs(norms, V100, measured=False)
    once, more = Run(op, (), ()), Run(op, (), (), SAVED_STATISTICS)
    seconds = plan_seconds(norms, _plan(norms, [once, more]), V100, measured=False)
    assert seconds == pytest.approx(costs.first[op] + costs.again[op])
    assert costs.again[op] < costs.first[op]
