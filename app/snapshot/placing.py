"""Places the lifetimes of a snapshot anew, and says what that would save; no Qt."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.numbers import human
from app.translation import tr
from runtime.snapshot.excerpt import Excerpt
from solver.check_placement import require_right_placement
from solver.placement.problem import PlacementProblem
from solver.plan import IntArray
from solver.solution import CancelCallback, ProgressCallback

FAST_FROM = 20_000
"""Allocations from which on the search ends with what its quick stages give."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Addresses for all allocations of a part, and what is known of the bytes they need."""

    low: IntArray
    height: int
    bound: int
    """No placement of these lifetimes needs less."""

    @property
    def optimal(self) -> bool:
        return self.height <= self.bound


def place_excerpt(
    part: Excerpt,
    *,
    deadline: float,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
) -> Placed:
    """The lowest placement of a part's lifetimes that ``deadline`` seconds give.

    What is there all the time lies at the bottom, where it is in nobody's way.
    """
    return place_lifetimes(
        PlacementProblem(part.start, part.end, part.size),
        part.throughout,
        deadline=deadline,
        seed=seed,
        progress=progress,
        cancelled=cancelled,
    )


def place_lifetimes(
    problem: PlacementProblem,
    bottom: npt.NDArray[np.bool_],
    *,
    deadline: float,
    seed: int = 0,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
) -> Placed:
    """The same of any lifetimes; ``bottom``: those that are there all the time, which nothing binds."""
    from solver import warm_up
    from solver.placement import place

    warm_up.placement()
    fast = len(problem.sizes) >= FAST_FROM
    if not fast:
        warm_up.placement_search()
    if not bottom.any():
        whole = place(
            problem, deadline=deadline, seed=seed, progress=progress, cancelled=cancelled, fast=fast
        )
        require_right_placement(problem, whole)
        return Placed(whole.addresses, whole.height, whole.bound)
    low = np.zeros(len(problem.sizes), np.int64)
    low[bottom] = np.cumsum(problem.sizes[bottom]) - problem.sizes[bottom]
    base, rest = int(problem.sizes[bottom].sum()), np.flatnonzero(~bottom)
    above = PlacementProblem(problem.starts[rest], problem.ends[rest], problem.sizes[rest])
    result = place(
        above, deadline=deadline, seed=seed, progress=progress, cancelled=cancelled, fast=fast
    )
    require_right_placement(above, result)
    low[rest] = result.addresses + base
    return Placed(low, base + result.height, base + result.bound)


def lost_sentence(part: Excerpt, placed: Placed) -> str:
    """``You lose 3.9 GiB to fragmentation; this placement needs none of it.``"""
    return lost_text(part.lost, placed.height - part.live_peak)


def lost_text(lost: int, needed: int) -> str:
    """The same of the bytes that were reserved, and those that the placement needs, beyond the peak."""
    if lost <= 0:
        return tr("Nothing is lost to fragmentation.")
    if needed <= 0:
        return tr("You lose {} to fragmentation; this placement needs none of it.").format(human(lost))
    if needed < lost:
        return tr("You lose {} to fragmentation; this placement needs {} of it.").format(
            human(lost), human(needed)
        )
    return tr("You lose {} to fragmentation; no better placement was found in time.").format(
        human(lost)
    )
