"""What the depth-first search over placements works on: who lives with whom, and the state of a tree.

A node of the tree has some storages placed; no other lies below the end of a placed one that lives
with it. A branch takes one storage and places it at its lowest possible address, or *sets it aside*:
it does not lie there, so something that lives with it must come below it first.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.placement.problem import Part
from solver.plan import IntArray

MAX_NEIGHBOURS = 4_000_000
"""Ordered pairs of storages that live together; above this the search is not worth its memory."""

DEPTH, TRAIL, LEFT, MODE, WORK, NODES, WORST = range(7)
"""What ``State.counts`` holds: branches, changes, storages not placed, what to do next, operations and
branches so far, and the section that contradicted last."""

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


class State(NamedTuple):
    """A node of the tree, and the way to it; int64."""

    address: IntArray
    """Of placed storages; -1 for others."""
    lowest: IntArray
    """Highest end of what is placed and lives with it: the lowest possible address."""
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
    twin = np.full(len(sizes), -1, np.int64)
    seen: dict[tuple[int, int], int] = {}
    for storage, key in enumerate(zip(span.tolist(), sizes.tolist(), strict=True)):
        twin[storage] = seen.get(key, -1)
        seen[key] = storage
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
    )


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
    return State(
        address=np.full(count, -1, np.int64),
        lowest=np.zeros(count, np.int64),
        floor=np.zeros(count, np.int64),
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
