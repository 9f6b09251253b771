"""How inner loops are compiled: by numba, without the interpreter lock, kept in the user's cache.

A kernel must not call itself, nor one that calls it back: a recursive one crashes when it is loaded
from disk. It has no closure. See ``solver.kernel_cache`` for what is kept and ``solver.compile_ahead``
for who compiles it.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba.core import types
from numba.core.registry import CPUDispatcher

from solver.kernel_cache import KernelCache

F = TypeVar("F", bound=Callable[..., Any])

KERNELS: "list[Kernel]" = []
"""All kernels of the modules that were imported so far."""


class Kernel(CPUDispatcher):
    """A function that is compiled at its first call for the types that it is called with."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        super().__init__(function, *arguments, **options)
        self._cache = KernelCache(function)

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """numba's question which compiled form another kernel calls.

        A constant argument has a type of its own there, and would be compiled for once more.
        """
        plain = [_plain(given) for given in args]
        return super().get_call_template(plain, {name: _plain(given) for name, given in kws.items()})


def _plain(given: Any) -> Any:
    return types.unliteral(given)  # type: ignore[no-untyped-call]


def kernel(function: F) -> F:
    """Compile ``function`` at its first call for the types it is called with, or load it."""
    made = Kernel(function, targetoptions={"nopython": True, "nogil": True})
    KERNELS.append(made)
    return cast(F, made)
