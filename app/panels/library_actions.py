"""What a person can do with a stored step or plan: rename, notes, tags, delete; each asks first."""

from collections.abc import Callable, Iterable
from typing import Protocol

from PySide6.QtWidgets import QInputDialog, QLineEdit, QMessageBox, QWidget

from app.library.summary import PlanSummary, StepSummary
from app.translation import plural, tr


class StoredSteps(Protocol):
    """What the library panel needs of ``app.library.Library``. All raise BayplanError."""

    def steps(self) -> list[StepSummary]: ...
    def changed(self) -> bool: ...
    def rename_step(self, step_id: int, name: str) -> None: ...
    def rename_plan(self, plan_id: int, name: str) -> None: ...
    def set_step_notes(self, step_id: int, notes: str) -> None: ...
    def set_plan_notes(self, plan_id: int, notes: str) -> None: ...
    def set_step_tags(self, step_id: int, tags: Iterable[str]) -> None: ...
    def set_plan_tags(self, plan_id: int, tags: Iterable[str]) -> None: ...
    def delete_step(self, step_id: int) -> None: ...
    def delete_plan(self, plan_id: int) -> None: ...


def rename(parent: QWidget, library: StoredSteps, stored: StepSummary | PlanSummary) -> None:
    """Ask for another name and set it."""
    name, accepted = QInputDialog.getText(
        parent, tr("Rename"), tr("Name"), QLineEdit.EchoMode.Normal, stored.name
    )
    if accepted and name.strip() and name != stored.name:
        step = isinstance(stored, StepSummary)
        (library.rename_step if step else library.rename_plan)(stored.id, name.strip())


def edit_notes(parent: QWidget, library: StoredSteps, stored: StepSummary | PlanSummary) -> None:
    """Ask for other notes and set them."""
    notes, accepted = QInputDialog.getMultiLineText(
        parent, tr("Notes"), tr("Notes on {}").format(stored.name), stored.notes
    )
    if accepted and notes != stored.notes:
        step = isinstance(stored, StepSummary)
        (library.set_step_notes if step else library.set_plan_notes)(stored.id, notes)


def edit_tags(parent: QWidget, library: StoredSteps, stored: StepSummary | PlanSummary) -> None:
    """Ask for other tags and set them."""
    text, accepted = QInputDialog.getText(
        parent,
        tr("Tags"),
        tr("Tags of {}, separated by commas").format(stored.name),
        QLineEdit.EchoMode.Normal,
        ", ".join(stored.tags),
    )
    if accepted:
        tags = [tag.strip() for tag in text.split(",") if tag.strip()]
        step = isinstance(stored, StepSummary)
        (library.set_step_tags if step else library.set_plan_tags)(stored.id, tags)


def delete(parent: QWidget, library: StoredSteps, stored: StepSummary | PlanSummary) -> None:
    """Ask whether to delete, and do so; a step goes with all its plans."""
    if isinstance(stored, StepSummary):
        what = tr("the step “{}”").format(stored.name)
        if count := len(stored.plans):
            what = plural("{{}} and its {} plan", "{{}} and its {} plans", count).format(what)
    else:
        what = tr("the plan “{}”").format(stored.name)
    answer = QMessageBox.question(
        parent,
        tr("Delete"),
        tr("Delete {} from the library?\nThis cannot be undone. Files saved elsewhere stay.").format(
            what
        ),
        QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
        QMessageBox.StandardButton.Cancel,
    )
    if answer == QMessageBox.StandardButton.Yes:
        step = isinstance(stored, StepSummary)
        (library.delete_step if step else library.delete_plan)(stored.id)


Change = Callable[[QWidget, StoredSteps, StepSummary | PlanSummary], None]
