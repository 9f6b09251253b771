"""Opening a file (a step, or a plan with its step) or a stored step, and modelling how it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.facts.plan import best_plan
from app.heavy import load_module
from app.jobs.job import Job, Part
from app.library import Library
from app.step_beside import step_beside
from app.translation import plural, tr
from solver.errors import BayplanError
from solver.files import decode_plan, read_bytes, read_json
from solver.plan import Plan
from solver.solution import Baseline
from solver.step import Step

if TYPE_CHECKING:
    from app.map.bands import Bands

READ, MODELLED = 0.15, 0.4
"""Parts of the time that a step of many ops has taken when it is read, and when it is modelled."""


@dataclass(frozen=True)
class Outline:
    """What can be shown of a step as soon as it is read."""

    title: str
    ops: int
    bands: "Bands"
    """Of the ops in program order."""


@dataclass(frozen=True)
class Loaded:
    """What was opened; every plan in it has passed the validator."""

    step: Step
    path: Path | None
    baseline: Baseline | None = None
    plans: tuple[Plan, ...] = ()
    plan_path: Path | None = None
    """The file that the last plan came from."""
    library_id: int | None = None
    """The step's in the library, where it came from there."""
    plan_ids: tuple[int, ...] = ()
    """The plans' in the library, in the order of ``plans``, where they came from there."""
    shown_id: int | None = None
    """The plan's in the library that was asked for."""
    example: bool = False


StepFinder = Callable[[str], Step | None]
"""A step by its fingerprint, where somebody has it."""


class LoadJob(Job):
    """Read a file and model how its step runs today; succeeds with a Loaded."""

    def __init__(
        self,
        path: Path,
        find_step: StepFinder | None = None,
        *,
        plan: Path | None = None,
        example: bool = False,
    ) -> None:
        """``find_step`` is asked for a plan's step; ``plan`` is a plan file to open with a step."""
        super().__init__()
        self.path = path
        self._find_step = find_step
        self._plan = plan
        self._example = example

    def run(self) -> Loaded:
        # Here, as below: the first window must not wait for what reads and draws steps.
        from solver.check import require_valid
        from solver.planning_step import decode_any_step

        self.say(tr("Reading {}").format(self.path.name))
        data = read_bytes(self.path)
        content = read_json(data, self.path.name)
        plans: tuple[Plan, ...] = ()
        plan_path = self._plan
        path: Path | None = self.path
        if isinstance(content, dict) and content.get("format") == "bayplan-plan":
            plans, plan_path = (decode_plan(data, self.path.name),), self.path
            step, path = self._step_of(plans[0])
        else:
            step = decode_any_step(content, self.path.name)
            del content  # As large as the step.
            if plan_path is not None:
                plans = (decode_plan(read_bytes(plan_path), plan_path.name),)
        for plan in plans:
            require_valid(step, plan)
        baseline = modelled(self, step, plans)
        return Loaded(step, path, baseline, plans, plan_path, example=self._example)

    def _step_of(self, plan: Plan) -> tuple[Step, Path | None]:
        """The step that a plan file is for: beside it, or wherever the finder knows it."""
        beside = step_beside(plan, self.path.absolute().parent)
        if beside is not None:
            return beside
        step = self._find_step(plan.fingerprint) if self._find_step is not None else None
        if step is not None:
            return step, None
        named = plan.provenance.step_file
        wanted = f" (it was solved from {named})" if named else ""
        raise BayplanError(
            f"{self.path.name} is a plan, and its step is neither beside it nor in the library"
            f"{wanted}. "
            "Put the step file into the same folder, or open the step first."
        )


class LibraryLoadJob(Job):
    """Read a step and its plans from the library; succeeds with a Loaded."""

    def __init__(
        self, library: Library, step_id: int | None = None, *, plan_id: int | None = None
    ) -> None:
        """Either a step, or a plan whose step is to be read."""
        super().__init__()
        self._library = library
        self._step_id, self._plan_id = step_id, plan_id

    def run(self) -> Loaded:
        library, step_id = self._library, self._step_id
        if self._plan_id is not None:
            step_id = library.find_step(library.plan(self._plan_id).fingerprint)
        if step_id is None:
            raise BayplanError("The plan's step is not in the library any more. Open its file instead.")
        step = library.step(step_id)
        ids = tuple(summary.id for summary in library.plans(step_id))
        # The library checks each plan against its step as it reads it.
        plans = tuple(library.plan(number) for number in ids)
        baseline = modelled(self, step, plans)
        return Loaded(
            step,
            None,
            baseline,
            plans,
            library_id=step_id,
            plan_ids=ids,
            shown_id=self._plan_id,
        )


def modelled(job: Job, step: Step, plans: tuple[Plan, ...]) -> Baseline:
    """How a step that was read runs today, with what the window shows first; ``job`` says how far."""
    from app.map.bands import make_bands

    ops = plural("{} op", "{} ops", len(step.ops))
    job.say(Outline(step.title, len(step.ops), make_bands(step, range(len(step.ops)))))
    job.say(Part(READ, tr("{}: placing them as PyTorch does").format(ops)))
    baseline = as_run(step)
    if not job.stopping():
        job.say(Part(MODELLED, tr("{}: drawing the map").format(ops)))
        prepare_best(step, baseline, plans)
    return baseline


def prepare_best(step: Step, baseline: Baseline, plans: tuple[Plan, ...]) -> None:
    """Have ready what the window shows first: the best plan, else the step as run; and the library."""
    from app.map.prepared import prepare, prepare_row

    prepare_row(step, baseline.plan, baseline)
    for plan in plans:
        prepare_row(step, plan)
    prepare(step, best_plan(plans) or baseline.plan, baseline)


def as_run(step: Step) -> Baseline:
    """The step as PyTorch runs it today."""
    if not step.ops:
        raise BayplanError(
            f"{step.title} runs no ops, so there is nothing to show. "
            "Capture a model that computes something."
        )
    load_module("numba")
    from solver.placement.caching_allocator import simulate

    return simulate(step)
