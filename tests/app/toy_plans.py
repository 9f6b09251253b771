"""Correct plans of small steps, made without a solver."""

from solver.assemble import assemble
from solver.plan import Certificate, Plan, Proof, Status
from solver.step import Step
from solver.timeline import order_profile


def stacked_plan(step: Step, *, name: str, gap: int = 0) -> Plan:
    """A correct plan of a step: program order, no address used twice, ``gap`` bytes between any two."""
    addresses, top = {}, 0
    for index, storage in enumerate(step.storages):
        if storage.planned:
            addresses[index] = top
            top += storage.size + gap
    order = range(len(step.ops))
    peak = int(order_profile(step, order).max())
    return assemble(
        step,
        order,
        addresses,
        name=name,
        status=Status.FEASIBLE,
        certificate=Certificate(0, Proof.NONE, -1, peak),
    )
