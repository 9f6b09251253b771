"""Files that the window opens without a dialog: recent ones."""

from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu

from app.settings import Settings
from app.translation import tr
from app.window.commands import Commands
from app.window.handlers import call


class RecentMenu(QObject):
    """Fills the menu of recent files whenever it is opened."""

    cleared = Signal()
    """The files were forgotten."""

    def __init__(self, menu: QMenu, settings: Settings, commands: Commands) -> None:
        super().__init__(menu)
        self._menu, self._settings, self._commands = menu, settings, commands
        menu.aboutToShow.connect(self.fill)

    def fill(self) -> None:
        """One line a file."""
        menu = self._menu
        menu.clear()
        for path in self._settings.recents:
            action = QAction(path.name, menu)
            action.setToolTip(str(path))
            action.triggered.connect(partial(call, partial(self._commands.open_path, path)))
            menu.addAction(action)
        if menu.isEmpty():
            menu.addAction(tr("No recent files")).setEnabled(False)
        else:
            menu.addSeparator()
            menu.addAction(tr("Clear"), self._clear)

    def _clear(self) -> None:
        self._settings.clear_recents()
        self.cleared.emit()
