"""Loading numba once, and having kernels compiled without a wait: neither ever in the UI thread."""

import importlib
import threading

from solver import compile_ahead

MAP = "app.map.raster:warm_up"
"""The part that compiles the map's kernels: they are needed first."""
NICENESS = 10
"""Added to the priority of processes that compile while the window is used."""
_LOCK = threading.Lock()


def load_numba() -> None:
    """Import numba, or wait until another thread has: at the same time each may see half of it.

    Takes a second.
    """
    with _LOCK:
        importlib.import_module("numba")


def compile_kernels() -> None:
    """Have all kernels compiled in the background, once on a machine. Takes some milliseconds."""
    first, *others = compile_ahead.GROUPS
    compile_ahead.start([(MAP, *first), *others], niceness=NICENESS)
