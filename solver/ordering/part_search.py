"""Searches the parts of a step one by one, the one with the highest peak first, until all are proven.

A part is looked at with limits between what is proven for the step and what its best order needs, by
exact searches over downsets while those find an end, by beams where they do not. Small storages are
taken for nothing at first: a bound stays one, an order needs a little more, and far fewer states
differ.
"""

from collections.abc import Callable

import numpy as np

from solver.ordering.downsets import FOUND, GAVE_UP, NONE_EXISTS, Downsets, Outcome
from solver.ordering.problem import Graph
from solver.ordering.profile import peak
from solver.ordering.regions import Region, joined, split
from solver.plan import IntArray
from solver.watch import Watch

_SMALL = 0.002
"""The smallest storages of a part that together are at most this share of the bound are left out."""
_CLOSE = 0.002
"""Limits this share of the bound apart are not told apart where a search gives up."""
_WIDTH, _MORE = 20, 6
"""States of each size that a part's first beam keeps, and how many times as many each further one."""
_UNKNOWN = 1 << 60
_USUAL = 250
"""Ops of a part; larger ones are searched with fewer states at the same effort."""
_PER_WIDTH, _BEAM = 1_000, 1_000_000
"""States of the exact search for one of the beam before it; a beam's states in all."""


class _Part:
    """A region, its best order so far, and its searches."""

    def __init__(self, region: Region, bound: int, watch: Watch) -> None:
        self.region = region
        self.order: IntArray = np.empty(0, np.int64)
        self.peak = _UNKNOWN
        self.coarse = Downsets(_without_small(region.graph, bound), watch.flag)
        self.fine = Downsets(region.graph, watch.flag)
        self.forwards_helps = True
        self.effort = [0, 0]
        """Searches made, coarse and fine."""

    def keep(self, order: IntArray) -> None:
        """Keep the order if it is better."""
        height = peak(self.region.graph, order)
        if height < self.peak:
            self.order, self.peak = order, height


class PartSearch:
    """The best order and bound of a graph as far as its parts are searched."""

    def __init__(self, graph: Graph, bound: int, watch: Watch) -> None:
        self.bound = bound
        self._watch = watch
        self._parts = [_Part(region, bound, watch) for region in split(graph)]

    def learn(self, order: IntArray) -> None:
        """Take over an order of the graph where it is better; the first one must be taught."""
        slot = np.empty(len(order), np.int64)
        slot[order] = np.arange(len(order))
        for part in self._parts:
            inner = 1 + np.argsort(slot[part.region.ops], kind="stable")
            part.keep(np.concatenate([[0], inner, [len(part.region.ops) + 1]]))

    @property
    def count(self) -> int:
        """Number of parts."""
        return len(self._parts)

    @property
    def largest(self) -> int:
        """Ops of the largest part."""
        return max((len(part.region.ops) for part in self._parts), default=0)

    @property
    def peak(self) -> int:
        """Granules of the best order."""
        return max((part.peak for part in self._parts), default=0)

    @property
    def order(self) -> IntArray:
        """The best order."""
        return joined([part.region for part in self._parts], [part.order for part in self._parts])

    @property
    def closed(self) -> bool:
        """Whether nothing is left to gain, or no time."""
        return self.peak <= self.bound or self._watch.stopped

    def run(self, states: int, changed: Callable[[], None]) -> None:
        """Search with up to ``states`` at a time, always the part with the highest peak."""
        for fine in (False, True):
            while not self.closed:
                heights = [self._height(part, fine) for part in self._parts]
                top = heights.index(max(heights))
                part = self._parts[top]
                width = _WIDTH * _MORE ** part.effort[fine]
                if heights[top] <= self.bound or width * _PER_WIDTH > states:
                    break
                downsets = part.fine if fine else part.coarse
                # A beam first: what it brings to the bound needs no search that finds an end.
                scale = max(1, part.region.graph.ops // _USUAL)
                self._beam(part, downsets, max(1, width // scale))
                if self._height(part, fine) == max(self._height(p, fine) for p in self._parts):
                    self._search(part, downsets, width * _PER_WIDTH // scale)
                    part.effort[fine] += 1
                changed()
            if any(self._height(part, fine) > self.bound for part in self._parts):
                break  # Small storages are not what is in the way.

    def _height(self, part: _Part, fine: bool) -> int:
        """Peak of the part's order as the search sees it."""
        return part.peak if fine else peak(part.coarse.graph, part.order)

    def _search(self, part: _Part, downsets: Downsets, states: int) -> None:
        """Raise the bound and lower the part's peak until they meet or a search gives up."""
        # In the downsets' own sizes an order is known for ``high``, nothing for those above ``limit``.
        high = peak(downsets.graph, part.order)
        limit, step = self.bound, 1
        while limit < high and not self._watch.stopped:
            outcome = self._look(part, downsets, limit, states)
            if outcome.status == FOUND:
                part.keep(outcome.order)
                high = peak(downsets.graph, outcome.order)
                limit = (self.bound + high) // 2
            elif outcome.status == NONE_EXISTS:
                self.bound = max(self.bound, outcome.bound)
                limit = max(self.bound, min(self.bound + step, (self.bound + high) // 2))
                step *= 2
            elif limit - self.bound > self.bound * _CLOSE:
                limit = (self.bound + limit) // 2
            else:
                break

    def _look(self, part: _Part, downsets: Downsets, limit: int, states: int) -> Outcome:
        """From the back, which mostly leaves fewer choices; from the front as long as that helps."""
        outcome = downsets.look(limit, states, backwards=True)
        if outcome.status == GAVE_UP and part.forwards_helps:
            outcome = downsets.look(limit, states, backwards=False)
            part.forwards_helps = outcome.status != GAVE_UP
        return outcome

    def _beam(self, part: _Part, downsets: Downsets, width: int) -> None:
        """Lower the part's peak by a beam; the bound itself is tried first."""
        low, high = self.bound, peak(downsets.graph, part.order)
        limit = low
        while high - low > _CLOSE * low and not self._watch.stopped:
            outcome = downsets.look(limit, _BEAM, width=width, backwards=True)
            if outcome.status == FOUND:
                part.keep(outcome.order)
                high = min(limit, peak(downsets.graph, outcome.order))
            else:
                low = max(limit + 1, outcome.bound)
            limit = (low + high) // 2


def _without_small(graph: Graph, bound: int) -> Graph:
    """The graph with its smallest storages empty."""
    order = np.argsort(graph.sizes, kind="stable")
    small = order[np.cumsum(graph.sizes[order]) <= _SMALL * bound]
    sizes = graph.sizes.copy()
    sizes[small] = 0
    return graph._replace(sizes=sizes)
