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

    def __init__(self, function: Callable[..., Any], targetoptions: Any) -> None:
        # What C would call is left out: nobody does, and a form for C takes as long as the others.
        options = {"nopython": True, "nogil": True, "no_cfunc_wrapper": True} | targetoptions
        super().__init__(function, targetoptions=options)
        self._cache = KernelCache(function, sorted(options.items()))

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """numba's question which compiled form another kernel calls.

        A constant argument has a type of its own there, and would be compiled for once more.
        """
        plain = [_plain(given) for given in args]
        return super().get_call_template(plain, {name: _plain(given) for name, given in kws.items()})


def _plain(given: Any) -> Any:
    return types.unliteral(given)  # type: ignore[no-untyped-call]


class InnerKernel(Kernel):
    """One that only other kernels call. Python has no form of it to call, and none is compiled."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function, {"no_cpython_wrapper": True})

    def add_overload(self, result: Any) -> None:
        """numba's word that a form was compiled or loaded: Python must not find it."""
        self.overloads[tuple(result.signature.args)] = result

    def _compile_for_args(self, *arguments: Any, **named: Any) -> Any:
        raise TypeError(f"the kernel {self.py_func.__name__} can be called by kernels only")


def kernel(function: F) -> F:
    """Compile ``function`` at its first call for the types it is called with, or load it."""
    return cast(F, _known(Kernel(function, {})))


def inner_kernel(function: F) -> F:
    """The same for what only kernels call, which takes about half as long to compile."""
    return cast(F, _known(InnerKernel(function)))


def _known(made: Kernel) -> Kernel:
    KERNELS.append(made)
    return made
