"""Put an order and a placement together into a plan with one instance per planned storage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from solver.plan import Action, Certificate, Free, Instance, Plan, Provenance, Run, Status
from solver.step import Step, round_up
from solver.timeline import order_lifetimes, plan_profile, planned_storages


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
    touched = [int(s) for s in planned_storages(step) if lifetimes[s, 0] >= 0]
    instance_of = {storage: index for index, storage in enumerate(touched)}
    frees: dict[int, list[int]] = {}
    for storage in (s for s in touched if s not in taken):
        frees.setdefault(int(lifetimes[storage, 1]), []).append(instance_of[storage])
    actions: list[Action] = []
    for slot, index in enumerate(order):
        op = step.ops[index]
        creates = tuple(sorted(instance_of[s] for s in op.creates if s in instance_of))
        uses = tuple(
            sorted(
                instance_of[s] for s in {*op.reads, *op.writes} - set(op.creates) if s in instance_of
            )
        )
        takes = ((creates[0], instance_of[takeovers[index]]),) if index in takeovers else ()
        actions.append(Run(index, uses, creates, takes=takes))
        actions.extend(Free(instance) for instance in frees.get(slot + 1, ()))
    instances = tuple(Instance(storage, addresses[storage]) for storage in touched)
    ends = (i.address + round_up(step.storages[i.storage].size) for i in instances)
    plan = Plan(
        fingerprint=step.fingerprint,
        name=name,
        instances=instances,
        actions=tuple(actions),
        peak_bytes=0,
        height_bytes=max(ends, default=0),
        status=status,
        certificate=certificate,
        provenance=provenance or Provenance(),
    )
    profile = plan_profile(step, plan)
    return replace(plan, peak_bytes=int(profile.max(initial=0)))
