"""The pins that a person gave the open step: what its next plans must keep. Changes can be undone."""

from functools import partial

from PySide6.QtCore import QObject, Signal

from app.history import Change, History
from solver.pins import Pins


class Pinned(QObject):
    """The pins of a document, in the order in which they were given. Lives in the UI thread."""

    changed = Signal()

    def __init__(self, history: History, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self.pins: Pins = ()

    def put(self, pins: Pins, text: str) -> None:
        """There are to be these pins from now on; the change is called ``text`` in the history."""
        before = self.pins
        if pins != before:
            self._history.add(Change(text, partial(self._set, before), partial(self._set, pins)))
            self._set(pins)

    def clear(self) -> None:
        """Forget everything: another step is open."""
        self._set(())

    def _set(self, pins: Pins) -> None:
        if pins != self.pins:
            self.pins = pins
            self.changed.emit()
