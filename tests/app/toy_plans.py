"""Correct plans of small steps, made without a solver."""

from collections.abc import Mapping
from dataclasses import replace

from solver.assemble import assemble
from solver.budget.devices import V100
from solver.budget.duration import plan_seconds
from solver.plan import Certificate, Plan, Proof, Status
from solver.reuse import first_owners
from solver.step import Step
from solver.terms import Choice, Terms
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


def within_budget(step: Step, plan: Plan, budget_bytes: int) -> Plan:
    """The plan with honest terms: a V100 model, nothing proven of the overhead, which is none."""
    base = plan_seconds(step, plan, V100, measured=False)
    terms = Terms(budget_bytes, (Choice.RECOMPUTE,), V100, False, base, 0.0, 0.0)
    return replace(plan, terms=terms)


def plan_with(step: Step, takeovers: Mapping[int, int]) -> Plan:
    """Program order, every storage above the one before it but those that take bytes over."""
    first = first_owners(step, takeovers)
    top, addresses = 0, {}
    for storage in step.planned_storages.tolist():
        if storage not in first:
            addresses[storage] = top
            top += int(step.rounded_sizes[storage])
    addresses |= {new: addresses[old] for new, old in first.items()}
    order = range(len(step.ops))
    peak = int(order_profile(step, order, takeovers).max(initial=0))
    certificate = Certificate(0, Proof.NONE, -1, peak, reuse=True)
    return assemble(
        step,
        order,
        addresses,
        name="Stacked",
        status=Status.FEASIBLE,
        certificate=certificate,
        takeovers=takeovers,
    )
