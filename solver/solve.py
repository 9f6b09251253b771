"""Solve a step: baseline, order, placement, proof. The one way in for window, command line and tests.

The first answer, program order with a first fit, is there before anything heavy is loaded. A thread
then improves on it, and the caller's thread hands on what it says and watches for a cancel, so that a
solve ends within 100 ms of it whatever the thread is in: a compilation, an import, a presolve.
"""

from dataclasses import replace

from solver.pins import Pins
from solver.plan import Status
from solver.running import run
from solver.solution import CancelCallback, Progress, ProgressCallback, Report, Solution
from solver.solve_job import SolveJob
from solver.step import Step


def solve(
    step: Step,
    *,
    deadline: float = 60.0,
    seed: int = 0,
    name: str = "Optimal order, placed",
    reuse: bool = True,
    pins: Pins = (),
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
) -> Solution:
    """The best plan for ``step`` that ``deadline`` seconds give, with what is proven of it.

    The plan is called ``name`` where its order was searched for. ``reuse``: an elementwise op may write
    its result into an operand's bytes (``solver.reuse``) where that lowers the peak. ``pins``: every
    plan keeps them, and what is proven holds among the plans that do; where none does, BayplanError
    says which conflict. Never nothing: with no time at all it is program order with a first fit, which
    takes about 0.1 ms for each op; after that a cancel is answered within 100 ms. ``progress`` is
    called in the caller's thread. Every plan that it brings and that is returned has passed
    ``solver.check``. What compiling takes, once on a machine, does not count towards the deadline.
    """
    job = SolveJob(step, deadline, seed, name, reuse, pins)
    job.begin()
    return _solution(job, run(job, "bayplan-solve", progress, cancelled))


def _solution(job: SolveJob, log: list[Progress]) -> Solution:
    """What was found, as things stand."""
    state = job.state
    best = replace(
        state.best,
        provenance=replace(state.best.provenance, seconds=job.seconds),
    )
    if best.status is Status.FEASIBLE and job.over():
        best = replace(best, status=Status.STOPPED)
    bound = best.certificate.peak_bound_bytes
    floor = max(bound, job.maker.pinned_end)
    report = Report(
        model=job.step.origin.model,
        ops=len(job.step.ops),
        storages=len(job.arranger.planned),
        resident_bytes=job.step.resident_bytes,
        program_order_peak_bytes=job.program_peak,
        baseline_reserved_bytes=state.baseline.reserved_bytes,
        peak_bytes=best.peak_bytes,
        peak_bound_bytes=bound,
        height_bytes=best.height_bytes,
        gap=(best.height_bytes - floor) / floor if floor else 0.0,
        seconds=best.provenance.seconds,
        status=best.status.value,
        seed=job.seed,
    )
    return Solution(best, state.program, state.baseline, report, tuple(log))
