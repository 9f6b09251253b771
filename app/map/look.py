"""What all maps of the window tell of tensors besides their place: one choice for every view."""

from PySide6.QtCore import QObject, Signal

from app.document import Document, Entry
from app.map.colouring import ColourBy
from app.map.plan_scene import PlanScene
from app.map.prepared import scene_for
from app.map.slot_axis import SecondsOf


class MapLook(QObject):
    """What colours tell apart, and whether slots are as wide as one another or as their seconds.

    ``seconds_of``: the seconds of a scene's slots, asked for while the axis shows time.
    """

    changed = Signal()

    def __init__(
        self, document: Document, seconds_of: SecondsOf, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._document, self.seconds_of = document, seconds_of
        self.by = ColourBy.CATEGORY
        self.against = ""
        """The name of the plan that the colours show the difference from."""
        self.timed = False
        self.timings = 0
        """Another number whenever slots may have become as wide as something else."""
        document.entries_changed.connect(self._follow)
        document.shown_changed.connect(self._follow)

    def colour(self, by: str, against: str = "") -> None:
        """Colour by a ``ColourBy``; ``against``: a plan's name, else the first other one."""
        if ColourBy(by) is ColourBy.DIFFERENCE and not against:
            others = self.others()
            against = others[0].name if others else ""
        self.by, self.against = ColourBy(by), against
        self.changed.emit()

    def set_time(self, timed: bool) -> None:
        """Make slots as wide as their seconds; again where those are others by now."""
        self.timed = timed
        self.timings += 1
        self.changed.emit()

    def others(self) -> list[Entry]:
        """The entries that are not shown, plans before the step as run."""
        others = [entry for entry in self._document.entries if entry is not self._document.shown]
        return sorted(others, key=lambda entry: entry.baseline is not None)

    def scene(self, entry: Entry | None) -> PlanScene | None:
        """The scene of an entry that colours show the difference from."""
        step = self._document.step
        if step is None or entry is None:
            return None
        return scene_for(step, entry.plan, self._document.baseline)

    @property
    def other(self) -> Entry | None:
        """The plan that the colours show the difference from."""
        return next((entry for entry in self.others() if entry.name == self.against), None)

    def _follow(self) -> None:
        if self.by is ColourBy.DIFFERENCE and self.other is None:
            # That plan is shown now, or is gone.
            self.by, self.against = ColourBy.CATEGORY, ""
        self.changed.emit()
