"""The command ``bayplan``, and ``python -m app``."""

import signal
import sys
from types import FrameType

STOPPED, TERMINATED = 130, 143


def main() -> int:
    """Run the command line of this process; its exit code, 143 when SIGTERM ended it."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        # Imported here: it takes half a second, in which Ctrl+C is a wish like any other.
        from app.cli import command_line

        return command_line.main()
    except KeyboardInterrupt:
        sys.stderr.write("bayplan: stopped.\n")
        return STOPPED


def window() -> int:
    """The window, on the file that is named: what a desktop starts."""
    sys.argv.insert(1, "window")
    return main()


def _terminated(_number: int, _frame: FrameType | None) -> None:
    # An exception, so that a capture's or verification's child, a session of its own, ends with us.
    raise SystemExit(TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
