"""Opening a torch.export program in the background."""

from pathlib import Path

from app.jobs.job import Job
from app.jobs.load import Loaded, as_run, prepare_best


class ProgramJob(Job):
    """Read a ``.pt2`` file in a child process; progress is lines of text, success a ``Loaded``."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def run(self) -> Loaded:
        from runtime.exported import read_exported

        self.say(f"Reading {self.path.name}")
        step = read_exported(self.path, cancelled=self.stopping)
        baseline = as_run(step)
        prepare_best(step, baseline, ())
        # Not a step's file: nobody watches it for changes.
        return Loaded(step, None, baseline)
