"""Capturing a step in the background; the user's code runs in a child process of the runtime's."""

from dataclasses import dataclass
from pathlib import Path

from app.jobs.job import Job
from app.jobs.load import Loaded, as_run

SECONDS = 600.0
"""How long a capture may take unless the user says otherwise."""


@dataclass(frozen=True)
class CaptureRequest:
    """What to capture, and how."""

    source: str
    """``zoo:NAME`` or ``FILE.py:FUNCTION``."""
    batch: int | None = None
    optimizer: str | None = None
    python: Path | None = None
    """The interpreter to run it with; None: ours."""
    timeout: float = SECONDS
    target: str = "cpu"
    """The device whose kernels the step is to have: cpu or cuda."""
    timed: bool = False
    """Whether every op is timed on that device, too."""


class CaptureJob(Job):
    """Trace a model; progress is lines of the child's output (str), success a Loaded."""

    def __init__(self, request: CaptureRequest) -> None:
        super().__init__()
        self.request = request

    def run(self) -> Loaded:
        from runtime.capture import capture

        request = self.request
        step = capture(
            request.source,
            batch=request.batch,
            optimizer=request.optimizer,
            target=request.target,
            timed=request.timed,
            python=request.python,
            timeout=request.timeout,
            log=self.say,
            cancelled=self.stopping,
        )
        return Loaded(step, None, as_run(step))
