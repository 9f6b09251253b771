"""What time a running solve has left, and what it says meanwhile."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from solver.plan import Plan
from solver.solution import CancelCallback, Progress, ProgressCallback


class Running:
    """Of a job whose parts may each take a share of the time that is left. Seconds are of work: the
    clock of ``worked`` stands still while kernels are compiled."""

    deadline: float
    started: float
    worked: Callable[[], float]
    cancel: threading.Event
    lines: "queue.SimpleQueue[Progress]"

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds of work to the deadline, not negative."""
        return max(0.0, self.deadline - self.worked())

    def over(self) -> bool:
        return self.cancel.is_set() or self.left <= 0

    def say(self, phase: str, result: str, *, plan: Plan | None = None) -> None:
        self.lines.put(
            Progress(
                seconds=self.seconds,
                phase=phase,
                result=result,
                peak_bytes=plan.peak_bytes if plan else None,
                height_bytes=plan.height_bytes if plan else None,
                plan=plan,
            )
        )

    def within(self, seconds: float) -> CancelCallback:
        """Says when ``seconds`` of work have passed from now, or the user cancelled."""
        end = self.worked() + seconds
        return lambda: self.cancel.is_set() or self.worked() >= end

    def relay(self) -> ProgressCallback:
        """Takes the lines of a part that begins now, whose clock starts at zero."""
        begun = self.seconds
        return lambda line: self.lines.put(replace(line, seconds=line.seconds + begun))
