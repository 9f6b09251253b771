"""Writing a plan as a module, and proving that module, in the background."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job
from solver.plan import Plan
from solver.step import Step

if TYPE_CHECKING:
    from runtime.verify import VerifyReport


class ExportJob(Job):
    """Write the self-contained module into a folder; succeeds with the folder."""

    def __init__(self, step: Step, plan: Plan, folder: Path) -> None:
        super().__init__()
        self._step, self._plan, self._folder = step, plan, folder

    def run(self) -> Path:
        from runtime.export import export

        export(self._step, self._plan, self._folder)
        return self._folder


class VerifyJob(Job):
    """Run an exported module against eager training; progress is lines, success a report."""

    def __init__(self, folder: Path, *, steps: int = 3) -> None:
        super().__init__()
        self._folder, self._steps = folder, steps

    def run(self) -> "VerifyReport":
        from runtime.verify import verify

        return verify(self._folder, steps=self._steps, log=self.say, cancelled=self.stopping)
