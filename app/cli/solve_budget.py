"""``bayplan solve --budget``: the plan within a budget that costs least time, or why there is none."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.cli.budget_options import Conditions, conditions
from app.cli.plan_files import keep_plan
from app.cli.terminal import StatusLine, interrupts, writable
from app.facts.doings import doings, done_text, times_text
from app.numbers import bytes_exact, human, overhead, overhead_bound
from solver.errors import BayplanError
from solver.plan import Plan
from solver.planning_step import load_any_step
from solver.rewriting import rewritten
from solver.solution import Progress
from solver.step import Step
from solver.timeline import resident_bytes_on_device

if TYPE_CHECKING:
    from solver.budget.solve import BudgetSolution

IMPOSSIBLE, STOPPED = 1, 130


def run(arguments: argparse.Namespace) -> int:
    """0: solved; 1: no plan within the budget. Ctrl+C ends the search; the best plan so far is kept."""
    output = arguments.output and writable(arguments.output, unlike=arguments.step)
    if arguments.pin or arguments.pins is not None:
        raise BayplanError(
            "Pins are kept by plans without a budget only: leave out --pin, or --budget."
        )
    step = load_any_step(arguments.step)
    given = conditions(arguments, step)
    with StatusLine() as status, interrupts() as interrupted:
        solution = solve(arguments, step, given, status.say, interrupted)
        stopped = interrupted()
    plan = solution.plan
    if plan is not None:
        keep_plan(step, plan, solution.report, arguments, output)
    if arguments.json:
        print(json.dumps(as_dict(step, solution, given)))
    else:
        print(report_text(step, solution, given))
        if plan is not None:
            print(output or "The plan was not written; -o FILE.plan writes it.")
    if stopped:
        return STOPPED
    return 0 if plan is not None else IMPOSSIBLE


def solve(
    arguments: argparse.Namespace,
    step: Step,
    given: Conditions,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> "BudgetSolution":
    """The best plan within the budget that the deadline gives."""
    from solver.budget.solve import solve_budget

    return solve_budget(
        step,
        arguments.budget,
        device=given.device,
        allowed=given.allowed,
        measured=given.measured,
        deadline=arguments.deadline,
        seed=arguments.seed,
        reuse=not arguments.no_reuse,
        progress=lambda line: say(progress_text(line)),
        cancelled=cancelled,
    )


def as_dict(step: Step, solution: "BudgetSolution", given: Conditions) -> dict[str, Any]:
    """Everything, for JSON. Bytes; seconds; overheads are fractions.

    Where there is no plan within the budget, what is said of a plan is of the lowest one.
    """
    plan = solution.plan or solution.lowest
    done = doings(rewritten(step, plan), plan)
    return {
        **solution.report.as_dict(),
        "feasible": solution.plan is not None,
        "needed_bytes": needed_bytes(step, plan),
        "fused_ops": done.fused_ops,
        "host_bytes": done.host_bytes,
        "rewrites": list(plan.rewrites),
        "op_times": times_text(given.device, given.measured),
    }


def report_text(step: Step, solution: "BudgetSolution", given: Conditions) -> str:
    """The answer as aligned lines."""
    report, plan, bound = solution.report, solution.plan, solution.report.overhead_bound
    lines = [
        f"{step.title}: {report.ops:,} ops, {report.storages:,} storages",
        _size_line("Budget", report.budget_bytes),
    ]
    allowed = f"  Allowed: {', '.join(given.allowed) or 'order and addresses alone'}"
    times = f"  Op times: {times_text(given.device, given.measured)}"
    if plan is None or bound is None:
        return "\n".join(
            [
                *lines,
                "  No plan fits: that is proven."
                if bound is None
                else "  No plan within it was found.",
                _size_line("Largest proven impossible", report.impossible_bytes),
                _size_line("Smallest found feasible", report.feasible_bytes),
                allowed,
                times,
                f"  {report.seconds:.2f} s, seed {report.seed}",
            ]
        )
    lines += [
        _size_line("Plan, height with residents", needed_bytes(step, plan)),
        _size_line("Plan, height", plan.height_bytes),
        _size_line("Plan, peak", plan.peak_bytes),
        f"  {'Overhead':<33}{overhead(report.overhead or 0.0):>11}",
        f"  {'Overhead, proven bound':<33}{overhead_bound(bound):>11}",
        f"  {done_text(doings(rewritten(step, plan), plan))}",
        allowed,
        times,
        f"  {report.status.capitalize()}, {report.seconds:.2f} s, seed {report.seed}",
    ]
    return "\n".join(lines)


def needed_bytes(step: Step, plan: Plan) -> int:
    """Of the device: what the budget counts."""
    return resident_bytes_on_device(rewritten(step, plan), plan) + plan.height_bytes


def progress_text(line: Progress) -> str:
    """One line of a running search."""
    return f"{line.seconds:7.1f} s  {line.phase}: {line.result}"


def _size_line(what: str, size: int) -> str:
    return f"  {what:<33}{human(size):>11}{bytes_exact(size):>20} B"
