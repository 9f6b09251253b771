"""A job: work in a background thread whose signals all arrive in the UI thread.

::

    worker thread   run() ─ say(x) ─ say(y) ──── return
                              │        │           │      one queue, one queued signal
    UI thread       start() ──┴─ progress ×2 ──── succeeded | failed ── ended

The worker touches no Qt object but one private signal of the job, which Qt queues to the job's own
slot in the UI thread; so whoever connects to a job need not think of threads. Progress is handed on
at most four times a second.
"""

import os
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from solver.errors import BayplanError

INTERVAL_MS = 250
"""The least time between two deliveries of progress."""
NICENESS = 5
"""Added to the worker's priority on Linux, so that the window stays smooth."""


@dataclass(frozen=True)
class Failure:
    """Why a job ended without a result."""

    message: str
    details: str = ""
    """Folds out below the message: a traceback, a log."""
    bug: bool = False
    """It is our fault, not the user's or the world's."""


@dataclass(frozen=True, slots=True)
class Part:
    """How far a job is: progress that the tool bar's bar shows, with the time that is left."""

    done: float
    """The part that is done, 0 to 1."""
    text: str = ""
    """What is being done; empty: what was said before."""


def failure_of(error: BaseException) -> Failure:
    """What to show for an exception: a BayplanError as it stands, anything else as a bug."""
    if isinstance(error, BayplanError):
        return Failure(str(error), error.details)
    trace = "".join(traceback.format_exception(error))
    return Failure(f"This is a bug in Bayplan: {type(error).__name__}: {error}", trace, bug=True)


class Job(QObject):
    """Work that runs once. Subclasses implement ``run``; all signals come in the UI thread."""

    progress = Signal(object)
    succeeded = Signal(object)
    """What ``run`` returned."""
    failed = Signal(object)
    """A Failure."""
    ended = Signal()
    """Always the last signal, also of an abandoned job."""
    _arrived = Signal()
    cores: int | None = None
    """For the threads of all jobs that are started from now on, at most; None: all (Linux)."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stop = threading.Event()
        self._abandoned = False
        self._said: deque[object] = deque()
        self._result: object = None
        self._failure: Failure | None = None
        self._done = False
        self._delivered = 0.0
        self._interval = INTERVAL_MS
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._deliver)
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self) -> object:
        """The work; runs in the background thread. Ask ``stopping`` at least every 50 ms."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the work to end early with what it has; its result still arrives."""
        self._stop.set()

    def abandon(self) -> None:
        """Ask the work to end; neither a result nor a failure arrives, only ``ended``."""
        self._abandoned = True
        self._stop.set()

    def stopping(self) -> bool:
        """Whether the work was asked to end. For the background thread."""
        return self._stop.is_set()

    def say(self, item: object) -> None:
        """Hand progress to the UI thread. For the background thread."""
        self._said.append(item)
        if len(self._said) == 1:
            self._arrived.emit()

    @property
    def alive(self) -> bool:
        """Whether the background thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def join(self, seconds: float) -> bool:
        """Wait for the background thread; False where it still runs."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.alive

    def merge(self, items: list[object]) -> list[object]:
        """What of several pieces of progress to hand on together; all of them by default."""
        return items

    def _work(self) -> None:
        lower_priority()
        keep_to(self.cores)
        try:
            self._result = self.run()
        except BaseException as error:
            self._failure = failure_of(error)
        self._done = True
        self._arrived.emit()

    @Slot()
    def _deliver(self) -> None:
        wait = self._interval - round(1000 * (time.monotonic() - self._delivered))
        if not self._done and wait > 0:
            if not self._timer.isActive():
                self._timer.start(wait)
            return
        done = self._done
        self._delivered = time.monotonic()
        items = [self._said.popleft() for _ in range(len(self._said))]
        if items and not self._abandoned:
            begun = time.monotonic()
            for item in self.merge(items):
                self.progress.emit(item)
            # What takes the window long to show is shown less often, so that it stays smooth.
            self._delivered = time.monotonic()
            self._interval = max(INTERVAL_MS, round(4000 * (self._delivered - begun)))
        if done:
            self._timer.stop()
            self._end()

    def _end(self) -> None:
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        if not self._abandoned:
            if self._failure is not None:
                self.failed.emit(self._failure)
            else:
                self.succeeded.emit(self._result)
        self.ended.emit()


def lower_priority() -> None:
    """Let the calling thread, and the threads that it will start, yield to the window's (Linux)."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(now + NICENESS, 19))


def keep_to(cores: int | None) -> None:
    """Let the calling thread, and the threads that it will start, use so many cores (Linux)."""
    if cores is not None and sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:cores])
