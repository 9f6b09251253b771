"""Placing a plan anew around what a person moved in it: its actions stay, in their order. No Qt.

For plans that a solve with pins cannot make: those within a budget, where ops run again, tensors wait
in host memory or ops run in other ways, and those where what was moved takes over another's bytes. What
is searched are addresses; the choices are the plan's.
"""

from dataclasses import replace

import numpy as np

from app.edit.draft import Draft
from app.edit.original import blocks_of
from app.numbers import human
from solver.check_pins import broken_pins
from solver.errors import BayplanError
from solver.pins import Pins, pinned_addresses
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
    pins: Pins = (),
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
) -> Plan:
    """The draft's plan, called ``name``, as low as ``deadline`` seconds bring it while all that was
    moved lies where it was put, with all that shares its bytes. It has passed the validator.

    ``pins``: what it keeps beside those of the draft. Raises BayplanError where two that were moved are
    in each other's way, where ops are in a wrong order, where the plan would need more than its budget,
    and where a pin cannot be kept.
    """
    plan = replace(draft.plan, pins=tuple(dict.fromkeys((*draft.plan.pins, *pins))))
    block = _blocks(plan)
    lifetimes, sizes = plan.lifetimes, draft.original.sizes
    count = int(block.max(initial=-1)) + 1
    starts, ends = np.full(count, np.iinfo(np.int64).max), np.zeros(count, np.int64)
    most, fixed = np.zeros(count, np.int64), np.full(count, FREE, np.int64)
    np.minimum.at(starts, block, lifetimes[:, 0])
    np.maximum.at(ends, block, lifetimes[:, 1])
    np.maximum.at(most, block, sizes)
    pinned = pinned_addresses(plan.pins)
    for instance, one in enumerate(plan.instances):
        fixed[block[instance]] = pinned.get(one.storage, fixed[block[instance]])
    for instance, address in draft.moved.items():
        # Also what shared its bytes and, as an op was moved past another, no longer takes them over.
        fixed[block[list(draft.original.block(instance))]] = address
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
    found = replace(plan, instances=instances, height_bytes=height, name=name)
    broken = broken_pins(draft.original.step, found)
    if broken:
        raise BayplanError(f"{broken[0]} Remove the pin, or undo the edit.")
    found = draft.stated(found)
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
