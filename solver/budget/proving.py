"""A proof that goes on in a thread of its own beside a search, and says what it has as it goes."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from solver.solution import CancelCallback

Prove = Callable[[Callable[[float], None], CancelCallback], None]
"""Calls the first whenever it has a better bound, and ends soon after the second says so."""


class Proving:
    """Runs from entering to leaving; who leaves waits for its end."""

    def __init__(self, prove: Prove, enough: CancelCallback) -> None:
        """It ends by itself, or once ``enough`` says so."""
        self._prove, self._enough = prove, enough
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bayplan-proof")
        self._left = threading.Event()
        self.bound: float | None = None
        """The best so far; None: nothing yet."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if failure is not None:
            self._left.set()
        self._thread.join()
        if failure is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            self._prove(self._note, lambda: self._left.is_set() or self._enough())
        except BaseException as failure:
            self._failure = failure

    def _note(self, bound: float) -> None:
        self.bound = bound
