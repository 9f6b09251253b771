"""Plans of commands: where the step of a plan file is found, and where a plan that was made goes."""

import argparse
from dataclasses import replace
from pathlib import Path

from app.cli.library_option import add_library_option
from app.step_beside import step_beside
from solver.check import require_valid
from solver.errors import BayplanError
from solver.files import load_plan, save_plan
from solver.plan import Plan
from solver.planning_step import load_any_step
from solver.solution import Report
from solver.step import Step


def add_step_options(parser: argparse.ArgumentParser) -> None:
    """``--step`` and ``--library``: where the step of a plan is."""
    parser.add_argument(
        "--step",
        type=Path,
        metavar="FILE.step",
        help="the plan's step (otherwise looked for beside the plan and in the library)",
    )
    add_library_option(parser)


def load_plan_with_step(
    path: Path, step_path: Path | None, library_path: Path | None
) -> tuple[Step, Plan]:
    """A plan file and its step, the plan checked against it. Raises BayplanError.

    Without ``step_path`` the step is the first one with the plan's fingerprint among: the file that
    the plan names, then the other step files in its folder, then the library.
    """
    plan = load_plan(path)
    if step_path is not None:
        step = load_any_step(step_path)
    else:
        beside = step_beside(plan, path.absolute().parent)
        step = beside[0] if beside is not None else _from_library(plan, path, library_path)
    require_valid(step, plan)
    return step, plan


def _from_library(plan: Plan, path: Path, library_path: Path | None) -> Step:
    from app.library import Library

    library = Library(library_path)
    missing = BayplanError(
        f"The step that {path.name} was made for (fingerprint {plan.fingerprint[:12]}) is neither "
        f"beside it nor in the library {library.path}. Name its file with --step."
    )
    if not library.path.exists():
        raise missing  # Looking for a step must not make a library.
    step_id = library.find_step(plan.fingerprint)
    if step_id is None:
        raise missing
    return library.step(step_id)


def keep_plan(
    step: Step, plan: Plan, report: Report, arguments: argparse.Namespace, path: Path | None
) -> None:
    """Check a plan of ``arguments.step``, write it to ``path`` if there is one, and put both into the
    library where ``--store`` asks for it. Raises BayplanError."""
    plan = replace(plan, provenance=replace(plan.provenance, step_file=arguments.step.name))
    require_valid(step, plan)
    if path is not None:
        save_plan(plan, path)
    if arguments.store:
        from app.library import Library

        library = Library(arguments.library)
        library.add_plan(library.add_step(step), plan, report)
