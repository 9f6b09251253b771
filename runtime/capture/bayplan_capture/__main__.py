"""The capture process: reads a request, writes a step or an error, as JSON files.

``python bayplan_capture REQUEST.json RESULT.json``; the request has ``source``, ``batch`` and
``optimizer``. The result is a step file's JSON, or ``{"error": {"message", "details"}}``.
"""

import json
import sys
from pathlib import Path

_folder = str(Path(__file__).resolve().parent)
sys.path[:] = [path for path in sys.path if str(Path(path or ".").resolve()) != _folder]
sys.path.insert(0, str(Path(_folder).parent))
import bayplan_capture.capture as _capture  # type: ignore[import-not-found]  # noqa: E402

# From here on the path is as the user's own: nothing of ours can stand in for their modules.
del sys.path[0]


def main(request_file: str, result_file: str) -> int:
    """Carry out one request; 0 when a step was written, 1 when an error was."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    try:
        result = _capture.capture_step(request["source"], request["batch"], request["optimizer"])
    except _capture.CaptureError as error:
        result = {"error": {"message": str(error), "details": error.details}}
    temporary = Path(f"{result_file}.part")
    temporary.write_text(json.dumps(result, separators=(",", ":")), encoding="utf-8")
    temporary.replace(result_file)
    return 1 if "error" in result else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
