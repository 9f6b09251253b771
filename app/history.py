"""What a person did to the open document, to be undone and done again."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

KEPT = 100
"""Changes that can be undone; each may hold a plan of some megabytes."""


@dataclass(frozen=True)
class Change:
    """One thing that was done."""

    text: str
    """What it was, for people: ``Move conv1 · out``."""
    undo: Callable[[], None]
    redo: Callable[[], None]


class History(QObject):
    """The one history of a document, in the order in which things were done."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._done: list[Change] = []
        self._undone: list[Change] = []

    def add(self, change: Change) -> None:
        """Something was done just now; what was undone before cannot be done again."""
        self._done = [*self._done[-KEPT + 1 :], change]
        self._undone = []
        self.changed.emit()

    def undo(self) -> None:
        """Take the last change back."""
        if self._done:
            change = self._done.pop()
            self._undone.append(change)
            change.undo()
            self.changed.emit()

    def redo(self) -> None:
        """Do the change again that was taken back last."""
        if self._undone:
            change = self._undone.pop()
            self._done.append(change)
            change.redo()
            self.changed.emit()

    def clear(self) -> None:
        """Forget everything: another step is open."""
        self._done, self._undone = [], []
        self.changed.emit()

    @property
    def undo_text(self) -> str:
        """What would be undone; empty: nothing can be."""
        return self._done[-1].text if self._done else ""

    @property
    def redo_text(self) -> str:
        """What would be done again; empty: nothing can be."""
        return self._undone[-1].text if self._undone else ""
