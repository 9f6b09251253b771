"""Sizes and shares as people write them, and as the program does."""

import argparse
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.argument_types import bandwidth, choices, share, size, sizes
from app.numbers import overhead, parse_size
from solver.errors import BayplanError
from solver.terms import Choice


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8GiB", 8 << 30),
        ("8 gib", 8 << 30),
        ("8.01GiB", 8_600_672_010),
        ("8GB", 8_000_000_000),
        ("500MiB", 500 << 20),
        ("1.5kB", 1500),
        ("2TiB", 2 << 40),
        ("0.3 KiB", 307),
        ("512B", 512),
        (" 8589934592 ", 8 << 30),
    ],
)
def test_a_size_is_read_exactly_and_rounded_down(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1GiB", "8G", "8GiBs", "1e9", "8,5GiB", "nan", "٣GiB", "1.GiB"]
)
def test_what_is_no_size_is_named(text: str) -> None:
    with pytest.raises(BayplanError, match=r"is not a size\. Write it as 8GiB"):
        parse_size(text)


@given(st.integers(0, 10**18 - 1))
def test_plain_bytes_are_themselves(count: int) -> None:
    assert parse_size(str(count)) == parse_size(f"{count}B") == count


def test_options_are_read() -> None:
    assert bandwidth("25GB/s") == 25e9
    assert bandwidth("12 GiB / s") == 12 * 2**30
    assert sizes("4GiB,8GiB, 6GiB,8GiB") == (8 << 30, 6 << 30, 4 << 30)
    assert choices("offload,recompute") == (Choice.RECOMPUTE, Choice.OFFLOAD)
    assert choices("none") == ()
    assert share("10%") == share("0.1") == 0.1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (size, "0"),
        (size, "lots"),
        (bandwidth, "25GB"),
        (bandwidth, "0GB/s"),
        (sizes, "8GiB,"),
        (choices, "recompute,magic"),
        (choices, ""),
        (share, "-10%"),
        (share, "ten"),
    ],
)
def test_options_that_make_no_sense_are_refused(kind: Callable[[str], object], text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        kind(text)


def test_an_overhead_has_its_sign() -> None:
    assert overhead(0.06114) == "+6.11 %"
    assert overhead(-0.012) == "−1.20 %"
    assert overhead(-1e-9) == overhead(0.0) == "0.00 %"
