"""CP-SAT on one core, as every solver here uses it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ortools.sat.python import cp_model


def cp_solver(effort: float, seconds: float) -> "cp_model.CpSolver":
    """A solver that stops after ``effort`` deterministic seconds, or ``seconds`` by the clock.

    Ctrl+C is none of its business: a handler of its own would take the place of Python's, and leave
    behind one that ends the process at once, with nothing kept.
    """
    from ortools.sat.python import cp_model  # heavy

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.catch_sigint_signal = False
    solver.parameters.max_deterministic_time = effort
    solver.parameters.max_time_in_seconds = seconds
    return solver
