"""One run of CP-SAT on one core, which ends soon after it is told to."""

import threading
from collections.abc import Sequence
from typing import Any

from solver.cp_solver import cp_solver
from solver.solution import CancelCallback

INTERVAL = 0.02
"""Seconds between two looks at ``cancelled``."""
GAP = 2e-3
"""A bound this near to what was found, relative to it, is near enough."""


def solve(model: Any, effort: float, seconds: float, cancelled: CancelCallback) -> tuple[Any, float]:
    """CP-SAT's status, and its lower bound on the objective (0 where there is none)."""
    solver, status = _run(model, effort, seconds, cancelled)
    return status, solver.best_objective_bound if model.has_objective() else 0.0


def best(
    model: Any, literals: Sequence[Any], effort: float, seconds: float, cancelled: CancelCallback
) -> tuple[Any, float, list[bool] | None]:
    """CP-SAT's status, its lower bound on the objective, and which of the literals are true in the best
    solution that is found; None: none was found."""
    from ortools.sat.python import cp_model  # heavy

    solver, status = _run(model, effort, seconds, cancelled)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return status, solver.best_objective_bound, None
    values = [bool(solver.boolean_value(literal)) for literal in literals]
    return status, solver.best_objective_bound, values


def _run(model: Any, effort: float, seconds: float, cancelled: CancelCallback) -> tuple[Any, Any]:
    """The solver and its status."""
    solver = cp_solver(effort, max(seconds, 0.0))
    solver.parameters.linearization_level = 2
    solver.parameters.relative_gap_limit = GAP
    over = threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL):
            if cancelled():
                solver.stop_search()

    watcher = threading.Thread(target=watch, name="bayplan-bound")
    watcher.start()
    try:
        status = solver.solve(model)
    finally:
        over.set()
        watcher.join()
    return solver, status
