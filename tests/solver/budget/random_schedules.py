"""Random right schedules: program order, with storages made again and trips to the host in between."""

import random
from collections import defaultdict
from itertools import pairwise

from solver.budget.schedule import Entry, Schedule, Trip
from solver.repetition import find_repetitions
from solver.step import Step


def random_schedule(step: Step, seed: int, *, repeats: float = 0.4, trips: float = 0.3) -> Schedule:
    """``repeats``: the chance before each op that something is made again; ``trips``: of each long
    enough stretch between two uses that its storage is in host memory meanwhile."""
    rng = random.Random(seed)
    entries: list[Entry] = []
    for op in range(len(step.ops)):
        if rng.random() < repeats:
            entries += _again(step, op, rng)
        entries.append(Entry(op))
    return Schedule(tuple(entries), tuple(_trips(step, entries, rng, trips)))


def _again(step: Step, now: int, rng: random.Random) -> list[Entry]:
    """Repetitions that make some storage again as it is before op ``now``, or none."""
    may = find_repetitions(step)
    made = [s for op in step.ops[:now] for s in op.creates if step.storages[s].planned]
    if not made:
        return []
    closure = {rng.choice(made)}
    ops: set[int] = set()
    while True:
        found = {
            index
            for index, op in enumerate(step.ops[:now])
            if closure.intersection(op.creates + op.writes)
        }
        if found == ops:
            break
        ops = found
        for op in ops:
            touched = step.ops[op].creates + step.ops[op].writes
            closure |= {s for s in touched if step.storages[s].planned}
    for op in ops:
        uncounted = may.uncounted.get(op, frozenset())
        needs = set(step.ops[op].reads + step.ops[op].writes) - closure - uncounted
        later = {s for other in step.ops[op + 1 : now] for s in other.writes}
        if not may.may_repeat(op) or needs & later:
            return []
    saved = rng.random() < 0.5 and not any(
        {*may.saved[op].statistics} & {*other.writes}
        for op in ops & may.saved.keys()
        for other in step.ops
    )
    return [Entry(op, saved and op in may.saved, rng.random() < 0.5) for op in sorted(ops)]


def _trips(step: Step, entries: list[Entry], rng: random.Random, chance: float) -> list[Trip]:
    may = find_repetitions(step)
    uses: dict[int, list[tuple[int, bool]]] = defaultdict(list)
    """By storage the entries that touch it, and whether one makes it."""
    for at, entry in enumerate(entries):
        op = step.ops[entry.op]
        made, used = set(op.creates), set(op.reads + op.writes)
        if entry.saved_statistics:
            saved = may.saved[entry.op]
            made, used = {saved.result}, used | {*saved.statistics}
        for storage in made | used:
            if step.storages[storage].planned:
                uses[storage].append((at, storage in made))
    trips = []
    for storage, touched in uses.items():
        for (before, _), (after, makes) in pairwise(touched):
            if not makes and after - before >= 2 and rng.random() < chance:
                out = rng.randint(before, after - 2)
                free = rng.randint(out, after - 2)
                trips.append(Trip(storage, out, free, rng.randint(free + 1, after)))
    return trips
