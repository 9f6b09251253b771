"""Weights and states of the optimizer in host memory: what the validator asks of their plans."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from random_steps import ORIGIN

from solver.check import check
from solver.plan import (
    HOME,
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
from solver.timeline import resident_bytes_on_device

STEP = Step(
    ORIGIN,
    (
        Storage(1024, Category.PARAMETER, "weight"),
        Storage(1000, Category.OPTIMIZER_STATE, "momentum"),
        Storage(1024, Category.GRADIENT, "grad"),
        Storage(1024, Category.INPUT, "batch"),
    ),
    (
        Op("backward", "mm.default", (0,), (), (2,)),
        Op("decay", "mul_.Scalar", (), (1,), ()),
        Op("mix", "add_.Tensor", (2,), (1,), ()),
        Op("update", "add_.Tensor", (1,), (0,), ()),
    ),
)
GRAD, THERE, ANEW = 0, 1, 2
"""Instances: the gradient, the momentum, and the momentum once more."""


def plan_with(*actions: Action, instances: int = 2, hosts: tuple[HostSlot, ...] = ()) -> Plan:
    """A plan for ``STEP`` of these actions; the momentum has a home in host slot 0."""
    return Plan(
        fingerprint=STEP.fingerprint,
        name="home",
        instances=(Instance(2, 0), Instance(1, 1024), Instance(1, 2048))[:instances],
        actions=actions,
        peak_bytes=1024 * instances,
        height_bytes=1024 * instances,
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, 1024 * instances),
        host_slots=(HostSlot(1, HOME), *hosts),
    )


RIGHT = plan_with(
    Prefetch(0, THERE),
    Run(0, (), (GRAD,)),
    Run(1, (THERE,), ()),
    Run(2, (THERE, GRAD), ()),
    Free(GRAD),
    Run(3, (THERE,), ()),
    Offload(THERE, 0),
    Free(THERE),
)


def problems_with(change: Callable[[list[Action]], object]) -> list[str]:
    actions = list(RIGHT.actions)
    change(actions)
    return check(STEP, replace(RIGHT, actions=tuple(actions)))


def test_a_state_that_comes_from_home_and_goes_back_is_right() -> None:
    assert check(STEP, RIGHT) == []


def test_a_state_may_go_home_between_its_uses() -> None:
    plan = plan_with(
        *RIGHT.actions[:3],
        Offload(THERE, 0),
        Free(THERE),
        Prefetch(0, ANEW),
        Run(2, (ANEW, GRAD), ()),
        Offload(ANEW, 0),
        Free(GRAD),
        Run(3, (ANEW,), ()),
        instances=3,
    )
    plan = replace(plan, peak_bytes=2048, certificate=Certificate(0, Proof.NONE, -1, 2048))
    assert check(STEP, plan) == []
    stale = tuple(action for action in plan.actions if action != Offload(THERE, 0))
    assert any(
        "has had 0 writes there, 1 are due" in p for p in check(STEP, replace(plan, actions=stale))
    )


def test_a_state_that_is_not_taken_home_is_missed() -> None:
    assert any("momentum ends with 0 of its 2 writes" in p for p in problems_with(lambda a: a.pop(6)))


def test_a_state_that_is_taken_home_before_its_last_write_is_missed() -> None:
    found = problems_with(lambda a: a.insert(3, a.pop(6)))
    assert any("momentum ends with 1 of its 2 writes" in p for p in found)


def test_a_run_must_name_the_instance_of_a_state_with_a_home() -> None:
    found = problems_with(lambda a: a.__setitem__(2, Run(1, (), ())))
    assert any("names other storages than the op uses" in p for p in found)


def test_an_op_before_the_state_has_come_is_found() -> None:
    assert any("momentum is not in memory" in p for p in problems_with(lambda a: a.insert(3, a.pop(0))))


def test_a_state_without_a_home_has_no_instances() -> None:
    bare = replace(RIGHT, host_slots=(HostSlot(1, 0),))
    assert any("is of a resident or empty storage" in p for p in check(STEP, bare))


@pytest.mark.parametrize("storage", [2, 3])
def test_only_weights_and_states_of_the_optimizer_have_homes(storage: int) -> None:
    plan = replace(RIGHT, host_slots=(*RIGHT.host_slots, HostSlot(storage, HOME)))
    assert any("is neither a weight nor a state" in p for p in check(STEP, plan))


def test_a_state_has_one_home_and_no_other_host_slot() -> None:
    for slot, words in ((HostSlot(1, HOME), "second home"), (HostSlot(1, 0), "which has a home")):
        plan = replace(RIGHT, host_slots=(*RIGHT.host_slots, slot))
        assert any(words in p for p in check(STEP, plan))


def test_a_state_with_a_home_does_not_count_on_the_device() -> None:
    assert STEP.resident_bytes == 3072
    assert resident_bytes_on_device(STEP, RIGHT) == 2048
    assert resident_bytes_on_device(STEP, replace(RIGHT, host_slots=())) == 3072


# -- weights -----------------------------------------------------------------------------------------

BEFORE, AFTER = 3, 4
"""Instances of the weight: around its first use, and from its update on."""
WITH_WEIGHT = replace(
    RIGHT,
    instances=(*RIGHT.instances, Instance(1, 1024), Instance(0, 2048), Instance(0, 2048)),
    host_slots=(HostSlot(1, HOME), HostSlot(0, HOME)),
    actions=(
        Prefetch(1, BEFORE),
        Run(0, (BEFORE,), (GRAD,)),
        Free(BEFORE),
        Prefetch(0, THERE),
        Run(1, (THERE,), ()),
        Run(2, (THERE, GRAD), ()),
        Offload(THERE, 0),
        Free(THERE),
        Free(GRAD),
        Prefetch(0, 2),
        Prefetch(1, AFTER),
        Run(3, (2, AFTER), ()),
        Offload(AFTER, 1),
    ),
    peak_bytes=2048,
    height_bytes=3072,
    certificate=Certificate(0, Proof.NONE, -1, 2048),
)


def problems_of_weight(change: Callable[[list[Action]], object]) -> list[str]:
    actions = list(WITH_WEIGHT.actions)
    change(actions)
    return check(STEP, replace(WITH_WEIGHT, actions=tuple(actions)))


def test_what_no_op_changed_in_the_arena_needs_no_way_home() -> None:
    assert check(STEP, WITH_WEIGHT) == []
    assert resident_bytes_on_device(STEP, WITH_WEIGHT) == 1024


def test_a_weight_is_not_used_while_it_is_away() -> None:
    found = problems_of_weight(lambda a: a.insert(1, a.pop(2)))
    assert any("weight is not in memory" in p for p in found)


def test_a_weight_that_changed_must_go_home() -> None:
    assert any("weight ends with 0 of its 1 writes" in p for p in problems_of_weight(lambda a: a.pop()))


def test_a_weight_is_in_the_arena_once_at_a_time() -> None:
    found = problems_of_weight(lambda a: a.append(a.pop(2)))
    assert any("weight (instance 4), which is there already" in p for p in found)


def test_what_changed_is_not_brought_from_a_home_that_is_out_of_date() -> None:
    found = problems_of_weight(lambda a: a.pop(6))
    assert any("momentum (instance 2), whose home is out of date" in p for p in found)
