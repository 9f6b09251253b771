"""Finding the step of a plan file again: by fingerprint, among the files beside it. No Qt."""

from collections.abc import Iterator
from pathlib import Path

from solver.errors import BayplanError
from solver.plan import Plan
from solver.step import Step


def step_beside(plan: Plan, folder: Path) -> tuple[Step, Path] | None:
    """The plan's step and its file in ``folder``: the file that the plan names, else any step file."""
    from solver.planning_step import load_any_step  # Its modules are not needed by the first window.

    for file in _candidates(plan, folder):
        try:
            step = load_any_step(file)
        except BayplanError:
            continue  # Whatever it is, it is not the plan's step.
        if step.fingerprint == plan.fingerprint:
            return step, file
    return None


def _candidates(plan: Plan, folder: Path) -> Iterator[Path]:
    # Only the name: a plan file from elsewhere must not choose folders here.
    named = Path(plan.provenance.step_file).name
    if named:
        yield folder / named
    yield from sorted(file for file in folder.glob("*.step") if file.name != named)
