"""The option ``--library`` of commands; imports nothing, as the window must not wait for it."""

import argparse
from pathlib import Path


def add_library_option(parser: argparse.ArgumentParser) -> None:
    """``--library``: which library to use."""
    parser.add_argument(
        "--library",
        type=Path,
        metavar="FILE",
        help="the library's file (otherwise BAYPLAN_LIBRARY, or your data folder)",
    )
