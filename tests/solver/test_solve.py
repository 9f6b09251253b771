"""Solving a step: what comes out is checked, optimal where it says so, and always there."""

from solver.check import check
from solver.plan import Status
from solver.solve import solve
from solver.step import Step


def test_toy_step_is_solved_to_the_optimum_found_by_hand(toy_step: Step) -> None:
    solution = solve(toy_step, deadline=5.0)
    # relu_backward holds mm (2 KiB), relu (1 KiB) and its own result (2 KiB): no order avoids it.
    assert solution.report.peak_bytes == solution.report.height_bytes == 5 * 1024
    assert solution.plan.status is Status.OPTIMAL
    for plan in (solution.plan, solution.program_plan, solution.baseline.plan):
        assert check(toy_step, plan) == []
