"""A real browser without a screen, asked through its DevTools protocol over two pipes.

Messages are JSON, each ended by a zero byte: commands go to the browser's descriptor 3, answers and
events come from its descriptor 4 (``--remote-debugging-pipe``). No port is opened.
"""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
SECONDS = 60.0
"""For any one answer: the machine may be busy."""


def find_browser() -> str | None:
    """The program, or None: the caller skips."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One browser with one tab. Close it, or use it in a ``with``."""

    def __init__(self, program: str, profile: Path, *, light: bool = False) -> None:
        """``profile``: an empty folder for its files. ``light``: what its system prefers."""
        self._ids = itertools.count(1)
        self._buffer = b""
        self.events: list[dict[str, Any]] = []
        ours, to_write = os.pipe()
        to_read, theirs = os.pipe()
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [
            *(program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}"),
            *("--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"),
            *("--disable-background-networking", "--disable-component-update", "--mute-audio"),
            *sandbox,
            "about:blank",
        ]
        # The shell gives the pipes the numbers that the browser expects; nothing runs in a fork of us.
        script = f'exec 3<&{ours} 4>&{theirs}; exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "browser", *command],
            pass_fds=(ours, theirs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(ours)
        os.close(theirs)
        self._read, self._write = to_read, to_write
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.prefer("light" if light else "dark")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and wait for it."""
        os.close(self._write)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command; what happens meanwhile is kept in ``events``."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._send(json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while True:
            answer = self._next(until)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _send(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._write, content) :]

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0))
            if not ready:
                raise TimeoutError("the browser does not answer")
            content = os.read(self._read, 1 << 20)
            if not content:
                raise RuntimeError(f"the browser ended with {self._process.wait(10)}")
            self._buffer += content
        message, self._buffer = self._buffer.split(b"\0", 1)
        parsed: dict[str, Any] = json.loads(message)
        return parsed

    # A page and what a person does with it

    def open(self, path: Path, width: int = 1280, height: int = 800) -> None:
        """Open a page that says when it is ready, in a window of so many pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("document.documentElement?.dataset.ready === 'yes'")
        self.settle()

    def prefer(self, scheme: str) -> None:
        """``dark`` or ``light`` is what the system prefers."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def ask(self, expression: str) -> Any:
        """The value of an expression of the page's scripts, awaited; raises what it throws."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Until an expression is true."""
        until = time.monotonic() + SECONDS
        while self.ask(expression) is not True:
            if time.monotonic() > until:
                raise TimeoutError(expression)
            time.sleep(0.02)

    def settle(self) -> None:
        """Until two more frames were drawn."""
        frame = "new Promise(requestAnimationFrame)"
        self.ask(f"{frame}.then(() => {frame}).then(() => true)")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """A real mouse event: ``mouseMoved``, ``mousePressed``, ``mouseReleased``, ``mouseWheel``."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def hover(self, x: float, y: float) -> None:
        """Move the pointer there and let the page answer."""
        self.mouse("mouseMoved", x, y)
        self.settle()

    def click(self, x: float, y: float) -> None:
        """Press and release the left button."""
        self.drag([(x, y)])

    def drag(self, way: Sequence[tuple[float, float]]) -> None:
        """Press at the first place, go along the others, release at the last."""
        self.mouse("mouseMoved", *way[0])
        self.mouse("mousePressed", *way[0], button="left", clickCount=1, buttons=1)
        for place in way[1:]:
            self.mouse("mouseMoved", *place, button="left", buttons=1)
        self.mouse("mouseReleased", *way[-1], button="left", clickCount=1)
        self.settle()

    def wheel(self, x: float, y: float, by: float, modifiers: int = 0) -> None:
        """Turn the wheel by so many pixels; ``modifiers``: 2 is Ctrl, 8 is Shift."""
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=by, modifiers=modifiers)
        self.settle()

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key; ``code``: its Windows key code."""
        same = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **same)
        self.call("Input.dispatchKeyEvent", type="keyUp", **same)
        self.settle()

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.call("Input.insertText", text=text)
        self.settle()

    def screenshot(self) -> bytes:
        """A PNG of what is to be seen."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def complaints(self) -> list[str]:
        """Errors and warnings of the page since it was opened: thrown, logged, refused."""
        self.call("Runtime.evaluate", expression="1")
        found = []
        for event in self.events:
            method, told = event.get("method", ""), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(told["exceptionDetails"]))
            elif method == "Runtime.consoleAPICalled":
                found.append(json.dumps(told["args"]))
            elif method == "Log.entryAdded":
                found.append(told["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """Addresses that the page asked for since it was opened."""
        sent = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [told["request"]["url"] for told in sent]
