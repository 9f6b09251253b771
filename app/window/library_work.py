"""Keeping steps and plans in the library, and finding them there, beside the window's other work."""

from PySide6.QtCore import QObject, Signal, Slot

from app.document import Document
from app.jobs.job import Failure
from app.jobs.store import OpenLibraryJob, StoreJob
from app.library import Library
from app.window.runner import Runner
from solver.plan import Plan, Status
from solver.solution import Solution
from solver.step import Step


class LibraryWork(Runner):
    """What the window has done with its library. All signals are emitted in the UI thread."""

    library_ready = Signal()
    stored = Signal()
    """The library has something new."""

    def __init__(self, document: Document, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.document, self.library = document, library
        self._library_failed = False
        """It was said once; the user may try again."""
        self._store_next = False

    def open_library(self) -> None:
        """Open the library in the background; ``library_ready`` follows."""
        self._library_failed = False
        job = OpenLibraryJob(self.library)
        job.succeeded.connect(self._library_opened)
        self.run_beside(job, "library")

    def try_again(self) -> None:
        """Open the library once more, and keep then what it could not take."""
        self._store_next = True
        self.open_library()

    def store(self) -> None:
        """Keep the open step and its plans in the library."""
        step = self.document.step
        if step is None:
            return
        # What is being edited and has conflicts, or is still being judged, is not a plan yet.
        plans = [e for e in self.document.entries if e.plan.status is not Status.BASELINE]
        entries = [e for e in plans if e.right]
        solution = self.document.solution
        self._store(step, [e.plan for e in entries], solution)

    @Slot()
    def _library_opened(self) -> None:
        self._library_failed = False
        self.library_ready.emit()
        if self._store_next and not self.document.example:
            self.store()
        self._store_next = False

    def _find_step(self, fingerprint: str) -> Step | None:
        # Runs in a load's thread.
        open_step = self.document.step
        if open_step is not None and open_step.fingerprint == fingerprint:
            return open_step
        number = self.library.find_step(fingerprint)
        return None if number is None else self.library.step(number)

    def _store(self, step: Step, plans: list[Plan], solution: Solution | None) -> None:
        if self._library_failed:
            return  # It was said once; the user may try again.
        job = StoreJob(self.library, step, tuple(plans), solution.report if solution else None)
        job.succeeded.connect(self._was_stored)
        self.run_beside(job, "library")

    @Slot(object)
    def _was_stored(self, ids: tuple[int, tuple[int, ...]]) -> None:
        job = self.sender()
        if isinstance(job, StoreJob):
            for plan, number in zip(job.plans, ids[1], strict=True):
                for entry in self.document.entries:
                    if entry.plan is plan:
                        self.document.update_entry(entry, library_id=number, path=entry.path)
        self.stored.emit()

    def _failed_beside(self, doing: str, failure: Failure) -> None:
        if doing == "library":
            if self._library_failed:
                return
            self._library_failed = True
        self.problem.emit(doing, failure)
