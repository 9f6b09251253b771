"""What the window says of running and ended work, and what of a solution it keeps. No widgets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from app.facts.solve import proven_overhead
from app.numbers import gib, overhead, percent, plan_size
from app.translation import tr
from solver.plan import Plan, Status
from solver.solution import Progress, Solution
from solver.step import Step

LEAST_DONE, LEAST_SPENT = 0.03, 2.0
"""The part, and the seconds, after which something can be said about the time that is left."""


@dataclass(frozen=True)
class Activity:
    """What the tool bar says: a running piece of work, or how the last one ended."""

    text: str = ""
    running: bool = False
    stoppable: bool = False
    good: bool = False
    """It ended as well as it can: proven optimal, verified."""
    began: float = 0.0
    """By ``time.monotonic``, of what runs."""
    limit: float | None = None
    """Seconds that it takes at most, where there is a deadline."""
    done: float | None = None
    """The part of it that is done, as far as it can tell."""

    def share(self, now: float) -> float | None:
        """The part that is done, by what is known: work, or the deadline; None: nothing is known."""
        if not self.running:
            return None
        by_time = None if not self.limit else (now - self.began) / self.limit
        known = [share for share in (self.done, by_time) if share is not None]
        return min(max(known), 1.0) if known else None

    def time_text(self, now: float) -> str:
        """``at most 40 s left``, ``about 2 min left``, else how long it has been running."""
        if not self.running:
            return ""
        spent = now - self.began
        if self.limit is not None:
            left = self.limit - spent
            return tr("at most {} left").format(duration(left)) if left > 0 else tr("ending")
        if self.done is not None and self.done >= LEAST_DONE and spent >= LEAST_SPENT:
            return tr("about {} left").format(duration(spent * (1 - self.done) / self.done))
        return duration(spent) if spent >= LEAST_SPENT else ""


def duration(seconds: float) -> str:
    """``4 s``, ``3 min``, ``2 h``: rounded up, as nobody minds that it takes less."""
    if seconds <= 90:
        return f"{max(ceil(seconds), 1)} s"
    minutes = ceil(seconds / 60)
    return tr("{} min").format(minutes) if minutes <= 90 else f"{ceil(minutes / 60)} h"


def distinct_plans(solution: Solution) -> list[Plan]:
    """What of a solution is worth keeping: program order only where the best plan is another."""
    best, program = solution.plan, solution.program_plan
    if best.pins:
        return [best]
    same = (best.instances, best.actions) == (program.instances, program.actions)
    return [best] if same else [program, best]


def outcome(plan: Plan, step: Step) -> Activity:
    """What is known of a plan, for the tool bar."""
    if plan.terms is not None:
        terms = plan.terms
        known = proven_overhead(terms)
        text = f"{plan_size(terms.budget_bytes)}: {overhead(terms.overhead)}"
        return Activity(tr("{}, bound {}").format(text, overhead(known)) if known is not None else text)
    bound = plan.least_bytes
    seconds = plan.provenance.seconds
    took = tr("{:.0f} ms").format(seconds * 1000) if seconds < 1 else f"{seconds:.1f} s"
    if plan.provenance.edited_from:
        took = tr("edited by hand")
    if plan.status is Status.OPTIMAL:
        return Activity(tr("Proven optimal, {}").format(took), good=True)
    best, least = gib(step.resident_bytes + plan.height_bytes), gib(step.resident_bytes + bound)
    if plan.status is Status.STOPPED:
        return Activity(tr("Stopped: best {}, bound {}").format(best, least))
    gap = (plan.height_bytes - bound) / bound if bound else 0.0
    return Activity(tr("Gap {}: best {}, bound {}").format(percent(gap), best, least))


def stopped(log: Sequence[Progress], step: Step) -> Activity:
    """What is known when a solve with this log is stopped."""
    plans = [line.plan for line in log if line.plan is not None]
    if not plans:
        return Activity(tr("Stopped before the first plan"))
    best = min(plans, key=lambda plan: plan.height_bytes)
    bound = max(line.bound_bytes or 0 for line in log)
    proven = replace(best.certificate, peak_bound_bytes=bound)
    status = Status.OPTIMAL if best.status is Status.OPTIMAL else Status.STOPPED
    return outcome(replace(best, status=status, certificate=proven), step)
