"""What a schedule comes to, from the definitions alone: the oracle for the simulator."""

from dataclasses import dataclass

from solver.budget.costs import Costs
from solver.budget.schedule import Schedule
from solver.repetition import find_repetitions
from solver.step import Step, round_up


@dataclass
class _Stay:
    storage: int
    begin: int
    end: int
    """The slot of its last use."""
    version: int = 1


def peak_and_seconds(step: Step, schedule: Schedule, costs: Costs) -> tuple[int, float]:
    """Raises AssertionError where a run does not find what it must, or may not be repeated."""
    version = [0] * len(step.storages)
    needed: list[dict[int, int]] = []
    for op in step.ops:
        needed.append({s: version[s] for s in (*op.reads, *op.writes) if s not in op.creates})
        for storage in {*op.writes, *op.creates}:
            version[storage] += 1
    may = find_repetitions(step)
    resident_version = [0] * len(step.storages)
    current: dict[int, _Stay] = {}
    stays: list[_Stay] = []
    taken: dict[int, list[_Stay]] = {}
    ran: set[int] = set()
    seconds = 0.0
    for slot, entry in enumerate(schedule.entries):
        op, repeated = step.ops[entry.op], entry.op in ran
        ran.add(entry.op)
        if repeated:
            assert may.may_repeat(entry.op)
        else:
            assert not entry.fused
            assert not entry.saved_statistics
        needs = dict(needed[entry.op])
        creates = {s for s in op.creates if step.storages[s].planned}
        if entry.saved_statistics:
            creates = {may.saved[entry.op].result}
            needs |= dict.fromkeys(may.saved[entry.op].statistics, 1)
        uncounted = may.uncounted.get(entry.op, ()) if repeated else ()
        used = []
        for storage, due in needs.items():
            if not step.storages[storage].planned:
                assert storage in uncounted or resident_version[storage] == due
                continue
            assert current[storage].version == due
            current[storage].end = slot
            used.append(current[storage])
            if storage in op.writes:
                current[storage].version += 1
            elif entry.op in step.reusable and storage in step.reusable[entry.op].operands:
                taken.setdefault(slot, []).append(current[storage])
        for storage in creates:
            current[storage] = _Stay(storage, slot, slot)
            stays.append(current[storage])
        if not repeated:
            for storage in {*op.writes, *op.creates}:
                resident_version[storage] += not step.storages[storage].planned
        if entry.fused:
            before = schedule.entries[slot - 1].op
            assert before in may.begins
            made = {*step.ops[before].creates, *step.ops[before].writes} & may.joins[entry.op]
            assert any(stay.storage in made for stay in used)
            seconds += costs.fused[entry.op]
        else:
            seconds += (costs.again if entry.saved_statistics else costs.first)[entry.op]
    assert ran == set(range(len(step.ops)))
    live = [0] * len(schedule.entries)
    for stay in stays:
        for slot in range(stay.begin, stay.end + 1):
            live[slot] += round_up(step.storages[stay.storage].size)
    for slot, operands in taken.items():
        dying = [stay for stay in operands if stay.end == slot]
        if dying:
            live[slot] -= round_up(step.storages[dying[0].storage].size)
        assert dying or not schedule.entries[slot].fused
    return max(live, default=0), float(seconds)
