"""List the ready plans that come with the program, or put them into the library.

Each is a file beside its step's, to be checked, drawn, explained or exported as any other plan.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from app.cli.library_option import add_library_option
from app.library.ready import add_ready_plans, ready_files
from app.numbers import overhead, overhead_bound, plan_size
from solver.errors import BayplanError
from solver.files import load_plan, load_step
from solver.plan import Plan


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--store", action="store_true", help="put them all into the library")
    add_library_option(parser)
    parser.add_argument("--json", action="store_true", help="the list as one JSON array")


def run(arguments: argparse.Namespace) -> int:
    """List them; with ``--store`` say how many there are in the library."""
    files = ready_files()
    if not files:
        raise BayplanError("There are no ready plans: this installation is not complete.")
    if arguments.store:
        from app.library import Library

        library = Library(arguments.library)
        count = add_ready_plans(library)
        print(f"{count} plans of {len(files)} steps are in {library.path}.")
        return 0
    plans = {step: [(path, load_plan(path)) for path in paths] for step, paths in files.items()}
    if arguments.json:
        print(json.dumps([_as_dict(path, plan) for each in plans.values() for path, plan in each]))
        return 0
    for step, each in plans.items():
        print(f"{load_step(step).title}  {step}")
        for path, plan in sorted(each, key=lambda one: _key(one[1])):
            print(f"  {_row(plan)}  {path.name}")
    return 0


def _key(plan: Plan) -> tuple[int, int]:
    terms = plan.terms
    return (0, -plan.height_bytes) if terms is None else (len(terms.allowed), -terms.budget_bytes)


def _row(plan: Plan) -> str:
    terms = plan.terms
    if terms is None:
        return f"{plan_size(plan.height_bytes):>11}  without a budget"
    return (
        f"{plan_size(terms.budget_bytes):>11}{overhead(terms.overhead):>10}"
        f"  bound {overhead_bound(terms.overhead_bound):>8}  {', '.join(terms.allowed)}"
    )


def _as_dict(path: Path, plan: Plan) -> dict[str, Any]:
    terms = plan.terms
    return {
        "file": str(path),
        "step": str(path.with_name(plan.provenance.step_file)),
        "name": plan.name,
        "height_bytes": plan.height_bytes,
        "budget_bytes": None if terms is None else terms.budget_bytes,
        "overhead": None if terms is None else terms.overhead,
        "overhead_bound": None if terms is None else terms.overhead_bound,
        "allowed": [] if terms is None else [choice.value for choice in terms.allowed],
    }
