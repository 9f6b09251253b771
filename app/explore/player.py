"""Goes through the slots of a map, by itself or step by step."""

import time

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication, QStyle

SPEEDS = (2, 5, 10, 30, 100, 300)
"""Ops a second."""
NORMAL = 10
FRAME_MS = 40
"""At least between two steps; faster, and a step goes over several ops."""


def less_motion() -> bool:
    """Whether the system asks for less motion: widgets are not to be animated."""
    style = QApplication.style()
    return style.styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) <= 0


class Player(QObject):
    """A place between 0 and ``slots``; says where it goes. Lives in the UI thread."""

    moved = Signal(int, int)
    """The slot it is at now, and the one it was at before (-1: none)."""
    playing_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.slots = 0
        self.slot = -1
        self.speed = NORMAL
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._due = 0.0
        self._last = 0.0

    @property
    def playing(self) -> bool:
        """Whether it goes by itself."""
        return self._timer.isActive()

    def set_slots(self, slots: int) -> None:
        """Another map: stop, and begin at its start."""
        self.pause()
        self.slots, self.slot = slots, -1

    def set_speed(self, speed: int) -> None:
        """Ops a second."""
        self.speed = speed
        self._timer.setInterval(self._interval)
        self._last, self._due = time.monotonic(), 0.0

    @property
    def _interval(self) -> int:
        return max(round(1000 / self.speed), FRAME_MS)

    def play(self) -> None:
        """Go on from here; from the start where it is at the end."""
        if not self.slots or self.playing:
            return
        if self.slot >= self.slots - 1:
            self.slot = -1
        self._last, self._due = time.monotonic(), 0.0
        self._timer.start(self._interval)
        self.step(1)
        self.playing_changed.emit()

    def pause(self) -> None:
        """Stay here."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit()

    def toggle(self) -> None:
        """Play or pause."""
        if self.playing:
            self.pause()
        else:
            self.play()

    def step(self, by: int) -> None:
        """Go so many ops on, or back."""
        self.go(self.slot + by)

    def go(self, slot: int) -> None:
        """Go to a slot, or the nearest there is."""
        if not self.slots:
            return
        before, self.slot = self.slot, min(max(slot, 0), self.slots - 1)
        if before != self.slot:
            self.moved.emit(self.slot, before)

    def _tick(self) -> None:
        """By the clock: where drawing takes longer than a step, more ops are gone over at once."""
        now = time.monotonic()
        # A window that was away for long must not jump.
        self._due += min(now - self._last, 0.25) * self.speed
        self._last = now
        by = int(self._due + 1e-6)
        if by:
            self._due -= by
            self.step(by)
        if self.slot >= self.slots - 1:
            self.pause()
