"""Notices when the file of the open step holds another step than the one that is open."""

from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal, Slot

from app.window.work import Work

WAIT_MS = 200
"""For a file's writer to finish after a change, and between two looks for a file that is gone."""


class StepWatch(QObject):
    """Watches one file; a change is compared with the open step in the background."""

    stale_changed = Signal(bool)
    """Whether the file differs from the open step."""

    def __init__(self, work: Work, parent: QObject) -> None:
        super().__init__(parent)
        self._work = work
        self.path: Path | None = None
        self._files = QFileSystemWatcher(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(WAIT_MS)
        self._files.fileChanged.connect(self._timer.start)
        self._timer.timeout.connect(self._look)
        work.compared.connect(self._compared)

    def follow(self, path: Path | None) -> None:
        """Watch this file from now on; None: none."""
        self._timer.stop()
        if self._files.files():
            self._files.removePaths(self._files.files())
        self.path = path
        if path is not None:
            self._files.addPath(str(path))

    @Slot()
    def _look(self) -> None:
        if self.path is None:
            return
        if not self.path.is_file():
            # Nobody tells of a file that is written anew where there is none.
            self._timer.start()
        else:
            # Writers replace a file: the watch was on the old one.
            if str(self.path) not in self._files.files():
                self._files.addPath(str(self.path))
            self._work.compare_on_disk(self.path)

    @Slot(bool)
    def _compared(self, differs: bool) -> None:
        if self.path is not None:
            self.stale_changed.emit(differs)
