"""What the depth-first search over placements works on: who lives with whom, and the state of a tree.

A node of the tree has some storages placed; no other lies below the end of a placed one that lives
with it. A branch takes one storage and places it at its lowest possible address, or *sets it aside*:
it does not lie there, so something that lives with it must come below it first.

A lowest address is a multiple of the storage's alignment and touches no obstacle: the search needs to
know no more of either than the *berths*, the ranges of addresses at which a storage may lie.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.placement.obstacles import Obstacles, runs
from solver.placement.problem import Part
from solver.plan import IntArray

MAX_NEIGHBOURS = 4_000_000
"""Ordered pairs of storages that live together; above this the search is not worth its memory."""

DEPTH, TRAIL, LEFT, MODE, WORK, NODES, WORST = range(7)
"""What ``State.counts`` holds: branches, changes, storages not placed, what to do next, operations and
branches so far, and the section that contradicted last."""

_NO_END = 1 << 62
"""The upper end of the last berth, as ``kernels.FAR``, which must not be loaded here."""

BEGIN, END, MARK, CHOSEN, TRIED = range(5)
"""Columns of ``State.branches``: the sections [begin, end) that it is about, the length of the trail
before it, its storage, and how many of its two ways were tried."""

SLACK = 64
"""Changes and branches for each storage that a path may have beyond the unavoidable ones."""


class Shape(NamedTuple):
    """What never changes while a part is searched; int64."""

    first: IntArray
    last: IntArray
    size: IntArray
    near: IntArray
    """Those that live with storage i: ``near[near_at[i]:near_at[i + 1]]``."""
    near_at: IntArray
    alive_at: IntArray
    """Those alive in section s are ``alive[alive_at[s]:alive_at[s + 1]]`` of the state."""
    twin: IntArray
    """A storage like this one that must lie below it, or -1."""
    same: IntArray
    """Storages by lifetime: those of lifetime k are ``same[same_at[k]:same_at[k + 1]]``."""
    same_at: IntArray
    span: IntArray
    """Number of the lifetime of each storage, the k above."""
    step: IntArray
    """The alignment of each storage."""
    berth_at: IntArray
    """Storage i may lie at multiples of its step from ``berth_low[k]`` to ``berth_high[k]`` (both
    included), k from ``berth_at[i]`` to ``berth_at[i + 1]``; where there is no k, at any."""
    berth_low: IntArray
    berth_high: IntArray
    wall_from: IntArray
    """The walls of section s are ``walls[wall_from[s]:wall_to[s]]``, see ``obstacles.runs``."""
    wall_to: IntArray
    walls: IntArray


class State(NamedTuple):
    """A node of the tree, and the way to it; int64."""

    address: IntArray
    """Of placed storages; -1 for others."""
    lowest: IntArray
    """The lowest possible address: above the ends of all that is placed and lives with it."""
    floor: IntArray
    """A bound on the address: ``lowest``, or more for what is set aside."""
    aside: IntArray
    """1 for what does not lie at ``lowest``."""
    rank: IntArray
    """Of equally low storages the one with the least rank comes first."""
    keys: IntArray
    """What gives the rank, ascending, most important first; shape (keys, storages)."""
    alive: IntArray
    """Storages by section, in each nearly sorted by address or floor."""
    crossing: IntArray
    """Storages not placed that live in section s and in the one after it."""
    left: IntArray
    """The storages that are not placed come first."""
    place_in_left: IntArray
    trail: IntArray
    """What to restore: ~storage for a placement; storage, lowest, floor, aside; or, from
    ``len(size)`` on, storage and rank."""
    branches: IntArray
    room: IntArray
    """Working memory, shape (4, storages or sections)."""
    counts: IntArray


def shape_of(part: Part) -> Shape | None:
    """The shape of a part; None where too many storages live together."""
    first, last, sizes = part.first, part.last, part.sizes
    begun = np.searchsorted(np.sort(first), last, side="left")
    ended = np.searchsorted(np.sort(last), first, side="right")
    if int((begun - ended).sum()) > MAX_NEIGHBOURS:
        return None
    together = (first[:, None] < last) & (first < last[:, None])
    np.fill_diagonal(together, False)
    near_at = np.concatenate([[0], np.cumsum(together.sum(axis=1))])
    spans, span = np.unique(np.stack([first, last]), axis=1, return_inverse=True)
    span = span.reshape(-1)
    same = np.argsort(span, kind="stable")
    change = np.zeros(len(part.sums) + 1, np.int64)
    np.add.at(change, first, 1)
    np.add.at(change, last, -1)
    step = np.ones(len(sizes), np.int64) if part.alignments is None else part.alignments
    twin = np.full(len(sizes), -1, np.int64)
    seen: dict[tuple[int, int, int], int] = {}
    alike = zip(span.tolist(), sizes.tolist(), step.tolist(), strict=True)
    for storage, key in enumerate(alike):
        twin[storage] = seen.get(key, -1)
        seen[key] = storage
    berth_at, berths = _berths(part, step)
    wall_from, wall_to, walls = _walls(part)
    return Shape(
        first=first,
        last=last,
        size=sizes,
        near=np.ascontiguousarray(np.nonzero(together)[1]),
        near_at=near_at,
        alive_at=np.concatenate([[0], np.cumsum(np.cumsum(change[:-1]))]),
        twin=twin,
        same=same,
        same_at=np.searchsorted(span[same], np.arange(spans.shape[1] + 1)),
        span=span,
        step=step,
        berth_at=berth_at,
        berth_low=berths[0],
        berth_high=berths[1],
        wall_from=wall_from,
        wall_to=wall_to,
        walls=walls,
    )


def _berths(part: Part, step: IntArray) -> tuple[IntArray, IntArray]:
    """Where the berths of each storage begin, and all of them: shape (2, berths), first and last."""
    if part.obstacles is None:
        return np.zeros(len(step) + 1, np.int64), np.zeros((2, 0), np.int64)
    found = [
        _berths_among(part.obstacles, *storage)
        for storage in zip(part.first, part.last, part.sizes, step, strict=True)
    ]
    at = np.concatenate([[0], np.cumsum([one.shape[1] for one in found])]).astype(np.int64)
    return at, np.ascontiguousarray(np.concatenate(found, axis=1))


def _berths_among(
    obstacles: Obstacles, first: np.int64, last: np.int64, size: np.int64, step: np.int64
) -> IntArray:
    here = (obstacles.first < last) & (first < obstacles.last)
    if not here.any():
        return np.zeros((2, 0), np.int64)
    above = np.concatenate([[0], np.maximum.accumulate(obstacles.high[here])])
    low = -(-above // step) * step
    high = (np.append(obstacles.low[here], _NO_END) - size) // step * step
    fits: IntArray = np.stack([low, high])[:, low <= high]
    return fits


def _walls(part: Part) -> tuple[IntArray, IntArray, IntArray]:
    """Where the walls of each section begin and end, and all of them: shape (walls, 3)."""
    begins, ends = np.zeros((2, len(part.sums)), np.int64)
    found = [np.zeros((0, 3), np.int64)]
    count = 0
    if part.obstacles is not None:
        around = runs(part.obstacles, part.first, part.last, part.sizes, part.alignments)
        for begin, end, walls in around:
            found.append(walls)
            begins[begin:end] = count
            count += len(walls)
            ends[begin:end] = count
    return begins, ends, np.concatenate(found)


def root(shape: Shape, keys: npt.NDArray[np.int64]) -> State:
    """The tree before its first branch."""
    count, sections = len(shape.size), len(shape.alive_at) - 1
    crossing = np.zeros(sections + 1, np.int64)
    np.add.at(crossing, shape.first, 1)
    np.add.at(crossing, shape.last - 1, -1)
    rank = np.empty(count, np.int64)
    rank[np.lexsort(keys[::-1])] = np.arange(count)
    widths = shape.last - shape.first
    storages = np.repeat(np.arange(count), widths)
    before = np.repeat(np.cumsum(widths) - widths, widths)
    sections_of = shape.first[storages] + np.arange(len(storages)) - before
    counts = np.zeros(7, np.int64)
    counts[LEFT] = count
    lowest = np.zeros(count, np.int64)
    walled = np.flatnonzero(np.diff(shape.berth_at))
    lowest[walled] = shape.berth_low[shape.berth_at[walled]]
    return State(
        address=np.full(count, -1, np.int64),
        lowest=lowest,
        floor=lowest.copy(),
        aside=np.zeros(count, np.int64),
        rank=rank,
        keys=keys.copy(),
        alive=storages[np.argsort(sections_of, kind="stable")],
        crossing=np.cumsum(crossing),
        left=np.arange(count),
        place_in_left=np.arange(count),
        trail=np.zeros((len(shape.near) // 2 + SLACK * count, 4), np.int64),
        branches=np.zeros((SLACK * count, 5), np.int64),
        room=np.zeros((4, max(count, sections) + 1), np.int64),
        counts=counts,
    )
