"""Proven lower bounds on the overhead of plans within a budget, whatever their order.

Each comes from one moment (``solver.budget.moments``), and the best of several is taken: those at which
most must be carried from early ops to late ones. Which moments are worth it differs little between
budgets, so they are kept, and the last best one is the first for the next budget. Then others join it
in one model (``solver.budget.together``).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from math import inf

import numpy as np
import numpy.typing as npt

from solver.budget.costs import Costs, op_costs
from solver.budget.freedom import Freedom
from solver.budget.history import make_history
from solver.budget.least_bytes import least_bytes
from solver.budget.moments import Moments
from solver.budget.relaxation import least_seconds, likely_rewrites
from solver.budget.together import Together
from solver.budget.ways import Finder, find_ways
from solver.rewriting import combined
from solver.solution import CancelCallback
from solver.step import Step
from solver.terms import Choice, DeviceModel

NOTHING_KNOWN = -1.0
"""An overhead that every plan has, or more: it takes some time."""
MOMENTS = 16
"""So many are looked at, the most promising first."""
MOMENTS_WITH_COPIES = 4
"""Their models take longer."""
EFFORT = 1.0
"""CP-SAT's deterministic time for each, about a second on one core."""
SMALL_SHARE = 1e-3
"""The smallest storages are left out, up to this part of the most that is carried."""


class OverheadBounds:
    """The bounds of one step for any number of budgets; one thread at a time uses it."""

    def __init__(
        self,
        step: Step,
        device: DeviceModel,
        allowed: Sequence[Choice],
        *,
        measured: bool = False,
    ) -> None:
        self.step, self.device, self.allowed = step, device, tuple(allowed)
        self.measured = measured
        self._history = make_history(step)
        self.costs: Costs = op_costs(step, device, measured)
        self._moments: dict[int, Moments] = {}
        self._last_best = -1
        self._together: Together | None = None
        self._seconds: dict[int, tuple[float, bool]] = {}
        """By budget: seconds that are proven, and whether every single moment was looked at."""
        self._in_any_way = NOTHING_KNOWN
        """Of plans with whatever rewrites; known before those are looked at one by one."""
        self._finder: Finder | None = None
        self._freedom: Freedom | None = None
        self.impossible_bytes = 0
        """The largest budget that is known to be too small, whatever is repeated or parked; known from
        the first bound on."""

    def overhead(
        self,
        budget_bytes: int,
        *,
        deadline: float = 10.0,
        cancelled: CancelCallback = lambda: False,
        together: bool = True,
        found: Callable[[float], None] = lambda _: None,
    ) -> float:
        """No plan within the budget has less; inf: there is none. Within ``deadline`` seconds; a
        further call goes on from there. ``together``: with several moments in one model, too. ``found``
        is told of better and better ones."""
        until = time.monotonic() + deadline
        freedom = self._find_freedom(lambda: cancelled() or time.monotonic() > until)
        if freedom is None:
            return self._in_any_way
        if budget_bytes <= self.impossible_bytes:
            return inf
        arena = budget_bytes - self.step.resident_bytes
        best, finished = self._seconds.get(budget_bytes, (freedom.least_extra, False))

        def note(seconds: float) -> float:
            self._seconds[budget_bytes] = seconds, finished
            base = self.costs.base_seconds
            overhead = seconds / base if base > 0 else 0.0
            found(overhead)
            return overhead

        if not finished:
            best = self._at_one_moment(freedom, arena, best, until, cancelled)
            finished = time.monotonic() < until and not cancelled()
            note(best)
        if together and freedom.least_extra < best < inf and not freedom.host_bytes_per_second:
            self._together = self._together or Together(freedom)
            start = self._last_best
            best = self._together.seconds(start, arena, best, until, cancelled, note)
        return note(best)

    def _at_one_moment(
        self, freedom: Freedom, arena: int, best: float, until: float, cancelled: CancelCallback
    ) -> float:
        """Seconds that the best single moment proves, or ``best``."""
        for op in self._candidates(freedom):
            left = until - time.monotonic()
            if left <= 0 or cancelled():
                break
            if op not in self._moments:
                self._moments[op] = Moments(freedom, (op,))
            found = least_seconds(self._moments[op], arena, best, EFFORT, left, cancelled)
            if found > best:
                best, self._last_best = found, op
            if best == inf:
                break
        return best

    def likely_rewrites(
        self,
        budget_bytes: int,
        *,
        deadline: float = 2.0,
        cancelled: CancelCallback = lambda: False,
    ) -> tuple[str, ...] | None:
        """The rewrites that a plan within the budget is likely to be best with: those that leave least
        to be made again after the moment whose bound was the best; None: unknown."""
        freedom = self._freedom
        moment = self._moments.get(self._last_best)
        if freedom is None or moment is None:
            return None
        arena = budget_bytes - self.step.resident_bytes
        taken = likely_rewrites(moment, arena, EFFORT, deadline, cancelled)
        return None if taken is None else tuple(name for names in taken for name in names)

    def _candidates(self, freedom: Freedom) -> list[int]:
        """Ops to look at, which run in any case: the last best one, then those that carry most."""
        order = np.argsort(-self._carried, kind="stable").tolist()
        count = MOMENTS_WITH_COPIES if freedom.host_bytes_per_second else MOMENTS
        ops = [op for op in order if op not in freedom.touched][:count]
        return sorted(ops, key=lambda op: op != self._last_best)

    def _find_freedom(self, stopped: CancelCallback) -> Freedom | None:
        """None: not all is known of what rewrites can spare."""
        if self._freedom is not None:
            return self._freedom
        if self._finder is None:
            self._finder = Finder(self._history, self.costs, self.device, self.measured)
            if {Choice.IMPLEMENTATIONS, Choice.APPROXIMATE}.isdisjoint(self.allowed):
                self._in_any_way = 0.0
            else:
                self._in_any_way = self._of_untouched_ops(self._finder)
        ways = find_ways(self._finder, self.allowed, stopped)
        if ways is None:
            return None
        offload = Choice.OFFLOAD in self.allowed
        self._freedom = Freedom(
            ways.history,
            replace(self.costs, again=ways.again),
            Choice.RECOMPUTE in self.allowed,
            Choice.IMPLEMENTATIONS in self.allowed,
            self.device.host_bytes_per_second if offload else 0.0,
            self._smallest,
            ways.groups,
        )
        homes = sum(self._freedom.home_bytes(written=written) for written in (False, True))
        needed = least_bytes(ways.history, offload=offload, touched=ways.touched)
        self.impossible_bytes = self.step.resident_bytes - homes + needed - 1
        return self._freedom

    def _of_untouched_ops(self, finder: Finder) -> float:
        """What every plan has, as ops that no rewrite touches take their time in any case."""
        approximate = Choice.APPROXIMATE in self.allowed
        names = combined(self.step, approximate=approximate)
        if not names:
            return 0.0
        every = finder.way(names)
        if every is None or self.costs.base_seconds <= 0:
            return NOTHING_KNOWN
        return -float(self.costs.first[sorted(every.touched)].sum()) / self.costs.base_seconds

    @cached_property
    def _smallest(self) -> int:
        """Bytes of the smallest storage that is worth counting."""
        sizes = np.sort(self.step.rounded_sizes[self.step.planned_storages])
        left_out = np.searchsorted(np.cumsum(sizes), SMALL_SHARE * self._carried.max(initial=0))
        return int(sizes[left_out]) if left_out < len(sizes) else 0

    @cached_property
    def _carried(self) -> npt.NDArray[np.int64]:
        """By op: bytes of what it makes or finds itself, and of what the ops that come before it in
        every schedule make for those that come after."""
        history, count = self._history, len(self.step.ops)
        carried = np.zeros(count, np.int64)
        width = (count + 7) // 8
        for version, maker in enumerate(history.maker):
            since = history.after[maker] | 1 << maker
            until = 0
            for user in history.users[version]:
                until |= history.before[user] | 1 << user
            held = np.frombuffer((since & until | 1 << maker).to_bytes(width, "little"), np.uint8)
            size = self.step.rounded_sizes[history.storage_of[version]]
            carried += size * np.unpackbits(held, count=count, bitorder="little").astype(np.int64)
        return carried
