"""Compiled kernels on disk: one file for each kernel and signature, named after all it depends on.

::

    <user's cache>/bayplan/kernels/profile-3f0c….kernel      checksum (32 bytes), then numba's pickle

The name holds a hash of the kernel's bytecode and constants, of the kernels that it calls, of the
types and with the options it is compiled for, and of Python, numba, LLVM and the processor. So nothing
is ever stale, and other versions, also of Bayplan, lie side by side. What was compiled is executed, so
the folder must be nobody else's, and a file whose checksum is wrong is compiled anew.
"""

import hashlib
import os
import pickle
import stat
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

import numba
import platformdirs
from numba.core import compiler, event
from numba.core.serialize import dumps

from solver import compile_ahead
from solver.errors import BayplanError
from solver.files import write_atomic

WAITING = "bayplan:waiting"
"""numba event while this process waits for another one that compiles the kernel."""
PATIENCE = 120.0
"""Seconds that a kernel is waited for before it is compiled here."""
LOOK_SECONDS = 0.02
OLD_SECONDS = 90 * 86400.0
"""A file that was not written for so long is removed when kernels are compiled."""
_CHECKSUM = 32


def folder() -> Path | None:
    """Where kernels are kept, made where missing; None where that is not ours alone to write."""
    path = Path(platformdirs.user_cache_path("bayplan", False)) / "kernels"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and os.access(path, os.W_OK)
    if hasattr(os, "getuid"):
        private &= found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return path if private else None


class KernelCache:
    """What numba asks for the compiled forms of one function; its own caches have this interface."""

    def __init__(self, function: Callable[..., Any], options: object) -> None:
        self._function = function
        self._options = options

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled form for a signature; None where it is not there.

        Waits for it while processes of ``compile_ahead`` run.
        """
        target.refresh()
        path = self._path(signature, target.codegen())
        if path is None:
            return None
        found = self._read(path, target)
        if found is None and compile_ahead.running():
            with event.trigger_event(WAITING, data={}):
                until = time.monotonic() + PATIENCE
                while found is None and compile_ahead.running() and time.monotonic() < until:
                    time.sleep(LOOK_SECONDS)
                    if path.exists():
                        found = self._read(path, target)
        return found

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled form; without a word where it cannot be written."""
        path = self._path(signature, result.codegen)
        if path is None or result.library.has_dynamic_globals:
            return
        data = dumps(result._reduce())  # type: ignore[no-untyped-call]
        try:
            write_atomic(path, hashlib.sha256(data).digest() + data)
        except BayplanError:
            return

    def _read(self, path: Path, target: Any) -> Any:
        try:
            content = path.read_bytes()
            data = content[_CHECKSUM:]
            if hashlib.sha256(data).digest() != content[:_CHECKSUM]:
                return None
            return compiler.CompileResult._rebuild(target, *pickle.loads(data))  # type: ignore[no-untyped-call]
        except OSError:
            return None

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        place = folder()
        if place is None:
            return None
        parts = [
            sys.implementation.cache_tag,
            numba.__version__,
            version("llvmlite"),
            codegen.magic_tuple(),
            self._options,
            # A named tuple's type does not tell the names of its fields.
            [(str(given), getattr(given, "fields", ())) for given in signature],
            list(contents(self._function)),
        ]
        digest = hashlib.sha256(repr(parts).encode()).hexdigest()
        return place / f"{self._function.__name__}-{digest[:40]}.kernel"


def contents(function: Callable[..., Any]) -> Iterator[object]:
    """All that a kernel's machine code is made from, those that it calls included, printable.

    Raises ValueError for a kernel that calls itself, directly or through others.
    """
    yield from _contents(function, ())


def _contents(function: Callable[..., Any], callers: tuple[object, ...]) -> Iterator[object]:
    code = function.__code__
    if code in callers:
        raise ValueError(f"the kernel {function.__name__} calls itself, or one that calls it")
    if function.__closure__:
        raise ValueError(f"the kernel {function.__name__} has a closure")
    yield from _instructions(code, function.__doc__)
    for name in sorted(_names(code) & function.__globals__.keys()):
        value = function.__globals__[name]
        if hasattr(value, "py_func"):
            yield from _contents(value.py_func, (*callers, code))
        elif isinstance(value, int | float | str | tuple):
            yield name, value
        else:
            yield name, getattr(value, "__module__", ""), getattr(value, "__qualname__", "")


def _instructions(code: CodeType, docstring: str | None = None) -> Iterator[object]:
    """Without what is for people: line numbers and the docstring."""
    yield code.co_name, code.co_code, code.co_names, code.co_varnames, code.co_argcount
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        elif constant is not None and constant != docstring:
            yield type(constant).__name__, constant


def _names(code: CodeType) -> set[str]:
    inner = (c for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*(_names(c) for c in inner))


def remove_old(place: Path) -> None:
    """Remove what no version that is still in use has compiled for a long time."""
    for path in place.iterdir():
        try:
            if time.time() - path.stat().st_mtime > OLD_SECONDS:
                path.unlink()
        except OSError:
            continue
