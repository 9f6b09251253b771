"""The part of the validator for plans within a budget: is what their terms state what they cost?

Budget, choices, times and overhead are worked out anew from the plan. The bound on the overhead is not:
that no other plan takes less time is not to be seen in one plan, and no proof of it comes along. It is
only refused where the plan itself disproves it. So it is the word of the solver that made the plan;
``solver.budget.bound`` says why it holds, and whoever doubts a plan file solves again.
"""

from collections.abc import Iterator
from math import isclose, isfinite

from solver.budget.costs import op_costs
from solver.budget.duration import overhead_of, plan_seconds
from solver.plan import Offload, Plan, Prefetch, Run
from solver.rewriting import is_exact
from solver.step import Step, round_up
from solver.terms import Choice, Terms, device_problems

TOLERANCE = 1e-6
"""Of times, relative to the step's; they are sums of thousands of rounded figures."""


def wrong_terms(captured: Step, step: Step, plan: Plan, height: int) -> list[str]:
    """What is wrong with the terms of a plan that is right otherwise, one sentence a problem.

    ``step`` is the captured one with the plan's rewrites, ``height`` the bytes of the plan's arena.
    """
    terms = plan.terms
    if terms is None:
        return []
    impossible = [f"Its device cannot be: {problem}." for problem in device_problems(terms.device)]
    return impossible or [
        *_budget(step, plan, terms, height),
        *_choices(captured, plan, terms),
        *_times(captured, step, plan, terms),
    ]


def _budget(step: Step, plan: Plan, terms: Terms, height: int) -> Iterator[str]:
    residents = step.resident_bytes - sum(round_up(step.storages[s].size) for s in plan.homes)
    if residents + height > terms.budget_bytes:
        yield (
            f"Its budget is {terms.budget_bytes:,} bytes; residents take {residents:,} and its arena "
            f"{height:,}."
        )


def _choices(captured: Step, plan: Plan, terms: Terms) -> Iterator[str]:
    runs = [action for action in plan.actions if isinstance(action, Run)]
    used = {
        Choice.RECOMPUTE: ("runs ops again", len(runs) > len({run.op for run in runs})),
        Choice.OFFLOAD: (
            "keeps storages in host memory",
            bool(plan.homes) or any(isinstance(action, Offload | Prefetch) for action in plan.actions),
        ),
        Choice.IMPLEMENTATIONS: (
            "runs ops in another way",
            any(run.fused for run in runs) or any(is_exact(name) for name in plan.rewrites),
        ),
        Choice.APPROXIMATE: (
            "runs ops in a way that changes results a little",
            not all(is_exact(name) for name in plan.rewrites),
        ),
    }
    for choice, (does, so) in used.items():
        if so and choice not in terms.allowed:
            yield f"It {does}, but {choice} is not among what was allowed."


def _times(captured: Step, step: Step, plan: Plan, terms: Terms) -> Iterator[str]:
    if terms.measured and not any(op.seconds >= 0 for op in captured.ops):
        yield "It says that op times were measured, but its step was not timed."
    base = op_costs(captured, terms.device, terms.measured).base_seconds
    if not isclose(terms.base_seconds, base, rel_tol=TOLERANCE, abs_tol=0):
        yield f"It states {terms.base_seconds:g} s for the unmodified step, which takes {base:g} s."
    overhead = overhead_of(plan_seconds(step, plan, terms.device, terms.measured), base)
    if not isclose(terms.overhead, overhead, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
        yield f"It states an overhead of {terms.overhead:.3%}; it has {overhead:.3%}."
    if not isfinite(terms.overhead_bound) or terms.overhead_bound > overhead + TOLERANCE:
        yield (
            f"It states {terms.overhead_bound:.3%} as the bound of its overhead, which is "
            f"{overhead:.3%}."
        )
