"""What the window has done in the background: jobs, their outcome in the document, and their failures.

At most one piece of work that the user asked for runs at a time; keeping things in the library runs
beside it.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from app.curve.budgets import BUDGET_UNITS, Infeasible, Wanted, infeasible_text
from app.document import Document, Entry
from app.jobs.around import PlaceAroundJob
from app.jobs.budget import CURVE_DEADLINES, BudgetJob, BudgetRequest, Learned
from app.jobs.capture import CaptureJob, CaptureRequest
from app.jobs.export import ExportJob, VerifyJob
from app.jobs.job import Job, Part
from app.jobs.load import LibraryLoadJob, Loaded, LoadJob, Outline
from app.jobs.prove import ProveJob
from app.jobs.recorded import PlaceRecordedJob
from app.jobs.solve import SolveJob
from app.library import Library
from app.numbers import Unit
from app.pin_selection import name_with
from app.settings import Settings
from app.translation import plural, tr
from app.window.activity import Activity, distinct_plans, outcome, stopped
from app.window.saving import Saving
from solver.pins import Pins
from solver.plan import Plan
from solver.solution import Progress, Solution

if TYPE_CHECKING:
    from app.edit.draft import Draft
    from runtime.verify import VerifyReport
    from solver.proof import PeakProof


class Work(Saving):
    """All that one window can have done. All signals are emitted in the UI thread."""

    outlined = Signal(object)
    """What is being opened was read, an Outline; it is not in the document yet."""
    exported = Signal(object)
    """The folder of a module that was written."""
    verified = Signal(object)
    """A VerifyReport."""
    sample_ready = Signal(object)
    """The embedded sample was read for the start page, a Loaded."""
    sample_missing = Signal(object)
    """It could not be read, a Failure."""
    compared = Signal(bool)
    """Whether the open step's file holds another step by now."""
    proved = Signal(object)
    """What proves the shown plan's bound, a PeakProof."""
    infeasible = Signal(object)
    """An Infeasible: a budget within which no plan was found."""
    log = Signal(str)
    """A line of a capture's or verification's output."""

    def __init__(
        self, document: Document, library: Library, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(document, library, settings, parent)
        self._learned: Learned | None = None
        """By the last budgets that were solved."""
        self._answers: dict[str, Plan] = {}
        """By name the plans that the running one has brought."""
        self._too_small: Infeasible | None = None
        self._solve_next = False
        self._opening = ""

    # What can be asked for.

    def open_path(
        self, path: Path, *, example: bool = False, plan: Path | None = None, solve: bool = False
    ) -> None:
        """Open a step or plan file in place of what is open, and solve it then where ``solve``."""
        job = LoadJob(path, self._find_step, plan=plan, example=example)
        job.succeeded.connect(self._loaded)
        if solve:
            job.succeeded.connect(self._solve_loaded)
        self._opening = path.name
        self._run(job, "open", Activity(tr("Reading {}").format(path.name), stoppable=True))

    def run_job(self, job: Job, doing: str, activity: Activity) -> None:
        """Run a job whose outcome is for somebody else, in place of what runs."""
        self._opening = ""
        self._run(job, doing, activity)

    def open_with(self, job: Job, path: Path) -> None:
        """Open what a job, which succeeds with a Loaded, makes of a file."""
        job.succeeded.connect(self._loaded)
        job.succeeded.connect(partial(self._opened_from, path))
        self.run_job(job, "open", Activity(tr("Reading {}").format(path.name), stoppable=True))

    def tell(self, text: str) -> None:
        """Say in the tool bar how something ended."""
        self._say(Activity(text, good=True))

    def load_sample(self, step: Path, plan: Path) -> None:
        """Read the embedded sample beside other work; ``sample_ready`` follows."""
        job = LoadJob(step, plan=plan, example=True)
        job.succeeded.connect(self.sample_ready)
        job.failed.connect(self.sample_missing)
        self.run_beside(job)

    def compare_on_disk(self, path: Path) -> None:
        """Read the open step's file again beside other work; ``compared`` says whether it differs."""
        job = LoadJob(path, self._find_step)
        job.succeeded.connect(self._compared)
        job.failed.connect(self._not_compared)
        self.run_beside(job)

    def open_stored(self, step_id: int) -> None:
        """Open a step of the library with its plans."""
        self._open_from_library(LibraryLoadJob(self.library, step_id))

    def open_stored_plan(self, plan_id: int) -> None:
        """Open a plan of the library with its step, and show it."""
        self._open_from_library(LibraryLoadJob(self.library, plan_id=plan_id))

    def _open_from_library(self, job: LibraryLoadJob) -> None:
        job.succeeded.connect(self._loaded)
        self._opening = tr("From the library")
        self._run(job, "open", Activity(tr("Reading the library"), stoppable=True))

    def solve(self, pins: Pins | None = None, name: str = "") -> None:
        """Solve the open step with the limits in the settings; with pins (None: those that were given)
        it is a plan called ``name``."""
        step = self.document.step
        if step is None or self.busy:
            return
        if pins is None:
            pins = self.document.pinned.pins
            name = name_with(self.document, pins) if pins else ""
        self.document.clear_progress()
        job = SolveJob(
            step,
            deadline=self.settings.deadline,
            seed=self.settings.seed,
            reuse=self.settings.reuse,
            as_run=self.document.baseline,
            pins=pins,
            name=name,
        )
        job.succeeded.connect(self._solved)
        limit = self.settings.deadline
        self._run(job, "solve", Activity(tr("Starting the solver"), stoppable=True, limit=limit))

    def place_around(self, draft: "Draft", name: str, pins: Pins = ()) -> None:
        """Place an edited plan anew around what was moved; a plan called ``name``, with pins."""
        if self.document.step is None or self.busy:
            return
        self.document.clear_progress()
        limit = self.settings.deadline
        job = PlaceAroundJob(draft, name, pins, deadline=limit, seed=self.settings.seed)
        job.succeeded.connect(self._placed_around)
        self._run(job, "solve", Activity(tr("Placing the rest"), stoppable=True, limit=limit))

    def solve_budgets(
        self, wanted: Wanted, budgets: tuple[int, ...] = (), unit: Unit = BUDGET_UNITS[0]
    ) -> None:
        """Find plans within budgets, without any the whole curve; they come one by one."""
        step = self.document.step
        if step is None or self.busy:
            return
        settings = self.settings
        deadline = settings.deadline * (max(len(budgets), 1) if budgets else CURVE_DEADLINES)
        request = BudgetRequest(step, wanted, budgets, deadline, settings.seed, settings.reuse, unit)
        job = BudgetJob(request, self.document.baseline, self._learned)
        job.succeeded.connect(self._budgets_solved)
        self._answers, self._too_small = {}, None
        self._run(job, "budgets", Activity(tr("Starting the solver"), stoppable=True, limit=deadline))

    def prove(self) -> None:
        """Find what proves the shown plan's bound, beside other work; ``proved`` follows."""
        step, shown = self.document.step, self.document.shown
        if step is None or shown is None or shown.baseline is not None:
            return
        job = ProveJob(step, shown.plan)
        job.succeeded.connect(self._proved)
        self.run_beside(job, "prove")

    def capture(self, request: CaptureRequest) -> None:
        """Trace a model in a child process and open its step."""
        job = CaptureJob(request)
        job.succeeded.connect(self._loaded)
        said = tr("Capturing {}").format(request.source)
        self._run(job, "capture", Activity(said, stoppable=True, limit=request.timeout))

    def export(self, folder: Path) -> None:
        """Write the shown plan as a module into ``folder``."""
        step, shown = self.document.step, self.document.shown
        if step is None or shown is None or self.busy:
            return
        job = ExportJob(step, shown.plan, folder)
        job.succeeded.connect(self._exported)
        self._run(job, "export", Activity(tr("Writing {}").format(folder.name), stoppable=True))

    def verify(self, folder: Path) -> None:
        """Run an exported module against eager training."""
        job = VerifyJob(folder)
        job.succeeded.connect(self._verified)
        said = tr("Verifying {}").format(folder.name)
        self._run(job, "verify", Activity(said, stoppable=True, limit=job.seconds))

    def _stop_job(self, job: Job) -> None:
        """A solve ends with the best plan so far, anything else without result."""
        if isinstance(job, SolveJob):
            self._stop_solve(job)
        elif isinstance(job, BudgetJob | PlaceRecordedJob | PlaceAroundJob):
            job.stop()
            self._say(replace(self.activity, text=tr("Stopping"), stoppable=False, limit=None))
        elif isinstance(job, LoadJob | LibraryLoadJob):
            self._set_aside()
            self._say(Activity(tr("Cancelled")))
        else:
            super()._stop_job(job)

    def _stop_solve(self, job: SolveJob) -> None:
        """The window has stopped at once; the plan, with its status, follows when it is checked.

        A large step's first plan takes seconds, so nothing waits for it and other work drops it.
        """
        job.stop()
        self._await_beside(job)
        self._say(stopped(self.document.log, job.step))
        self.changed.emit()

    def leave(self) -> None:
        """Drop what is running: the step is being closed."""
        self._set_aside()
        self._say(Activity())

    @property
    def opening(self) -> str:
        """The name of the step that is being opened; empty: none is."""
        return self._opening if self.busy and self._doing == "open" else ""

    @property
    def solving(self) -> bool:
        """Whether a solve runs, or was stopped and has not handed over its plan."""
        return self._stopped is not None or (self.busy and self._doing == "solve")

    @property
    def solving_budgets(self) -> bool:
        """Whether budgets are being solved."""
        return self.busy and self._doing == "budgets"

    # How it comes out.

    @Slot(object)
    def _loaded(self, loaded: Loaded) -> None:
        if loaded.path is not None and not loaded.example:
            self.settings.add_recent(loaded.plan_path or loaded.path)
        self.document.open(loaded.step, loaded.path, example=loaded.example)
        if loaded.baseline is not None:
            self.document.add(Entry(loaded.baseline.plan, loaded.baseline))
        ids: tuple[int | None, ...] = loaded.plan_ids or (None,) * len(loaded.plans)
        for plan, number in zip(loaded.plans, ids, strict=True):
            path = loaded.plan_path if plan is loaded.plans[-1] else None
            self.document.add(Entry(plan, library_id=number, path=path))
        wanted = next(
            (
                e
                for e in self.document.entries
                if e.library_id is not None and e.library_id == loaded.shown_id
            ),
            self.document.best,
        )
        self._say(Activity())
        if wanted is not None:
            self.document.show(wanted)
            self._say(outcome(wanted.plan, loaded.step))
        self.opened.emit(loaded)
        if loaded.library_id is None and not loaded.example:
            self._store(loaded.step, list(loaded.plans), None)

    @Slot(object)
    def _solve_loaded(self, _: Loaded) -> None:
        self._solve_next = True  # When the job that has brought it has ended.

    @Slot(object)
    def _solved(self, solution: Solution) -> None:
        self.document.set_solution(solution)
        if self.document.step is not None:
            self._say(outcome(solution.plan, self.document.step))
        if self.document.step is not None and not self.document.example:
            self._store(self.document.step, distinct_plans(solution), solution)

    @Slot(object)
    def _placed_around(self, plan: Plan) -> None:
        step = self.document.step
        self.document.add(Entry(plan))
        if step is not None:
            self._say(outcome(plan, step))
            if not self.document.example:
                self._store(step, [plan], None)

    def _opened_from(self, path: Path, _: Loaded) -> None:
        self.settings.add_recent(path)

    def _take_answer(self, answer: Plan | Infeasible) -> None:
        """A budget was solved: its plan is kept like any other."""
        step = self.document.step
        if isinstance(answer, Infeasible):
            self._too_small = answer
            self.infeasible.emit(answer)
        elif step is not None:
            self._answers[answer.name] = answer
            self.document.add(Entry(answer), show=False)

    @Slot(object)
    def _budgets_solved(self, _: int) -> None:
        step, plans, job = self.document.step, list(self._answers.values()), self._job
        if self._too_small is not None and isinstance(job, BudgetJob):
            self._say(Activity(infeasible_text(self._too_small, job.request.unit)))
        else:
            self._say(
                Activity(
                    tr("Solved {}").format(plural("{} budget", "{} budgets", len(plans))),
                    good=bool(plans),
                )
            )
        self._learned = job.learned if isinstance(job, BudgetJob) else None
        if step is not None and plans and not self.document.example:
            self._store(step, plans, None)

    @Slot(object)
    def _exported(self, folder: Path) -> None:
        self._say(Activity(tr("Exported to {}").format(folder.name)))
        self.exported.emit(folder)

    @Slot(object)
    def _verified(self, report: "VerifyReport") -> None:
        self._say(Activity(tr("Verified"), good=True) if report.ok else Activity(tr("Not verified")))
        self.verified.emit(report)

    def _progressed(self, item: object) -> None:
        if isinstance(item, Plan | Infeasible):
            self._take_answer(item)
            return
        if isinstance(item, Progress) and self._doing == "solve":
            self.document.add_progress(item)
        if isinstance(item, Progress):
            text = f"{item.phase}: {item.result}" if item.result else item.phase
        elif isinstance(item, Outline):
            self.outlined.emit(item)
            return
        elif isinstance(item, Part):
            self._say(replace(self.activity, text=item.text or self.activity.text, done=item.done))
            return
        else:
            text = str(item)
            self.log.emit(text)
            text = self.activity.text if self._doing in ("capture", "verify") else text
        self._say(replace(self.activity, text=text))

    def _follow(self, doing: str) -> None:
        if self._solve_next:
            self._solve_next = False
            self.solve()

    # Beside other work.

    @Slot(object)
    def _proved(self, proof: "PeakProof") -> None:
        job, shown = self.sender(), self.document.shown
        # Another plan may be on the map by now.
        if isinstance(job, ProveJob) and shown is not None and shown.plan is job.plan:
            self.proved.emit(proof)

    @Slot(object)
    def _compared(self, loaded: Loaded) -> None:
        step = self.document.step
        if step is not None and self._is_of_open_file(self.sender()):
            self.compared.emit(loaded.step.fingerprint != step.fingerprint)

    @Slot()
    def _not_compared(self) -> None:
        if self._is_of_open_file(self.sender()):
            # It cannot be read any more, so what is shown is not what is there.
            self.compared.emit(True)

    def _is_of_open_file(self, job: QObject | None) -> bool:
        """Whether what a job read is still the open step's file: another one may be open by now."""
        return isinstance(job, LoadJob) and job.path == self.document.path
