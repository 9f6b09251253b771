"""How the window runs jobs: one that the user asked for at a time, any number beside it."""

import time
from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from app.jobs.job import Failure, Job
from app.translation import tr
from app.window.activity import Activity

CLOSE_SECONDS = 10.0
"""How long closing the window waits for each background thread."""


class Runner(QObject):
    """Starts, stops and awaits jobs. All signals are emitted in the UI thread."""

    changed = Signal()
    """``activity`` is another."""
    problem = Signal(str, object)
    """What was being done (``open``, ``solve``, ...) and the Failure."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.activity = Activity()
        self._doing = ""
        self._job: Job | None = None
        self._stopped: Job | None = None
        """A job that was stopped and still owes its result."""
        self._beside: dict[Job, str] = {}
        """What each is called where it fails."""
        self._closed = False

    def stop(self) -> None:
        """End the running work: with what it has, or without result."""
        if self._job is None or not self.activity.stoppable:
            return
        self._stop_job(self._job)

    def close(self) -> bool:
        """End all work and wait for its threads; whether all ended. Nothing begins afterwards."""
        self._closed = True
        jobs = self.jobs
        for job in jobs:
            job.abandon()
        ended = [job.join(CLOSE_SECONDS) for job in jobs]
        return all(ended)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All that runs."""
        return tuple(job for job in (self._job, *self._beside) if job is not None)

    @property
    def busy(self) -> bool:
        """Whether work that the user asked for is running."""
        return self._job is not None

    # What subclasses say.

    def _stop_job(self, job: Job) -> None:
        """End a running job; by default without result."""
        job.abandon()
        self._say(Activity(tr("Stopping"), running=True))

    def _progressed(self, item: object) -> None:
        """The running job says something."""

    def _failed_beside(self, doing: str, failure: Failure) -> None:
        """A job beside, which does ``doing``, failed."""

    def _follow(self, doing: str) -> None:
        """The running job, which did ``doing``, has ended."""

    # Running.

    def _run(self, job: Job, doing: str, activity: Activity) -> None:
        """``activity``: what is said of it until it says something itself."""
        if self._closed:
            job.deleteLater()
            return
        # What was running is for the step that goes away.
        self._set_aside()
        self._job, self._doing = job, doing
        job.setParent(self)
        job.progress.connect(self._progress_arrived)
        job.failed.connect(self._failed)
        job.ended.connect(self._ended)
        self._say(replace(activity, running=True, began=time.monotonic()))
        job.start()

    def run_beside(self, job: Job, doing: str = "") -> None:
        """Run a job beside what the user waits for; not where the window is closed.

        ``doing``: what it is called where it fails; without, its failure is not told.
        """
        if self._closed:
            job.deleteLater()
            return
        self._beside[job] = doing
        job.setParent(self)
        if doing:
            job.failed.connect(self._failure_beside)
        job.ended.connect(self._ended_beside)
        job.start()

    def _set_aside(self) -> None:
        """Let the running work end beside other work, without result."""
        if self._stopped is not None:
            self._stopped.abandon()
            self._stopped = None
        if self._job is not None:
            self._job.abandon()
            self._job.ended.connect(self._ended_beside)
            self._beside[self._job] = ""
            self._job = None

    def _await_beside(self, job: Job) -> None:
        """The running job was stopped: the window goes on, its result follows."""
        job.ended.connect(self._ended_beside)
        self._beside[job] = ""
        self._stopped, self._job = job, None

    @Slot(object)
    def _progress_arrived(self, item: object) -> None:
        if self.sender() is self._job:
            self._progressed(item)
        # Else of a stopped job; its result brings all of it.

    @Slot(object)
    def _failed(self, failure: Failure) -> None:
        self._say(Activity())
        self.problem.emit(self._doing, failure)

    @Slot()
    def _ended(self) -> None:
        if self._job is not None and self.sender() is self._job:
            self._job.deleteLater()
            self._job = None
            if self.activity.running:
                self._say(Activity(tr("Stopped")))
            else:
                self.changed.emit()
            self._follow(self._doing)

    @Slot(object)
    def _failure_beside(self, failure: Failure) -> None:
        job = self.sender()
        if isinstance(job, Job):
            self._failed_beside(self._beside.get(job, ""), failure)

    @Slot()
    def _ended_beside(self) -> None:
        job = self.sender()
        if isinstance(job, Job):
            self._beside.pop(job, None)
            if job is self._stopped:
                self._stopped = None
                self.changed.emit()
            job.deleteLater()

    def _say(self, activity: Activity) -> None:
        if activity != self.activity:
            self.activity = activity
            self.changed.emit()
