"""Editing by hand in the window: the mode, undo and redo, and the solve around what was moved."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.document import Document
from app.facts.pins import with_pins
from app.window.actions import Actions
from app.window.judging import Judging
from app.window.work import Work

if TYPE_CHECKING:
    from app.window.central import MapPage


class Editing(QObject):
    """Stands between the map page and the window's commands."""

    def __init__(self, parent: QObject, document: Document, work: Work) -> None:
        super().__init__(parent)
        self._document, self._work = document, work
        self._judging = Judging(document, work, self)
        self._page: MapPage | None = None
        self._menu: Actions | None = None

    def adopt(self, page: "MapPage", menu: Actions) -> None:
        """Follow a map page from now on."""
        self._page, self._menu = page, menu
        page.edit_bar.solve_asked.connect(self.solve_rest)
        page.edit_bar.done.connect(self.leave)
        self._work.changed.connect(self._follow_work)
        self._document.history.changed.connect(self._follow_history)
        self._document.step_changed.connect(self.leave)

    @Slot()
    def toggle(self) -> None:
        """Begin or end editing."""
        if self._page is not None:
            self._set_active(not self._page.hand.active)

    @Slot()
    def leave(self) -> None:
        """End editing."""
        self._set_active(False)

    def escape(self) -> bool:
        """Let go of what is dragged or held; whether there was anything."""
        return self._page is not None and self._page.hand.escape()

    @Slot()
    def solve_rest(self) -> None:
        """Solve the step so that what was moved stays."""
        if self._page is None:
            return
        from app.edit.pinning import by_pins, pins_around  # heavy: not before the first window

        editor = self._page.hand.editor
        shown = self._document.shown
        if shown is not None and not editor.hindrance:
            name = editor.free_name(f"{shown.name.removesuffix(', edited')}, solved around edits")
            draft, given = editor.draft, self._document.pinned.pins
            if draft is not None and not by_pins(draft):
                self._work.place_around(draft, name, pins_around(draft, given))
            else:
                self._work.solve(with_pins(given, editor.pins), name)

    def _set_active(self, active: bool) -> None:
        if self._page is not None and self._menu is not None:
            self._page.set_editing(active)
            self._menu["edit"].setChecked(active)

    @Slot()
    def _follow_work(self) -> None:
        if self._page is not None:
            self._page.edit_bar.set_busy(self._work.busy)

    @Slot()
    def _follow_history(self) -> None:
        if self._menu is not None:
            history = self._document.history
            for key, what in (("undo", history.undo_text), ("redo", history.redo_text)):
                done = what.replace("&", "&&")
                self._menu[key].setText(f"&{key.capitalize()} {done}".rstrip())
                self._menu[key].setEnabled(bool(what))
