"""A running solve: what time it has left, what it says meanwhile, and how that is handed on.

The job works in a thread of its own, and the caller's thread waits for it: so a solve ends within
100 ms of a cancel whatever the thread is in, a compilation, an import or a presolve.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from solver import compile_ahead
from solver.plan import Plan
from solver.solution import CancelCallback, Progress, ProgressCallback

INTERVAL = 0.02
"""Seconds between two looks at ``cancelled``."""


class Running:
    """A job whose parts may each take a share of the time that is left. Seconds are of work: the
    clock of ``worked`` stands still while kernels, and what compiles them, are made ready."""

    deadline: float
    started: float
    worked: Callable[[], float]
    cancel: threading.Event
    lines: "queue.SimpleQueue[Progress]"
    failure: BaseException | None

    def improve(self) -> None:
        """All stages, in a thread that may take its time; what goes wrong becomes ``failure``."""
        try:
            before = self.seconds
            self.worked = lambda: before
            compile_ahead.start()
            from solver.work_clock import WorkClock  # heavy: numba

            with WorkClock(lambda: self.say("Compile", "once on this machine")) as clock:
                self.worked = lambda: before + clock.seconds
                self.stages()
        except BaseException as error:
            self.failure = error

    def stages(self) -> None:
        """What improves on the first answer."""
        raise NotImplementedError

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds of work to the deadline, not negative."""
        return max(0.0, self.deadline - self.worked())

    def over(self) -> bool:
        """Whether the time is up, or the user cancelled."""
        return self.cancel.is_set() or self.left <= 0

    def say(
        self, phase: str, result: str, *, plan: Plan | None = None, bound_bytes: int | None = None
    ) -> None:
        """Put a line of progress out; ``bound_bytes``: proven of every plan's peak."""
        self.lines.put(
            Progress(
                seconds=self.seconds,
                phase=phase,
                result=result,
                peak_bytes=plan.peak_bytes if plan else None,
                bound_bytes=bound_bytes,
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


def run(
    job: Running,
    thread: str,
    progress: ProgressCallback | None,
    cancelled: CancelCallback | None,
) -> list[Progress]:
    """Let a job that gave its first answer improve on it, in a thread of this name, until its end, or
    until ``cancelled``: all that it said. Raises what went wrong in it."""
    if cancelled is not None and cancelled():
        job.cancel.set()
    log: list[Progress] = []

    def tell(line: Progress) -> None:
        log.append(line)
        if progress is not None:
            progress(line)

    while not job.lines.empty():
        tell(job.lines.get())
    if not job.over():
        worker = threading.Thread(target=job.improve, name=thread)
        worker.start()
        try:
            while worker.is_alive() or not job.lines.empty():
                if cancelled is not None and cancelled():
                    job.cancel.set()
                    break
                with suppress(queue.Empty):
                    tell(job.lines.get(timeout=INTERVAL))
        except BaseException:
            job.cancel.set()
            raise
    if job.failure is not None:
        raise job.failure
    return log
