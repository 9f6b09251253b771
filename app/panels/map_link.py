"""Keeps two maps of one step at the same part of it, with their cursors at the same op."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from PySide6.QtCore import QObject

from app.facts.moved import same_slots
from app.facts.plan import PlanFacts
from app.map.raster import Window
from app.map.reach import around
from app.map.view import MapView
from solver.plan import IntArray


class MapLink(QObject):
    """Links the slots of two maps whose addresses are linked already (``MapView.link``).

    The sides may run another number of ops: the same share of the step is in sight on both. Where the
    pointer is on one, the other has its cursor at the slot of the same op.
    """

    def __init__(self, maps: Sequence[MapView]) -> None:
        super().__init__(maps[0])
        self._maps = tuple(maps)
        self._linked = True
        self._following = False
        none = np.zeros(0, np.int64)
        self._slots: tuple[IntArray, IntArray] = (none, none)
        """By slot of a side the slot of the other that runs the same, or -1."""
        for side, view in enumerate(self._maps):
            view.range_changed.connect(partial(self._ranged, side))
            view.cursor_moved.connect(partial(self._pointed, side))

    def set_sides(self, left: PlanFacts, right: PlanFacts) -> None:
        """Other plans are on the maps."""
        self._slots = same_slots(left, right), same_slots(right, left)
        self._ranged(0, None)

    def set_linked(self, linked: bool) -> None:
        """Whether both show the same part of the step; the right one follows at once."""
        self._linked = linked
        self._ranged(0, None)

    def show_both(self, left: int, right: int) -> None:
        """Show a tensor that is this storage on the left, that one on the right; -1: not there."""
        windows = []
        for view, storage in zip(self._maps, (left, right), strict=True):
            scene = view.state.scene
            rectangles = scene.rectangles_of((storage,)) if scene is not None and storage >= 0 else []
            if scene is not None and rectangles:
                windows.append(around(scene, rectangles, view.state.axis))
        if not windows:
            return
        low, high = min(w.y0 for w in windows), max(w.y1 for w in windows)
        first, last = min(w.x0 for w in windows), max(w.x1 for w in windows)
        self._maps[0].state.show(Window(first, last, low, high))
        if not self._linked:
            self._maps[1].state.show(Window(first, last, low, high))

    def _ranged(self, side: int, _: object) -> None:
        if not self._linked or self._following:
            return
        view, other = self._maps[side], self._maps[1 - side]
        if view.state.scene is None or other.state.scene is None:
            return
        window, share = view.state.window, other.state.slots / view.state.slots
        self._following = True
        try:
            other.state.show(Window(window.x0 * share, window.x1 * share, window.y0, window.y1))
        finally:
            self._following = False

    def _pointed(self, side: int, slot: int, address: float | None) -> None:
        state, slots = self._maps[1 - side].state, self._slots[side]
        there = int(slots[slot]) if 0 <= slot < len(slots) else -1
        cursor = (there + 0.5, address) if there >= 0 and address is not None else None
        state.hover(state.hovered, -1, cursor)
