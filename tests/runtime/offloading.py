"""Right plans with trips to the host or with recompute, made by hand from plans without."""

import hashlib
import itertools
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from solver.check import require_valid
from solver.placement import PlacementProblem, place
from solver.plan import (
    HOME,
    Action,
    Certificate,
    Free,
    HostSlot,
    Instance,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Run,
    Status,
)
from solver.step import Step
from solver.timeline import instance_sizes, plan_profile, storage_sizes


def gaps(plan: Plan) -> dict[int, tuple[int, int]]:
    """The longest stretch of slots between two uses of each instance that is long enough."""
    uses: dict[int, list[int]] = defaultdict(list)
    runs = [action for action in plan.actions if isinstance(action, Run)]
    for slot, run in enumerate(runs):
        for instance in {*run.uses, *run.creates}:
            uses[instance].append(slot)
    result = {}
    for instance, slots in uses.items():
        before, after = max(
            itertools.pairwise(slots), key=lambda pair: pair[1] - pair[0], default=(0, 0)
        )
        if after - before > 6:
            result[instance] = (before, after)
    return result


def costliest(step: Step, plan: Plan, count: int) -> dict[int, tuple[int, int]]:
    """The gaps of the ``count`` instances that take the most bytes for the longest time meanwhile."""
    sizes = instance_sizes(step, plan)
    found = gaps(plan)
    order = sorted(found, key=lambda i: -int(sizes[i]) * (found[i][1] - found[i][0]))
    return {instance: found[instance] for instance in order[:count]}


def with_trips(step: Step, plan: Plan, trips: Mapping[int, tuple[int, int]]) -> Plan:
    """Each instance of ``trips`` goes to the host after the first slot and is back for the second.

    It is freed one op after its copy has begun, and comes back two ops before it is used.
    """
    instances = list(plan.instances)
    current = {instance: instance for instance in range(len(instances))}
    after: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for instance, (before, use) in trips.items():
        after[before].append(("offload", instance))
        after[before + 1].append(("free", instance))
        after[use - 3].append(("prefetch", instance))
    host_of: dict[int, int] = {}
    hosts: list[HostSlot] = []
    actions: list[Action] = []
    slot = -1

    def leave() -> None:
        """What is inserted at the end of a gap between two runs: what frees comes first."""
        for kind, instance in sorted(after[slot], key=lambda each: each[0] == "prefetch"):
            if kind == "offload":
                host_of[instance] = len(hosts)
                actions.append(Offload(current[instance], len(hosts)))
                hosts.append(HostSlot(plan.instances[instance].storage, 0))
            elif kind == "free":
                actions.append(Free(current[instance]))
            else:
                current[instance] = len(instances)
                instances.append(plan.instances[instance])
                actions.append(Prefetch(host_of[instance], current[instance]))

    for action in plan.actions:
        match action:
            case Run():
                leave()
                slot += 1
                actions.append(
                    replace(
                        action,
                        uses=tuple(current[i] for i in action.uses),
                        takes=tuple((new, current[old]) for new, old in action.takes),
                    )
                )
            case Free(instance):
                actions.append(Free(current[instance]))
    return placed(step, replace(plan, name="Trips"), instances, actions, hosts)


def with_homes(step: Step, plan: Plan, count: int, weights: int = 0) -> Plan:
    """The ``count`` largest states of the optimizer live in host memory, and the largest ``weights``.

    Each comes two ops before its first use, goes home after its last and is freed one op later. Weights
    are away in their longest gap, too, before which they are not copied home.
    """
    program = step.program

    def largest(role: str) -> list[int]:
        found = {program.values[p.value].storage for p in program.placeholders if p.role == role}
        return sorted(found, key=lambda i: (-step.storages[i].size, i))

    homes = [*largest("optimizer")[:count], *largest("parameter")[:weights]]
    before: dict[int, list[Action]] = defaultdict(list)
    stays: list[int] = []
    number_of: dict[tuple[int, int], int] = {}
    for at, storage in enumerate(homes):
        host = len(plan.host_slots) + at
        slots = [at for at, op in enumerate(plan.order) if storage in step.ops[op].touches]
        parts = [slots]
        if at >= count and len(slots) > 1:
            cut = max(range(1, len(slots)), key=lambda i: slots[i] - slots[i - 1])
            parts = [slots[:cut], slots[cut:]] if slots[cut] - slots[cut - 1] > 4 else parts
        for part in parts:
            instance = len(plan.instances) + len(stays)
            stays.append(storage)
            number_of |= {(slot, storage): instance for slot in part}
            if any(storage in step.ops[plan.order[slot]].writes for slot in part):
                before[part[-1] + 1].append(Offload(instance, host))
            before[part[-1] + 2].append(Free(instance))
            before[max(0, part[0] - 2)].append(Prefetch(host, instance))
    actions, slot = list[Action](), 0
    for action in plan.actions:
        if isinstance(action, Run):
            actions += before.pop(slot, ())
            touched = step.ops[action.op].touches
            used = [number_of[slot, s] for s in touched if (slot, s) in number_of]
            slot += 1
            action = replace(action, uses=(*action.uses, *used))
        actions.append(action)
    for late in sorted(before):
        actions += before[late]
    instances = [*plan.instances, *(Instance(storage, 0) for storage in stays)]
    hosts = [*plan.host_slots, *(HostSlot(storage, HOME) for storage in homes)]
    return placed(step, replace(plan, name="Homes"), instances, actions, hosts)


def with_recompute(step: Step, plan: Plan, instance: int, gap: tuple[int, int]) -> Plan:
    """``instance`` is freed after the first slot of ``gap``, and made again before the second.

    What it was made of and is not there any more is made again for that, too.
    """
    before, use = gap
    instances, actions = list(plan.instances), list[Action]()
    alive: dict[int, int] = {}
    slot = -1

    def again(storage: int) -> list[int]:
        """Run the op that makes ``storage``; the storages that were made for that alone."""
        op = next(at for at, op in enumerate(step.ops) if storage in op.creates)
        missing = [s for s in step.planned_uses[op] if s not in alive]
        extra = [each for s in missing for each in again(s)]
        uses = tuple(alive[s] for s in step.planned_uses[op])
        made = [s for s in step.ops[op].creates if step.storages[s].planned]
        for each in made:
            alive[each] = len(instances)
            instances.append(Instance(each, 0))
        actions.append(Run(op, uses, tuple(alive[each] for each in made)))
        return [*extra, *made]

    wanted = plan.instances[instance].storage
    for action in plan.actions:
        if isinstance(action, Run):
            if slot == use - 1:
                for storage in again(wanted):
                    if storage != wanted:
                        actions.append(Free(alive.pop(storage)))
            slot += 1
            alive |= {plan.instances[i].storage: i for i in action.creates}
            changed = {i: alive[plan.instances[i].storage] for i in action.uses}
            takes = tuple((new, changed[old]) for new, old in action.takes)
            actions.append(replace(action, uses=tuple(changed.values()), takes=takes))
            for _, old in action.takes:
                del alive[plan.instances[old].storage]
            if slot == before:
                actions.append(Free(alive.pop(wanted)))
        elif isinstance(action, Free):
            actions.append(Free(alive.pop(plan.instances[action.instance].storage)))
    return placed(step, replace(plan, name="Recompute"), instances, actions, [])


def placed(
    step: Step,
    plan: Plan,
    instances: Sequence[Instance],
    actions: Sequence[Action],
    hosts: Sequence[HostSlot],
) -> Plan:
    """The plan with these actions, everything placed, judged by the validator."""
    made = replace(plan, instances=tuple(instances), actions=tuple(actions), host_slots=tuple(hosts))
    lifetimes, sizes = made.lifetimes, instance_sizes(step, made)
    # Who takes bytes over lies where the former owner does: both are one rectangle.
    owner = list(range(len(instances)))
    for action in actions:
        for new, old in action.takes if isinstance(action, Run) else ():
            owner[new] = owner[old]
    first = sorted(set(owner))
    starts = [min(int(lifetimes[i, 0]) for i in range(len(owner)) if owner[i] == f) for f in first]
    ends = [max(int(lifetimes[i, 1]) for i in range(len(owner)) if owner[i] == f) for f in first]
    found = addresses(starts, ends, [int(sizes[f]) for f in first])
    address = dict(zip(first, found, strict=True))
    filled = {a.host: at for at, a in enumerate(actions) if isinstance(a, Offload)}
    emptied = {a.host: at for at, a in enumerate(actions) if isinstance(a, Prefetch)}
    parked = [h for h, host in enumerate(hosts) if host.address != HOME]
    found = addresses(
        [filled[h] for h in parked],
        [emptied[h] for h in parked],
        [int(storage_sizes(step)[hosts[h].storage]) for h in parked],
    )
    host_address = dict.fromkeys(range(len(hosts)), HOME) | dict(zip(parked, found, strict=True))
    peak = int(plan_profile(step, made).max())
    result = replace(
        made,
        instances=tuple(replace(i, address=address[owner[at]]) for at, i in enumerate(instances)),
        host_slots=tuple(replace(h, address=host_address[at]) for at, h in enumerate(hosts)),
        peak_bytes=peak,
        height_bytes=max(address[owner[i]] + int(sizes[i]) for i in range(len(instances))),
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, peak, reuse=True),
    )
    require_valid(step, result)
    return result


def addresses(starts: Sequence[int], ends: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """As low as the solver places them in a moment."""
    if not starts:
        return []
    problem = PlacementProblem(*(np.array(numbers, np.int64) for numbers in (starts, ends, sizes)))
    return [int(a) for a in place(problem, deadline=2).addresses]


def without_wait(folder: Path, to: Path, number: str) -> Path:
    """A copy of the export whose planned step leaves out one wait, and its digest."""
    for item in folder.rglob("*"):
        if item.is_file() and "__pycache__" not in item.parts:
            target = to / item.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(item.read_bytes())
    source, found = re.subn(rf" *transfers\.wait\({number}\)\n", "", (to / "planned.py").read_text())
    assert found == 1
    (to / "planned.py").write_text(source)
    record = json.loads((to / "plan.json").read_text())
    record["files"]["planned.py"] = hashlib.sha256(source.encode()).hexdigest()
    (to / "plan.json").write_text(json.dumps(record))
    return to
