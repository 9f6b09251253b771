"""Where slots stand along a map: side by side as wide as one another, or as wide as their time; no Qt.

::

    slot     | 0 | 1 | 2 | 3 |          places are those of slots, or
    place    |0| 1     |2 |  3   |      the time that has passed, as a share of the step times its slots
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from app.facts.plan import PlanFacts
from app.map.index import FloatArray
from app.map.plan_scene import PlanScene
from app.map.scene import Scene
from solver.plan import IntArray
from solver.terms import DeviceModel

LEAST = 1e-4
"""Of the mean time, what every op takes at least: one without any could not be pointed at."""

SecondsOf: TypeAlias = Callable[[Scene], FloatArray | None]
"""Seconds that each slot of a scene takes, shape (slots,), or None where nobody knows."""


@dataclass(frozen=True, eq=False)
class SlotAxis:
    """Slots and their places, from 0 to the number of slots both."""

    edges: FloatArray | None = None
    """The place of every slot's start and of the last one's end; None: the slots themselves."""
    seconds: float = 0.0
    """Of the whole step; 0 where nobody knows."""

    @cached_property
    def _edges(self) -> list[float]:
        # Python's numbers: numpy's single ones are slow, and a frame asks for hundreds.
        return self.edges.tolist() if self.edges is not None else []

    @property
    def timed(self) -> bool:
        """Whether places are times."""
        return self.edges is not None

    def place(self, slot: float) -> float:
        """Where a slot is; a whole number is its start."""
        edges = self._edges
        if not edges:
            return slot
        at = min(max(int(slot), 0), len(edges) - 2)
        return edges[at] + (slot - at) * (edges[at + 1] - edges[at])

    def slot(self, place: float) -> float:
        """The slot at a place."""
        edges = self._edges
        if not edges:
            return place
        at = min(max(bisect_right(edges, place) - 1, 0), len(edges) - 2)
        return at + (place - edges[at]) / (edges[at + 1] - edges[at])

    def places(self, slots: IntArray) -> FloatArray:
        """The places of many slots' starts."""
        if self.edges is None:
            return slots.astype(np.float64)
        found: FloatArray = self.edges[slots]
        return found

    def slots(self, places: FloatArray) -> FloatArray:
        """The slots at many places."""
        if self.edges is None:
            return places
        return np.interp(places, self.edges, np.arange(len(self.edges), dtype=np.float64))

    def second(self, place: float) -> float:
        """The time at a place, from the step's start."""
        return place * self.seconds / max(len(self._edges) - 1, 1)


BY_SLOT = SlotAxis()


def by_seconds(seconds: FloatArray) -> SlotAxis:
    """Slots as wide as the seconds that they take, shape (slots,), at least one."""
    least = max(float(seconds.mean()) * LEAST, 1e-12)
    passed = np.concatenate([[0.0], np.cumsum(np.maximum(seconds, least))])
    return SlotAxis(passed * (len(seconds) / passed[-1]), float(passed[-1]))


def slot_seconds(facts: PlanFacts, device: DeviceModel, measured: bool) -> FloatArray:
    """Estimated seconds of the op at every slot; those of a repetition are of one, shape (slots,).

    ``measured``: times measured at capture win over the device model's.
    """
    from solver.budget.costs import op_costs

    costs = op_costs(facts.step, device, measured)
    order = np.array(facts.plan.order, np.int64)
    first = np.zeros(len(order), bool)
    first[np.unique(order, return_index=True)[1]] = True
    return np.where(first, costs.first[order], costs.again[order])


def seconds_on(device: DeviceModel, measured: bool) -> SecondsOf:
    """Seconds of the slots of plans on a device, as ``slot_seconds``; of nothing else."""

    def seconds(scene: Scene) -> FloatArray | None:
        return slot_seconds(scene.facts, device, measured) if isinstance(scene, PlanScene) else None

    return seconds
