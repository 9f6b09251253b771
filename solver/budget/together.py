"""Several moments in one model, more and more of them, as long as that proves more.

What is kept at one moment leaves little room for what must be made again before the next. The moments
are chosen one after the other where the best that the model allows would not fit.
"""

import time
from collections.abc import Callable
from math import inf

from solver.budget.freedom import Freedom
from solver.budget.moments import Moments
from solver.budget.pressure import Pressure
from solver.budget.relaxation import Relaxed, relax
from solver.solution import CancelCallback

EFFORT = 1.5
"""CP-SAT's deterministic time for each model, about a second each on one core."""
MOST = 24
"""Moments in one model."""
AT_ONCE = 4
"""So many are added at a time."""
FAILURES = 3
"""So many models in a row that were not solved and proved nothing more end it."""
PATIENCE = 6
"""So many models in a row that proved nothing more end it, solved or not."""


class Together:
    """Of one step; for any budget, one after the other."""

    def __init__(self, freedom: Freedom) -> None:
        self._freedom = freedom
        self._pressure = Pressure(freedom)
        self._last: tuple[int, ...] = ()
        """The moments that proved most last time: the first for the next budget."""

    def seconds(
        self,
        start: int,
        arena_bytes: int,
        known: float,
        until: float,
        cancelled: CancelCallback,
        found: Callable[[float], object],
    ) -> float:
        """What is proven of the extra time, at least ``known``, which the moment of ``start`` proved
        alone; inf: nothing fits. Until ``until`` at most, by the monotonic clock; ``found`` is told of
        better and better ones."""

        def over() -> bool:
            return cancelled() or time.monotonic() >= until

        best = known
        good: tuple[int, ...] = (start,)
        ops = self._last or good
        guide = Relaxed(known, False, None, None)
        tried: set[int] = set(ops)
        failures = idle = 0
        while not over() and failures < FAILURES and idle < PATIENCE and len(ops) <= MOST:
            moments = Moments(self._freedom, ops, over)
            if not moments.is_whole:
                break
            left = until - time.monotonic()
            relaxed = relax(moments, arena_bytes, best, EFFORT, left, cancelled)
            if relaxed.seconds > best or relaxed.settled:
                good, guide, failures = ops, relaxed, 0
            else:
                failures += 1
            idle = 0 if relaxed.seconds > best else idle + 1
            if relaxed.seconds > best:
                best, self._last = relaxed.seconds, ops
                found(best)
            if best == inf:
                break
            further = self._pressure.next_moments(good, guide, arena_bytes, tried, AT_ONCE)
            if not further:
                break
            tried.update(further)
            ops = tuple(sorted((*good, *further)))
        return best
