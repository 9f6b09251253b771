"""Heavy modules, loaded one after another; kernels compiled and other work that nobody waits for."""

import importlib
import threading
import time
from collections.abc import Callable

from solver import compile_ahead

MAP = "app.map.raster:warm_up"
"""The part that compiles the map's kernels: they are needed first."""
SNAPSHOT = "runtime.snapshot.streaming:warm_up"
"""The part that compiles what reads large memory snapshots."""
NICENESS = 10
"""Added to the priority of processes that compile while the window is used."""
_LOCK = threading.Lock()
_begun: list[tuple[threading.Thread, threading.Event]] = []
"""The threads of ``begin`` that may still run, and what asks each to stop."""


def load_module(name: str) -> None:
    """Import a module that brings much along, or wait until another thread has imported its own.

    Threads that import at the same time what shares parts (numba and pyqtgraph do) may each see half
    of them. Takes up to a second: in the UI thread only for what a background thread loads early.
    """
    with _LOCK:
        importlib.import_module(name)


def begin(name: str, work: Callable[[Callable[[], bool]], object]) -> threading.Thread:
    """Let ``work`` run in a thread; it is told how to ask whether it shall stop. UI thread only."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop.is_set,), name=name, daemon=True)
    _begun[:] = [(one, end) for one, end in _begun if one.is_alive()]
    _begun.append((thread, stop))
    thread.start()
    return thread


def end_all(seconds: float) -> bool:
    """Ask all that was begun to stop and wait for it, at most so long; whether all has ended.

    What imports or compiles ends when that is done: the interpreter may not end in the midst of it.
    """
    last = time.monotonic() + seconds
    for _, stop in _begun:
        stop.set()
    for thread, _ in _begun:
        thread.join(max(last - time.monotonic(), 0.0))
    _begun[:] = [(one, end) for one, end in _begun if one.is_alive()]
    return not _begun


def compile_kernels() -> None:
    """Have all kernels compiled in the background, once on a machine. Takes some milliseconds."""
    first, second = compile_ahead.GROUPS
    compile_ahead.start([(MAP, *first), (*second, SNAPSHOT)], niceness=NICENESS)
