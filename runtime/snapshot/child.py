"""The reading process: ``python child.py REQUEST.json RESULT.json`` turns a snapshot into arrays.

It says ``progress SHARE WHAT``, and once ``found [[DEVICE, EVENTS, SECONDS], ...]``. The pickle is
read within limits of memory and time, by a reader that can build plain containers only; a large one is
streamed, so that its events are never in memory all at once.
"""

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

from runtime.snapshot.recording import Recording, save
from runtime.snapshot.tables import TELL_EVERY, Tables, devices_in, recording_of, seconds_between
from runtime.snapshot.unpickling import RefusedError, limit, read_plain

READING, LISTING = 0.4, 0.5
"""Shares of the work that are reading the file, and going through its events."""
WALKING = 0.08
"""Share that is the first walk through a large file."""


def main(request_file: str, result_file: str) -> None:
    """Do what the request says; the result says what went wrong, where something did."""
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    result: dict[str, object] = {}
    limit(request["memory"], request["seconds"])
    # Millions of objects are made, none of them garbage before the end.
    gc.disable()
    path = Path(request["path"])
    try:
        recording = None
        if path.stat().st_size >= request["streamed_from"]:
            recording = _streamed(path)
        if recording is None:
            content = read_plain(path, lambda share: _say(share * READING, "Reading"))
            _found(devices_in(content))
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


def _streamed(path: Path) -> Recording | None:
    """A large file's recording; None for one that is to be read as it is."""
    # numba takes a moment, and the first time on a machine, where nobody compiled ahead, seconds.
    _say(0.0, "Preparing")
    from runtime.snapshot.streaming import read_streamed, survey, warm_up

    warm_up()
    _say(0.0, "Looking through it")
    found = survey(path, lambda share: _say(share * WALKING, "Looking through it"))
    if found is None:
        return None
    rows = zip(found.counts.tolist(), *found.times.tolist(), strict=True)
    _found([(n, row[0], seconds_between(*row[1:])) for n, row in enumerate(rows) if row[0]])
    tables = Tables()
    for device, count in enumerate(found.counts.tolist()):
        tables.expect(device, count)
    total, done = int(found.counts.sum()), 0

    def take(device: int, entries: list[Any] | tuple[Any]) -> None:
        nonlocal done
        if device < 0:
            tables.take_segments(entries)
            return
        tables.take_events(device, entries)
        if (done + len(entries)) // TELL_EVERY > done // TELL_EVERY:
            _say(WALKING + (0.9 - WALKING) * done / total, f"{done:,} of {total:,} events")
        done += len(entries)

    content = read_streamed(path, found, take)
    return tables.recording(content, path.name)


def _found(devices: list[tuple[int, int, float]]) -> None:
    sys.stdout.write(f"found {json.dumps(devices)}\n")


def _say_events(count: int, total: int) -> None:
    _say(READING + LISTING * count / max(total, 1), f"{count:,} of {total:,} events")


def _say(share: float, what: str) -> None:
    sys.stdout.write(f"progress {share:.3f} {what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
