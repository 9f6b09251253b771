"""From a schedule to plans: each of its arrangements is placed, until one is low enough."""

from collections.abc import Iterator

from solver.budget.assemble import Assembler
from solver.budget.schedule import Schedule
from solver.placement import place
from solver.plan import Plan, Provenance
from solver.solution import CancelCallback, ProgressCallback

ENDLESS = 1e6
"""Seconds: a part ends when it is told to, not by its own clock, which runs during compilations."""


def placed_plans(
    assembler: Assembler,
    schedule: Schedule,
    room: int,
    *,
    name: str,
    provenance: Provenance,
    seed: int,
    progress: ProgressCallback,
    cancelled: CancelCallback,
) -> Iterator[Plan]:
    """Plans of the schedule, each lower than the one before; none after one of at most ``room`` bytes.

    There is at least one, even where ``cancelled`` says from the start that the time is up.
    """
    best = -1
    for one in assembler.arrangements(assembler.unroll(schedule)):
        problem, instances = assembler.problem(one, room)
        result = place(
            problem, deadline=ENDLESS, seed=seed, progress=progress, cancelled=cancelled, fast=True
        )
        if best < 0 or result.height < best:
            best = result.height
            placed = dict(zip(instances, result.addresses.tolist(), strict=True))
            yield assembler.plan(one, placed, name, provenance)
        if best <= room or cancelled():
            return
