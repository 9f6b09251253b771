"""Which library sits in PyTorch's allocator, and why that one."""

from dataclasses import dataclass

from . import native
from .build import NoCompilerError
from .errors import ReplayError

CHOICES = ("auto", "native", "pluggable")
"""What ``load`` takes as ``adapter``."""
_PLUGGABLE = "cuda_pluggable"


@dataclass(frozen=True)
class Adapter:
    """A library that is built and installed in this process."""

    name: str
    """As ``native.library`` takes it."""
    reason: str


def check_choice(target: str, asked: str) -> None:
    """Raise ReplayError where no plan for ``target`` can have the adapter that was ``asked`` for."""
    if asked not in CHOICES:
        raise ReplayError(f"adapter={asked!r} is none of {', '.join(map(repr, CHOICES))}.")
    if target == "cpu" and asked == "pluggable":
        raise ReplayError("PyTorch takes pluggable allocators for CUDA only; leave adapter='auto'.")


def choose(target: str, asked: str, backend: str) -> Adapter:
    """Install the adapter for a plan for ``target``; ``asked`` passed ``check_choice``.

    ``backend``: the allocator that PyTorch has for the device now; only its own caching allocator can
    be decorated. Raises ReplayError where the one that was asked for cannot be had, and its
    NoCompilerError where no library can be built.
    """
    if target == "cpu":
        return _installed("cpu", "It is the one for the CPU.")
    if asked == "native":
        return _installed("cuda_native", "It was asked for.")
    if asked == "pluggable":
        return _installed(_PLUGGABLE, "It was asked for.")
    if backend == "pluggable":
        return _installed(_PLUGGABLE, "A pluggable allocator is installed in this process already.")
    try:
        return _installed("cuda_native", "PyTorch's statistics, pools and graphs stay as they are.")
    except NoCompilerError as error:
        first = str(error)
    try:
        return _installed(_PLUGGABLE, f"The native one cannot be had: {first}")
    except ReplayError as error:
        raise NoCompilerError(f"{first} Nor can the pluggable one be had: {error}") from None


def _installed(name: str, reason: str) -> Adapter:
    native.library(name)
    return Adapter(name, reason)
