"""What the window says of running and ended work, and what of a solution it keeps. No widgets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.facts.solve import proven_overhead
from app.numbers import gib, overhead, percent, plan_size
from solver.plan import Plan, Status
from solver.solution import Progress, Solution
from solver.step import Step


@dataclass(frozen=True)
class Activity:
    """What the tool bar says: a running piece of work, or how the last one ended."""

    text: str = ""
    running: bool = False
    stoppable: bool = False
    good: bool = False
    """It ended as well as it can: proven optimal, verified."""


def distinct_plans(solution: Solution) -> list[Plan]:
    """What of a solution is worth keeping: program order only where the best plan is another."""
    best, program = solution.plan, solution.program_plan
    same = (best.instances, best.actions) == (program.instances, program.actions)
    return [best] if same else [program, best]


def outcome(plan: Plan, step: Step) -> Activity:
    """What is known of a plan, for the tool bar."""
    if plan.terms is not None:
        terms = plan.terms
        known = proven_overhead(terms)
        proven = f", bound {overhead(known)}" if known is not None else ""
        return Activity(f"{plan_size(terms.budget_bytes)}: {overhead(terms.overhead)}{proven}")
    bound = plan.least_bytes
    seconds = plan.provenance.seconds
    took = f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    if plan.status is Status.OPTIMAL:
        return Activity(f"Proven optimal, {took}", good=True)
    best, least = gib(step.resident_bytes + plan.height_bytes), gib(step.resident_bytes + bound)
    if plan.status is Status.STOPPED:
        return Activity(f"Stopped: best {best}, bound {least}")
    gap = (plan.height_bytes - bound) / bound if bound else 0.0
    return Activity(f"Gap {percent(gap)}: best {best}, bound {least}")


def stopped(log: Sequence[Progress], step: Step) -> Activity:
    """What is known when a solve with this log is stopped."""
    plans = [line.plan for line in log if line.plan is not None]
    if not plans:
        return Activity("Stopped before the first plan")
    best = min(plans, key=lambda plan: plan.height_bytes)
    bound = max(line.bound_bytes or 0 for line in log)
    proven = replace(best.certificate, peak_bound_bytes=bound)
    status = Status.OPTIMAL if best.status is Status.OPTIMAL else Status.STOPPED
    return outcome(replace(best, status=status, certificate=proven), step)
