"""Heavy modules, loaded one after another, and kernels compiled without a wait."""

import importlib
import threading

from solver import compile_ahead

MAP = "app.map.raster:warm_up"
"""The part that compiles the map's kernels: they are needed first."""
NICENESS = 10
"""Added to the priority of processes that compile while the window is used."""
_LOCK = threading.Lock()


def load_module(name: str) -> None:
    """Import a module that brings much along, or wait until another thread has imported its own.

    Threads that import at the same time what shares parts (numba and pyqtgraph do) may each see half
    of them. Takes up to a second: in the UI thread only for what a background thread loads early.
    """
    with _LOCK:
        importlib.import_module(name)


def compile_kernels() -> None:
    """Have all kernels compiled in the background, once on a machine. Takes some milliseconds."""
    first, *others = compile_ahead.GROUPS
    compile_ahead.start([(MAP, *first), *others], niceness=NICENESS)
