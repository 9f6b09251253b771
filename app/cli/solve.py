"""Find an order and addresses for a step, with a proven bound; write the plan.

With ``--budget`` also choose what runs again, what waits in host memory and which implementations run,
so that residents and arena together fit into the budget and the least time is lost.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from app.cli import solve_budget
from app.cli.argument_types import seconds, seed, size
from app.cli.budget_options import add_budget_options, given_budget_options
from app.cli.library_option import add_library_option
from app.cli.plan_files import keep_plan
from app.cli.terminal import StatusLine, interrupts, writable
from app.facts.pins import plan_name
from app.numbers import bytes_exact, gib, human, percent
from solver.errors import BayplanError
from solver.files import load_pins
from solver.pin_text import PIN_GRAMMAR, parse_pins, pins_text
from solver.planning_step import load_any_step
from solver.solution import Progress, Report


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("step", type=Path, metavar="FILE.step", help="or a planning-only .json.gz")
    parser.add_argument(
        "--deadline", type=seconds, default=60.0, metavar="S", help="seconds to search at most (60)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the search (0)")
    parser.add_argument(
        "--no-reuse",
        action="store_true",
        help="let no elementwise op write into an operand that dies there",
    )
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="PIN",
        help=f"what the plan must keep, as often as you like: {PIN_GRAMMAR}; ops and storages by index "
        "or name, B not included, ADDRESS in bytes",
    )
    parser.add_argument(
        "--pins", type=Path, metavar="FILE.json", help="more pins: a JSON list of such texts"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE.plan", help="without it only the report is printed"
    )
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    parser.add_argument("--store", action="store_true", help="also put both into the library")
    add_library_option(parser)
    group = parser.add_argument_group("within a budget")
    group.add_argument(
        "--budget",
        type=size,
        metavar="8GiB",
        help="that residents and arena together may take: 8GiB, 500MiB, 8GB (of 10^9 bytes), or bytes; "
        "where none was found the exit code is 1",
    )
    add_budget_options(group)


def run(arguments: argparse.Namespace) -> int:
    """Solve, check, write, report. Ctrl+C stops the search and keeps the best plan so far."""
    if arguments.budget is not None:
        return solve_budget.run(arguments)
    if given := given_budget_options(arguments):
        raise BayplanError(f"{given[0]} is for plans within a budget: give one with --budget.")
    from solver.solve import solve

    output = arguments.output and writable(arguments.output, unlike=arguments.step)
    step = load_any_step(arguments.step)
    pins = parse_pins(step, arguments.pin)
    if arguments.pins is not None:
        pins += load_pins(arguments.pins, step)
    with StatusLine() as status, interrupts() as interrupted:
        solution = solve(
            step,
            deadline=arguments.deadline,
            seed=arguments.seed,
            reuse=not arguments.no_reuse,
            pins=pins,
            progress=lambda line: status.say(_progress(line)),
            cancelled=interrupted,
        )
        stopped = interrupted()
    # As the window calls it: there a plan gives way to another one of its name.
    plan = replace(solution.plan, name=plan_name(pins)) if pins else solution.plan
    keep_plan(step, plan, solution.report, arguments, output)
    if arguments.json:
        print(json.dumps(solution.report.as_dict()))
    else:
        print(report_text(step.title, solution.report))
        if pins:
            print(f"  With {pins_text(step, pins)}")
        print(output or "The plan was not written; -o FILE.plan writes it.")
    return 130 if stopped else 0


def report_text(title: str, report: Report) -> str:
    """The report as aligned lines: what, binary units, exact bytes."""
    sizes = {
        "Resident": report.resident_bytes,
        "As run, reserved with residents": report.baseline_reserved_bytes,
        "Program order, peak": report.program_order_peak_bytes,
        "Plan, peak": report.peak_bytes,
        "Plan, proven bound of the peak": report.peak_bound_bytes,
        "Plan, height": report.height_bytes,
        "Plan, height with residents": report.height_bytes + report.resident_bytes,
    }
    lines = [
        f"{title}: {report.ops:,} ops, {report.storages:,} storages",
        *(f"  {what:<33}{human(size):>11}{bytes_exact(size):>20} B" for what, size in sizes.items()),
        f"  {report.status.capitalize()}, gap {percent(report.gap)}, "
        f"{report.seconds:.2f} s, seed {report.seed}",
    ]
    return "\n".join(lines)


def _progress(line: Progress) -> str:
    best = "" if line.height_bytes is None else f"  height {gib(line.height_bytes)}"
    bound = "" if line.bound_bytes is None else f"  bound {gib(line.bound_bytes)}"
    return f"{line.seconds:7.1f} s  {line.phase}: {line.result}{best}{bound}"
