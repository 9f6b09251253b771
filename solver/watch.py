"""Tells running kernels to stop: a thread that watches the clock and the caller's wish to cancel."""

import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
import numpy.typing as npt

INTERVAL = 0.02
"""Seconds between two looks; kernels look at the flag at least this often."""


class Watch:
    """A context in which ``flag[0]`` becomes 1 when time is up or the caller cancels.

    Kernels that hold no interpreter lock poll the flag; a kernel that finds it set returns early with
    the best it has. ``cancelled`` is called from the watching thread; what it raises is raised again
    where the context ends.
    """

    def __init__(self, seconds: float, cancelled: Callable[[], bool] | None = None) -> None:
        self.flag: npt.NDArray[np.uint8] = np.zeros(1, np.uint8)
        self._began = time.monotonic()
        self._seconds = seconds
        self._cancelled = cancelled
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._on_stop: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="solver watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    @property
    def stopped(self) -> bool:
        """Whether the work should end now."""
        if not self.flag[0]:
            self._look()
        return bool(self.flag[0])

    @property
    def elapsed(self) -> float:
        """Seconds since the watch was made."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds until time is up, never negative."""
        return max(0.0, self._seconds - self.elapsed)

    def on_stop(self, call: Callable[[], None]) -> None:
        """Call this once, from a thread of its own, as soon as the work should end."""
        with self._lock:
            self._on_stop.append(call)
            late = bool(self.flag[0])
        if late:
            _call_beside(call)

    def _watch(self) -> None:
        while not self._done.wait(INTERVAL):
            if self.flag[0]:
                break
            self._look()

    def _look(self) -> None:
        try:
            stop = self.left <= 0 or (self._cancelled is not None and self._cancelled())
        except BaseException as error:
            self._error, stop = error, True
        if stop:
            with self._lock:
                calls = [] if self.flag[0] else list(self._on_stop)
                self.flag[0] = 1
            for call in calls:
                _call_beside(call)


def _call_beside(call: Callable[[], None]) -> None:
    # Whoever notices the stop may be the one whose next act the call waits for.
    threading.Thread(target=call, name="solver watch, stopping", daemon=True).start()
