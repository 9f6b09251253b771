"""What the search field finds on the map, and which of it is stepped to."""

from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.facts.finding import FindIndex, find_index, in_order, matching, parse_query
from app.facts.plan import plan_facts
from solver.errors import BayplanError


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
        self.text = ""
        self.error = ""
        """Why what was typed cannot be looked for; empty where it can."""
        self.found: tuple[int, ...] = ()
        """Storages in the order in which they come into memory."""
        self.at = -1
        """The one of them that was stepped to."""
        document.step_changed.connect(self.clear)
        document.shown_changed.connect(self._again)

    @property
    def count_text(self) -> str:
        """``3 of 12``, ``12``, ``none``; empty while nothing is looked for."""
        if self.error:
            return "?"
        if not self.text.strip():
            return ""
        if not self.found:
            return "none"
        return f"{self.at + 1:,} of {len(self.found):,}" if self.at >= 0 else f"{len(self.found):,}"

    def search(self, text: str) -> None:
        """Look for something else; nothing is stepped to yet."""
        self.text, self.error, self.found, self.at = text, "", (), -1
        step, entry = self._document.planned, self._document.shown
        try:
            query = parse_query(text)
        except BayplanError as error:
            self.error = str(error)
            self.changed.emit()
            return
        if query and step is not None and entry is not None and self._document.step is not None:
            if self._index is None or self._index.step is not step:
                self._index = find_index(step)
            facts = plan_facts(self._document.step, entry.plan, entry.baseline)
            self.found = in_order(facts, matching(self._index, query))
        self.changed.emit()

    def step(self, by: int = 1) -> bool:
        """Select the next tensor that was found, or the one before; False where there is none."""
        if not self.found:
            return False
        if self.at < 0:
            self.at = 0 if by > 0 else len(self.found) - 1
        else:
            self.at = (self.at + by) % len(self.found)
        storage = self.found[self.at]
        self._document.select((storage,))
        self.changed.emit()
        self.stepped.emit(storage)
        return True

    def clear(self) -> None:
        """Look for nothing."""
        self.search("")

    def _again(self) -> None:
        if self.text:
            at, before = self.at, self.found
            self.search(self.text)
            if before == self.found:
                self.at = at
                self.changed.emit()
