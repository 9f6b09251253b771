"""Whether a plan that was read can be: no two instances that are alive at the same slot share a byte,
and what its parts say of each other fits.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable

from .plan_data import HOME, ROLES, PlanData


def check_plan(plan: PlanData) -> None:
    """Raise ValueError where the plan cannot be right."""
    slots, instances = len(plan.ops), len(plan.instances)
    if plan.micro_batches < 1 or not isinstance(plan.options.get("scaler", {}), dict):
        raise ValueError(f"its options cannot be: {plan.options}")
    if not all(0 <= slot < slots for slot in (*plan.guarded, *plan.repeated)):
        raise ValueError("it has guarded or repeated slots that are not there")
    if not all(norm is None or 2 <= norm.rank <= 5 for norm in plan.norms):
        raise ValueError("it has batch norms that cannot be")
    if not 0 <= plan.tolerance < 1:
        raise ValueError(f"its tolerance cannot be {plan.tolerance}")
    if len(plan.created) != slots:
        raise ValueError("its ops and what they create do not match")
    for index, instance in enumerate(plan.instances):
        inside = 0 <= instance.address <= plan.height_bytes - instance.size
        if instance.size <= 0 or not inside or not 0 <= instance.start < instance.end <= slots:
            raise ValueError(f"instance {index} cannot be: {instance}")
    for slot, results in enumerate(plan.created):
        for made in results:
            if made != -1 and (not 0 <= made < instances or plan.instances[made].start != slot):
                raise ValueError(f"slot {slot} creates instance {made}")
    for new, old in plan.takes:
        if not 0 <= new < instances or not 0 <= old < instances:
            raise ValueError(f"instance {new} takes over instance {old}")
        heir, former = plan.instances[new], plan.instances[old]
        if (heir.size, heir.address, heir.start) != (former.size, former.address, former.end):
            raise ValueError(f"instance {new} cannot take over instance {old}")
    if any(len(set(side)) < len(plan.takes) for side in zip(*plan.takes, strict=True)):
        raise ValueError("an instance takes over, or is taken over, twice")
    _check_transfers(plan)
    for resident in plan.residents:
        if resident.role not in ROLES:
            raise ValueError(f"the role {resident.role!r} is not known")
        if resident.home and resident.role not in ("optimizer", "parameter"):
            raise ValueError(f"the {resident.role} {resident.key!r} has a home in host memory")
    for _, group in plan.scalars:
        if not 0 <= group < len(plan.groups):
            raise ValueError(f"there is no parameter group {group}")
    clash = overlap((i.start, i.end, i.address, i.address + i.size) for i in plan.instances)
    if clash is not None:
        one, other = clash
        raise ValueError(
            f"instances {one} and {other} are alive at the same time and share bytes "
            f"({plan.instances[one]}, {plan.instances[other]})"
        )


def _check_transfers(plan: PlanData) -> None:
    """Every prefetch finds its storage in host memory, and no two lie there on the same bytes.

    What comes from a home, and goes there, is named in the generated step.
    """
    slots, instances = len(plan.host_slots), len(plan.instances)
    filled: dict[int, int] = {}
    emptied: dict[int, int] = {}
    for number, transfer in enumerate(plan.transfers):
        if not HOME <= transfer.host < slots or not 0 <= transfer.instance < instances:
            raise ValueError(f"transfer {number} cannot be: {transfer}")
        if not transfer.to_host:
            slot = plan.instances[transfer.instance].start
            if set(plan.created[slot]) != {transfer.instance}:
                raise ValueError(f"transfer {number} makes another instance than slot {slot}")
        if transfer.host == HOME:
            continue
        if plan.host_slots[transfer.host].size != plan.instances[transfer.instance].size:
            raise ValueError(f"transfer {number} is between different sizes")
        if transfer.to_host == (transfer.host in filled):
            raise ValueError(f"transfer {number} fills or empties host slot {transfer.host} wrongly")
        if transfer.to_host:
            filled[transfer.host] = number
        else:
            emptied[transfer.host] = number
    if any(slot.address < 0 or slot.size <= 0 for slot in plan.host_slots):
        raise ValueError("a host slot has no bytes")
    # Copies are made one after the other: a slot is free for the next when its last prefetch is issued.
    clash = overlap(
        (start, emptied.get(host, len(plan.transfers)), at.address, at.address + at.size)
        for host, start in filled.items()
        for at in (plan.host_slots[host],)
    )
    if clash is not None:
        raise ValueError("two host slots share bytes while both hold a storage")


def overlap(boxes: Iterable[tuple[int, int, int, int]]) -> tuple[int, int] | None:
    """Two boxes (start, end, bottom, top; half-open) that share time and bytes, or None.

    Sweeps over time; the living boxes are disjoint, so only neighbours in address need a look.
    """
    box = list(boxes)
    events = sorted(
        [(start, 1, index) for index, (start, _, _, _) in enumerate(box)]
        + [(end, 0, index) for index, (_, end, _, _) in enumerate(box)]
    )
    alive: list[tuple[int, int]] = []
    for _, starts, index in events:
        bottom, top = box[index][2:]
        at = bisect_left(alive, (bottom, index))
        if not starts:
            del alive[at]
            continue
        if at > 0 and box[alive[at - 1][1]][3] > bottom:
            return alive[at - 1][1], index
        if at < len(alive) and alive[at][0] < top:
            return alive[at][1], index
        insort(alive, (bottom, index))
    return None
