"""Orders of one peak that are easier to place, one after the other, each a little less readable.

A readable order may have nearly its peak alive at most slots, and leave the placement no room to get
around what lives long. The lean order, which nobody made readable, holds less on the way. Between
the two lie those that may have ``limits[op]`` alive while op runs: where the last placement stuck out
above the peak the limits sink, and the order is pulled towards the readable one again under them::

    peak     ─────────────────────────        limits        ─────┐      ┌──────
    lean       ╱╲    ╱╲ ╱╲     ╱╲                                └──────┘
                                                                 the conflict
"""

import numpy as np

from solver.ordering.cut import BoolArray
from solver.ordering.problem import compile_step
from solver.ordering.profile import by_op
from solver.ordering.readable import natural, pull_back
from solver.placement.problem import PlacementProblem
from solver.plan import IntArray
from solver.reuse import NONE
from solver.step import GRANULE, Step
from solver.watch import Watch

ROUNDS = 8
_OPS = 20_000
"""So many ops in all rounds together; a large step gets fewer rounds with larger drops."""
_DROP, _GROWTH = 0.005, 1.7
"""Share by which limits sink in the first round, and how it grows from round to round."""


class Easing:
    """The orders between a readable one and ``lean``, both of one peak."""

    def __init__(self, step: Step, lean: IntArray, peak_bytes: int, *, reuse: bool) -> None:
        self._graph = compile_step(step, step.outlook.sure if reuse else NONE).graph
        self._lean, self._least = lean, by_op(self._graph, lean)
        self._target = natural(self._graph)
        self._limits = np.full(self._graph.ops, peak_bytes / GRANULE)
        self._height = 0
        self.rounds = max(1, min(ROUNDS, _OPS // max(1, self._graph.ops)))
        self._drops = [_DROP * _GROWTH**k for k in range(ROUNDS - self.rounds, ROUNDS)]

    def order(self, last: IntArray, conflict: BoolArray, height: int, watch: Watch) -> IntArray:
        """The next order, after ``last`` was placed at ``height``; at most ``rounds`` times.

        ``conflict``: the slots of ``last`` at which something stuck out, shape (ops,). When the watch
        stops it, it is the lean one or one nearer to the readable one.
        """
        everywhere = height == self._height  # What is done about the conflict alone has no effect.
        self._limits[last[conflict | everywhere]] *= 1 - self._drops.pop(0)
        self._height = height
        limits = np.maximum(self._least, self._limits.astype(np.int64))
        return pull_back(self._graph, self._lean, self._target, limits, watch.flag)


def conflict(problem: PlacementProblem, addresses: IntArray, low: int, slots: int) -> BoolArray:
    """The slots at which something ends above ``low`` bytes, shape (slots,)."""
    out = addresses + problem.sizes > low
    change = np.zeros(slots + 1, np.int64)
    np.add.at(change, problem.starts[out], 1)
    np.add.at(change, problem.ends[out], -1)
    return np.cumsum(change[:-1]) > 0
