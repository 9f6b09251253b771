"""One case of a benchmark solved and measured.

CPU time means little between machines and between days, so beside each case a fixed piece of work is
timed: a case's ``work`` is its CPU time in units of that.
"""

import time
from collections.abc import Callable

import numpy as np

from solver.bench.cases import Case
from solver.bench.results import Rival, Row
from solver.bench.wired import wired_step
from solver.errors import BayplanError
from solver.placement import PlacementProblem
from solver.step import Step
from solver.timeline import order_profile

CALIBRATIONS = 3
WARM_OPS, WARM_SECONDS = 120, 1.0
"""A step with a gap, so that every part of the solver has its turn."""


def warm_up(cancelled: Callable[[], bool]) -> None:
    """Load and compile what the cases will use, so that none of them is charged for it."""
    from solver.solve import solve

    step = wired_step(WARM_OPS, 0, training=False)
    solve(step, deadline=WARM_SECONDS, cancelled=cancelled)
    rivals(step)


def measure(
    case: Case, *, deadline: float, seed: int, cancelled: Callable[[], bool] | None = None
) -> Row:
    """The row of a case. Never raises for what is wrong with the case: the row says it.

    ``deadline`` is in seconds. The figures of a case that was cancelled are those of a stopped solve.
    """
    try:
        content = case.load()
        if isinstance(content, Step):
            return _measure_step(case.name, content, deadline, seed, cancelled)
        return _measure_placement(case.name, content, deadline, seed, cancelled)
    except BayplanError as error:
        return Row(case.name, error=str(error))
    except Exception as error:
        # One case that hits a bug must not take the figures of the others with it.
        return Row(case.name, error=f"a bug in Bayplan: {type(error).__name__}: {error}")


def _measure_step(
    name: str, step: Step, deadline: float, seed: int, cancelled: Callable[[], bool] | None
) -> Row:
    from solver.solve import solve

    unit = calibrate()
    wall, work = time.monotonic(), time.process_time()
    solution = solve(step, deadline=deadline, seed=seed, cancelled=cancelled)
    wall, work = time.monotonic() - wall, time.process_time() - work
    report = solution.report
    return Row(
        case=name,
        ops=report.ops,
        storages=report.storages,
        resident_bytes=report.resident_bytes,
        reserved_bytes=report.baseline_reserved_bytes,
        peak_bytes=report.peak_bytes,
        bound_bytes=report.peak_bound_bytes,
        height_bytes=report.height_bytes,
        status=report.status,
        seconds=wall,
        work=work / unit,
        rivals={} if cancelled is not None and cancelled() else rivals(step),
    )


def rivals(step: Step) -> dict[str, Rival]:
    """What each of PyTorch's orders gives for the step."""
    from solver.ordering.heuristics import HEURISTICS
    from solver.ordering.problem import compile_step
    from solver.placement.caching_allocator import reserved_bytes

    graph = compile_step(step).graph
    result = {}
    for name, heuristic in HEURISTICS.items():
        order = heuristic(graph).tolist()
        peak = int(order_profile(step, order).max(initial=0))
        result[name] = Rival(peak, reserved_bytes(step, order))
    return result


def _measure_placement(
    name: str,
    problem: PlacementProblem,
    deadline: float,
    seed: int,
    cancelled: Callable[[], bool] | None,
) -> Row:
    from solver.placement import place
    from solver.timeline import live_bytes

    unit = calibrate()
    wall, work = time.monotonic(), time.process_time()
    result = place(problem, deadline=deadline, seed=seed, cancelled=cancelled)
    wall, work = time.monotonic() - wall, time.process_time() - work
    # A table's slots are any numbers, time stamps for one: only their sequence matters.
    times, lifetimes = np.unique(np.stack([problem.starts, problem.ends], axis=1), return_inverse=True)
    alive = live_bytes(lifetimes.reshape(-1, 2), problem.sizes, len(times))
    capacities = [arena.capacity for arena in result.arenas]
    known = [capacity for capacity in capacities if capacity is not None]
    return Row(
        case=name,
        storages=len(problem.sizes),
        peak_bytes=int(alive.max(initial=0)),
        bound_bytes=result.bound,
        height_bytes=result.height,
        capacity_bytes=sum(known) if len(known) == len(capacities) else None,
        status=result.status.value,
        seconds=wall,
        work=work / unit,
    )


def calibrate() -> float:
    """CPU seconds of a fixed piece of work, interpreted and numpy's, some hundredths of a second."""
    best = float("inf")
    for _ in range(CALIBRATIONS):
        begun = time.process_time()
        total = 0
        for number in range(60_000):
            total += number * number % 7
        numbers = np.arange(200_000, dtype=np.int64) * 2_654_435_761 % 1_000_003
        total += int(np.sort(numbers)[total % len(numbers)])
        best = min(best, time.process_time() - begun)
    return best
