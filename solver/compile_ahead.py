"""Compiling all kernels once on a machine, in processes of their own, so that nobody waits for long.

numba compiles under the interpreter lock; in a thread it would stop the window. A process fills the
cache of ``solver.kernel_cache`` instead, and whoever needs a kernel meanwhile waits for its file. A
stamp beside the kernels tells that all is there, so that a later start costs nothing. The processes
go on when the program ends early, and end by themselves after a minute or two: the next start has
what they compiled. Nothing heavy is imported here.
"""

import hashlib
import platform
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

GROUPS = (
    (
        "solver.warm_up:placement",
        "solver.warm_up:readable",
        "solver.warm_up:placement_search",
        "solver.warm_up:constrained_placement",
    ),
    (
        "solver.warm_up:cuts",
        "solver.warm_up:greedy",
        "solver.warm_up:downsets",
        "solver.warm_up:annealing",
        "solver.warm_up:search",
        "solver.warm_up:budget",
    ),
)
"""What each process does, as ``module:function``: what the first solve needs comes first."""
PLACEMENT = (
    ("solver.warm_up:placement", "solver.warm_up:placement_search"),
    ("solver.warm_up:constrained_placement", "solver.warm_up:placement_deduction"),
)
"""The same for who only places: the second process is ready with the deduction when the first one
comes to it."""
_ROOT = Path(__file__).resolve().parents[1]
_LOCK = threading.Lock()
_processes: list["subprocess.Popen[bytes]"] = []
"""Those that this process has started."""


def start(groups: Sequence[Sequence[str]] = GROUPS, *, niceness: int = 0) -> None:
    """Compile in the background what the ``groups`` name, one process each, unless it is done.

    ``niceness`` is added to the priority of the processes. One that cannot be started, or that fails,
    is no harm: kernels are then compiled where they are needed. Takes some milliseconds.
    """
    with _LOCK:
        if running() or not sys.executable:
            return
        for group in groups:
            parts = [part for part in group if not stamp(part).exists()]
            if not parts:
                continue
            try:
                process = subprocess.Popen(
                    [sys.executable, "-m", "solver.warm_up", str(niceness), *parts],
                    cwd=_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            except OSError:
                continue
            _processes.append(process)


def running() -> bool:
    """Whether a process that this one has started still compiles."""
    return any(process.poll() is None for process in _processes)


def stamp(part: str) -> Path:
    """The file that is there when the kernels of a part are.

    Its name depends on the sources of all kernels and on the versions of what compiles them. On
    another machine that shares the folder the processor may be another one.
    """
    folder = Path(platformdirs.user_cache_path("bayplan", False)) / "kernels"
    name = part.replace(":", ".")
    return folder / f"{name}-{_state_of_things()}.done"


@cache
def _state_of_things() -> str:
    parts = [sys.implementation.cache_tag or "", platform.node(), platform.machine()]
    for package in ("numba", "llvmlite"):
        try:
            parts.append(version(package))
        except PackageNotFoundError:
            parts.append("")
    digest = hashlib.sha256("\0".join(parts).encode())
    for package in ("solver", "runtime", "app"):
        for path in sorted((_ROOT / package).rglob("*.py")):
            content = path.read_bytes()
            if path.name == "compiled.py" or b"\nfrom solver.compiled import " in content:
                digest.update(content)
    return digest.hexdigest()[:40]
