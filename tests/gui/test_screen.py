"""The program on a real (virtual) screen, used by real mouse and keyboard events, from start to end."""

import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("screen_child.py")
WIDTH, HEIGHT = 1600, 1000
SECONDS = 60.0
"""For anything to happen; it takes a fraction of one where nothing else is at work."""
WHEEL_UP = 4
"""What X calls it."""
LOCAL = ("XDG_CONFIG_HOME", "XDG_DATA_HOME")

pytestmark = [
    pytest.mark.skipif(
        shutil.which("Xvfb") is None or shutil.which("xdotool") is None,
        reason="Xvfb or xdotool is missing: apt-get install xvfb xdotool",
    ),
]


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[str]:
    """A virtual screen of its own; its name, for ``DISPLAY``. Its pixels are in a file beside it."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            *("Xvfb", "-displayfd", str(writing), "-screen", "0", f"{WIDTH}x{HEIGHT}x24"),
            *("-fbdir", str(tmp_path), "-nolisten", "tcp", "-noreset"),
        ],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            assert select.select([told], [], [], SECONDS)[0], "Xvfb does not start"
            yield f":{told.readline().strip()}"
    finally:
        server.terminate()
        server.wait(SECONDS)


def pixels(folder: Path) -> np.ndarray:
    """What the screen shows, from Xvfb's own file: a header of 32-bit numbers, colours, pixels."""
    data = (folder / "Xvfb_screen0").read_bytes()
    header = struct.unpack(">25I", data[:100])
    size, width, height, line, colours = (header[i] for i in (0, 4, 5, 12, 19))
    start = size + 12 * colours
    image = np.frombuffer(data[start : start + line * height], np.uint32).reshape(height, line // 4)
    return image[:, :width] & 0xFFFFFF


class Person:
    """Moves the mouse, presses keys, and looks at the window of one running program."""

    def __init__(self, screen: str, folder: Path) -> None:
        own = {name: str(folder / name) for name in LOCAL}
        self._environment = os.environ | own | {"DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
        # A person's desktop would have them; here they would only complain that it is not there.
        for name in ("WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            self._environment.pop(name, None)
        (folder / "run").mkdir(mode=0o700)
        self._environment["XDG_RUNTIME_DIR"] = str(folder / "run")
        self._errors = (folder / "errors").open("w+")
        self.program = subprocess.Popen(
            [sys.executable, CHILD, str(folder)],
            cwd=ROOT,
            env=self._environment | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def sees(self) -> dict[str, Any]:
        """What the window shows now."""
        assert self.program.stdin is not None and self.program.stdout is not None
        try:
            self.program.stdin.write("?\n")
            self.program.stdin.flush()
        except BrokenPipeError:
            pytest.fail(f"the program ended with {self.program.wait(SECONDS)}: {self.errors()}")
        ready = select.select([self.program.stdout], [], [], SECONDS)[0]
        line = self.program.stdout.readline() if ready else ""
        assert line, f"the window does not answer: {self.errors()}"
        return json.loads(line)

    def waits_for(self, wish: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """What the window shows once ``wish`` is true of it."""
        until = time.monotonic() + SECONDS
        while True:
            seen = self.sees()
            if seen and wish(seen):
                return seen
            assert time.monotonic() < until, f"{seen}\n{self.errors()}"
            time.sleep(0.05)

    def does(self, *arguments: object) -> None:
        """Real input: what xdotool is told to do."""
        subprocess.run(
            ["xdotool", *map(str, arguments)], env=self._environment, check=True, timeout=SECONDS
        )

    def points_at_the_largest(self) -> dict[str, Any]:
        """Move the mouse to the largest rectangle of the map, until the window knows; what it shows."""
        until = time.monotonic() + SECONDS
        while True:
            seen = self.sees()
            self.does("mousemove", seen["at"][0] - 3, seen["at"][1], "mousemove", *seen["at"])
            time.sleep(0.1)
            now = self.sees()  # The map may have moved under the mouse meanwhile.
            if now["hovered"] == now["largest"] and now["at"] == seen["at"]:
                return now
            assert time.monotonic() < until, f"{now}\n{self.errors()}"

    def errors(self) -> str:
        """What the program has complained about on its standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def leaves(self) -> None:
        """Whatever happened: nothing of the program stays."""
        if self.program.poll() is None:
            os.killpg(self.program.pid, signal.SIGKILL)
        self.program.communicate()
        self._errors.close()


@pytest.fixture
def person(screen: str, tmp_path: Path) -> Iterator[Person]:
    """With the program before them."""
    person = Person(screen, tmp_path)
    yield person
    person.leaves()


def left_of(session: int) -> list[str]:
    """Processes of a session, by their names."""
    left = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue  # It has just ended.
        if int(rest.split()[3]) == session and rest.split()[0] != "Z":
            left.append(name)
    return left


def test_a_person_opens_the_sample_explores_edits_compares_and_quits(
    person: Person, tmp_path: Path
) -> None:
    seen = person.waits_for(lambda s: s["sample"])
    # No window manager gives the keyboard to the window.
    person.does("windowfocus", "--sync", seen["window"])
    person.waits_for(lambda s: s["active"])
    person.does("mousemove", *seen["sample"], "click", 1)
    seen = person.waits_for(lambda s: s["shown"] and not s["busy"] and s.get("at"))
    planned = seen["shown"]
    assert seen["hovered"] == -1 and seen["selection"] == []

    person.points_at_the_largest()
    person.does("click", 1)
    seen = person.waits_for(lambda s: s["selection"] == [s["largest"]])

    everything = seen["range"]
    person.does("click", "--repeat", 3, WHEEL_UP)
    person.waits_for(lambda s: s["range"][1] - s["range"][0] < 0.8 * (everything[1] - everything[0]))
    person.does("key", "shift+f")
    person.waits_for(lambda s: s["range"] == everything)
    shot = pixels(tmp_path)
    assert shot.shape == (HEIGHT, WIDTH)
    # Texts, categories and their outlines: not one colour, nor a few.
    assert len(np.unique(shot)) > 100
    assert np.bincount(np.unique(shot, return_inverse=True)[1].ravel()).max() < 0.9 * shot.size

    person.does("key", "ctrl+f")
    person.waits_for(lambda s: s["focus"] == "SearchField")
    before = seen["selection"]
    person.does("type", "--delay", 20, "layer1.0.conv1")
    person.does("key", "Return")
    person.waits_for(lambda s: s["selection"] and s["selection"] != before)

    person.does("key", "Escape")
    person.does("key", "shift+f")
    person.waits_for(lambda s: s["range"] == everything)
    person.does("key", "e")
    person.waits_for(lambda s: s["edit"])
    x, y = person.points_at_the_largest()["at"]
    person.does("mousedown", 1, "mousemove", x, y - 20, "mousemove", x, y - 60)
    person.does("mouseup", 1)
    person.waits_for(lambda s: s["shown"] == f"{planned}, edited")
    person.does("key", "ctrl+z")
    person.waits_for(lambda s: s["shown"] == planned)
    person.does("key", "e")
    person.waits_for(lambda s: not s["edit"])

    person.does("key", "ctrl+2")
    seen = person.waits_for(lambda s: s["compare"])
    assert not seen["problem"]
    person.does("key", "ctrl+q")
    assert person.program.wait(SECONDS) == 0
    assert person.errors() == ""
    assert left_of(person.program.pid) == []
    assert (tmp_path / "settings.ini").is_file() and (tmp_path / "library.sqlite").is_file()
