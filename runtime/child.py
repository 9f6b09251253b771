"""Run a script in a process of its own: time limit, cancel, live log, result in a JSON file.

Code of the user's own runs in such a process only, never in ours. The script gets two paths: a
request (JSON) to read and a result (JSON) to write.
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
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from solver.errors import BayplanError
from solver.files import read_bytes, read_json

_POLL_SECONDS = 0.03
_LOG_LINES = 40
"""Last lines of the child's output that are shown when it ends without a result."""


def run_child(
    script: Path,
    request: dict[str, Any],
    *,
    what: str,
    environment: Mapping[str, str] | None = None,
    python: Path | None = None,
    timeout: float,
    log: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Any:
    """The JSON that ``script`` writes for ``request``; ``what`` names it, as in "The verification".

    ``environment`` holds variables to set for it, ``python`` is the interpreter (None: this one),
    ``timeout`` its limit in seconds, ``log`` gets each line it prints, ``cancelled`` is asked several
    times a second. Raises BayplanError where the child fails, is cancelled, takes too long, or
    answers ``{"error": {"message", "details"}}``.
    """
    with tempfile.TemporaryDirectory(prefix="bayplan-") as folder:
        request_file, result_file = Path(folder, "request.json"), Path(folder, "result.json")
        request_file.write_text(json.dumps(request), encoding="utf-8")
        interpreter = str(python) if python is not None else sys.executable
        command = [interpreter, str(script), str(request_file), str(result_file)]
        status, last = _run(command, dict(environment or {}), what, timeout, log, cancelled)
        if not result_file.is_file():
            raise BayplanError(
                f"{what} ended without a result ({_reason(status)}). "
                "Its last output is in the details.",
                "\n".join(last),
            )
        result = read_json(read_bytes(result_file), "its result")
    error = result.get("error") if isinstance(result, dict) else None
    if isinstance(error, dict):
        raise BayplanError(str(error.get("message")), str(error.get("details") or ""))
    return result


def _run(
    command: list[str],
    variables: dict[str, str],
    what: str,
    timeout: float,
    log: Callable[[str], None] | None,
    cancelled: Callable[[], bool] | None,
) -> tuple[int, list[str]]:
    """Run the child to its end; its exit status, and the last lines it printed."""
    environment = (
        os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8:replace"} | variables
    )
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
                raise BayplanError(f"{what} was cancelled.")
            if time.monotonic() > deadline:
                raise BayplanError(
                    f"{what} took longer than its limit of {timeout:g} s and was stopped. "
                    "Raise the limit, or use a smaller model.",
                    "\n".join(last),
                )
            time.sleep(_POLL_SECONDS)
    finally:
        _kill(child)
    reader.join(timeout=1)
    _forward(lines, last, log)
    return child.returncode, last


def _reason(status: int) -> str:
    if status == -9:
        return "it was killed, perhaps because memory ran out"
    return f"ended by signal {-status}" if status < 0 else f"exit status {status}"


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
