"""Searching recorded maps, and the moment under their pointer: what the lists below follow."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.explore.marks import FoundOverlay
from app.explore.matches import Matches
from app.explore.moment import Moment
from app.facts.finding import Query
from app.map.scene import size_of_plan
from app.map.view import MapView
from app.snapshot.finding import FoundIn
from app.snapshot.recorded import Recorded
from app.translation import mark, tr

PLACEHOLDER = mark("Find by function, file, >64MiB")


class RecordedExploring(QObject):
    """Of the maps of one page; lives in the UI thread."""

    found_changed = Signal()
    """Other allocations are found, or another one is stepped to."""
    stepped = Signal(int)
    """A rectangle was stepped to."""
    pointed = Signal(object)
    """What is under the pointer, for the status line: a tuple of texts."""

    def __init__(self, maps: tuple[MapView, ...], parent: QObject) -> None:
        super().__init__(parent)
        self.moment = Moment(self)
        self.matches = Matches()
        """Rectangles, by the slot where they begin."""
        self._within: FoundIn | None = None
        self._overlays = [FoundOverlay(view) for view in maps]
        for view in maps:
            view.cursor_moved.connect(self._pointed)

    def set_recorded(self, recorded: Recorded | None) -> None:
        """Search other lifetimes; nothing is looked for."""
        self._within = FoundIn(recorded) if recorded is not None else None
        self.moment.reset()
        self.search("")

    def search(self, text: str) -> None:
        """Look for something else; nothing is stepped to yet."""
        self.matches.look_for(text, self._find)
        for overlay in self._overlays:
            overlay.set_found(self.matches.marked)
        self.found_changed.emit()

    def step(self, by: int = 1) -> None:
        """Go to the next allocation that was found, or to the one before."""
        rectangle = self.matches.step(by)
        if rectangle is not None:
            self.found_changed.emit()
            self.stepped.emit(rectangle)

    def _find(self, query: Query) -> Sequence[int]:
        return self._within.matching(query).tolist() if self._within is not None else ()

    def hold(self) -> None:
        """Hold the moment that is looked at, or follow the pointer again."""
        scene = self._within.recorded.scene if self._within is not None else None
        if self.moment.held:
            self.moment.release()
        elif scene is not None and scene.slots:
            self.moment.hold(self.moment.slot if self.moment.slot >= 0 else scene.peak_slot)

    def escape(self) -> bool:
        """Look for nothing, let go of what is held; False where there is nothing to end."""
        if self.matches.text:
            self.search("")
        elif self.moment.held:
            self.moment.release()
        else:
            return False
        return True

    def _pointed(self, slot: int, address: object) -> None:
        self.moment.point(slot)
        scene = self._within.recorded.scene if self._within is not None else None
        if scene is None or not 0 <= slot < scene.slots:
            self.pointed.emit((tr("Ready"),))
            return
        place = scene.place(slot)
        texts = [
            place[0].upper() + place[1:],
            tr("Live {}").format(size_of_plan(int(scene.live[slot]))),
        ]
        if len(scene.reserved):
            texts.append(tr("Reserved {}").format(size_of_plan(scene.reserved_at(slot))))
        if isinstance(address, float):
            texts.append(tr("Address {}").format(size_of_plan(max(int(address), 0))))
        self.pointed.emit(tuple(texts))
