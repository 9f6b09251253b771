"""Open the window, on a step or a plan when one is named."""

import argparse
from pathlib import Path

from app.cli.plan_files import add_library_option


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a step or a plan")
    add_library_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Until the window is closed."""
    return 0
