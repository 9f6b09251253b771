"""A lesson made ready: its step, the plans it shows, and what proves the bound. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from app.facts.plan import plan_facts
from app.jobs.load import as_run
from app.lessons.facts import Fact, FindSubject, Subject, fact, filled, holds, storage_named
from app.lessons.lesson import (
    AS_RUN,
    PLANNED,
    PROGRAM_ORDER,
    SHOWN,
    START,
    Ask,
    Kind,
    Lesson,
    Page,
    PuzzleTensor,
)
from solver.errors import BayplanError
from solver.files import load_plan
from solver.plan import Plan, Status
from solver.planning_step import load_any_step
from solver.proof import PeakProof
from solver.solution import Baseline
from solver.step import Category, Op, Origin, Step, Storage

SECONDS = 10.0
"""For the solve of a lesson's step, which is small."""
MOST_OPS = 5000
START_NAME = "Your packing"


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that a lesson needs while it is taken."""

    lesson: Lesson
    step: Step
    baseline: Baseline
    plans: dict[str, Plan]
    """By how the lesson calls them."""
    proof: PeakProof | None = None
    """Of ``planned``."""

    @property
    def budgeted(self) -> tuple[Plan, ...]:
        """Those within a budget."""
        return tuple(plan for plan in self.plans.values() if plan.terms is not None)

    def subject(self, page: Page, shown: Subject | None, name: str) -> Subject:
        """What a fact is about; ``shown``: what is on the map. Raises BayplanError."""
        name = name or page.show.plan or SHOWN
        if name == SHOWN:
            if shown is not None:
                return shown
            name = START if START in self.plans else PLANNED
        if name not in self.plans:
            known = ", ".join(self.plans)
            raise BayplanError(f"{name!r} is no plan of this lesson. The plans are: {known}.")
        plan = self.plans[name]
        baseline = self.baseline if name == AS_RUN else None
        return Subject(plan_facts(self.step, plan, baseline), self.proof if name == PLANNED else None)

    def finder(self, page: Page, shown: Subject | None = None) -> FindSubject:
        """Finds the subjects of a page's facts."""
        return partial(self.subject, page, shown)

    def names(self, page: Page) -> tuple[str, ...]:
        """The right tensors of a question that asks for one. Raises BayplanError."""
        assert page.ask is not None
        try:
            answer = fact(page.ask.answer, self.finder(page))
        except BayplanError:
            find = self.finder(page)("").facts
            storage_named(find, page.ask.answer)
            return (page.ask.answer,)
        return answer.names

    def number(self, page: Page) -> Fact:
        """The right number of a question that asks for one. Raises BayplanError."""
        assert page.ask is not None
        return fact(page.ask.answer, self.finder(page))


def prepare_lesson(lesson: Lesson, cancelled: Callable[[], bool] | None = None) -> Prepared:
    """Read or build a lesson's step, solve it, and check that every fact that is named is there.

    Raises BayplanError.
    """
    from solver.check import require_valid
    from solver.proof import prove_peak
    from solver.solve import solve

    folder = lesson.path.absolute().parent
    step = puzzle_step(lesson.tensors) if lesson.tensors else load_any_step(folder / lesson.step)
    if len(step.ops) > MOST_OPS:
        raise BayplanError(
            f"{lesson.step} has {len(step.ops):,} ops; for a lesson {MOST_OPS:,} are the most."
        )
    solution = solve(step, deadline=SECONDS, reuse=not lesson.tensors, cancelled=cancelled)
    baseline = as_run(step)
    plans = {
        AS_RUN: baseline.plan,
        PROGRAM_ORDER: solution.program_plan,
        PLANNED: solution.plan,
    }
    if lesson.tensors:
        plans[START] = _stacked(step, solution.plan)
    for name in lesson.plans:
        plan = load_plan(folder / name)
        if plan.fingerprint != step.fingerprint:
            raise BayplanError(f"{lesson.path.name}: {name} is a plan of another step.")
        require_valid(step, plan)
        plans[name.removesuffix(".plan")] = plan
    prepared = Prepared(lesson, step, baseline, plans, prove_peak(step, solution.plan))
    for number in range(len(lesson.pages)):
        check_page(prepared, number)
    return prepared


def check_page(prepared: Prepared, number: int) -> None:
    """Raises BayplanError, with the line of the page, where something that it names is not there."""
    page = prepared.lesson.pages[number]
    find = prepared.finder(page)
    try:
        about = find(page.show.plan).facts
        if page.show.slots is not None and page.show.slots[1] > about.slots:
            raise BayplanError(f"show.slots end after the last op, {about.slots - 1}.")
        for name in page.show.select:
            storage_named(about, name)
        filled(page.text, find)
        if page.ask is not None:
            _check_ask(prepared, page, page.ask, find)
    except BayplanError as error:
        name = prepared.lesson.path.name
        raise BayplanError(f"{name}, page {number + 1} (from line {page.line}): {error}") from None


def _check_ask(prepared: Prepared, page: Page, ask: Ask, find: FindSubject) -> None:
    for text in (ask.question, *ask.choices, ask.right, ask.wrong, ask.hint):
        filled(text, find)
    if ask.kind is Kind.NUMBER:
        fact(ask.answer, find)
    elif ask.kind is Kind.SELECT and not prepared.names(page):
        raise BayplanError(f"ask.answer {ask.answer!r} names no tensor.")
    if ask.score:
        fact(ask.score, find)
    for comparison in ask.goals:
        holds(comparison, find)
    for comparison in ask.because:
        if not holds(comparison, find):
            raise BayplanError(f"ask.because: {comparison!r} does not hold.")


def puzzle_step(tensors: tuple[PuzzleTensor, ...]) -> Step:
    """A step whose tensors live as long as told: one op a slot, each waiting for the one before."""
    slots = max(tensor.last for tensor in tensors) + 1
    storages = [Storage(t.size, Category(t.category), t.name) for t in tensors]
    clock = len(storages)
    storages += [Storage(0, Category.TEMPORARY, f"clock {slot}") for slot in range(slots)]
    ops = []
    for slot in range(slots):
        reads = [i for i, t in enumerate(tensors) if t.first < slot <= t.last]
        if slot:
            reads.append(clock + slot - 1)
        made = [i for i, t in enumerate(tensors) if t.first == slot]
        creates = (*made, clock + slot)
        ops.append(Op(f"op {slot}", "compute", tuple(reads), (), creates))
    origin = Origin(
        model="Puzzle",
        source="lesson",
        batch=1,
        optimizer="",
        training=False,
        target="cpu",
        dtype="float32",
    )
    from solver.validate import validate_step

    step = Step(origin, tuple(storages), tuple(ops))
    validate_step(step, "puzzle")
    return step


def _stacked(step: Step, plan: Plan) -> Plan:
    """Every tensor above the one before it: nothing overlaps, and nothing is shared."""
    sizes = step.rounded_sizes
    address, instances = 0, list(plan.instances)
    for index in sorted(range(len(instances)), key=lambda i: instances[i].storage):
        instances[index] = replace(instances[index], address=address)
        address += int(sizes[instances[index].storage])
    return replace(
        plan,
        name=START_NAME,
        instances=tuple(instances),
        height_bytes=address,
        status=Status.FEASIBLE,
    )
