"""The command ``bayplan``, and ``python -m app``."""

import signal
import sys
from types import FrameType

from app.cli import command_line

TERMINATED = 143


def main() -> int:
    """Run the command line of this process; its exit code, 143 when SIGTERM ended it."""
    signal.signal(signal.SIGTERM, _terminated)
    return command_line.main()


def _terminated(_number: int, _frame: FrameType | None) -> None:
    # An exception, so that a capture's or verification's child, a session of its own, ends with us.
    raise SystemExit(TERMINATED)


if __name__ == "__main__":
    sys.exit(main())
