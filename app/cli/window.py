"""Open the window, on a step or a plan when one is named."""

import argparse
import os
import sys
from pathlib import Path

from app.cli.library_option import add_library_option
from solver.errors import BayplanError


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="a step, a plan, a memory snapshot, lifetimes (.csv) or an exported program (.pt2)",
    )
    add_library_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Until the window is closed."""
    if not has_display() and "QT_QPA_PLATFORM" not in os.environ:
        raise BayplanError(
            "There is no display to open the window on (neither DISPLAY nor WAYLAND_DISPLAY is set). "
            "The commands work without one: bayplan --help."
        )
    return show(arguments.file, arguments.library)


def show(file: Path | None, library: Path | None, *, example: bool = False) -> int:
    """The window until it is closed; ``example``: the file is the embedded sample."""
    from app.gui import run_gui

    return run_gui(file, library_path=library, example=example)


def has_display() -> bool:
    """Whether a window could be seen."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if platform or not sys.platform.startswith("linux"):
        return platform not in ("offscreen", "minimal")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
