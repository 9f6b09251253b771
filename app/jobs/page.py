"""Writing the standalone page of some plans, in the background."""

from collections.abc import Sequence
from pathlib import Path

from app.jobs.job import Job
from solver.plan import Plan
from solver.solution import Baseline
from solver.step import Step


class PageJob(Job):
    """Write the page; succeeds with its path."""

    def __init__(
        self, step: Step, plans: Sequence[Plan], as_run: Baseline | None, shown: int, path: Path
    ) -> None:
        """``shown``: the index of the plan to begin with."""
        super().__init__()
        self._step, self._plans, self._as_run = step, tuple(plans), as_run
        self._shown, self._path = shown, path

    def run(self) -> Path:
        from app.map.prepared import scene_for
        from app.picture.page import write_page

        scenes = []
        for plan in self._plans:
            if self.stopping():
                return self._path
            scenes.append((plan.name, scene_for(self._step, plan, self._as_run)))
        write_page(scenes, self._path, shown=self._shown)
        return self._path
