"""Solve all cases and say how good the plans are, next to PyTorch's own orders; compare with earlier.

Without paths: the steps of ../shared/cases/steps and the tables of ../shared/cases/placement beside the
checkout where they are, the embedded samples, steps captured for it (other optimizers, gradient
accumulation, autocast, inference), and generated networks, randomly wired or with random skips.
"""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from app.cli.argument_types import seconds, seed
from app.cli.bench_captures import captured_cases
from app.cli.bench_table import (
    LEGEND,
    comparison_text,
    head,
    rivals_text,
    row_text,
    summary,
)
from app.cli.terminal import StatusLine, interrupts, writable
from solver.bench.cases import Case, cases_at, skip_cases, wired_cases
from solver.bench.compare import TOLERANCE, Comparison, compare
from solver.bench.measure import measure, warm_up
from solver.bench.results import Results, load_results, save_results
from solver.errors import BayplanError
from solver.provenance import machine, versions

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
"""Beside the checkout."""
SHARED = ("steps", "placement")
"""Its folders."""
WORSE, STOPPED = 1, 130


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="FOLDER|FILE",
        help="steps, placement tables, or folders of them (otherwise the shared cases beside the "
        "checkout where they are, the samples, captured zoo models and generated networks)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="RESULT.json", help="written as it goes")
    parser.add_argument(
        "--compare",
        type=Path,
        metavar="EARLIER.json",
        help="fail where a peak, a bound or a height is worse than in this result "
        f"(by more than {TOLERANCE * 100:g} %% where time ran out)",
    )
    parser.add_argument(
        "--deadline", type=seconds, default=10.0, metavar="S", help="seconds for each case (10)"
    )
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="of the searches (0)")
    parser.add_argument("--only", metavar="TEXT", help="only cases whose name contains TEXT")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """0: done; 1: something got worse, a case failed, or there was nothing to compare. Ctrl+C keeps the
    rows that are there."""
    earlier = load_results(arguments.compare) if arguments.compare is not None else None
    output = arguments.output and writable(arguments.output, unlike=arguments.compare)
    cases = _cases(arguments.paths)
    if arguments.only is not None:
        cases = [case for case in cases if arguments.only in case.name]
        if not cases:
            raise BayplanError(f"No case has {arguments.only!r} in its name.")
    results, stopped = _measured(cases, output, arguments)
    only_files = bool(arguments.paths) and not any(path.is_dir() for path in arguments.paths)
    # Where the shared cases are not there, a reference that has them is none for them.
    without_shared = not arguments.paths and len(_shared()) < len(SHARED)
    part = stopped or only_files or without_shared or arguments.only is not None
    wanted = frozenset(row.case for row in results.rows) if part else None
    comparison = compare(earlier, results, wanted) if earlier is not None else None
    if arguments.json:
        found = {"comparison": asdict(comparison)} if comparison is not None else {}
        print(json.dumps({**results.as_dict(), **found}))
    else:
        _print_end(results, comparison, arguments)
    if stopped:
        return STOPPED
    failed = any(row.error for row in results.rows)
    worse = comparison is not None and (bool(comparison.worse) or not comparison.compared)
    return WORSE if failed or worse else 0


def _measured(
    cases: list[Case], output: Path | None, arguments: argparse.Namespace
) -> tuple[Results, bool]:
    """The rows, printed and written as they come, and whether Ctrl+C ended it."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    results = Results(created, machine(), versions(), arguments.seed, arguments.deadline)
    if not arguments.json:
        print(f"{LEGEND}\n\n{head()}", flush=True)
    with StatusLine() as status, interrupts() as interrupted:
        status.say("Compiling, once on this machine")
        warm_up(interrupted)
        for number, case in enumerate(cases):
            if interrupted():
                break
            status.say(f"{number + 1} of {len(cases)}: {case.name}")
            row = measure(case, deadline=arguments.deadline, seed=arguments.seed, cancelled=interrupted)
            if interrupted():
                break  # What a stopped solve has is not to be compared.
            results = results.with_row(row)
            if output is not None:
                save_results(results, output)
            if not arguments.json:
                status.print(row_text(row))
        return results, interrupted()


def _cases(paths: list[Path]) -> list[Case]:
    """The cases that were asked for, or all there are."""
    if paths:
        return cases_at(paths)
    samples = Path(str(resources.files("resources"))) / "samples"
    return [*cases_at([*_shared(), samples]), *captured_cases(), *wired_cases(), *skip_cases()]


def _shared() -> list[Path]:
    """Those of the folders of shared cases that are there."""
    return [CASES / name for name in SHARED if (CASES / name).is_dir()]


def _print_end(results: Results, comparison: Comparison | None, arguments: argparse.Namespace) -> None:
    """What can only be said when all rows are there."""
    parts = [summary(results.rows), rivals_text(results.rows)]
    if comparison is not None:
        parts.append(comparison_text(comparison, str(arguments.compare)))
    parts.append(str(arguments.output or "The result was not written; -o RESULT.json writes it."))
    print("\n" + "\n\n".join(part for part in parts if part))
