"""What a command says on the terminal while it works: one line on stderr that is written over."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from solver.errors import BayplanError

WIDTH = 100
"""Longest line: longer ones would wrap and stay."""


class StatusLine:
    """The line of a running command; silent where stderr is not a terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write("")

    def say(self, text: str) -> None:
        """Replace the line."""
        lines = text.strip().splitlines()
        self._write(lines[-1][:WIDTH] if lines else "")

    def print(self, text: str) -> None:
        """Print to stdout what stays, above the line."""
        self._write("")
        print(text, flush=True)

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl+C was pressed inside the block; a second press stops the program at once."""
    pressed = False

    def press(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def writable(path: Path, *, unlike: Path | None = None) -> Path:
    """``path`` if it can be made and is not the input ``unlike``: better said before the work."""
    try:
        if not path.absolute().parent.is_dir():
            raise BayplanError(f"{path} cannot be written: its folder does not exist. Make it first.")
        if path.is_dir():
            raise BayplanError(f"{path} cannot be written: it is a folder. Give a file name.")
        if path.exists() and not path.is_file():
            raise BayplanError(f"{path} cannot be written: it is no ordinary file. Give a file name.")
        if unlike is not None and path.resolve() == unlike.resolve():
            raise BayplanError(f"{path} is the input; writing would destroy it. Give another name.")
    except OSError as error:
        raise BayplanError(f"{path} cannot be written: {error.strerror or error}.") from None
    return path
