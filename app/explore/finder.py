"""What the search field finds on the map, and which of it is stepped to."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.explore.matches import Matches
from app.facts.finding import FindIndex, Query, find_index, in_order, matching
from app.facts.plan import plan_facts


class Finder(QObject):
    """Follows the document: another plan brings its tensors into another order."""

    changed = Signal()
    """Other tensors are found, or another one is stepped to."""
    stepped = Signal(int)
    """A storage was stepped to: the map shows it."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._index: FindIndex | None = None
        self.matches = Matches()
        """Storages, in the order in which they come into memory."""
        document.step_changed.connect(self.clear)
        document.shown_changed.connect(self._again)

    def search(self, text: str) -> None:
        """Look for something else; nothing is stepped to yet."""
        self.matches.look_for(text, self._find)
        self.changed.emit()

    def step(self, by: int = 1) -> bool:
        """Select the next tensor that was found, or the one before; False where there is none."""
        storage = self.matches.step(by)
        if storage is None:
            return False
        self._document.select((storage,))
        self.changed.emit()
        self.stepped.emit(storage)
        return True

    def clear(self) -> None:
        """Look for nothing."""
        self.search("")

    def _find(self, query: Query) -> Sequence[int]:
        step, entry = self._document.planned, self._document.shown
        if not query or step is None or entry is None or self._document.step is None:
            return ()
        if self._index is None or self._index.step is not step:
            self._index = find_index(step)
        facts = plan_facts(self._document.step, entry.plan, entry.baseline)
        return in_order(facts, matching(self._index, query))

    def _again(self) -> None:
        if self.matches.text:
            at, before = self.matches.at, self.matches.found
            self.search(self.matches.text)
            if before == self.matches.found:
                self.matches.at = at
                self.changed.emit()
