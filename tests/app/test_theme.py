"""Colours: told apart by the colour-blind, and text that can be read, by the specification."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from app.theme import DARK, THEMES, Theme
from solver.step import Category

Color = npt.NDArray[np.float64]

# Machado, Oliveira, Fernandes 2009, severity 1.0, for linear RGB.
SEEN = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
LEAST = 8.0
"""OKLab distance, times 100, between two categories: for every kind of sight."""


def linear(color: str) -> Color:
    """Linear red, green and blue of ``#rrggbb``."""
    values = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: Color) -> Color:
    """Of linear red, green and blue (Ottosson 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return np.asarray(lab @ np.cbrt(cones @ np.clip(rgb, 0, 1)))


def apart(one: str, other: str, sight: str) -> float:
    """How far two colours are from one another, as seen."""
    first, second = (oklab(SEEN[sight] @ linear(color)) for color in (one, other))
    return float(100 * np.linalg.norm(first - second))


def contrast(text: str, ground: str) -> float:
    """By WCAG 2."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    bright, dim = sorted((float(weights @ linear(c)) for c in (text, ground)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def fills(theme: Theme) -> set[str]:
    return set(theme.fill.values())


@pytest.mark.parametrize("sight", SEEN)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_categories_are_told_apart_by_everybody(theme: Theme, sight: str) -> None:
    closest = min((apart(a, b, sight), a, b) for a, b in combinations(sorted(fills(theme)), 2))
    assert closest[0] >= LEAST, closest


def test_the_closest_pair_is_the_one_that_the_specification_names() -> None:
    pairs = combinations(sorted(fills(DARK)), 2)
    _, one, other = min((apart(a, b, "normal"), a, b) for a, b in pairs)
    assert {one, other} == {DARK.fill[Category.ACTIVATION], DARK.fill[Category.BUFFER]}


def test_two_alike_would_be_found() -> None:
    assert apart("#d07e25", "#d07e26", "normal") < 1
    # Red and green, the classic.
    assert apart("#c04040", "#6a7a30", "deutan") < apart("#c04040", "#6a7a30", "normal")


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_can_be_read_on_every_surface(theme: Theme) -> None:
    grounds = (theme.win, theme.panel, theme.raised, theme.map, theme.sel)
    for name, least in (("text", 10.0), ("text2", 6.0), ("text3", 4.5), ("accent", 4.5)):
        worst = min(contrast(getattr(theme, name), ground) for ground in grounds)
        assert worst >= least, (name, worst)
    for name in ("ok", "warn", "error"):
        worst = min(contrast(getattr(theme, name), ground) for ground in (theme.win, theme.panel))
        assert worst >= 4.5, (name, worst)
    assert contrast("#ffffff", theme.button) >= 4.5
