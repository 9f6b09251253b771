"""The map as a picture and as a page: asks what and where, and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from app.dialogs.picture import PictureChoice, PictureDialog
from app.jobs.job import failure_of
from app.jobs.page import PageJob
from app.jobs.picture import PictureJob
from app.theme import DARK
from app.translation import tr
from app.window.activity import Activity
from app.window.commands import with_suffix
from solver.errors import BayplanError

if TYPE_CHECKING:
    from app.map.picture import Drawing
    from app.window.main_window import MainWindow


class Picturing(QObject):
    """Exports what the map shows."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._document = window, window.document
        window.commands.picture_asked.connect(self.ask)
        window.commands.page_asked.connect(self.ask_page)

    @Slot()
    def ask(self) -> None:
        """Ask what the picture is to be."""
        if self._window.importing.picture():
            return
        theme = self._window.commands.theme or DARK
        dialog = PictureDialog(self._window.settings, theme, self._window)
        dialog.chosen.connect(self._save)
        dialog.open()

    @Slot(object)
    def _save(self, choice: PictureChoice) -> None:
        from app.map.picture import Part, lay_out
        from app.window.central import scene_of

        scene, shown = scene_of(self._document), self._document.shown
        if scene is None or shown is None:
            return
        kind = f"{choice.suffix[1:].upper()} (*{choice.suffix})"
        path = self._where(tr("Save the Picture"), choice.suffix, kind)
        if path is None:
            return
        central, part = self._window.central, None
        if choice.visible_only and central is not None:
            part = Part(*central.map.visible_range())
        try:
            drawing = lay_out(
                scene,
                path,
                width=choice.width,
                height=choice.height,
                theme=choice.theme,
                title=f"{scene.title} · {shown.name}",
                scale=choice.scale,
                part=part,
            )
        except BayplanError as error:
            self._window.work.problem.emit("picture", failure_of(error))
            return
        self.write(drawing)

    def write(self, drawing: Drawing) -> None:
        """Paint and write a picture beside the window."""
        job = PictureJob(drawing)
        job.ended.connect(lambda: drawing.close())
        if self._window.work.busy:
            self._window.work.run_beside(job, "picture")
        else:
            job.succeeded.connect(self._written)
            text = tr("Writing {}").format(drawing.path.name)
            self._window.work.run_job(job, "picture", Activity(text, stoppable=True))

    @Slot()
    def ask_page(self) -> None:
        """Ask where and write all plans of the step as one page that begins as the map looks."""
        from app.picture.page_look import PageLook

        step, shown = self._document.step, self._document.shown
        if step is None or shown is None:
            return
        path = self._where(tr("Export the Page"), ".html", tr("Pages (*.html)"))
        if path is None:
            return
        central = self._window.central
        assert central is not None
        entries, map_look = self._document.entries, central.look
        names = [entry.name for entry in entries]
        look = PageLook(
            shown=next(i for i, entry in enumerate(entries) if entry is shown),
            by=map_look.by,
            against=names.index(map_look.against) if map_look.against in names else -1,
            timed=map_look.timed,
        )
        plans = [entry.plan for entry in entries]
        job = PageJob(step, plans, self._document.baseline, path, look, central.seconds_of)
        job.succeeded.connect(self._written)
        text = tr("Writing {}").format(path.name)
        self._window.work.run_job(job, "page", Activity(text, running=True))

    @Slot(object)
    def _written(self, path: Path | None) -> None:
        if path is not None:
            self._window.work.tell(tr("Wrote {}").format(path.name))

    def _where(self, title: str, suffix: str, kinds: str) -> Path | None:
        """A file to write into, proposed by the step's name."""
        step, settings = self._document.step, self._window.settings
        assert step is not None
        name = f"{step.origin.model}-b{step.origin.batch}{suffix}"
        proposed = str(Path(settings.folder("picture")) / name)
        chosen, _ = QFileDialog.getSaveFileName(self._window, title, proposed, kinds)
        if not chosen:
            return None
        path = with_suffix(Path(chosen), suffix)
        settings.set_folder("picture", path.parent)
        return path
