"""What is alive at a slot, and what comes and goes there: from the arrays of a scene. No Qt.

Works for every scene: of plans with modules, ops and sources, and of plain arrays without.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.facts.modules import storage_modules
from app.facts.plan import op_label
from app.facts.words import category_name
from app.map.plan_scene import PlanScene
from app.map.scene import CATEGORIES, Scene
from app.translation import tr
from solver.plan import IntArray


@dataclass(frozen=True, eq=False)
class Slots:
    """A scene by slot: who is there, who begins and who ends, without a look at every rectangle."""

    scene: Scene

    @cached_property
    def sizes(self) -> IntArray:
        """Bytes that each rectangle takes, shape (rectangles,)."""
        return np.asarray(self.scene.high - self.scene.low, np.int64)

    @cached_property
    def _starts(self) -> tuple[IntArray, IntArray]:
        order = np.argsort(self.scene.start, kind="stable")
        return order, self.scene.start[order]

    @cached_property
    def _ends(self) -> tuple[IntArray, IntArray]:
        order = np.argsort(self.scene.end, kind="stable")
        return order, self.scene.end[order]

    def alive(self, slot: int) -> IntArray:
        """The rectangles at ``slot``, the largest first, those of one size by address."""
        scene = self.scene
        there = np.flatnonzero((scene.start <= slot) & (slot < scene.end))
        return there[np.lexsort((scene.low[there], -self.sizes[there]))]

    def made(self, slot: int) -> IntArray:
        """The rectangles that begin at ``slot``; residents begin nowhere."""
        order, starts = self._starts
        first, last = np.searchsorted(starts, [slot, slot + 1])
        return self._planned(order[first:last])

    def freed(self, slot: int) -> IntArray:
        """The rectangles whose last slot was the one before ``slot``."""
        order, ends = self._ends
        first, last = np.searchsorted(ends, [slot, slot + 1])
        return self._planned(order[first:last])

    def _planned(self, rectangles: IntArray) -> IntArray:
        return rectangles[self.scene.instance[rectangles] >= 0]

    @cached_property
    def _modules(self) -> tuple[str, ...]:
        return storage_modules(self.scene.step) if isinstance(self.scene, PlanScene) else ()

    def resident(self, rectangle: int) -> bool:
        """Whether it lies there over all slots."""
        return bool(self.scene.instance[rectangle] < 0)

    def category(self, rectangle: int) -> str:
        """For people."""
        return category_name(CATEGORIES[int(self.scene.category[rectangle])])

    def module(self, rectangle: int) -> str:
        """Qualified; empty where nobody says."""
        storage = int(self.scene.storage[rectangle])
        return self._modules[storage] if storage < len(self._modules) else ""

    def made_by(self, rectangle: int) -> str:
        """``op 12, relu``; ``slot 12`` where there are no ops."""
        if self.resident(rectangle):
            return "" if self._leaves(rectangle) else tr("before the step")
        return self.op(int(self.scene.start[rectangle]))

    def until(self, rectangle: int) -> str:
        """``op 564, relu backward``: the last slot it is there for."""
        if self.resident(rectangle):
            return tr("leaves the step") if self._leaves(rectangle) else tr("stays")
        return self.op(int(self.scene.end[rectangle]) - 1)

    def _leaves(self, rectangle: int) -> bool:
        scene = self.scene
        return (
            isinstance(scene, PlanScene) and scene.step.storages[int(scene.storage[rectangle])].output
        )

    def op(self, slot: int) -> str:
        """What runs at a slot, in the fewest words."""
        scene = self.scene
        if isinstance(scene, PlanScene) and 0 <= slot < scene.facts.slots:
            return tr("op {}, {}").format(slot, op_label(scene.facts.op_at(slot)))
        return tr("slot {}").format(slot)
