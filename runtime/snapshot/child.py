"""The reading process: ``python child.py REQUEST.json RESULT.json`` turns a snapshot into arrays.

It says ``progress SHARE WHAT``, and once ``found [[DEVICE, EVENTS, SECONDS], ...]``. The pickle is
read within limits of memory and time, by a reader that can build plain containers only.
"""

import gc
import json
import os
import sys
from pathlib import Path

from runtime.snapshot.recording import save
from runtime.snapshot.tables import devices_in, recording_of
from runtime.snapshot.unpickling import RefusedError, limit, read_plain

READING, LISTING = 0.4, 0.5
"""Shares of the work that are reading the file, and going through its events."""


def main(request_file: str, result_file: str) -> None:
    """Do what the request says; the result says what went wrong, where something did."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    result: dict[str, object] = {}
    limit(request["memory"], request["seconds"])
    # Millions of objects are made, none of them garbage before the end.
    gc.disable()
    path = Path(request["path"])
    try:
        content = read_plain(path, lambda share: _say(share * READING, "Reading"))
        sys.stdout.write(f"found {json.dumps(devices_in(content))}\n")
        recording = recording_of(content, path.name, _say_events)
        _say(0.95, "Keeping what was read")
        save(recording, Path(request["folder"]))
    except RefusedError as error:
        result["error"] = {"message": f"{path.name} cannot be opened: {error}"}
    except MemoryError:
        result["error"] = {
            "message": f"{path.name} needs more memory than this machine can give it. Record fewer "
            "events (max_entries of _record_memory_history)."
        }
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")
    sys.stdout.flush()
    # Not one by one: what a file nests deeply would be taken apart just as deeply.
    os._exit(0)


def _say_events(count: int, total: int) -> None:
    _say(READING + LISTING * count / max(total, 1), f"{count:,} of {total:,} events")


def _say(share: float, what: str) -> None:
    sys.stdout.write(f"progress {share:.3f} {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
