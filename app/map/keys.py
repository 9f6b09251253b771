"""What keys do on a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from app.map.scene import Scene

if TYPE_CHECKING:
    from app.map.view import MapView

Key = Qt.Key
WAYS = {Key.Key_Left: (-1, 0), Key.Key_Right: (1, 0), Key.Key_Up: (0, 1), Key.Key_Down: (0, -1)}
PAN = 0.1
"""Share of the visible range that an arrow key moves it."""


def press_key(view: MapView, event: QKeyEvent) -> bool:
    """Do what a key means on the map; False: the key is not the map's."""
    if view.gesture is not None and view.gesture.key(event):
        return True
    key = event.key()
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    shift = modifiers == Qt.KeyboardModifier.ShiftModifier
    if view.state.scene is None or (modifiers and not shift):
        return False
    if key == Key.Key_F:
        if shift:
            view.fit()
        else:
            view.fit_selection()
    elif key in (Key.Key_Plus, Key.Key_Equal):
        view.state.zoom_slots(0.7, _anchor(view))
    elif key in (Key.Key_Minus, Key.Key_Underscore):
        view.state.zoom_slots(1 / 0.7, _anchor(view))
    elif key == Key.Key_N:
        view.next_stay(-1 if shift else 1)
    elif key in WAYS:
        _arrow(view, *WAYS[Key(key)], pan=shift)
    elif shift:
        return False
    elif key == Key.Key_K:
        view.go_to_peak()
    elif key == Key.Key_P:
        view.go_to_use("P")
    elif Key.Key_1 <= key <= Key.Key_9:
        view.go_to_use(str(key - Key.Key_0))
    elif key == Key.Key_Escape and view.state.selection:
        view.click(-1)
    else:
        return False
    return True


def _anchor(view: MapView) -> float | None:
    """The cursor, while it is visible."""
    cursor, window = view.state.cursor, view.state.window
    place = view.state.axis.place(cursor[0]) if cursor is not None else -1.0
    return place if window.x0 <= place <= window.x1 else None


def _arrow(view: MapView, right: int, up: int, *, pan: bool) -> None:
    scene, selection = view.state.scene, view.state.selection
    if scene is None or not selection or pan:
        view.state.pan(PAN * right, PAN * up)
        return
    colouring = view.state.colouring
    if colouring is None:
        return
    present = view.state.palette.fill[colouring.numbers] > 0
    found = neighbour(scene, selection[0], right, up, present)
    if found >= 0:
        view.click(found)
        view.reveal(found)


def neighbour(
    scene: Scene,
    storage: int,
    right: int,
    up: int,
    present: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
) -> int:
    """The nearest storage of the ``present`` rectangles that way, or -1.

    Right and left go by the slot a storage starts at, up and down by its lowest address; among
    those that way the nearest counts, distance across the way five times.
    """
    own = scene.rectangles_of((storage,))
    if not own:
        return -1
    at = own[0]
    slots, top = max(scene.slots, 1), scene.top
    apart_slots = np.maximum(scene.start - scene.end[at], scene.start[at] - scene.end).clip(0) / slots
    apart_bytes = np.maximum(scene.low - scene.high[at], scene.low[at] - scene.high).clip(0) / top
    if right:
        along = (scene.start - scene.start[at]) * right / slots
        cost = along + 5 * apart_bytes
    else:
        along = (scene.low - scene.low[at]) * up / top
        cost = along + 5 * apart_slots
    good = (along > 0) & present & (scene.storage != storage)
    if not good.any():
        return -1
    return int(scene.storage[np.where(good, cost, np.inf).argmin()])
