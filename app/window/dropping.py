"""Files dropped anywhere on the window, and the hint that says what a drop would do."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMainWindow, QWidget

from app.fonts import text_font
from app.theme import DARK, Theme
from app.translation import tr

MARGIN = 12
RADIUS = 10.0


class DropHint(QWidget):
    """Over all of the window while a file is above it: what a drop would do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("dropHint")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.theme: Theme = DARK
        self.text = ""
        self.good = True
        self.hide()

    def say(self, text: str, *, good: bool) -> None:
        """Show a sentence; ``good``: a drop would open something."""
        self.text, self.good = text, good
        self.setAccessibleName(text)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(theme.win)
        veil.setAlphaF(0.86)
        painter.fillRect(self.rect(), veil)
        colour = QColor(theme.accent if self.good else theme.error)
        painter.setPen(QPen(colour, 2, Qt.PenStyle.DashLine))
        box = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        font = text_font(20)
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(box.adjusted(40, 0, -40, 0), flags, self.text)


class Dropping(QObject):
    """Lets one local file be dropped anywhere on a window."""

    def __init__(self, window: QMainWindow, open_path: Callable[[Path], None]) -> None:
        super().__init__(window)
        self.hint = DropHint(window)
        self._open = open_path
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.hint.theme = theme
        self.hint.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() in (QEvent.Type.DragEnter, QEvent.Type.Drop) and isinstance(event, QDropEvent):
            paths = dropped_paths(event)
            if not paths:
                return False
            if event.type() == QEvent.Type.Drop:
                self.hint.hide()
                if len(paths) == 1:
                    event.acceptProposedAction()
                    self._open(paths[0])
                return True
            if len(paths) == 1:
                self.hint.say(tr("Drop to open {}").format(paths[0].name), good=True)
            else:
                self.hint.say(tr("Drop one file at a time"), good=False)
            event.acceptProposedAction()
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.hint.hide()
        return False


def dropped_paths(event: QDropEvent) -> list[Path]:
    """The local files that are being dragged."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
