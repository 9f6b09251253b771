"""A clock that stands still while kernels are compiled, here or elsewhere: once on a machine."""

import time
from collections.abc import Callable
from typing import Any

import numba.core.event as event

from solver.kernel_cache import WAITING

_KINDS = ("numba:compile", WAITING)


class WorkClock(event.Listener):
    """A context: ``seconds`` since it was made, those left out in which numba compiled, or in which
    this process waited for another one that does.

    ``told`` is called when the first compilation begins. Loading a kernel that was compiled before
    is no compilation; it takes milliseconds.
    """

    def __init__(self, told: Callable[[], None]) -> None:
        self._told: Callable[[], None] | None = told
        self._began = time.monotonic()
        self._depth = 0
        self._since = 0.0
        self._compiled = 0.0

    def __enter__(self) -> "WorkClock":
        for kind in _KINDS:
            event.register(kind, self)  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        for kind in _KINDS:
            event.unregister(kind, self)  # type: ignore[no-untyped-call]

    @property
    def seconds(self) -> float:
        now = time.monotonic()
        return now - self._began - self._compiled - (now - self._since if self._depth else 0.0)

    def on_start(self, event: Any) -> None:
        """A compilation begins, maybe within another."""
        if self._depth == 0:
            self._since = time.monotonic()
        self._depth += 1
        if self._told is not None:
            self._told()
            self._told = None

    def on_end(self, event: Any) -> None:
        """A compilation ends."""
        self._depth -= 1
        if self._depth == 0:
            self._compiled += time.monotonic() - self._since
