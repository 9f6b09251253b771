"""The whole trade-off of a step: for each of several budgets the plan that loses the least time.

Solved in one go, from the largest budget to the smallest and back: each solve begins with what the
others found, and a plan for one budget is one for every larger budget. So the overhead never falls
where the budget does.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from solver.budget.shared import Shared
from solver.budget.solve import DEFAULT_CHOICES, BudgetSolution, known_solution, share, solve_budget
from solver.errors import BayplanError
from solver.solution import CancelCallback, ProgressCallback
from solver.step import Step
from solver.terms import Choice, DeviceModel

BUDGETS = 12
"""Budgets of a curve where none are given."""
RANGE_SHARE = 0.2
"""Of the time, what looking for the smallest budget may take."""
DOWN_SHARE = 0.6
"""Of the time that is left then, what the way down takes; the way back up has the rest."""
_ROUND_TO = 1 << 20
"""Bytes that the budgets chosen here are multiples of."""


@dataclass(frozen=True)
class Point:
    """One budget of a curve, and what was found for it. A later point for a budget replaces it."""

    budget_bytes: int
    solution: BudgetSolution


def trade_off(
    step: Step,
    budgets: Sequence[int] | None = None,
    *,
    device: DeviceModel,
    allowed: Sequence[Choice] = DEFAULT_CHOICES,
    measured: bool = False,
    deadline: float = 120.0,
    seed: int = 0,
    reuse: bool = True,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    shared: Shared | None = None,
) -> Iterator[Point]:
    """A point for every budget (bytes), and again a better one where there is; see ``solve_budget``.

    ``budgets`` None: twelve between the smallest for which a plan is found and what the step needs
    unmodified. ``deadline`` is in seconds of work, for all of it. Of the points that
    came last for their budgets, those for smaller budgets have at least the overhead of those for
    larger ones. Ends early, after the point that is being worked on, when ``cancelled``.
    """
    if budgets is not None and not budgets:
        raise BayplanError("There is no budget to solve for. Give one, or leave the choice to Bayplan.")
    shared = shared or share(step, device=device, allowed=allowed, measured=measured, reuse=reuse)
    spent = 0.0

    def left() -> float:
        return max(0.0, deadline - spent)

    def solve(budget: int, seconds: float, turn: int) -> BudgetSolution:
        nonlocal spent
        began = time.monotonic()
        solution = solve_budget(
            step,
            budget,
            device=device,
            deadline=seconds,
            seed=seed + turn,
            progress=progress,
            cancelled=cancelled,
            shared=shared,
        )
        # What it took besides, for the first one to be compiled, is no other's loss.
        spent += min(seconds, time.monotonic() - began)
        return solution

    def stopped() -> bool:
        return cancelled is not None and cancelled()

    shown: dict[int, float] = {}
    """By budget: the overhead that was last handed out."""

    def point(budget: int, solution: BudgetSolution) -> Point:
        overhead = solution.report.overhead
        shown[budget] = inf if overhead is None else overhead
        return Point(budget, solution)

    def bettered() -> Iterator[Point]:
        """What other budgets' plans mean for those that were shown before."""
        for budget, overhead in shown.items():
            known = shared.within(budget)
            if known is not None and known.overhead < overhead:
                yield point(budget, known_solution(shared, budget, seed=seed))

    if budgets is None:
        report = solve(max(1, shared.impossible_bytes), RANGE_SHARE * left(), 0).report
        budgets = spread(report.feasible_bytes, report.unmodified_bytes)
    ordered = sorted({*budgets}, reverse=True)
    up = (1 - DOWN_SHARE) * left()
    for at, budget in enumerate(ordered):
        if at and stopped():
            return
        yield point(budget, solve(budget, max(0.0, left() - up) / (len(ordered) - at), 0))
        yield from bettered()
    for at, budget in enumerate(ordered[::-1]):
        if stopped() or left() <= 0:
            return
        solve(budget, left() / (len(ordered) - at), 1)
        yield from bettered()


def spread(smallest: int, largest: int, count: int = BUDGETS) -> list[int]:
    """At most ``count`` budgets in bytes from the smallest to the largest, at even distances, both
    included; rounded up to whole MiB, one at least, so that plans of either end's bytes fit."""
    gap = max(0, largest - smallest)
    exact = [smallest + gap * at // (count - 1) for at in range(count)]
    return sorted({max(1, -(-budget // _ROUND_TO)) * _ROUND_TO for budget in exact})
