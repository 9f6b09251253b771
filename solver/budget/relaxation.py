"""What a model of moments (``solver.budget.moments``) proves, and the best that it allows.

Its constraints are weaker than what holds of schedules: the least extra time under them is a bound on
theirs.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import Any

from solver.budget.cp_sat import best, solve
from solver.budget.moments import At, Moments
from solver.solution import CancelCallback


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What is proven at several moments, and the best that the model allows."""

    seconds: float
    """A lower bound on the extra time; inf: nothing fits."""
    settled: bool
    """Whether more effort would prove little more."""
    kept: tuple[frozenset[int], ...] | None
    """By moment: the versions that are kept; None: nothing was found."""
    again: tuple[frozenset[int], ...] | None
    """By span: the ops that are repeated."""


def least_seconds(
    moments: Moments,
    arena_bytes: int,
    known: float,
    effort: float,
    seconds: float,
    cancelled: CancelCallback,
) -> float:
    """A lower bound on the extra time of schedules whose arena has so many bytes; inf: none has.

    Where it is no better than ``known`` seconds, that is found out fast, and ``known`` returned.
    ``effort`` is CP-SAT's deterministic time, about a second each; it ends early, with what it has,
    after ``seconds`` and once ``cancelled``.
    """
    from ortools.sat.python import cp_model  # heavy

    until = time.monotonic() + seconds
    freedom = moments.freedom
    model = moments.within(arena_bytes)
    if model is None:
        return inf
    least = floor(known / freedom.tick)
    if known > freedom.least_extra:
        faster = model.clone()
        faster.add(moments.extra <= least)
        status, _ = solve(faster, effort / 4, seconds, cancelled)
        if status == cp_model.INFEASIBLE:
            model.add(moments.extra >= least + 1)
        elif status != cp_model.UNKNOWN or len(moments.ops) == 1:
            return known
    model.minimize(moments.extra)
    status, bound = solve(model, effort, until - time.monotonic(), cancelled)
    return inf if status == cp_model.INFEASIBLE else max(known, ceil(bound - 1e-3) * freedom.tick)


def relax(
    moments: Moments,
    arena_bytes: int,
    known: float,
    effort: float,
    seconds: float,
    cancelled: CancelCallback,
) -> Relaxed:
    """The lower bound, at least ``known``, with what is kept and repeated where time is least."""
    from ortools.sat.python import cp_model  # heavy

    tick = moments.freedom.tick
    model = moments.within(arena_bytes)
    if model is None:
        return Relaxed(inf, True, None, None)
    model.add(moments.extra >= floor(known / tick))
    model.minimize(moments.extra)
    asked = [*moments.kept.values(), *moments.again.values()]
    status, bound, values = best(model, asked, effort, seconds, cancelled)
    if status == cp_model.INFEASIBLE:
        return Relaxed(inf, True, None, None)
    proven = max(known, ceil(bound - 1e-3) * tick)
    if values is None:
        return Relaxed(proven, False, None, None)
    count, kept = len(moments.ops), len(moments.kept)
    return Relaxed(
        proven,
        status == cp_model.OPTIMAL,
        _by_moment(count, moments.kept, values[:kept]),
        _by_moment(count, moments.again, values[kept:]),
    )


def likely_rewrites(
    moments: Moments, arena_bytes: int, effort: float, seconds: float, cancelled: CancelCallback
) -> list[tuple[str, ...]] | None:
    """The rewrites of each way that is taken where the extra time is least, as far as ``effort`` goes;
    None: nothing was found."""
    model = moments.within(arena_bytes)
    if model is None:
        return None
    model.minimize(moments.extra)
    literals = [literal for _, literal in moments.taken]
    _, _, taken = best(model, literals, effort, seconds, cancelled)
    if taken is None:
        return None
    return [way.rewrites for (way, _), yes in zip(moments.taken, taken, strict=True) if yes]


def _by_moment(count: int, at: Mapping[At, Any], values: Sequence[bool]) -> tuple[frozenset[int], ...]:
    """By moment or span: the versions or ops of which the value is true."""
    found: list[set[int]] = [set() for _ in range(count)]
    for (moment, which), value in zip(at, values, strict=True):
        if value:
            found[moment].add(which)
    return tuple(map(frozenset, found))
