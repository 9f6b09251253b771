"""Writing the shown plan and the open step to files."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.document import Document
from app.jobs.job import failure_of
from app.jobs.load import Loaded
from app.library import Library
from app.settings import Settings
from app.translation import tr
from app.window.activity import Activity
from app.window.library_work import LibraryWork
from solver.errors import BayplanError
from solver.files import save_plan, save_step


class Saving(LibraryWork):
    """What the window writes where a person says. All signals are emitted in the UI thread."""

    opened = Signal(object)
    """A Loaded was put into the document."""

    def __init__(
        self, document: Document, library: Library, settings: Settings, parent: QObject | None = None
    ) -> None:
        super().__init__(document, library, parent)
        self.settings = settings

    def save_plan(self, path: Path) -> None:
        """Write the shown plan to a file."""
        shown = self.document.shown
        if shown is None:
            return
        if self._saved(partial(save_plan, shown.plan, path)):
            self.document.update_entry(shown, library_id=shown.library_id, path=path)
            self.settings.add_recent(path)
            self._say(Activity(tr("Saved {}").format(path.name)))

    def save_step(self, path: Path) -> None:
        """Write the open step to a file."""
        step = self.document.step
        if step is not None and self._saved(partial(save_step, step, path)):
            self.document.path = path
            self.settings.add_recent(path)
            self.opened.emit(Loaded(step, path, example=self.document.example))
            self._say(Activity(tr("Saved {}").format(path.name)))

    def _saved(self, write: partial[None]) -> bool:
        try:
            write()
        except BayplanError as error:
            self.problem.emit("save", failure_of(error))
            return False
        return True
