"""Fades a map that shows a step which is another one on disk by now."""

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from app.theme import DARK, Theme

STALE_OPACITY = 0.6
"""Of what lies under it."""


class Veil(QWidget):
    """Fades the widget that it lies on; a graphics effect would leave ghosts of a graphics view."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._theme = DARK
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        over.installEventFilter(self)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.resize(watched.size())
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        self.raise_()
        super().showEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        color = QColor(self._theme.map)
        color.setAlphaF(1 - STALE_OPACITY)
        QPainter(self).fillRect(event.rect(), color)
