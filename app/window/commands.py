"""What each command of the window does, including the dialogs it asks with."""

from collections.abc import Callable
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from app.dialogs.about import AboutDialog, KeysDialog
from app.dialogs.capture import CaptureDialog
from app.dialogs.limits import Limits, LimitsDialog
from app.dialogs.verified import VerifiedDialog
from app.document import Document
from app.facts.plan import plan_facts
from app.history import Change
from app.jobs.job import Failure
from app.numbers import bytes_exact
from app.settings import Settings
from app.theme import DARK, Theme
from app.translation import mark, tr
from app.window.problem import Remedy
from app.window.work import Work
from solver.step import Step

if TYPE_CHECKING:
    from runtime.verify import VerifyReport

OPEN_FILTER = mark(
    "All that opens (*.step *.plan *.json.gz *.pickle *.pkl *.csv *.pt2 "
    "*.lesson.toml);;Steps and plans (*.step *.plan *.json.gz);;Memory snapshots "
    "(*.pickle *.pkl);;Lifetimes (*.csv);;Exported programs (*.pt2);;Lessons "
    "(*.lesson.toml);;All files (*)"
)
SAMPLE = "samples/resnet50"


class Commands(QObject):
    """Commands that need no knowledge of how the window is laid out."""

    open_asked = Signal(object)
    """A file of any kind (a Path) is to be opened in place of what is open."""
    picture_asked = Signal()
    """The map is to be saved as a picture."""
    page_asked = Signal()
    """All plans are to be exported as a page."""

    def __init__(self, window: QWidget, document: Document, work: Work, settings: Settings) -> None:
        super().__init__(window)
        self._window, self.document, self.work, self.settings = window, document, work, settings
        self.theme: Theme | None = None
        self._module: Path | None = None
        """The module that was exported or verified last."""
        work.exported.connect(self._offer_verification)
        work.verified.connect(self._show_report)

    # File

    def open(self) -> None:
        """Ask for a file and open it."""
        name, _ = QFileDialog.getOpenFileName(
            self._window, tr("Open"), self.settings.folder("open"), tr(OPEN_FILTER)
        )
        if name:
            self.open_path(Path(name))

    def open_path(self, path: Path) -> None:
        """Open a file in place of what is open."""
        self.settings.set_folder("open", path.absolute().parent)
        self.open_asked.emit(path)

    def open_sample(self) -> None:
        """Open the embedded sample."""
        step, plan = sample_files()
        self.work.open_path(step, example=True, plan=plan if plan.is_file() else None)

    def capture(self) -> None:
        """Ask what to capture; the dialog stays open until it is done."""
        open_already = self._window.findChild(CaptureDialog)
        dialog = open_already or CaptureDialog(self.work, self.settings, self._window)
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def close_step(self) -> None:
        """Back to the start page."""
        self.work.leave()
        self.document.open(None)

    def save_plan(self) -> None:
        """Write the shown plan to a file."""
        shown, step = self.document.shown, self.document.step
        if shown is None or step is None:
            return
        path = self._ask_where(tr("Save the Plan"), step, ".plan", tr("Plans (*.plan)"))
        if path is not None:
            self.work.save_plan(path)

    def save_step(self) -> None:
        """Write the open step to a file."""
        step = self.document.step
        if step is None:
            return
        path = self._ask_where(tr("Save the Step"), step, ".step", tr("Steps (*.step)"))
        if path is not None:
            self.work.save_step(path)

    # Edit

    def copy(self) -> None:
        """Put what is known of the selected tensors on the clipboard, one a line."""
        step, shown = self.document.step, self.document.shown
        planned = self.document.planned
        if step is None or planned is None or not self.document.selection:
            return
        lines = []
        for index in self.document.selection:
            storage = planned.storages[index]
            line = f"{storage.name}\t{storage.category.value}\t{bytes_exact(storage.size)} B"
            if shown is not None:
                spans = plan_facts(step, shown.plan, shown.baseline).spans(index)
                line += "".join(f"\tops {s.start}–{s.end - 1}\t{s.address:#x}" for s in spans)
            lines.append(line)
        QGuiApplication.clipboard().setText("\n".join(lines))

    # Plan and solve

    def step_through(self, by: int) -> None:
        """Show the next or previous plan."""
        entries = self.document.entries
        if entries and self.document.shown in entries:
            here = entries.index(self.document.shown)
            self.document.show(entries[(here + by) % len(entries)])

    def limits(self) -> None:
        """Ask for deadline, seed and whether to reuse bytes in place."""
        dialog = LimitsDialog(self.settings, self._window)
        dialog.changed.connect(self._limits_changed)
        dialog.open()

    @Slot(object, object)
    def _limits_changed(self, before: Limits, after: Limits) -> None:
        undo, redo = (partial(limits.put_into, self.settings) for limits in (before, after))
        self.document.history.add(Change(tr("Change of Limits"), undo, redo))

    # Export

    def export(self) -> None:
        """Ask for a folder and write the shown plan as a module into it."""
        step = self.document.step
        if step is None:
            return
        from runtime.export import module_name

        proposed = module_name(f"{step.origin.model}_planned")
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            tr("Export the Module into a Folder"),
            self._proposal("export", proposed),
            "Folders (*)",
            "",
            QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            folder = Path(name)
            self.settings.set_folder("export", folder.parent)
            self.work.export(folder)

    def verify(self) -> None:
        """Ask for a module's folder and verify it."""
        name = QFileDialog.getExistingDirectory(
            self._window, tr("Verify a Module"), self.settings.folder("export")
        )
        if name:
            self.verify_folder(Path(name))

    def verify_folder(self, folder: Path) -> None:
        """Verify an exported module."""
        self._module = folder
        self.work.verify(folder)

    # Help

    def keys(self) -> None:
        """The keyboard on one page."""
        KeysDialog(self._window).open()

    def about(self) -> None:
        """What this program is."""
        AboutDialog(self._window).open()

    # What follows

    def remedy(self, doing: str, failure: Failure) -> Remedy | None:
        """The one thing to do after a failure."""
        again: dict[str, tuple[str, Callable[[], None]]] = {
            "open": (tr("Open another…"), self.open),
            "capture": (tr("Capture…"), self.capture),
            "solve": (tr("Solve again"), self.work.solve),
            "export": (tr("Export…"), self.export),
            "verify": (tr("Verify…"), self.verify),
            "picture": (tr("Save picture…"), self.picture_asked.emit),
            "page": (tr("Export page…"), self.page_asked.emit),
            "save": (tr("Save plan…"), self.save_plan),
            "library": (tr("Try again"), self.work.try_again),
            "prove": (tr("Try again"), self.work.prove),
        }
        shown = self.document.shown
        if doing == "solve" and shown is not None and shown.draft is not None and not failure.bug:
            return Remedy(tr("Undo the edit"), self.document.history.undo)
        return Remedy(*again[doing]) if doing in again else None

    @Slot(object)
    def _offer_verification(self, folder: Path) -> None:
        box = QMessageBox(self._window)
        box.setWindowTitle(tr("Module Written"))
        box.setText(tr("The module was written to {}.").format(folder))
        box.setInformativeText(
            tr(
                "Verify runs it against eager training and compares losses, parameters and optimizer "
                "state bit by bit."
            )
        )
        verify = box.addButton(tr("Verify"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Close)
        box.setDefaultButton(verify)
        verify.clicked.connect(partial(self.verify_folder, folder))
        box.open()

    @Slot(object)
    def _show_report(self, report: "VerifyReport") -> None:
        VerifiedDialog(report, self.theme or DARK, self._window).open()

    def _ask_where(
        self, title: str, step: Step, suffix: str, kinds: str, *, purpose: str = "save"
    ) -> Path | None:
        """A file to write something of ``step`` into; ``purpose`` names the folder to remember."""
        proposed = f"{step.origin.model}-b{step.origin.batch}{suffix}"
        name, _ = QFileDialog.getSaveFileName(
            self._window, title, self._proposal(purpose, proposed), kinds
        )
        if not name:
            return None
        path = with_suffix(Path(name), suffix)
        self.settings.set_folder(purpose, path.parent)
        return path

    def _proposal(self, purpose: str, name: str) -> str:
        return str(Path(self.settings.folder(purpose)) / name)


def sample_files() -> tuple[Path, Path]:
    """The embedded sample's step and plan file."""
    base = Path(str(resources.files("resources"))) / SAMPLE
    return base.with_suffix(".step"), base.with_suffix(".plan")


def with_suffix(path: Path, suffix: str) -> Path:
    """``path``, ending in ``suffix`` where it has no ending of its own."""
    return path if path.suffix else path.with_name(path.name + suffix)
