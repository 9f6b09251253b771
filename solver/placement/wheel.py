"""Squeaky wheel: place, see what sticks out above the target, let that choose earlier, place again.

After Joslin and Clements, "Squeaky Wheel" Optimization (JAIR 1999), with the acceptance rule of
simulated annealing on the bytes that stick out.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from solver.placement.constructors import Constructor
from solver.placement.problem import Part
from solver.plan import IntArray
from solver.watch import Watch

WARMTH = 0.02
"""A change that adds this share to what sticks out is taken with probability 1/e."""
STRONG = 0.1
"""Share of the rounds in which all that sticks out moves to the front at once."""


def spin(
    part: Part,
    construct: Constructor,
    order: IntArray,
    target: int,
    rounds: int,
    seed: int,
    watch: Watch,
) -> Iterator[IntArray]:
    """Yield addresses (units) each time they are lower than before; end when at the target.

    Starts from ``order`` and makes at most ``rounds`` placements.
    """
    random = np.random.default_rng(seed)
    count = len(part.sizes)
    order = order.copy()
    addresses = np.empty(count, np.int64)
    lowest: int | None = None
    cost = np.inf
    sticking = np.zeros(count, bool)
    candidate = order
    for _ in range(rounds):
        height = construct(candidate, part.first, part.last, part.sizes, watch.flag, addresses)
        if height < 0:
            return
        over = np.maximum(addresses + part.sizes - target, 0)
        value = float(over.sum())
        if value <= cost or random.random() < np.exp((cost - value) / (WARMTH * cost + 1e-9)):
            order, cost, sticking = candidate, value, over > 0
        if lowest is None or height < lowest:
            lowest = height
            yield addresses.copy()
        if height <= target:
            return
        candidate = _change(order, sticking, random)


def _change(order: IntArray, sticking: npt.NDArray[np.bool_], random: np.random.Generator) -> IntArray:
    """A copy of the order in which some of what sticks out comes earlier."""
    count = len(order)
    culprits = np.flatnonzero(sticking[order])
    if len(culprits) and random.random() < STRONG:
        rank = np.arange(count, dtype=np.float64)
        moved = culprits[random.random(len(culprits)) < 0.8]
        rank[moved] *= random.random(len(moved))
        return order[np.argsort(rank, kind="stable")]
    result = order.copy()
    for _ in range(1 + random.geometric(0.5)):
        if len(culprits) and random.random() < 0.7:
            source = int(culprits[random.integers(len(culprits))])
            goal = int(source * random.random())
        else:
            source, goal = random.integers(count, size=2).tolist()
        who = result[source]
        if goal < source:
            result[goal + 1 : source + 1] = result[goal:source]
        else:
            result[source:goal] = result[source + 1 : goal + 1]
        result[goal] = who
    return result
