"""Opening a torch.export program in the background."""

from pathlib import Path

from app.jobs.job import Job
from app.jobs.load import Loaded, as_run, prepare_best
from app.translation import tr

SECONDS = 600.0
"""How long tracing may take."""


class ProgramJob(Job):
    """Trace a ``.pt2`` file in a child process; progress is lines of text, success a ``Loaded``.

    The archive is never loaded: the child reads its JSON (``bayplan_capture.exported``).
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def run(self) -> Loaded:
        from runtime.capture import capture

        self.say(tr("Reading {}").format(self.path.name))
        step = capture(
            str(self.path.absolute()),
            batch=None,
            optimizer=None,
            timeout=SECONDS,
            log=self.say,
            cancelled=self.stopping,
        )
        baseline = as_run(step)
        prepare_best(step, baseline, ())
        # Not a step's file: nobody watches it for changes.
        return Loaded(step, None, baseline)
