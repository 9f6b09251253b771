"""The strip above the map while a plan is edited by hand: what conflicts, and what to do next."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QWidget

from app.document import Document
from app.edit.draft import Draft
from app.edit.editor import Editor
from app.edit.pinning import by_pins
from app.edit.words import broken_pins_text, conflict_count, conflict_texts
from app.panels.controls import ElidedLabel, Strip, label
from app.panels.sheet import panel_sheet
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import tr

HEIGHT = 36


class EditBar(Strip):
    """Follows the editor; there while the map is edited, or shows what was."""

    go_to = Signal(int)
    """A slot with a conflict, to be looked at."""
    solve_asked = Signal()
    """The rest is to be solved around what was moved."""
    done = Signal()
    """Editing is to end."""

    def __init__(self, document: Document, editor: Editor) -> None:
        super().__init__(HEIGHT)
        self.setObjectName("editBar")
        self.setAccessibleName(tr("Edit by hand"))
        self._document, self._editor = document, editor
        self._active = self._busy = False
        self._at, self._conflicts = -1, 0
        self.title = label(tr("Edit by hand"), "strong")
        self.state = QLabel()
        self.state.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self.state.setObjectName("editState")
        # Before it is shown first: Qt keeps the room for the padding from then.
        self.state.setProperty("tag", "ok")
        self.text = ElidedLabel("", "body", "text2")
        self.text.setObjectName("editText")
        self.next = _button(tr("Next conflict"), tr("Show the next conflict on the map"))
        self.solve = _button(tr("Solve the rest"), _rest())
        self.close_button = _button(tr("Done"), tr("End editing (E)"))
        for part in (self.title, self.state):
            self.row.addWidget(part)
        self.row.addWidget(self.text, 1)
        for button in (self.next, self.solve, self.close_button):
            self.row.addWidget(button)
        self.row.setSpacing(10)
        self.expendable = (self.title, self.next)
        self.next.clicked.connect(self.step)
        self.solve.clicked.connect(self.solve_asked)
        self.close_button.clicked.connect(self.done)
        editor.changed.connect(self.refresh)
        self.set_theme(DARK)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme))

    def set_active(self, active: bool) -> None:
        """Whether the map is being edited."""
        self._active = active
        self.refresh()

    def set_busy(self, busy: bool) -> None:
        """While other work runs nothing can be solved."""
        self._busy = busy
        self.refresh()

    def say(self, text: str) -> None:
        """Say something until the next change."""
        self.text.setText(text)

    def wanted(self, part: QWidget) -> bool:
        return part is not self.next or self._conflicts > 0

    def refresh(self) -> None:
        """Follow the editor."""
        entry = self._document.shown
        edited = entry is not None and entry.draft is not None
        self.setVisible(self._active or edited)
        if not self._active and not edited:
            return  # Nobody sees it.
        draft = self._editor.draft
        self.close_button.setVisible(self._active)
        self._at = -1
        if draft is None:
            self._conflicts = 0
            self.state.hide()
            self.text.setText(tr("The step as run cannot be edited: show one of its plans."))
        else:
            texts = conflict_texts(draft)
            self._conflicts = len(texts)
            self.state.setVisible(edited)
            set_property(self.state, "tag", "error" if texts else "plain" if draft.judging else "ok")
            self.state.setText(tr("Being judged") if draft.judging else conflict_count(len(texts)))
            hint = tr(
                "Drag a tensor up or down, or an op along the axis. Alt and arrow keys do the same."
            )
            rest = hint if self._active else _standing(draft)
            if draft.dropped:
                rest = broken_pins_text(draft)
            self.text.setText(texts[0] if texts else rest)
        why = self._editor.hindrance
        self.solve.setEnabled(not why and not self._busy)
        placed = draft is not None and draft.edited and not by_pins(draft)
        self.solve.setToolTip(why or (_placed() if placed else _rest()))
        self.fit()

    def step(self) -> None:
        """Show the next conflict."""
        draft = self._editor.draft
        if draft is None or not draft.conflicts:
            return
        texts = conflict_texts(draft)
        self._at = (self._at + 1) % len(texts)
        found = draft.conflicts
        slots = [v.second_slot for v in found.violations] + [o.start for o in found.overlaps]
        self.text.setText(tr("{} of {}: {}").format(self._at + 1, len(texts), texts[self._at]))
        if self._at < len(slots):
            self.go_to.emit(slots[self._at])


def _standing(draft: Draft) -> str:
    if draft.judging:
        return tr("The validator is still judging this edit.")
    return tr("A plan like others.")


def _rest() -> str:
    return tr("Solve the step; what you moved stays where you put it")


def _placed() -> str:
    return tr("Place the rest anew: what you moved stays where you put it, and ops in their order")


def _button(text: str, tip: str) -> QPushButton:
    result = QPushButton(text)
    result.setToolTip(tip)
    result.setAccessibleName(text)
    return result
