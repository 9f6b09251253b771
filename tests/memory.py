"""The most memory that this process has used; for tests that run a program of their own."""

from pathlib import Path

STATUS = Path("/proc/self/status")


def most_kibibytes() -> int:
    """KiB. ``getrusage`` would count what the parent used before it became this process."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])
