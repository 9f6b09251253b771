"""The capture process: reads a request, writes a step or an error, as JSON files.

``python bayplan_capture REQUEST.json RESULT.json``; the request has ``source``, ``batch``,
``optimizer``, ``options``, ``target`` and ``timed``. The result is a step file's JSON, or
``{"error": {"message", "details"}}``.
"""

import json
import sys
from pathlib import Path
from typing import Any

OLDEST_TORCH = (2, 11)


def main(request_file: str, result_file: str) -> int:
    """Carry out one request; 0 when a step was written, 1 when an error was."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    result = _capture(request)
    temporary = Path(f"{result_file}.part")
    temporary.write_text(json.dumps(result, separators=(",", ":")), encoding="utf-8")
    temporary.replace(result_file)
    return 1 if "error" in result else 0


def _capture(request: dict[str, Any]) -> dict[str, Any]:
    folder = Path(__file__).resolve().parent
    sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != folder]
    try:
        import torch
    except ImportError as error:
        return _error(f"{sys.executable} has no torch that can be imported ({error}).")
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < OLDEST_TORCH:
        return _error(f"{sys.executable} has torch {torch.__version__}, which is too old.")
    sys.path.insert(0, str(folder.parent))
    import bayplan_capture.capture as capture  # type: ignore[import-not-found]

    # From here on the path is the user's own: nothing of ours can stand in for their modules.
    del sys.path[0]
    try:
        step: dict[str, Any] = capture.capture_step(
            request["source"],
            request["batch"],
            request["optimizer"],
            request["options"],
            request["target"],
            timed=request["timed"],
        )
    except capture.CaptureError as error:
        return {"error": {"message": str(error), "details": error.details}}
    return step


def _error(what: str) -> dict[str, Any]:
    oldest = ".".join(map(str, OLDEST_TORCH))
    message = f"{what} Choose an interpreter with torch {oldest} or newer."
    return {"error": {"message": message, "details": ""}}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
