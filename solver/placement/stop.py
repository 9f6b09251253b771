"""One flag for everything that must end a search: the user's cancel and the deadline."""

import threading
import time
from types import TracebackType

import numpy as np

from solver.solution import CancelCallback

INTERVAL = 0.02
"""Seconds between two looks at ``cancelled``: far below the 100 ms in which a solve must stop."""


class Stop:
    """True once ``cancelled()`` was true or ``deadline`` seconds have passed since it was made.

    Inside its ``with`` block a thread keeps ``flag[0]`` (int64) up to date for compiled code.
    """

    def __init__(self, deadline: float, cancelled: CancelCallback | None) -> None:
        self.flag = np.zeros(1, np.int64)
        self._end = time.monotonic() + deadline
        self._cancelled = cancelled
        self._left = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="bayplan-stop", daemon=True)

    def __enter__(self) -> "Stop":
        if not self:
            self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set()

    def __bool__(self) -> bool:
        if not self.flag[0] and (
            time.monotonic() >= self._end or (self._cancelled is not None and self._cancelled())
        ):
            self.flag[0] = 1
        return bool(self.flag[0])

    @property
    def seconds_left(self) -> float:
        """Until the deadline, not negative."""
        return max(0.0, self._end - time.monotonic())

    def wait(self, seconds: float) -> bool:
        """Whether it became true within ``seconds``."""
        end = time.monotonic() + seconds
        while not self and time.monotonic() < end:
            time.sleep(min(INTERVAL, max(0.0, end - time.monotonic())))
        return bool(self)

    def _watch(self) -> None:
        while not self and not self._left.wait(INTERVAL):
            pass
