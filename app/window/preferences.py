"""Asks for the settings and lets them take effect at once: theme, units, cores."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.dialogs.settings import SettingsDialog
from app.jobs.job import Job
from app.numbers import BINARY, DECIMAL, byte_units, count_in

if TYPE_CHECKING:
    from app.window.main_window import MainWindow


class Preferences(QObject):
    """Keeps the window true to its settings."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._take()

    def ask(self) -> None:
        """Show the settings, to be changed."""
        window = self._window
        dialog = SettingsDialog(window.settings, window.library.path, window)
        dialog.changed.connect(self._changed)
        dialog.open()

    def _take(self) -> bool:
        """Use the settings in this process; whether sizes are written in other units now."""
        settings = self._window.settings
        units = DECIMAL if settings.units == "GB" else BINARY
        other = units is not byte_units()
        count_in(units)
        Job.cores = settings.cores or None
        return other

    @Slot()
    def _changed(self) -> None:
        window = self._window
        window.menu[f"theme_{window.settings.theme}"].setChecked(True)
        window.choose_theme(window.settings.theme)
        if self._take():
            self._write_sizes_anew()

    def _write_sizes_anew(self) -> None:
        from app.map.prepared import forget

        forget()
        self._window.importing.write_sizes_anew()
        document = self._window.document
        document.entries_changed.emit()
        document.shown_changed.emit()
        document.selection_changed.emit()
        document.progress_changed.emit()
