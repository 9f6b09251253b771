"""Solving budgets in the background: plans come one by one, so that one sees the curve grow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.curve.budgets import Infeasible, Wanted
from app.heavy import load_module
from app.jobs.job import Job, Part
from app.numbers import Unit
from app.translation import tr
from solver.plan import Plan
from solver.solution import Baseline, Progress
from solver.step import Step
from solver.terms import Choice

if TYPE_CHECKING:
    from solver.budget.shared import Shared


CURVE_DEADLINES = 2
"""A whole curve may take so many times what one solve may."""
FIRST_ANSWERS = 0.6
"""Of a curve's work, what finds the first plan for each budget; better ones follow."""


@dataclass(frozen=True)
class BudgetRequest:
    """Which budgets of a step are to be solved, and on what terms."""

    step: Step
    wanted: Wanted
    budgets: tuple[int, ...]
    """Bytes; none: some, from what costs no time down to the least that is found."""
    deadline: float
    """Seconds for all of them."""
    seed: int
    reuse: bool
    unit: Unit
    """That plans are named in."""

    def like(self, other: "BudgetRequest") -> bool:
        """Whether what one learns helps the other."""
        same = (self.wanted, self.reuse) == (other.wanted, other.reuse)
        return same and self.step is other.step


@dataclass(frozen=True, eq=False)
class Learned:
    """What is known after a request: of use to the next one that is like it."""

    request: BudgetRequest
    shared: "Shared"


Tell = Callable[[Progress], None]
Answer = Plan | Infeasible


class BudgetJob(Job):
    """Progress is how far it is (``Part``), plans (``Plan``) and budgets without one (``Infeasible``).

    It succeeds with the number of plans; stopped, too.
    """

    def __init__(
        self,
        request: BudgetRequest,
        as_run: Baseline | None = None,
        before: "Learned | None" = None,
    ) -> None:
        """``as_run``: what the map compares plans with. ``before``: what a job that has ended learned;
        on the same step and terms this one begins with it."""
        super().__init__()
        self.request = request
        self._as_run = as_run
        self._answered: set[int] = set()
        self._expected = len(request.budgets)
        self.learned = before if before is not None and before.request.like(request) else None

    def run(self) -> int:
        load_module("numba")
        from app.map.prepared import prepare
        from solver.budget.curve import BUDGETS
        from solver.budget.solve import share

        self._expected = self._expected or BUDGETS
        request, wanted = self.request, self.request.wanted
        if self.learned is None:
            shared = share(
                request.step,
                device=wanted.device,
                allowed=tuple(wanted.allowed),
                measured=wanted.measured,
                reuse=request.reuse,
            )
            self.learned = Learned(request, shared)
        found = 0
        for answer in answers(request, self.learned.shared, self._tell, self.stopping):
            self._answered.add(budget_of(answer))
            if isinstance(answer, Plan):
                found += 1
                answer = replace(answer, name=plan_name(answer, request.unit))
                if not self.stopping():
                    prepare(request.step, answer, self._as_run)
            self.say(answer)
        return found

    def _tell(self, line: Progress) -> None:
        # Plans on the way to a budget's answer are not shown: only the answer is certain to fit.
        text = f"{line.phase}: {line.result}" if line.result else line.phase
        solved, expected = len(self._answered), self._expected
        if expected > 1:
            text = tr("{} of {} budgets. {}").format(solved, expected, text)
        self.say(Part(min(FIRST_ANSWERS * solved / expected, 1.0), text))

    def merge(self, items: list[object]) -> list[object]:
        """All answers, and the last that was said of how far it is."""
        parts = [item for item in items if isinstance(item, Part)]
        return [item for item in items if not isinstance(item, Part)] + parts[-1:]


def budget_of(answer: Answer) -> int:
    """Bytes; 0: of a plan that costs no time."""
    if isinstance(answer, Infeasible):
        return answer.budget_bytes
    return answer.terms.budget_bytes if answer.terms is not None else 0


def answers(
    request: BudgetRequest, shared: "Shared", tell: Tell, cancelled: Callable[[], bool]
) -> Iterator[Answer]:
    """What the solver finds, budget by budget; a later plan for a budget is a better one."""
    from solver.budget.curve import trade_off

    for point in trade_off(
        request.step,
        request.budgets or None,
        device=shared.device,
        allowed=shared.allowed,
        measured=shared.measured,
        deadline=request.deadline,
        seed=request.seed,
        reuse=request.reuse,
        progress=tell,
        cancelled=cancelled,
        shared=shared,
    ):
        solution = point.solution
        if solution.plan is not None:
            yield solution.plan
        elif not cancelled():
            report = solution.report
            yield Infeasible(point.budget_bytes, report.impossible_bytes, report.feasible_bytes)
            yield solution.lowest


def plan_name(plan: Plan, unit: Unit) -> str:
    """``Within 8.010 GiB, recompute, v100``: one plan of a step for each budget and terms."""
    terms = plan.terms
    if terms is None:
        return plan.name
    times = "measured" if terms.measured else terms.device.name
    copies = ""
    if Choice.OFFLOAD in terms.allowed:
        copies = f" at {terms.device.host_bytes_per_second / 1e9:g} GB/s"
    allowed = ", ".join(f"{c}{copies if c is Choice.OFFLOAD else ''}" for c in terms.allowed)
    within = f"Within {unit.text(terms.budget_bytes)} {unit.name}"
    return f"{within}, {allowed or 'order alone'}, {times}"
