"""Why a plan needs what it needs: what is alive at a slot, who made it and who still waits for it."""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from solver.errors import BayplanError
from solver.plan import IntArray, Plan, Run
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
    """Bytes of each category of which something is alive, the most first."""
    count: int
    """Instances alive."""
    alive: tuple[Alive, ...]
    """The largest first; all of them unless only so many were asked for."""


@dataclass(frozen=True, eq=False)
class Histories:
    """What explanations of a plan's slots are read from, made once: by instance."""

    sizes: IntArray
    """Bytes, rounded up to the granule."""
    addresses: IntArray
    categories: IntArray
    """Indices into ``Category``."""
    made: tuple[Use | None, ...]
    uses: tuple[tuple[Use, ...], ...]
    """In slot order; making it is one."""


def histories(step: Step, plan: Plan) -> Histories:
    """The history of every instance of a plan. One pass over its actions."""
    made: list[Use | None] = [None] * len(plan.instances)
    uses: list[list[Use]] = [[] for _ in plan.instances]
    slot = 0
    for action in plan.actions:
        if isinstance(action, Run):
            use = Use(action.op, slot)
            for instance in action.creates:
                made[instance] = use
            for instance in {*action.uses, *action.creates}:
                uses[instance].append(use)
            slot += 1
    number = {category: index for index, category in enumerate(Category)}
    categories = [number[step.storages[i.storage].category] for i in plan.instances]
    return Histories(
        instance_sizes(step, plan),
        np.array([i.address for i in plan.instances], np.int64),
        np.array(categories, np.int64),
        tuple(made),
        tuple(tuple(of_one) for of_one in uses),
    )


def explain_slot(
    step: Step,
    plan: Plan,
    slot: int | None = None,
    *,
    rows: int | None = None,
    known: Histories | None = None,
) -> SlotExplanation:
    """What is alive at ``slot``, at the peak where that is None, and why each of it is.

    ``rows``: only the so many largest are explained. With the plan's ``known`` histories it takes
    little more than a look at them. Raises BayplanError for a slot that the plan does not have.
    """
    if slot is None:
        slot = peak_slot(step, plan)
    order = plan.order
    if not 0 <= slot < len(order):
        slots = f"from 0 to {len(order) - 1}" if order else "none: it runs nothing"
        raise BayplanError(f"The plan {plan.name!r} has no slot {slot}; its slots are {slots}.")
    known = known or histories(step, plan)
    there = _alive_at(plan, slot, known.sizes, known.addresses)
    sizes = known.sizes[there]
    sums = np.zeros(len(Category), np.int64)
    np.add.at(sums, known.categories[there], sizes)
    categories = sorted(zip(sums.tolist(), Category, strict=True), key=lambda item: -item[0])
    return SlotExplanation(
        slot,
        order[slot],
        int(sizes.sum()),
        {category: size for size, category in categories if size},
        len(there),
        tuple(_alive(plan, int(instance), slot, known) for instance in there[:rows]),
    )


def _alive(plan: Plan, instance: int, slot: int, known: Histories) -> Alive:
    uses = known.uses[instance]
    later = bisect_right(uses, slot, key=lambda use: use.slot)
    return Alive(
        instance,
        plan.instances[instance].storage,
        int(known.sizes[instance]),
        known.made[instance],
        later > 0 and uses[later - 1].slot == slot,
        uses[later] if later < len(uses) else None,
        uses[-1] if later < len(uses) else None,
    )


def peak_slot(step: Step, plan: Plan) -> int:
    """The first slot at which the most bytes are alive; -1 for a plan without slots."""
    profile = plan_profile(step, plan)
    return int(profile.argmax()) if len(profile) else -1


def alive_at(step: Step, plan: Plan, slot: int) -> list[int]:
    """Instances alive at ``slot``, the largest first, those of one size by address."""
    addresses = np.array([i.address for i in plan.instances], np.int64)
    return [int(i) for i in _alive_at(plan, slot, instance_sizes(step, plan), addresses)]


def _alive_at(plan: Plan, slot: int, sizes: IntArray, addresses: IntArray) -> IntArray:
    lifetimes = plan.lifetimes
    alive = np.flatnonzero((lifetimes[:, 0] <= slot) & (slot < lifetimes[:, 1]))
    return alive[np.lexsort((addresses[alive], -sizes[alive]))]
