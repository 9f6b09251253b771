"""Reading a lesson and solving its step, in the background."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.heavy import load_module
from app.jobs.job import Job
from app.translation import tr

if TYPE_CHECKING:
    from app.lessons.prepared import Prepared


class LessonJob(Job):
    """Succeeds with a ``Prepared``."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def run(self) -> "Prepared":
        # Here: the first window must not wait for the solver.
        from app.lessons.reading import read_lesson

        lesson = read_lesson(self.path)
        load_module("numba")
        from app.lessons.prepared import prepare_lesson
        from app.map.prepared import prepare

        self.say(tr("Preparing {}").format(lesson.title))
        prepared = prepare_lesson(lesson, self.stopping)
        for plan in prepared.plans.values():
            prepare(prepared.step, plan, prepared.baseline)
        return prepared
