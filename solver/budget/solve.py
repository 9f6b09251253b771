"""Solve a step for a budget: fit it into the bytes there are, at the least cost in time, with a bound.

The one way in for window, command line and tests. The first answer is there before anything heavy is
loaded; a thread then improves on it, and the caller's thread hands on what it says and watches for a
cancel, so that a solve ends within 100 ms of it whatever the thread is in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from solver.budget.job import BudgetJob
from solver.budget.schedule import ANY_BYTES
from solver.budget.shared import Shared, Unmodified
from solver.errors import BayplanError
from solver.plan import Offload, Plan, Status
from solver.rewriting import rewritten
from solver.running import run
from solver.solution import Baseline, CancelCallback, Progress, ProgressCallback, Report
from solver.step import Step
from solver.terms import Choice, DeviceModel
from solver.timeline import resident_bytes_on_device

DEFAULT_CHOICES = (Choice.RECOMPUTE, Choice.IMPLEMENTATIONS)


@dataclass(frozen=True, slots=True)
class BudgetReport(Report):
    """The figures of one solve for a budget, as JSON has them. Bytes; seconds; fractions.

    Where no plan fits, those of a plan are of the lowest plan that was found.
    """

    budget_bytes: int
    overhead: float | None
    """None: no plan within the budget was found."""
    overhead_bound: float | None
    """Proven of every plan within the budget that does no more than what is allowed; None: it is
    proven that there is none."""
    recomputed_ops: int
    """Runs beyond the first of their op."""
    offloaded_bytes: int
    """That go to the host, all trips together."""
    rewritten_ops: int
    """Rewrites that are applied to the step."""
    impossible_bytes: int
    """The largest budget that is proven to be too small."""
    feasible_bytes: int
    """The smallest budget for which a plan was found."""
    unmodified_bytes: int
    """That the best plan without any of what is allowed needs, residents included."""
    device: str
    measured: bool
    """Whether op times are measured ones; else they are those of the device's model."""
    base_seconds: float
    """Predicted for the unmodified step."""
    allowed: tuple[str, ...]


@dataclass(frozen=True)
class BudgetSolution:
    """All that a solve for a budget found; every plan in it has passed ``solver.check``."""

    plan: Plan | None
    """The best plan within the budget; None: none was found."""
    lowest: Plan
    """The plan that needs the fewest bytes, on terms of its own."""
    program_plan: Plan
    """Program order, placed."""
    baseline: Baseline
    report: BudgetReport
    log: tuple[Progress, ...]


def share(
    step: Step,
    *,
    device: DeviceModel,
    allowed: Sequence[Choice] = DEFAULT_CHOICES,
    measured: bool = False,
    reuse: bool = True,
    host_bytes: int = ANY_BYTES,
) -> Shared:
    """What several calls of ``solve_budget`` for one step have in common, to be handed to each."""
    chosen = tuple(c for c in Choice if c in allowed)
    return Shared(step, device, chosen, measured, reuse, host_bytes)


def solve_budget(
    step: Step,
    budget_bytes: int,
    *,
    device: DeviceModel,
    allowed: Sequence[Choice] = DEFAULT_CHOICES,
    measured: bool = False,
    deadline: float = 60.0,
    seed: int = 0,
    name: str = "Within the budget",
    reuse: bool = True,
    host_bytes: int = ANY_BYTES,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    shared: Shared | None = None,
) -> BudgetSolution:
    """The plan for ``step`` that needs at most ``budget_bytes``, residents included, and loses least
    time, of those that ``deadline`` seconds find, with what is proven of that loss.

    ``device`` predicts op times; ``measured``: those that the step was timed with, where it was.
    ``host_bytes``: that offload may have on the host at once. ``shared``: made by ``share`` with the
    same step and choices, it carries what other budgets taught. Never nothing: where nothing is found
    within the budget, ``plan`` is None, and the report has the smallest budget that was found to do and
    the largest that is proven not to. A cancel is answered within 100 ms; ``progress`` is called in the
    caller's thread. Every plan that it brings and that is returned has passed ``solver.check``. Raises
    BayplanError for a budget that is no number of bytes.
    """
    if budget_bytes <= 0:
        raise BayplanError(f"A budget of {budget_bytes:,} bytes holds nothing. Give a positive number.")
    shared = shared or share(
        step,
        device=device,
        allowed=allowed,
        measured=measured,
        reuse=reuse,
        host_bytes=host_bytes,
    )
    job = BudgetJob(shared, budget_bytes, deadline, seed, name)
    job.begin()
    return _solution(job, run(job, "bayplan-budget", progress, cancelled))


def known_solution(shared: Shared, budget_bytes: int, *, seed: int = 0) -> BudgetSolution:
    """What the solves before teach about a budget, without any search."""
    job = BudgetJob(shared, budget_bytes, 0.0, seed, "")
    job.begin()
    job.done = True
    return _solution(job, [])


def _solution(job: BudgetJob, log: list[Progress]) -> BudgetSolution:
    """What was found, as things stand."""
    shared = job.shared
    unmodified, plan, lowest = shared.unmodified, job.plan, job.lowest
    assert unmodified is not None and lowest is not None, "begin has run"
    found = shared.within(job.budget_bytes)
    if found is not None and not job.cancel.is_set():
        plan = shared.on_terms(found, job.budget_bytes)  # A bound may have come after the plan.
    if plan is not None and plan.status is Status.FEASIBLE and not job.done:
        plan = replace(plan, status=Status.STOPPED)
    return BudgetSolution(
        plan,
        lowest,
        unmodified.program,
        unmodified.baseline,
        _report(job, unmodified, plan, lowest),
        tuple(log),
    )


def _report(job: BudgetJob, unmodified: Unmodified, plan: Plan | None, lowest: Plan) -> BudgetReport:
    shared, step, shown = job.shared, job.step, plan or lowest
    terms = None if plan is None else plan.terms
    known = shared.bound(job.budget_bytes) if job.possible else None
    bound = shown.certificate.peak_bound_bytes
    runs = shown.order
    return BudgetReport(
        model=step.origin.model,
        ops=len(step.ops),
        storages=len(step.planned_storages),
        resident_bytes=step.resident_bytes,
        program_order_peak_bytes=unmodified.program_order_peak_bytes,
        baseline_reserved_bytes=unmodified.baseline.reserved_bytes,
        peak_bytes=shown.peak_bytes,
        peak_bound_bytes=bound,
        height_bytes=shown.height_bytes,
        gap=(shown.height_bytes - bound) / bound if bound else 0.0,
        seconds=job.seconds,
        status="infeasible" if plan is None else plan.status.value,
        seed=job.seed,
        budget_bytes=job.budget_bytes,
        overhead=None if terms is None else terms.overhead,
        overhead_bound=known if terms is None else terms.overhead_bound,
        recomputed_ops=len(runs) - len(set(runs)),
        offloaded_bytes=_offloaded(shared, shown),
        rewritten_ops=len(shown.rewrites),
        impossible_bytes=shared.impossible_bytes,
        feasible_bytes=resident_bytes_on_device(rewritten(step, lowest), lowest) + lowest.height_bytes,
        unmodified_bytes=step.resident_bytes + unmodified.best.height_bytes,
        device=shared.device.name,
        measured=shared.measured,
        base_seconds=shared.base_seconds,
        allowed=tuple(choice.value for choice in shared.allowed),
    )


def _offloaded(shared: Shared, plan: Plan) -> int:
    """Bytes of all copies to the host."""
    storages = rewritten(shared.step, plan).storages
    return sum(
        storages[plan.instances[action.instance].storage].size
        for action in plan.actions
        if isinstance(action, Offload)
    )
