"""The plans that come with the program, and putting them into a library."""

from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from solver.errors import BayplanError
from solver.files import load_plan, load_step

if TYPE_CHECKING:
    from app.library.library import Library
    from solver.plan import Plan

TAG = "ready"
EDITION = 1
"""Of the plans: a library that knows an earlier one is offered them again."""


def ready_folder() -> Path:
    """Where they lie: each step beside its plans, whose names begin with the step's."""
    return Path(str(resources.files("resources"))) / "plans"


def ready_files(folder: Path | None = None) -> dict[Path, tuple[Path, ...]]:
    """By step file the files of its plans, both by name."""
    folder = folder or ready_folder()
    plans = sorted(folder.glob("*.plan"))
    return {
        step: tuple(plan for plan in plans if plan.name.startswith(f"{step.stem}_"))
        for step in sorted(folder.glob("*.step"))
    }


def ready_plans(folder: Path | None = None) -> Iterator[tuple[Path, "Plan"]]:
    """Every plan with its file, step by step."""
    for plans in ready_files(folder).values():
        for path in plans:
            yield path, load_plan(path)


def _never() -> bool:
    return False


def add_ready_plans(
    library: "Library", folder: Path | None = None, stopping: Callable[[], bool] = _never
) -> int:
    """Put them into the library, the steps tagged; how many plans there are.

    Those that are there already stay as they are. Where it is stopped between two of them, the others
    are offered again. Raises BayplanError.
    """
    count = 0
    for path, plans in ready_files(folder).items():
        if stopping():
            return count
        step = load_step(path)
        known = library.find_step(step.fingerprint)
        step_id = library.add_step(step)
        if known is None:
            library.set_step_tags(step_id, [TAG])
        for plan in plans:
            if stopping():
                return count
            library.add_plan(step_id, load_plan(plan))
            count += 1
    library.note_ready_plans(EDITION)
    return count


def offer_ready_plans(library: "Library", stopping: Callable[[], bool] = _never) -> None:
    """Put them into a library that was never offered this edition of them, and only then: what somebody
    deleted stays deleted. A library that cannot be used says so elsewhere."""
    try:
        if library.ready_edition() < EDITION:
            add_ready_plans(library, stopping=stopping)
    except BayplanError:
        return
