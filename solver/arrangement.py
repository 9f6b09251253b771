"""An arrangement of a step — an order, and which results take over which bytes — and its placement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from solver.pins import Pins, pinned_addresses
from solver.placement import PlacementProblem, PlacementResult
from solver.placement.problem import FREE
from solver.plan import IntArray
from solver.reuse import first_owners, needed_takeovers, possible_takeovers
from solver.step import Step
from solver.timeline import order_lifetimes, order_profile, planned_storages, storage_sizes


@dataclass(frozen=True)
class Arrangement:
    """What a placement is made for: an order, and by op the storage whose bytes its result takes."""

    order: tuple[int, ...]
    takeovers: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """An arrangement and its placement."""

    arrangement: Arrangement
    result: PlacementResult


@dataclass(frozen=True)
class Arranger:
    """Turns orders of one step into placement problems, and placements into addresses."""

    step: Step
    pins: Pins
    reuse: bool
    """Whether results may take over bytes."""

    @cached_property
    def planned(self) -> IntArray:
        """The storages that a plan places."""
        return planned_storages(self.step)

    @cached_property
    def _sizes(self) -> IntArray:
        return storage_sizes(self.step)

    def arrangements(self, order: tuple[int, ...]) -> list[Arrangement]:
        """With the takeovers that the peak needs, then with all that are possible.

        More of them leave less alive, fewer leave the placement more freedom: either may be easier.
        """
        if not self.reuse:
            return [Arrangement(order)]
        needed, possible = needed_takeovers(self.step, order), possible_takeovers(self.step, order)
        return [Arrangement(order, t) for t in ([needed, possible] if possible != needed else [needed])]

    def peak(self, one: Arrangement) -> int:
        """Bytes alive at once at the most."""
        return int(order_profile(self.step, one.order, one.takeovers).max(initial=0))

    def problem(self, one: Arrangement) -> tuple[PlacementProblem, list[int]]:
        """The placement problem of an order, and the storages that it places.

        One storage stands for all that take over its bytes, one after the other.
        """
        lifetimes = order_lifetimes(self.step, one.order, one.takeovers)
        first = first_owners(self.step, one.takeovers)
        for new, old in first.items():
            lifetimes[old, 1] = max(lifetimes[old, 1], lifetimes[new, 1])
        lifetimes[list(first)] = -1
        storages = self.planned[lifetimes[self.planned, 0] >= 0]
        starts, ends = lifetimes[storages].T.copy()
        fixed = None
        if pinned := pinned_addresses(self.pins):
            fixed = np.array([pinned.get(s, FREE) for s in storages.tolist()], np.int64)
        problem = PlacementProblem(starts, ends, self._sizes[storages], fixed=fixed)
        return problem, storages.tolist()

    def addresses(
        self, one: Arrangement, storages: list[int], result: PlacementResult
    ) -> dict[int, int]:
        """The address of each storage, also of those that take over another's bytes."""
        placed = dict(zip(storages, result.addresses.tolist(), strict=True))
        first = first_owners(self.step, one.takeovers)
        return placed | {new: placed[old] for new, old in first.items()}
