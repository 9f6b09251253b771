"""Solve a step for several budgets in one go: a table of overheads with their bounds, or a picture."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.argument_types import pixels, seconds, seed, sizes
from app.cli.budget_options import add_budget_options, conditions
from app.cli.library_option import add_library_option
from app.cli.plan_files import keep_plan
from app.cli.solve_budget import needed_bytes, progress_text
from app.cli.terminal import StatusLine, interrupts, writable
from app.curve.points import Point, csv_text, ordered
from app.facts.doings import times_text
from app.numbers import overhead, plan_size
from solver.errors import BayplanError
from solver.files import write_atomic
from solver.planning_step import load_any_step
from solver.step import Step

if TYPE_CHECKING:
    from solver.budget.solve import BudgetSolution

NOTHING, STOPPED = 1, 130
KINDS = (".csv", ".png")


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("step", type=Path, metavar="FILE.step", help="or a planning-only .json.gz")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        action="append",
        metavar="FILE.csv|.png",
        help="where the table or the picture goes; both: give it twice",
    )
    parser.add_argument(
        "--budgets",
        type=sizes,
        metavar="8GiB,6GiB",
        help="these (otherwise some, from what costs no time down to the least that is found)",
    )
    parser.add_argument(
        "--deadline", type=seconds, default=120.0, metavar="S", help="seconds for all of them (120)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the searches (0)")
    add_budget_options(parser)
    parser.add_argument("--plans", type=Path, metavar="FOLDER", help="also write every plan there")
    parser.add_argument("--store", action="store_true", help="also put all plans into the library")
    add_library_option(parser)
    parser.add_argument("--theme", choices=["dark", "light"], default="dark", help="of the picture")
    parser.add_argument(
        "--size", type=pixels, default=(1200, 520), metavar="WxH", help="its pixels (1200x520)"
    )
    parser.add_argument("--json", action="store_true", help="print the table as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """0: solved; 1: none of the budgets was feasible. Ctrl+C keeps the budgets solved so far."""
    from solver.budget.curve import trade_off

    outputs = [writable(path, unlike=arguments.step) for path in arguments.output]
    for path in outputs:
        if path.suffix.lower() not in KINDS:
            raise BayplanError(f"{path} is neither a table nor a picture: name it .csv or .png.")
    if arguments.plans is not None and not arguments.plans.is_dir():
        raise BayplanError(f"{arguments.plans} is no folder. Make it first.")
    step = load_any_step(arguments.step)
    given = conditions(arguments, step)
    solutions: dict[int, BudgetSolution] = {}
    with StatusLine() as status, interrupts() as interrupted:
        if not arguments.json:
            status.print(f"{step.title}: {len(step.ops):,} ops\n{_HEAD}")
        for solved in trade_off(
            step,
            arguments.budgets,
            device=given.device,
            allowed=given.allowed,
            measured=given.measured,
            deadline=arguments.deadline,
            seed=arguments.seed,
            progress=lambda line: status.say(progress_text(line)),
            cancelled=interrupted,
        ):
            solutions[solved.budget_bytes] = solved.solution
            if not arguments.json:
                status.print(_row(_point(step, solved.solution)))
        stopped = interrupted()
    name = arguments.step.name.split(".")[0]
    for budget, solution in solutions.items():
        if solution.plan is not None:
            path = arguments.plans and arguments.plans / f"{name}_{budget}.plan"
            keep_plan(step, solution.plan, solution.report, arguments, path)
    points = ordered([_point(step, solution) for solution in solutions.values()])
    _write(points, outputs, arguments, f"{step.title} · {_times(given.device.name, given.measured)}")
    if arguments.json:
        content = {
            "model": step.origin.model,
            "resident_bytes": step.resident_bytes,
            "allowed": [choice.value for choice in given.allowed],
            "device": given.device.name,
            "measured": given.measured,
            "points": [asdict(point) for point in points],
        }
        print(json.dumps(content))
    else:
        print(f"Op times: {times_text(given.device, given.measured)}")
    if stopped:
        return STOPPED
    return 0 if any(point.overhead is not None for point in points) else NOTHING


def _times(device: str, measured: bool) -> str:
    return "measured" if measured else device


def _point(step: Step, solution: "BudgetSolution") -> Point:
    report, plan = solution.report, solution.plan
    bound = report.overhead_bound
    if bound is not None and bound <= -1:
        bound = None
    if plan is None:
        return Point(report.budget_bytes, None, None, bound)
    return Point(
        report.budget_bytes,
        needed_bytes(step, plan),
        report.overhead,
        bound,
        report.recomputed_ops,
        report.offloaded_bytes,
        report.seconds,
    )


def _write(points: list[Point], outputs: list[Path], arguments: argparse.Namespace, title: str) -> None:
    solved = any(point.overhead is not None for point in points)
    for path in outputs:
        if path.suffix.lower() == ".csv":
            write_atomic(path, csv_text(points).encode())
        elif solved:
            from app.curve.picture import render_curve
            from app.theme import THEMES

            width, height = arguments.size
            theme = THEMES[arguments.theme]
            render_curve(points, path, title=title, width=width, height=height, theme=theme)
        else:
            print(f"{path} was not drawn: no plan was found.")
            continue
        if not arguments.json:
            print(path)


_HEAD = f"  {'budget':>12}{'needs':>12}{'overhead':>11}{'bound':>10}{'ops again':>11}{'seconds':>9}"


def _bound(point: Point) -> str:
    return "none" if point.overhead_bound is None else overhead(point.overhead_bound)


def _row(point: Point) -> str:
    if point.overhead is None or point.needed_bytes is None:
        bound = _bound(point)
        return f"  {plan_size(point.budget_bytes):>12}{'no plan was found':>23}{bound:>10}"
    return (
        f"  {plan_size(point.budget_bytes):>12}{plan_size(point.needed_bytes):>12}"
        f"{overhead(point.overhead):>11}{_bound(point):>10}"
        f"{point.recomputed_ops or 0:>11,}{point.seconds:>9.1f}"
    )
