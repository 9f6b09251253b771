"""The slot that is looked at: under the pointer, held by a person, or the one being played."""

from PySide6.QtCore import QObject, Signal


class Moment(QObject):
    """One slot for all that shows what is alive then. Lives in the UI thread."""

    changed = Signal()
    """Another slot, or it is held or let go."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.slot = -1
        """-1: none yet; the peak is shown then."""
        self.held = False
        """Whether the pointer leaves it as it is."""
        self.playing = False

    def point(self, slot: int) -> None:
        """The pointer is at a slot; -1: elsewhere, which changes nothing."""
        if slot >= 0 and not self.held and not self.playing:
            self._go(slot)

    def play(self, slot: int) -> None:
        """The player is at a slot: what was held is let go."""
        self.held = False
        self._go(slot)

    def hold(self, slot: int) -> None:
        """Stay at a slot."""
        self.held, self.slot = True, slot
        self.changed.emit()

    def release(self) -> None:
        """Follow the pointer again."""
        if self.held:
            self.held = False
            self.changed.emit()

    def reset(self) -> None:
        """Another plan is on the map: its slots are others."""
        self.slot, self.held = -1, False
        self.changed.emit()

    def _go(self, slot: int) -> None:
        if slot != self.slot:
            self.slot = slot
            self.changed.emit()
