"""Has the validator judge what is edited by hand, one edit at a time, while the window goes on.

::

    dropped ── conflicts of its own ────────────────────────────────── wrong at once
            └─ none ── being judged ── JudgeJob ── Document.judged ─── right, or wrong

Edits that come meanwhile wait; of several only the last one is still there to be judged.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.document import Document
from app.jobs.job import Failure
from app.jobs.judge import JudgeJob
from app.translation import tr
from app.window.runner import Runner

if TYPE_CHECKING:
    from app.edit.draft import Draft


class Judging(QObject):
    """Follows the document's drafts."""

    def __init__(self, document: Document, runner: Runner, parent: QObject) -> None:
        super().__init__(parent)
        self._document, self._runner = document, runner
        self._job: JudgeJob | None = None
        document.entries_changed.connect(self._judge_next)
        document.step_changed.connect(self._drop)

    @Slot()
    def _judge_next(self) -> None:
        draft = self._next
        if self._job is not None or draft is None:
            return
        self._job = job = JudgeJob(draft)
        job.succeeded.connect(self._judged)
        job.failed.connect(self._failed)
        job.ended.connect(self._ended)
        self._runner.run_beside(job, "judge")

    @property
    def _next(self) -> "Draft | None":
        """What is to be judged now: what is shown before all others."""
        document = self._document
        entries = sorted(document.entries, key=lambda entry: entry is not document.shown)
        return next((e.draft for e in entries if e.draft is not None and e.judging), None)

    @Slot(object)
    def _judged(self, problems: tuple[str, ...]) -> None:
        if self._job is not None:
            self._document.judged(self._job.draft, problems)

    @Slot(object)
    def _failed(self, failure: Failure) -> None:
        # What nobody could judge is not right; the failure itself is shown by the runner.
        said = tr("The validator could not judge it: {}").format(failure.message)
        self._judged((said,))

    @Slot()
    def _ended(self) -> None:
        self._job = None
        self._judge_next()

    @Slot()
    def _drop(self) -> None:
        """Another step is open: nobody waits for the verdict."""
        if self._job is not None:
            self._job.abandon()
