"""Writing a plan as a module, and proving that module, in the background."""

from pathlib import Path
from typing import TYPE_CHECKING

from app.jobs.job import Job, Part
from solver.plan import Plan
from solver.step import Step

if TYPE_CHECKING:
    from runtime.verify import VerifyReport


class ExportJob(Job):
    """Write the self-contained module into a folder; succeeds with it, or None where it was stopped."""

    def __init__(self, step: Step, plan: Plan, folder: Path) -> None:
        super().__init__()
        self._step, self._plan, self._folder = step, plan, folder

    def run(self) -> Path | None:
        from runtime.export import export

        written = export(self._step, self._plan, self._folder, self._go_on)
        return self._folder if written else None

    def _go_on(self, done: float) -> bool:
        self.say(Part(done))
        return not self.stopping()


class VerifyJob(Job):
    """Run an exported module against eager training; progress is lines, success a report."""

    def __init__(self, folder: Path, *, steps: int = 3, seconds: float = 600.0) -> None:
        """``seconds``: how long it may take."""
        super().__init__()
        self.seconds = seconds
        self._folder, self._steps = folder, steps

    def run(self) -> "VerifyReport":
        from runtime.verify import verify

        return verify(
            self._folder,
            steps=self._steps,
            timeout=self.seconds,
            log=self.say,
            cancelled=self.stopping,
        )
