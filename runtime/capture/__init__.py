"""Captures a step in a process of its own: a zoo model, or a function of the user's own.

User code never runs in this process. The child (``bayplan_capture``, standalone) gets a request in
a file, prints its log, and writes the step's JSON to another file, which is validated here as any
step file is.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from solver.errors import BayplanError
from solver.files import decode_step_object, read_bytes, read_json
from solver.planning_step import storage_category, storage_label
from solver.step import Category, Phase, Program, Step, Storage

_CHILD = Path(__file__).parent / "bayplan_capture"
_POLL_SECONDS = 0.03
_LOG_LINES = 40
"""Last lines of the child's output that are shown when it ends without a result."""


def capture(
    source: str,
    *,
    batch: int | None,
    optimizer: str | None,
    python: Path | None = None,
    timeout: float = 600,
    log: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Step:
    """Trace one step of ``source``: ``zoo:NAME`` or ``FILE.py:FUNCTION``.

    ``batch`` None takes the model's own; ``optimizer`` (sgd, adam, adamw; empty: inference) is for
    zoo models. ``python`` is the interpreter to run it with (None: this one), ``timeout`` its limit
    in seconds, ``log`` gets each line it prints, ``cancelled`` is asked several times a second.
    Raises BayplanError.
    """
    with tempfile.TemporaryDirectory(prefix="bayplan-") as folder:
        request, result = Path(folder, "request.json"), Path(folder, "result.json")
        content = {"source": source, "batch": batch, "optimizer": optimizer}
        request.write_text(json.dumps(content), encoding="utf-8")
        interpreter = str(python) if python is not None else sys.executable
        lines = _run([interpreter, str(_CHILD), str(request), str(result)], timeout, log, cancelled)
        if not result.is_file():
            raise BayplanError(
                f"The capture of {source} ended without a result. Its last output is in the details.",
                "\n".join(lines),
            )
        return _read(read_json(read_bytes(result), source), source)


def _read(content: Any, source: str) -> Step:
    error = content.get("error") if isinstance(content, dict) else None
    if isinstance(error, dict):
        raise BayplanError(str(error.get("message")), str(error.get("details") or ""))
    return named_step(decode_step_object(content, source))


def _run(
    command: list[str],
    timeout: float,
    log: Callable[[str], None] | None,
    cancelled: Callable[[], bool] | None,
) -> list[str]:
    """Run the child to its end; the last lines it printed."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:replace"}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise BayplanError(
            f"The interpreter {command[0]} cannot be started: {error.strerror or error}."
        ) from None
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read_lines, args=(child, lines), daemon=True)
    reader.start()
    last: list[str] = []
    deadline = time.monotonic() + timeout
    try:
        while child.poll() is None:
            _forward(lines, last, log)
            if cancelled is not None and cancelled():
                raise BayplanError("The capture was cancelled.")
            if time.monotonic() > deadline:
                raise BayplanError(
                    f"The capture took longer than its limit of {timeout:g} s and was stopped. "
                    "Raise the limit, or capture a smaller model.",
                    "\n".join(last),
                )
            time.sleep(_POLL_SECONDS)
    finally:
        _kill(child)
    reader.join(timeout=1)
    _forward(lines, last, log)
    return last


def _read_lines(child: "subprocess.Popen[bytes]", lines: "queue.SimpleQueue[str]") -> None:
    assert child.stdout is not None
    with child.stdout:
        for line in child.stdout:
            lines.put(line.decode("utf-8", "replace").rstrip("\r\n"))


def _forward(
    lines: "queue.SimpleQueue[str]", last: list[str], log: Callable[[str], None] | None
) -> None:
    while not lines.empty():
        line = lines.get()
        last.append(line)
        del last[:-_LOG_LINES]
        if log is not None:
            log(line)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """End the child and everything it started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            child.kill()
    else:
        child.kill()
    child.wait()


def named_step(step: Step) -> Step:
    """A step as the child writes it, with the categories and names of what its ops make."""
    creator: dict[int, int] = {}
    last_phase: dict[int, Phase] = {}
    for index, op in enumerate(step.ops):
        for storage in op.touches:
            last_phase[storage] = op.phase
        for storage in op.creates:
            creator[storage] = index
    assert step.program is not None
    position = _positions(step.program)
    storages: list[Storage] = []
    for index, each in enumerate(step.storages):
        if index in creator:
            op = step.ops[creator[index]]
            category = storage_category(op.phase, last_phase[index])
            if each.name.startswith("∂ "):
                category = Category.GRADIENT
            name = each.name or storage_label(op.module, op.target, category)
            if not each.name and position.get(index):
                name += f" [{position[index]}]"
            each = replace(each, category=category, name=name)
        storages.append(each)
    return replace(step, storages=tuple(storages))


def _positions(program: Program) -> dict[int, int]:
    """For each storage that is made, which of its op's results it is."""
    positions: dict[int, int] = {}
    for instruction in program.instructions:
        for position, output in enumerate(instruction.outputs):
            if output is not None:
                positions.setdefault(program.values[output].storage, position)
    return positions
