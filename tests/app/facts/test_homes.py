"""A state of the optimizer that lives in host memory is on the device only for its update."""

from dataclasses import replace

import pytest

from app.facts.plan import PlanFacts, plan_facts
from app.facts.stays import Came, Went
from app.facts.storage import storage_facts
from app.map.plan_scene import plan_scene
from solver.plan import HOME, Free, HostSlot, Instance, Offload, Prefetch, Run
from solver.step import Category, Step, Storage
from tests.app.toy_case import toy_plan

STATE = 7
SIZE = 1024


@pytest.fixture
def facts(toy_step: Step) -> PlanFacts:
    """The toy step with momentum, which the update at slot 5 reads and writes."""
    plan = toy_plan(toy_step)
    update = replace(toy_step.ops[5], reads=(0, 6, STATE), writes=(0, STATE))
    step = replace(
        toy_step,
        storages=(*toy_step.storages, Storage(SIZE, Category.OPTIMIZER_STATE, "momentum")),
        ops=(*toy_step.ops[:5], update),
    )
    new = len(plan.instances)
    runs = [at for at, action in enumerate(plan.actions) if isinstance(action, Run)]
    last = plan.actions[runs[-1]]
    assert isinstance(last, Run)
    actions = (
        *plan.actions[: runs[-1]],
        Prefetch(0, new),
        replace(last, uses=(*last.uses, new)),
        Offload(new, 0),
        Free(new),
        *plan.actions[runs[-1] + 1 :],
    )
    return plan_facts(
        step,
        replace(
            plan,
            fingerprint=step.fingerprint,
            instances=(*plan.instances, Instance(STATE, 1024)),
            actions=actions,
            host_slots=(HostSlot(STATE, HOME),),
        ),
    )


def test_it_is_not_among_the_residents_of_the_device(facts: PlanFacts) -> None:
    assert facts.resident_bytes == facts.step.resident_bytes - SIZE
    assert facts.total_bytes == facts.resident_bytes + facts.plan.height_bytes
    assert facts.arena_base == facts.resident_bytes


def test_it_is_there_for_its_update_alone(facts: PlanFacts) -> None:
    (span,) = facts.spans(STATE)
    assert (span.start, span.end, span.came, span.went) == (5, 6, Came.BACK, Went.PARKED)
    assert [use.slot for use in facts.consumers(STATE)] == [5]
    assert storage_facts(facts, STATE).why.startswith("It lives across steps in host memory")


def test_the_map_draws_it_in_the_arena_only(facts: PlanFacts) -> None:
    scene = plan_scene(facts.step, facts.plan)
    (rectangle,) = scene.rectangles_of((STATE,))
    assert scene.instance[rectangle] >= 0 and scene.low[rectangle] == facts.arena_base + 1024
    assert int(scene.live[0]) == facts.resident_bytes + 2048
