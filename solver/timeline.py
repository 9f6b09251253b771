"""Live bytes over time: the one place that adds up sizes of storages that are alive together.

A slot is the position of an op in an order. A storage is alive from the slot of the first op that
touches it to that of the last one, half-open, and counts with its size rounded up to the granule::

    slot      0    1    2    3
    op        a    b    c    d        a creates x, c reads it: x lives [0, 3)
    live      x    x,y  x,y  y        b creates y, d reads it: y lives [1, 4)

Where a takeover is made (``solver.reuse``), the old storage lives up to the slot at which the new one
takes its bytes over: they count once there.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from solver.plan import IntArray, Plan
from solver.step import Step


def planned_storages(step: Step) -> IntArray:
    """Indices (ascending, int64) of the storages that a plan gives an address; read-only."""
    return step.planned_storages


def storage_sizes(step: Step) -> IntArray:
    """Bytes of every storage rounded up to the granule, shape (storages,); read-only."""
    return step.rounded_sizes


def order_lifetimes(
    step: Step, order: Sequence[int], takeovers: Mapping[int, int] | None = None
) -> IntArray:
    """Slots ``[start, end)`` of every storage when the ops run in ``order``, shape (storages, 2).

    (-1, -1) where no op touches the storage. Residents get the slots between their uses too.
    ``takeovers``: by op the storage whose bytes its result takes over, the last user it has.
    """
    slot_of = np.full(len(step.ops), -1, np.int64)
    slot_of[np.asarray(order, np.int64)] = np.arange(len(order))
    ops, storages = step.touching
    slots = slot_of[ops]
    storages, slots = storages[slots >= 0], slots[slots >= 0]
    result = np.empty((len(step.storages), 2), np.int64)
    result[:] = len(order), -1
    np.minimum.at(result[:, 0], storages, slots)
    np.maximum.at(result[:, 1], storages, slots + 1)
    result[result[:, 1] < 0] = -1
    for storage in (takeovers or {}).values():
        result[storage, 1] -= 1
    return result


def live_bytes(lifetimes: IntArray, sizes: IntArray, slots: int) -> IntArray:
    """Sum of ``sizes`` alive at each slot, shape (slots,); ``lifetimes`` is (n, 2), half-open.

    Rows that are (-1, -1) or empty do not count.
    """
    alive = lifetimes[:, 1] > lifetimes[:, 0]
    change = np.zeros(slots + 1, np.int64)
    np.add.at(change, lifetimes[alive, 0], sizes[alive])
    np.add.at(change, lifetimes[alive, 1], -sizes[alive])
    return np.cumsum(change[:-1])


def order_profile(
    step: Step, order: Sequence[int], takeovers: Mapping[int, int] | None = None
) -> IntArray:
    """Planned bytes alive at every slot of ``order`` with these ``takeovers``, shape (ops,)."""
    planned = planned_storages(step)
    lifetimes = order_lifetimes(step, order, takeovers)[planned]
    return live_bytes(lifetimes, storage_sizes(step)[planned], len(order))


def instance_sizes(step: Step, plan: Plan) -> IntArray:
    """Bytes of every instance of a plan, rounded up to the granule."""
    storages = [instance.storage for instance in plan.instances]
    return storage_sizes(step)[storages] if storages else np.zeros(0, np.int64)


def plan_profile(step: Step, plan: Plan) -> IntArray:
    """Bytes of a plan's instances alive at every slot, shape (slots,)."""
    return live_bytes(plan.lifetimes, instance_sizes(step, plan), len(plan.order))


def resident_bytes_on_device(step: Step, plan: Plan) -> int:
    """Bytes of the residents that are on the device all the time: those without a home on the host."""
    return step.resident_bytes - int(storage_sizes(step)[sorted(plan.homes)].sum())
