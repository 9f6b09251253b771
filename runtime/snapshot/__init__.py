"""Reads CUDA memory snapshots (``torch.cuda.memory._dump_snapshot``) without trusting them.

The file is a pickle, which is a program, so it is read in a child process, by a reader that can only
build plain containers, within limits; what comes back are arrays. torch is not needed.
"""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.child import run_child
from runtime.snapshot.recording import Recording, load
from solver.errors import BayplanError

SECONDS = 1800.0
"""How long reading may take."""
SHARE = 0.8
"""Of the machine's memory that reading may use."""
MEMORY = 16 << 30
"""Bytes that reading may use where the machine's memory is not known."""
STREAMED_FROM = 16 << 20
"""Bytes of a file from which on it is streamed; what is smaller is read quicker as it is."""
FIRST_BYTES = (0x80, ord("("), ord("}"), ord("]"))
"""Of a pickle: its protocol, or a container in the first two."""

_ROOT = Path(__file__).resolve().parent.parent.parent
_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class Found:
    """A device of a snapshot that is still being read."""

    device: int
    events: int
    seconds: float
    """From the first event to the last; 0 where times are not known."""


def read_snapshot(
    path: Path,
    *,
    progress: Callable[[float, str], None] | None = None,
    found: Callable[[list[Found]], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    memory: int | None = None,
    streamed_from: int = STREAMED_FROM,
) -> Recording:
    """The recording in a snapshot file.

    ``progress`` gets the share that is done and what is being done, ``found`` the devices as soon as
    they are known, long before the end; ``cancelled`` is asked several
    times a second, ``memory`` is what reading may use, bytes. From ``streamed_from`` bytes on a file is
    streamed, which takes a second to begin and little memory. Raises BayplanError for what cannot be
    read or is no snapshot; no code of the file's is ever run.
    """
    if not path.is_file():
        raise BayplanError(f"There is no file {path.name} in {path.absolute().parent}.")

    def log(line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "found" and found is not None:
            found([Found(*row) for row in json.loads(rest)])
        share, _, what = rest.partition(" ")
        if word == "progress" and progress is not None:
            progress(float(share), what)

    known = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    with tempfile.TemporaryDirectory(prefix="bayplan-snapshot-") as folder:
        run_child(
            _CHILD,
            {
                "path": str(path.absolute()),
                "folder": folder,
                "memory": memory if memory is not None else _memory(),
                "seconds": int(SECONDS),
                "streamed_from": streamed_from,
            },
            what=f"Reading {path.name}",
            environment={"PYTHONPATH": known, "OPENBLAS_NUM_THREADS": "1"},
            timeout=SECONDS,
            log=log,
            cancelled=cancelled,
        )
        return load(path.name, Path(folder))


def looks_like_pickle(first: bytes) -> bool:
    """Whether a file that begins so may be a pickle."""
    return bool(first) and first[0] in FIRST_BYTES and not first.lstrip().startswith((b"{", b"["))


def _memory() -> int:
    """A share of the machine's memory, bytes."""
    if not hasattr(os, "sysconf"):
        return MEMORY
    try:
        return int(SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError):
        return MEMORY
