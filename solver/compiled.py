"""How the solvers' inner loops are compiled: by numba, without the interpreter lock, kept on disk.

A kernel must not call itself: a self-recursive one crashes when it is loaded from the disk cache.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile ``function`` at its first call for the types it is called with."""
    return cast(F, njit(nogil=True, cache=True)(function))
