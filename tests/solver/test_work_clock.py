"""The clock of a solve: compiling stops it, work does not."""

import time

import pytest
from numba import njit

from solver.work_clock import WorkClock


@pytest.mark.alone
def test_compiling_does_not_count_and_is_told_once() -> None:
    told: list[str] = []

    @njit
    def inner(x: int) -> int:
        return x + 1

    @njit
    def outer(x: int) -> int:
        return inner(x) * 2

    with WorkClock(lambda: told.append("compiling")) as clock:
        began = time.monotonic()
        assert outer(1) == 4
        assert outer(1.5) == 5.0
        took = time.monotonic() - began
        worked = clock.seconds
        time.sleep(0.05)
        rested = clock.seconds
    assert told == ["compiling"]
    assert took > 0.05
    assert worked < 0.5 * took
    assert rested - worked == pytest.approx(0.05, abs=0.04)
