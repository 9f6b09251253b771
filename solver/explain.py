"""Why a plan needs what it needs: what is alive at a slot, who made it and who still waits for it."""

import numpy as np

from solver.plan import Plan, Run
from solver.step import Category, Step
from solver.timeline import instance_sizes, plan_profile


def peak_slot(step: Step, plan: Plan) -> int:
    """The first slot at which the most bytes are alive; -1 for a plan without slots."""
    profile = plan_profile(step, plan)
    return int(profile.argmax()) if len(profile) else -1


def alive_at(step: Step, plan: Plan, slot: int) -> list[int]:
    """Instances alive at ``slot``, the largest first, those of one size by address."""
    lifetimes = plan.lifetimes
    alive = np.flatnonzero((lifetimes[:, 0] <= slot) & (slot < lifetimes[:, 1]))
    sizes = instance_sizes(step, plan)[alive]
    addresses = np.array([plan.instances[i].address for i in alive], np.int64)
    return [int(i) for i in alive[np.lexsort((addresses, -sizes))]]


def why_alive(step: Step, plan: Plan, instance: int) -> tuple[int, tuple[int, ...]]:
    """The op that makes the instance (-1: it is prefetched) and the ops that use it, in slot order.

    An op that writes it in place uses it, too. The last user is what it is kept for.
    """
    producer = -1
    users: list[int] = []
    for action in plan.actions:
        if isinstance(action, Run):
            if instance in action.creates:
                producer = action.op
            elif instance in action.uses:
                users.append(action.op)
    return producer, tuple(users)


def bytes_by_category(step: Step, plan: Plan, slot: int) -> dict[Category, int]:
    """Bytes of the instances alive at ``slot``, rounded up to the granule, by category.

    Only categories of which something is alive; resident storages are not counted.
    """
    sizes = instance_sizes(step, plan)
    result: dict[Category, int] = {}
    for instance in alive_at(step, plan, slot):
        category = step.storages[plan.instances[instance].storage].category
        result[category] = result.get(category, 0) + int(sizes[instance])
    return result
