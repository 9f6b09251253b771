"""The toy step's plans in which the first activation is in memory twice, each checked.

::

    slot                 0     1     2     3        4     5     6
    recomputed           mm    relu  sum   mm again relu' mm_1  add_
    2 linear · mm        [-----------)     [--------------)
    parked               mm    relu  sum   relu'    mm_1  add_
    2 linear · mm        [-----------)     [--------)            in host memory at slot 2
"""

from solver.plan import Action, Free, HostSlot, Instance, Offload, Plan, Prefetch, Run
from solver.step import Step
from tests.app.toy_case import toy_plan
from tests.runtime.offloading import placed, with_recompute

STORAGE = 2
"""The one with two stays."""


def _instance(plan: Plan) -> int:
    return next(i for i, one in enumerate(plan.instances) if one.storage == STORAGE)


def recomputed_plan(step: Step) -> Plan:
    """``linear · mm`` is freed after slot 1 and made again at slot 3."""
    plan = toy_plan(step)
    return with_recompute(step, plan, _instance(plan), (1, 3))


def parked_plan(step: Step) -> Plan:
    """``linear · mm`` is in host memory during slot 2."""
    plan = toy_plan(step)
    first, second = _instance(plan), len(plan.instances)
    actions: list[Action] = []
    slot = -1
    for action in plan.actions:
        if isinstance(action, Run):
            slot += 1
            if slot == 2:
                actions += [Offload(first, 0), Free(first)]
            if slot == 3:
                actions.append(Prefetch(0, second))
                uses = tuple(second if i == first else i for i in action.uses)
                action = Run(action.op, uses, action.creates, takes=action.takes)
        elif isinstance(action, Free) and action.instance == first:
            action = Free(second)
        actions.append(action)
    instances = [*plan.instances, Instance(STORAGE, 0)]
    return placed(step, plan, instances, actions, [HostSlot(STORAGE, 0)])
