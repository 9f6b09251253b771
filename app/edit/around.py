"""Placing a plan anew around what a person moved in it: its actions stay, in their order. No Qt.

For plans that a solve with pins cannot make: those within a budget, where ops run again, tensors wait
in host memory or ops run in other ways. What is searched are addresses; the choices are the plan's.
"""

from dataclasses import replace

import numpy as np

from app.edit.draft import Draft
from app.edit.original import blocks_of
from app.numbers import human
from solver.errors import BayplanError
from solver.placement import FREE, PlacementProblem, place
from solver.plan import Instance, IntArray, Plan
from solver.solution import CancelCallback, ProgressCallback
from solver.timeline import resident_bytes_on_device


def place_around(
    draft: Draft,
    name: str,
    *,
    deadline: float,
    seed: int,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
) -> Plan:
    """The draft's plan, called ``name``, as low as ``deadline`` seconds bring it while all that was
    moved lies where it was put. It has passed the validator.

    Raises BayplanError where two that were moved are in each other's way, where ops are in a wrong
    order, and where the plan would need more than its budget.
    """
    plan, moved = draft.plan, draft.moved
    block = _blocks(plan)
    lifetimes, sizes = plan.lifetimes, draft.original.sizes
    count = int(block.max(initial=-1)) + 1
    starts, ends = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    most, fixed = np.zeros(count, np.int64), np.full(count, FREE, np.int64)
    np.minimum.at(starts, block, lifetimes[:, 0])
    np.maximum.at(ends, block, lifetimes[:, 1])
    np.maximum.at(most, block, sizes)
    for instance, address in moved.items():
        fixed[block[instance]] = address
    alive = np.flatnonzero(ends > starts)
    first = np.unique(block, return_index=True)[1]
    names = draft.original.step.storages
    problem = PlacementProblem(
        starts[alive],
        ends[alive],
        most[alive],
        fixed=fixed[alive],
        names=tuple(names[plan.instances[i].storage].name for i in first[alive].tolist()),
    )
    result = place(problem, deadline=deadline, seed=seed, progress=progress, cancelled=cancelled)
    addresses = np.zeros(count, np.int64)
    addresses[alive] = result.addresses
    instances = tuple(
        Instance(one.storage, address)
        for one, address in zip(plan.instances, addresses[block].tolist(), strict=True)
    )
    height = int((addresses[alive] + most[alive]).max(initial=0))
    found = draft.stated(replace(plan, instances=instances, height_bytes=height, name=name))
    _require_room(draft, found)
    wrong = draft.original.checker.check(found)
    if wrong:
        raise BayplanError(f"{wrong[0]} Undo the edit that is in the way.")
    return found


def _require_room(draft: Draft, plan: Plan) -> None:
    if plan.terms is None:
        return
    needed = resident_bytes_on_device(draft.original.step, plan) + plan.height_bytes
    if needed > plan.terms.budget_bytes:
        raise BayplanError(
            f"Around what you moved the plan needs {human(needed)}, more than its budget of "
            f"{human(plan.terms.budget_bytes)}. Move it lower, or undo the edit."
        )


def _blocks(plan: Plan) -> IntArray:
    """Of every instance the number of its block: those that take over one another's bytes."""
    first = np.arange(len(plan.instances))
    for instance, members in blocks_of(plan.actions).items():
        first[instance] = members[0]
    return np.unique(first, return_inverse=True)[1].astype(np.int64)
