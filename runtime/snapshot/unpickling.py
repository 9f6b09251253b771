"""Reads a pickle that may hold plain containers only, within limits. Runs in a child process.

A pickle is a program. This reader has no names to give it: whatever asks for a class or a function is
refused, so nothing can be called; what is left are dicts, lists, tuples, sets, strings and numbers.
Memory and time are limited by the operating system.
"""

import io
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

BUFFER: Final = 1 << 20
STEPS = 50
"""Progress is told about so many times."""


class RefusedError(Exception):
    """Why the file is not read, for the person who opened it."""


class _Counting(io.FileIO):
    """Tells how much of the file has been read, as a share."""

    def __init__(self, path: Path, tell: Callable[[float], None]) -> None:
        super().__init__(path, "rb")
        self._size = max(os.fstat(self.fileno()).st_size, 1)
        self._read = 0
        self._told = 0
        self._tell = tell

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer) or 0
        self._read += count
        if self._read * STEPS // self._size > self._told:
            self._told = self._read * STEPS // self._size
            self._tell(min(self._read / self._size, 1.0))
        return count


class PlainUnpickler(pickle.Unpickler):
    """Builds plain containers, strings and numbers, and refuses everything else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name}.{global_name}"[:100]
        raise RefusedError(
            f"it asks for {name!r}, which a memory snapshot never does. It was not run. "
            "Open only files that torch.cuda.memory._dump_snapshot wrote."
        )

    def persistent_load(self, pid: Any, /) -> Any:
        raise RefusedError("it refers to objects outside the file, which a memory snapshot never does.")


def read_plain(path: Path, tell: Callable[[float], None]) -> Any:
    """What the pickle in ``path`` builds. Raises RefusedError for anything but plain containers."""
    with io.BufferedReader(_Counting(path, tell), BUFFER) as file:
        return loaded(PlainUnpickler(file))


def loaded(unpickler: pickle.Unpickler) -> Any:
    """What an unpickler builds. Raises RefusedError, whatever it trips over."""
    try:
        return unpickler.load()
    except RefusedError:
        raise
    except MemoryError:
        raise RefusedError(
            "it needs more memory than this machine can give it. Record fewer events "
            "(max_entries of _record_memory_history), or open it on a larger machine."
        ) from None
    except EOFError:
        raise RefusedError("it ends too early. Copy or record it again.") from None
    # Whatever else a damaged pickle makes the reader trip over; the unpickler lists no exceptions.
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:200]
        raise RefusedError(f"it is damaged, or no pickle ({text}).") from None


def limit(memory: int, seconds: int) -> None:
    """From now on this process may have ``memory`` bytes, ``seconds`` of CPU, and no core file."""
    if sys.platform == "win32":
        return
    import resource

    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, hard))
