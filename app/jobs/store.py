"""Opening the library, and keeping steps and plans in it, in the background."""

from app.jobs.job import Job
from app.library import Library
from solver.plan import Plan
from solver.solution import Report
from solver.step import Step


class OpenLibraryJob(Job):
    """Open the library's file early, so that the window need not wait for it."""

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library

    def run(self) -> None:
        self._library.open()


class StoreJob(Job):
    """Keep a step and plans of it; succeeds with their ids: ``(step, (plan, ...))``."""

    def __init__(
        self, library: Library, step: Step, plans: tuple[Plan, ...] = (), report: Report | None = None
    ) -> None:
        super().__init__()
        self.plans = plans
        self._library, self._step, self._report = library, step, report

    def run(self) -> tuple[int, tuple[int, ...]]:
        step = self._library.add_step(self._step)
        return step, tuple(self._library.add_plan(step, plan, self._report) for plan in self.plans)
