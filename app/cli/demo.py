"""Plan the embedded ResNet-50 step without a window: plan, picture, module, self-test."""

import argparse
from pathlib import Path


def add(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")


def run(arguments: argparse.Namespace) -> int:
    """The main job from end to end."""
    return 0
