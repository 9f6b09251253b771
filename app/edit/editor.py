"""The edits of the open document's plans: one draft at a time, each change in its history."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject, Signal

from app.document import Document, Entry
from app.edit.draft import Draft
from app.edit.original import Original
from app.edit.pinning import hindrance, pins_of
from app.edit.words import move_text, run_text
from app.history import Change
from app.translation import tr
from solver.pins import Pins
from solver.plan import Status


class Editor(QObject):
    """Edits what is shown. The first change of a plan makes another plan beside it."""

    changed = Signal()
    """There is another draft, or none."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._fresh: Draft | None = None
        """A draft without changes of the plan that is shown."""
        document.shown_changed.connect(self.changed)
        document.entries_changed.connect(self.changed)

    @property
    def possible(self) -> bool:
        """Whether what is shown is a plan: how the step runs today is not to be edited."""
        shown = self._document.shown
        return shown is not None and shown.plan.status is not Status.BASELINE

    @property
    def draft(self) -> Draft | None:
        """The draft of what is shown, with or without changes; None: it cannot be edited."""
        shown, step = self._document.shown, self._document.step
        if shown is None or step is None or not self.possible:
            return None
        if shown.draft is not None:
            return shown.draft
        if self._fresh is None or self._fresh.original.plan is not shown.plan:
            self._fresh = Draft.of(Original(step, shown.plan), shown.name)
        return self._fresh

    def move(self, instance: int, address: int) -> None:
        """Put the block of an instance at an address of the arena."""
        draft = self.draft
        if draft is not None and address != int(draft.addresses[instance]):
            self._take(draft.with_address(instance, address), move_text(draft, instance))

    def move_run(self, slot: int, target: int) -> None:
        """Run what runs at ``slot`` before what is now at ``target``."""
        draft = self.draft
        if draft is not None:
            moved = draft.with_run(slot, target)
            if moved.sequence != draft.sequence:
                self._take(moved, run_text(draft, slot))

    @property
    def hindrance(self) -> str:
        """Why what surrounds the edits cannot be solved now; empty: it can."""
        draft = self.draft
        return hindrance(draft) if draft is not None else tr("Nothing is moved yet.")

    @property
    def pins(self) -> Pins:
        """What a solve must keep of the edits."""
        draft = self.draft
        return pins_of(draft) if draft is not None else ()

    def free_name(self, name: str) -> str:
        """``name``, or with a number where a plan has it."""
        taken = {entry.name for entry in self._document.entries}
        number, result = 2, name
        while result in taken:
            result, number = f"{name} {number}", number + 1
        return result

    def _name(self, name: str) -> str:
        return self.free_name(name if name.endswith(", edited") else f"{name}, edited")

    def _take(self, draft: Draft, text: str) -> None:
        """Show a changed draft."""
        before = self._document.shown
        assert before is not None
        if before.draft is None:
            draft = replace(draft, name=self._name(before.name))
        # Where the plan before was kept, in the library or a file, this one is not.
        after = Entry(draft.plan, draft=draft)
        self._document.history.add(
            Change(text, partial(self._swap, after, before), partial(self._swap, before, after))
        )
        self._swap(before, after)

    def _swap(self, gone: Entry, back: Entry) -> None:
        """``back`` is there and shown instead of ``gone``, which stays where it is the original."""
        document, was, slot = self._document, self.draft, self._document.op_slot
        there = next((e for e in document.entries if e.name == gone.name), None)
        if back.draft is not None:
            document.add(back)
        elif there is not None:
            original = next((e for e in document.entries if e.plan is back.plan), None)
            document.remove(there, show=original)
        now = self.draft
        if was is not None and now is not None and 0 <= slot < len(was.runs) and was.alike(now):
            # The op that was selected stays so, wherever it runs by now.
            document.select_op(now.slot_of(was.sequence[was.runs[slot]]))
