"""Loading numba once: threads that import it at the same time may each see half of it."""

import importlib
import threading

_LOCK = threading.Lock()


def load_numba() -> None:
    """Import numba, or wait until another thread has. Takes a second; never in the UI thread."""
    with _LOCK:
        importlib.import_module("numba")
