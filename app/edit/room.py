"""Where a storage may go: what is beside it, edges that it snaps to, the next gap. No Qt.

Addresses are those of the arena.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.edit.conflicts import Overlap
from app.edit.draft import Draft
from solver.plan import IntArray
from solver.step import GRANULE, round_up


@dataclass(frozen=True, eq=False)
class Room:
    """What a block of instances has around it, over the slots at which it is alive."""

    draft: Draft
    block: tuple[int, ...]

    @property
    def address(self) -> int:
        """Where the block lies now."""
        return int(self.draft.addresses[self.block[0]])

    @cached_property
    def _lifetimes(self) -> IntArray:
        return self.draft.plan.lifetimes

    @cached_property
    def _highs(self) -> IntArray:
        highs: IntArray = self.draft.addresses + self.draft.original.sizes
        return highs

    @cached_property
    def _beside(self) -> dict[int, IntArray]:
        """By instance of the block the others that are alive while it is."""
        result: dict[int, IntArray] = {}
        for own in self.block:
            start, end = self._lifetimes[own].tolist()
            alive = (self._lifetimes[:, 0] < end) & (self._lifetimes[:, 1] > start)
            alive[list(self.block)] = False
            result[own] = np.flatnonzero(alive)
        return result

    @cached_property
    def edges(self) -> IntArray:
        """Addresses at which the block touches a neighbour, or the arena's start; ascending."""
        found = [np.zeros(1, np.int64)]
        for own, others in self._beside.items():
            size = self.draft.original.sizes[own]
            found += [self._highs[others], self.draft.addresses[others] - size]
        edges: IntArray = np.unique(np.concatenate(found))
        return edges[edges >= 0]

    def overlaps(self, address: int) -> tuple[Overlap, ...]:
        """What the block would share bytes with at an address."""
        found = []
        for own, others in self._beside.items():
            end = address + int(self.draft.original.sizes[own])
            met = others[(self.draft.addresses[others] < end) & (self._highs[others] > address)]
            for other in met.tolist():
                times = np.stack([self._lifetimes[own], self._lifetimes[other]])
                low = max(address, int(self.draft.addresses[other]))
                high = min(end, int(self._highs[other]))
                start, stop = int(times[:, 0].max()), int(times[:, 1].min())
                found.append(Overlap(own, other, start, stop, low, high))
        return tuple(found)

    def fits(self, address: int) -> bool:
        """Whether nothing is in the way there."""
        return address >= 0 and not any(
            (
                (self.draft.addresses[others] < address + self.draft.original.sizes[own])
                & (self._highs[others] > address)
            ).any()
            for own, others in self._beside.items()
        )

    def snapped(self, address: float, reach: float) -> int:
        """The edge next to ``address`` that is at most ``reach`` bytes away, else a whole granule."""
        edges = self.edges
        near = int(edges[np.abs(edges - address).argmin()])
        if abs(near - address) <= reach:
            return near
        return max(round(address / GRANULE), 0) * GRANULE

    def next_gap(self, up: bool) -> int | None:
        """The lowest address of the next gap that has room for the block; None: there is none."""
        edges = self.edges
        if up:
            return next((a for a in edges[edges > self.address].tolist() if self._begins_gap(a)), None)
        below = edges[edges < self.address][::-1]
        return next((a for a in below.tolist() if self._begins_gap(a)), None)

    def _begins_gap(self, address: int) -> bool:
        """Whether the block fits at an address and not a granule lower."""
        return self.fits(address) and (address < GRANULE or not self.fits(address - GRANULE))


def aligned(address: int) -> int:
    """An address that a plan can have and a pin can name."""
    return round_up(max(address, 0))
