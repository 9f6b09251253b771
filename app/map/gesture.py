"""What may take over the mouse and the keys on a map for a while, such as editing by hand."""

from typing import Protocol

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent


class Gesture(Protocol):
    """Installed as ``MapView.gesture``. Positions are those of the map's canvas.

    Presses that it does not grab, and those that never move, mean what they always do on the map.
    """

    def press(self, position: QPointF) -> bool:
        """The left button went down without Shift; whether this grabs what lies there."""

    def move(self, position: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """What was grabbed is dragged here."""

    def release(self) -> None:
        """What was grabbed is dropped where it was dragged to last."""

    def cancel(self) -> None:
        """What was grabbed stays where it was."""

    def key(self, event: QKeyEvent) -> bool:
        """A key was pressed on the map; whether it meant something here."""

    def shape(self, position: QPointF) -> Qt.CursorShape | None:
        """What the pointer looks like where a press would grab something."""
