"""Put an order and a placement together into a plan with one instance per planned storage."""

from collections.abc import Mapping, Sequence

import numpy as np

from solver.plan import Action, Certificate, Free, Instance, Plan, Provenance, Run, Status
from solver.step import Step
from solver.timeline import live_bytes, order_lifetimes, planned_storages, storage_sizes


def assemble(
    step: Step,
    order: Sequence[int],
    addresses: Mapping[int, int],
    *,
    name: str,
    status: Status,
    certificate: Certificate,
    provenance: Provenance | None = None,
    takeovers: Mapping[int, int] | None = None,
) -> Plan:
    """The plan that runs the ops in ``order`` with each planned storage at ``addresses[storage]``.

    Every storage is freed right after its last use, or taken over: ``takeovers`` names by op the
    storage whose bytes the one that it creates takes over. ``peak_bytes`` and ``height_bytes`` are
    computed here; whether the order and the addresses are right is for ``solver.check`` to say.
    """
    takeovers = takeovers or {}
    taken = set(takeovers.values())
    lifetimes = order_lifetimes(step, order, takeovers)
    planned = planned_storages(step)
    touched = planned[lifetimes[planned, 0] >= 0].tolist()
    instance_of = {storage: index for index, storage in enumerate(touched)}
    freed: list[list[Action]] = [[] for _ in order]
    for storage, last in zip(touched, (lifetimes[touched, 1] - 1).tolist(), strict=True):
        if storage not in taken:
            freed[last].append(Free(instance_of[storage]))
    actions: list[Action] = []
    for slot, index in enumerate(order):
        # Instances are numbered as their storages are, so both stay ascending.
        creates = tuple([instance_of[s] for s in step.ops[index].creates if s in instance_of])
        uses = tuple([instance_of[s] for s in step.planned_uses[index]])
        takes = ((creates[0], instance_of[takeovers[index]]),) if index in takeovers else ()
        actions.append(Run(index, uses, creates, takes=takes))
        actions += freed[slot]
    sizes = storage_sizes(step)[touched]
    ends = np.array([addresses[storage] for storage in touched], np.int64) + sizes
    return Plan(
        fingerprint=step.fingerprint,
        name=name,
        instances=tuple(Instance(storage, addresses[storage]) for storage in touched),
        actions=tuple(actions),
        peak_bytes=int(live_bytes(lifetimes[touched], sizes, len(order)).max(initial=0)),
        height_bytes=int(ends.max(initial=0)),
        status=status,
        certificate=certificate,
        provenance=provenance or Provenance(),
    )
