"""Numbers on the command line that make sense, or an explanation (``type=`` of argparse)."""

import argparse
import math
import re

from app.numbers import parse_size
from solver.errors import BayplanError
from solver.terms import Choice

MAX_SEED = 2**31 - 1
SIDES = range(200, 20_001)
"""Pixels of a picture's side."""


def seconds(text: str) -> float:
    """A finite number of seconds, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def seed(text: str) -> int:
    """A whole number from 0 to 2^31 - 1."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > MAX_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MAX_SEED}")
    return int(text)


def count(text: str) -> int:
    """A whole number, 1 or more."""
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def slot(text: str) -> int:
    """A whole number, 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a slot, a whole number from 0")
    return int(text)


def size(text: str) -> int:
    """Bytes, 1 or more: ``8GiB``, ``500MiB``, ``8GB`` (10^9 bytes each), or plain bytes."""
    try:
        found = parse_size(text)
    except BayplanError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from None
    if found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a byte")
    return found


def bandwidth(text: str) -> float:
    """Bytes per second: a size with ``/s``, such as ``25GB/s``."""
    match = re.fullmatch(r"(.*\S)\s*/\s*s", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a bandwidth such as 25GB/s")
    return float(size(match[1]))


def sizes(text: str) -> tuple[int, ...]:
    """Sizes with commas between them, each once, the largest first."""
    return tuple(sorted({size(part) for part in text.split(",")}, reverse=True))


def choices(text: str) -> tuple[Choice, ...]:
    """Names of what a plan may do, with commas between them; ``none``: nothing but order and place."""
    names = [] if text.strip() == "none" else [part.strip() for part in text.split(",")]
    known = [choice.value for choice in Choice]
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(
                f"{name!r} is nothing that can be allowed; there are {', '.join(known)}, and none"
            )
    return tuple(choice for choice in Choice if choice.value in names)


def share(text: str) -> float:
    """A fraction, 0 or more: ``10%`` or ``0.1``."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(%?)", text.strip(), re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share such as 10% or 0.1")
    return float(match[1]) / (100 if match[2] else 1)


def picture_size(text: str) -> tuple[int, int]:
    """Width and height of a picture in pixels: ``3840x2160``, or ``297x210mm`` at 96 pixels an inch."""
    match = re.fullmatch(r"(\d{1,5}(?:\.\d+)?)[x×](\d{1,5}(?:\.\d+)?)mm", text.strip(), re.ASCII)
    if match is None:
        return pixels(text)
    width, height = (round(float(side) / 25.4 * 96) for side in match.groups())
    if width not in SIDES or height not in SIDES:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size from 53 to 5290 mm a side")
    return width, height


def scale(text: str) -> float:
    """Pixels of a picture for each of its layout: 0.5 to 8."""
    value = seconds(text) if text else math.nan
    if not 0.5 <= value <= 8:
        raise argparse.ArgumentTypeError(f"{text!r} is not a scale from 0.5 to 8")
    return value


def pixels(text: str) -> tuple[int, int]:
    """Width and height of a picture: ``1600x1000``."""
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text)
    if not match or any(int(side) not in SIDES for side in match.groups()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size such as 1600x1000 "
            f"({SIDES.start} to {SIDES.stop - 1} pixels a side)"
        )
    return int(match[1]), int(match[2])
