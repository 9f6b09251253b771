"""Writing the standalone page of some plans, in the background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from solver.plan import Plan
from solver.solution import Baseline
from solver.step import Step

if TYPE_CHECKING:
    from app.map.slot_axis import SecondsOf
    from app.picture.page_look import PageLook


class PageJob(Job):
    """Write the page; succeeds with its path."""

    def __init__(
        self,
        step: Step,
        plans: Sequence[Plan],
        as_run: Baseline | None,
        path: Path,
        look: PageLook,
        seconds_of: SecondsOf,
    ) -> None:
        """``look``: what the page begins with. ``seconds_of``: of a scene's slots, asked here."""
        super().__init__()
        self._step, self._plans, self._as_run = step, tuple(plans), as_run
        self._path, self._look, self._seconds_of = path, look, seconds_of

    def run(self) -> Path:
        from app.map.prepared import scene_for
        from app.picture.page import write_page

        scenes = []
        for plan in self._plans:
            if self.stopping():
                return self._path
            scenes.append((plan.name, scene_for(self._step, plan, self._as_run)))
        write_page(scenes, self._path, look=self._look, seconds_of=self._seconds_of)
        return self._path
