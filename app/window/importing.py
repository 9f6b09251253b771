"""What the window opens besides steps and plans: memory snapshots, tables of lifetimes, programs.

What a file is, its first bytes say, whatever its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QFileDialog

from app.file_kind import FileKind, kind_of
from app.heavy import load_module
from app.jobs.job import Failure, failure_of
from app.jobs.program import ProgramJob
from app.jobs.recorded import (
    Chosen,
    PlaceRecordedJob,
    ReadSnapshotJob,
    ReadTableJob,
    RecordedPageJob,
    ShowPartJob,
)
from app.theme import DARK, Theme
from app.translation import tr
from app.window.activity import Activity
from app.window.commands import Commands, with_suffix
from app.window.enabled import RecordingState
from app.window.search import PLACEHOLDER
from app.window.work import Work
from solver.errors import BayplanError

if TYPE_CHECKING:
    from app.dialogs.snapshot import SnapshotDialog
    from app.snapshot.page import RecordedPage
    from app.snapshot.recorded import Recorded
    from app.window.main_window import MainWindow
    from runtime.snapshot.recording import Recording


PAGE = "app.snapshot.page"
"""Brings pyqtgraph, which the first window must not wait for."""
ENDINGS = (".png", ".svg", ".pdf", ".html")
PAGE_MS = 150
"""After which the page is made, while its dialog is looked at."""


class Importing(QObject):
    """Opens files of all kinds, and owns the page of recorded lifetimes."""

    def __init__(self, window: MainWindow, work: Work, commands: Commands) -> None:
        super().__init__(window)
        self._window, self._work, self._commands = window, work, commands
        self._dialog: SnapshotDialog | None = None
        self._theme: Theme = DARK
        self.page: RecordedPage | None = None
        """Made when the first recorded lifetimes are opened."""
        commands.open_asked.connect(self.open_path)
        commands.page_asked.connect(self._export_page)
        work.changed.connect(self._work_changed)
        work.document.step_changed.connect(self._step_changed)

    @Slot(object)
    def open_path(self, path: Path) -> None:
        """Open a file, in place of what is open."""
        try:
            kind = kind_of(path)
        except BayplanError as error:
            self._work.problem.emit("open", Failure(str(error)))
            return
        if kind is FileKind.SNAPSHOT:
            self._open_snapshot(path)
        elif kind is FileKind.TABLE:
            job = ReadTableJob(path)
            job.succeeded.connect(self._show)
            self._work.run_job(
                job, "open", Activity(tr("Reading {}").format(path.name), stoppable=True)
            )
        elif kind is FileKind.LESSON:
            self._window.learning.open_path(path)
        elif kind is FileKind.PROGRAM:
            self._work.open_with(ProgramJob(path), path)
        else:
            self._work.open_path(path)

    @Slot()
    def place(self) -> None:
        """Place the shown lifetimes anew."""
        recorded = self.page.recorded if self.page is not None else None
        if recorded is None or self._work.busy:
            return
        settings = self._work.settings
        job = PlaceRecordedJob(recorded, deadline=settings.deadline, seed=settings.seed)
        job.succeeded.connect(self._show)
        text = tr("Placing {:,} allocations").format(len(recorded.problem.sizes))
        activity = Activity(text, stoppable=True, limit=settings.deadline)
        self._work.run_job(job, "place", activity)

    def _open_snapshot(self, path: Path) -> None:
        if self._dialog is not None:
            self._dialog.close()
        job = ReadSnapshotJob(path)
        from app.dialogs.snapshot import SnapshotDialog

        dialog = SnapshotDialog(path, self._window.theme, self._window)
        dialog.follow(job)
        dialog.chosen.connect(self._chosen)
        dialog.finished.connect(self._dialog_closed)
        self._dialog = dialog
        dialog.open()
        job.succeeded.connect(self._read)
        self._work.run_job(job, "read", Activity(tr("Reading {}").format(path.name), stoppable=True))
        QTimer.singleShot(PAGE_MS, self._ready_page)

    @Slot(object)
    def _read(self, recording: Recording) -> None:
        self._work.tell(tr("Read {}").format(recording.name))

    @Slot()
    def _dialog_closed(self) -> None:
        if self.sender() is self._dialog:
            self._dialog = None

    @Slot(object)
    def _chosen(self, chosen: Chosen) -> None:
        job = ShowPartJob(chosen)
        job.succeeded.connect(self._show)
        text = tr("Laying out {}").format(chosen.recording.name)
        self._work.run_job(job, "open", Activity(text, stoppable=True))

    @Slot(object)
    def _show(self, recorded: Recorded) -> None:
        """Put recorded lifetimes in place of what is open."""
        work, window = self._work, self._window
        page = self._ready_page()
        if recorded.placed is None:
            work.settings.add_recent(recorded.path)
            work.document.open(None)
        window.problem.go_on()
        if recorded.placed is not None:
            proven = recorded.placed.optimal
            work.tell(tr("Placed anew, proven optimal") if proven else tr("Placed anew"))
        else:
            work.tell(tr("Opened {}").format(recorded.path.name))
        page.show_recorded(recorded)
        from app.snapshot.exploring import PLACEHOLDER as HERE

        window.search.setPlaceholderText(tr(HERE))
        window.setWindowTitle(f"{recorded.title} — Bayplan")
        window.title_corner.show_title(recorded.title)
        window.show_view("recorded")

    @Slot()
    def _ready_page(self) -> RecordedPage:
        """The page, made the first time: a fifth of a second, best spent while the file is read."""
        if self.page is None:
            load_module(PAGE)
            from app.snapshot.page import RecordedPage

            self.page = page = RecordedPage()
            page.set_theme(self._theme)
            page.place_asked.connect(self.place)
            page.changed.connect(self._page_changed)
            self._connect_page(page)
        return self.page

    def _connect_page(self, page: RecordedPage) -> None:
        """Once: the search field and the status line serve the page while it is in sight."""
        search, exploring = self._window.search, page.exploring

        def said() -> None:
            if self.shown is not None:
                search.show_matches(exploring.matches)

        search.searched.connect(lambda text: exploring.search(text) if self.shown is not None else None)
        search.stepped.connect(lambda by: exploring.step(by) if self.shown is not None else None)
        exploring.found_changed.connect(said)
        exploring.pointed.connect(self._window.line.show_pointer)

    @property
    def shown(self) -> RecordedPage | None:
        """The page of recorded lifetimes, while there are any."""
        return self.page if self.page is not None and self.page.recorded is not None else None

    @property
    def recording(self) -> RecordingState | None:
        """What commands need to know of the page in sight; None while there is none."""
        page = self.shown
        if page is None or page.recorded is None:
            return None
        return RecordingState(bool(page.selection), page.recorded.seconds is not None)

    @Slot()
    def _page_changed(self) -> None:
        page = self.shown
        if page is not None:
            self._window.menu["time_axis"].setChecked(page.time.currentIndex() == 1)
            self._window.refresh()

    @Slot()
    def _export_page(self) -> None:
        """Ask where and write the recorded maps as one interactive file."""
        page = self.shown
        recorded = page.recorded if page is not None else None
        if page is None or recorded is None or self._work.busy:
            return
        path = self._where(recorded, tr("Export the Page"), ".html", tr("Pages (*.html)"))
        if path is not None:
            job = RecordedPageJob(recorded, path, timed=page.time.currentIndex() == 1)
            job.succeeded.connect(self._page_written)
            text = tr("Writing {}").format(path.name)
            self._work.run_job(job, "page", Activity(text, running=True))

    @Slot(object)
    def _page_written(self, path: Path) -> None:
        self._work.tell(tr("Wrote {}").format(path.name))

    def _where(self, recorded: Recorded, title: str, suffix: str, kinds: str) -> Path | None:
        """A file to write into, proposed by the recording's name."""
        settings = self._work.settings
        proposed = Path(settings.folder("picture")) / f"{recorded.path.stem}{suffix}"
        name, kind = QFileDialog.getSaveFileName(self._window, title, str(proposed), kinds)
        if not name:
            return None
        path = with_suffix(Path(name), suffix)
        chosen = next((end for end in ENDINGS if f"*{end})" in kind), suffix)
        if path.suffix == suffix != chosen:
            # The proposed name was left as it is, and another kind chosen.
            path = path.with_suffix(chosen)
        settings.set_folder("picture", path.parent)
        return path

    def picture(self) -> bool:
        """Ask for a file and save the recorded maps as a picture; False where there are none."""
        page = self.shown
        if page is None or page.recorded is None:
            return False
        recorded = page.recorded
        kinds = "PNG (*.png);;SVG (*.svg);;PDF (*.pdf)"
        path = self._where(recorded, tr("Save the Picture"), ".png", kinds)
        if path is not None:
            from app.snapshot.picture import lay_out

            try:
                drawing = lay_out(recorded, path, self._theme)
            except BayplanError as error:
                self._work.problem.emit("picture", failure_of(error))
            else:
                self._window.picturing.write(drawing)
        return True

    def clear_selection(self) -> bool:
        """Whether something was found or selected on the page in sight, which it is not any more."""
        if self.page is None or not self.page.isVisible():
            return False
        if self.page.map.ruler.escape() or self.page.exploring.escape():
            return True
        if not self.page.selection:
            return False
        self.page.select(())
        return True

    def write_sizes_anew(self) -> None:
        """Sizes are written in other units from now on."""
        page = self.shown
        if page is None or page.recorded is None:
            return
        from app.snapshot.recorded import written_anew

        selection = page.selection
        page.show_recorded(written_anew(page.recorded))
        page.select(selection)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        if self.page is not None:
            self.page.set_theme(theme)

    @Slot()
    def _work_changed(self) -> None:
        if self.page is not None:
            self.page.set_placing(self._work.busy)

    @Slot()
    def _step_changed(self) -> None:
        """What was recorded makes room for a step, or for the start page."""
        if self.page is not None:
            self.page.clear()
        central = self._window.central
        self._window.menu["time_axis"].setChecked(central is not None and central.look.timed)
        self._window.search.setPlaceholderText(tr(PLACEHOLDER))
