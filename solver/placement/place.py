"""Place storages in the arena: constructors over many orders, squeaky wheel, CP-SAT, until a bound.

Every part (see ``problem``) is placed on its own; a part is done when it is no higher than the
target, the largest bound of all parts or the capacity. Anytime: the first answer needs one pass of a
constructor, each further stage can only lower it.
"""

import time
from dataclasses import dataclass, field

import numpy as np

from solver.placement.orders import LEADING, orders
from solver.placement.problem import Part, PlacementProblem, PlacementResult, reduce
from solver.placement.stop import Stop
from solver.plan import IntArray
from solver.solution import CancelCallback, Progress, ProgressCallback

COMPARE = 40_000_000
"""Pairs of storages that may be looked at to find the placement that reads best among equals."""


def place(
    problem: PlacementProblem,
    *,
    deadline: float = 60.0,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    fast: bool = False,
) -> PlacementResult:
    """A placement as low as can be found within ``deadline`` seconds.

    Deterministic for a seed and enough time. Stops within 100 ms of ``cancelled()`` and then returns
    the best so far, at the least what ``first_fit_by_start`` gives. ``fast``: only the constructors.
    """
    unit, parts = reduce(problem)
    target = max((part.bound for part in parts), default=0)
    if problem.capacity is not None:
        target = max(target, problem.capacity // unit)
    addresses = np.zeros(len(problem.sizes), np.int64)
    if not parts:
        return PlacementResult(addresses, 0, 0, True)
    height = bound = 0
    with Stop(deadline, cancelled) as stop:
        search = Search(stop, unit, seed, fast, progress)
        for part in parts:
            found = search.run(part, target)
            addresses[part.members] = found.addresses * unit
            height = max(height, found.height * unit)
            bound = max(bound, found.bound * unit)
    return PlacementResult(addresses, height, bound, height == bound)


def place_by_start(problem: PlacementProblem) -> IntArray:
    """Addresses in bytes by first fit in order of start: at once, without compiled code."""
    unit, parts = reduce(problem)
    addresses = np.zeros(len(problem.sizes), np.int64)
    for part in parts:
        addresses[part.members] = first_fit_by_start(part) * unit
    return addresses


def first_fit_by_start(part: Part) -> IntArray:
    """Addresses by first fit in order of start, without compiled code: fast, and always there."""
    result = np.zeros(len(part.sizes), np.int64)
    sizes, last = part.sizes.tolist(), part.last.tolist()
    live: list[tuple[int, int, int]] = []
    """(address, end of it, last section) by address."""
    for index in np.lexsort((-part.sizes, -part.last, part.first)).tolist():
        now = int(part.first[index])
        live = [block for block in live if block[2] > now]
        here, at = 0, len(live)
        for position, (low, high, _) in enumerate(live):
            if low - here >= sizes[index]:
                at = position
                break
            here = high
        live.insert(at, (here, here + sizes[index], last[index]))
        result[index] = here
    return result


@dataclass
class _Best:
    """The lowest placement of a part so far; among equals the one with the least energy."""

    addresses: IntArray
    height: int
    bound: int
    energy: float = float("inf")


@dataclass
class Search:
    """What the stages share."""

    stop: Stop
    unit: int
    seed: int
    fast: bool
    progress: ProgressCallback | None
    started: float = field(default_factory=time.monotonic)

    def run(self, part: Part, target: int) -> _Best:
        """The stages in turn, until one reaches the target."""
        addresses = first_fit_by_start(part)
        height = int((addresses + part.sizes).max())
        best = _Best(addresses, height, part.bound, energy(part, addresses))
        if not self.stop:
            self._construct(part, target, best)
        return best

    def _construct(self, part: Part, target: int, best: _Best) -> None:
        """Both constructors over all orders, the ones that read best first."""
        from solver.placement.kernels import dive, first_fit

        pairs = COMPARE
        for number, (name, order) in enumerate(orders(part).items()):
            for kernel in (dive, first_fit):
                if best.height <= target and (number >= LEADING or pairs <= 0):
                    return
                addresses = np.empty(len(part.sizes), np.int64)
                height = kernel(order(), part.first, part.last, part.sizes, self.stop.flag, addresses)
                pairs -= len(part.sizes) ** 2
                if height < 0:
                    return
                self._offer(part, best, addresses, target, f"Place by {name}")

    def _offer(self, part: Part, best: _Best, addresses: IntArray, target: int, phase: str) -> None:
        """Take a placement that is lower, or equally high and easier to read."""
        height = int((addresses + part.sizes).max())
        value = energy(part, addresses)
        if height < best.height:
            self._report(phase, height, target)
        elif height > best.height or value >= best.energy:
            return
        best.addresses, best.height, best.energy = addresses, height, value

    def _report(self, phase: str, height: int, target: int) -> None:
        if self.progress is not None:
            over = (height - target) * self.unit
            self.progress(
                Progress(
                    seconds=time.monotonic() - self.started,
                    phase=phase,
                    result="no gap" if over <= 0 else f"{over / 2**20:,.1f} MiB over",
                    height_bytes=height * self.unit,
                    bound_bytes=target * self.unit,
                )
            )


def energy(part: Part, addresses: IntArray) -> float:
    """Lower when what lives long lies low: sum of size × lifetime × height of the middle."""
    middle = addresses + 0.5 * part.sizes
    return float((part.sizes * part.lifetimes * middle).sum())
