"""Plans of the toy step within budgets, with made-up overheads; no solver is asked."""

from dataclasses import replace

from solver.budget.devices import V100
from solver.plan import Plan
from solver.step import Step
from solver.terms import Choice, DeviceModel, Terms
from tests.app.toy_case import toy_plan
from tests.app.toy_several import parked_plan, recomputed_plan

ALLOWED = (Choice.RECOMPUTE, Choice.IMPLEMENTATIONS)
FREE = 6656
"""Budget of the plan that costs no time: 1,536 bytes of residents and an arena of 5,120."""
LOW, MIDDLE = 4096, 5120
"""Budgets of ``solved_plans``."""


def within(
    plan: Plan,
    budget: int,
    overhead: float,
    bound: float,
    *,
    allowed: tuple[Choice, ...] = ALLOWED,
    device: DeviceModel = V100,
) -> Plan:
    """The plan under these terms."""
    terms = Terms(budget, allowed, device, False, 0.5, overhead, bound)
    return replace(plan, name=f"Within {budget} B, {len(allowed)}, {device.name}", terms=terms)


def solved_plans(step: Step) -> list[Plan]:
    """The plan without added time, and two within budgets."""
    return [
        toy_plan(step),
        within(recomputed_plan(step), MIDDLE, 0.0611, 0.0603),
        within(parked_plan(step), LOW, 0.1579, 0.1376),
    ]
