"""Why a plan needs what it needs: what is alive at a slot, who made it and who still waits for it."""

from dataclasses import dataclass

import numpy as np

from solver.errors import BayplanError
from solver.plan import Plan, Run
from solver.step import Category, Step
from solver.timeline import instance_sizes, plan_profile


@dataclass(frozen=True, slots=True)
class Use:
    """An op and the slot it runs at."""

    op: int
    slot: int


@dataclass(frozen=True, slots=True)
class Alive:
    """One instance that is alive at a slot, and why."""

    instance: int
    storage: int
    bytes: int
    """Rounded up to the granule."""
    made: Use | None
    """None: it came back from the host."""
    used_here: bool
    """Whether the op at the slot reads, writes or makes it."""
    following: Use | None
    """The first op after the slot that uses it."""
    last: Use | None
    """The last one, for which it is kept."""


@dataclass(frozen=True, slots=True)
class SlotExplanation:
    """One slot of a plan: the op that runs and what is alive, residents apart."""

    slot: int
    op: int
    live_bytes: int
    by_category: dict[Category, int]
    alive: tuple[Alive, ...]
    """The largest first; their bytes sum up to ``live_bytes``."""


def explain_slot(step: Step, plan: Plan, slot: int | None = None) -> SlotExplanation:
    """What is alive at ``slot``, at the peak where that is None, and why each of it is.

    Raises BayplanError for a slot that the plan does not have.
    """
    if slot is None:
        slot = peak_slot(step, plan)
    order = plan.order
    if not 0 <= slot < len(order):
        slots = f"from 0 to {len(order) - 1}" if order else "none: it runs nothing"
        raise BayplanError(f"The plan {plan.name!r} has no slot {slot}; its slots are {slots}.")
    sizes = instance_sizes(step, plan)
    there = alive_at(step, plan, slot)
    made: dict[int, Use] = {}
    uses: dict[int, list[Use]] = {instance: [] for instance in there}
    at = 0
    for action in plan.actions:
        if isinstance(action, Run):
            for instance in action.creates:
                made[instance] = Use(action.op, at)
            for instance in (*action.uses, *action.creates):
                if instance in uses:
                    uses[instance].append(Use(action.op, at))
            at += 1
    alive = []
    for instance in there:
        later = [use for use in uses[instance] if use.slot > slot]
        alive.append(
            Alive(
                instance,
                plan.instances[instance].storage,
                int(sizes[instance]),
                made.get(instance),
                any(use.slot == slot for use in uses[instance]),
                later[0] if later else None,
                later[-1] if later else None,
            )
        )
    live = sum(one.bytes for one in alive)
    return SlotExplanation(slot, order[slot], live, bytes_by_category(step, plan, slot), tuple(alive))


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
