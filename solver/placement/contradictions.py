"""Fixed addresses that cannot all hold, found and named before anything is placed."""

from bisect import bisect_left

import numpy as np

from solver.errors import BayplanError
from solver.placement.problem import FREE, Forbidden, PlacementProblem


def require_consistent(problem: PlacementProblem) -> None:
    """Raise BayplanError, naming the storages, where fixed addresses contradict something.

    That is their alignment, their arena's capacity, a forbidden range or one another.
    """
    if problem.fixed is None:
        return
    for arena in range(problem.arena_count):
        _, alone = problem.of_arena(arena)
        assert alone.fixed is not None
        there = np.flatnonzero(alone.fixed != FREE)
        _require_aligned(alone, there.tolist())
        with_bytes = there[alone.sizes[there] > 0].tolist()
        _require_inside(alone, with_bytes)
        _require_allowed(alone, with_bytes)
        _require_apart(alone, with_bytes)


def _require_aligned(problem: PlacementProblem, there: list[int]) -> None:
    assert problem.fixed is not None
    if problem.alignments is None:
        return
    for storage in there:
        address, alignment = int(problem.fixed[storage]), int(problem.alignments[storage])
        if address % alignment:
            raise BayplanError(
                f"Storage {problem.name(storage)} is fixed at {address:,}, which is no multiple of its "
                f"alignment, {alignment:,}. Fix it at {address // alignment * alignment:,} or "
                f"{-(-address // alignment) * alignment:,}, or align it less."
            )


def _require_inside(problem: PlacementProblem, there: list[int]) -> None:
    assert problem.fixed is not None
    capacity = problem.capacity_of(0)
    for storage in there:
        top = int(problem.fixed[storage] + problem.sizes[storage])
        if capacity is not None and top > capacity:
            raise BayplanError(
                f"Storage {problem.name(storage)} is fixed at {int(problem.fixed[storage]):,} and ends "
                f"at {top:,}, beyond the capacity of {capacity:,} bytes. Fix it lower, or raise the "
                "capacity."
            )


def _require_allowed(problem: PlacementProblem, there: list[int]) -> None:
    assert problem.fixed is not None
    for ban in problem.forbidden:
        for storage in there:
            low = int(problem.fixed[storage])
            high = low + int(problem.sizes[storage])
            start, end = int(problem.starts[storage]), int(problem.ends[storage])
            together = (ban.end is None or start < ban.end) and (ban.start is None or ban.start < end)
            if together and low < ban.high and ban.low < high:
                raise BayplanError(
                    f"Storage {problem.name(storage)} is fixed at bytes {low:,} to {high:,}, but "
                    f"{_text(ban)}. Fix it elsewhere, or allow the range."
                )


def _require_apart(problem: PlacementProblem, there: list[int]) -> None:
    assert problem.fixed is not None
    # Events in time, ends first; what is alive is disjoint, so only neighbours can touch.
    events = [(int(problem.ends[s]), 0, s) for s in there]
    events += [(int(problem.starts[s]), 1, s) for s in there]
    alive: list[tuple[int, int, int]] = []
    for _, begins, storage in sorted(events):
        low = int(problem.fixed[storage])
        block = (low, low + int(problem.sizes[storage]), storage)
        at = bisect_left(alive, block)
        if not begins:
            del alive[at]
            continue
        for other_low, other_high, other in alive[max(0, at - 1) : at + 1]:
            if other_low < block[1] and low < other_high:
                raise BayplanError(
                    f"Storages {problem.name(other)} and {problem.name(storage)} live at the same time "
                    f"and are fixed at bytes {other_low:,} to {other_high:,} and {low:,} to "
                    f"{block[1]:,}, which overlap. Fix only one of them, or elsewhere."
                )
        alive.insert(at, block)


def _text(ban: Forbidden) -> str:
    """What a forbidden range forbids."""
    since = "" if ban.start is None else f" from slot {ban.start:,}"
    until = "" if ban.end is None else f" before slot {ban.end:,}"
    return f"bytes {ban.low:,} to {ban.high:,} are forbidden{since}{until}"
