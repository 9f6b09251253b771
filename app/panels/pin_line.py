"""One pin on a line: a sign, what it says, and a button that removes it."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from app.facts.pins import PinFacts
from app.icons import icon, pixmap
from app.plain_text import tip
from app.theme import Theme
from app.translation import tr

HEIGHT, SIGN, BUTTON = 24, 14, 20
PADDING = 6
"""Left and right of the text, by the style sheet."""


class PinLine(QWidget):
    """The text chooses what the pin is about; one that cannot be kept has another sign and says so."""

    chosen = Signal()
    remove_asked = Signal()

    def __init__(self, about: PinFacts, theme: Theme, *, removable: bool, broken: bool = False) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        sign = QLabel()
        ratio = self.devicePixelRatioF()
        name, ink = ("warning", theme.error) if broken else ("pin", theme.text2)
        sign.setPixmap(pixmap(name, ink, SIGN, ratio))
        sign.setFixedWidth(SIGN)
        self.text = ElidedButton(about.text, about.detail)
        if broken:
            self.text.setAccessibleName(tr("{}: cannot be kept with the others").format(about.text))
        self.text.clicked.connect(self.chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(sign)
        row.addWidget(self.text, 1)
        self.remove: QToolButton | None = None
        if removable:
            self.remove = QToolButton()
            self.remove.setProperty("kind", "icon")
            self.remove.setIcon(icon("close", theme, theme.text3))
            self.remove.setIconSize(QSize(12, 12))
            self.remove.setFixedSize(BUTTON, BUTTON)
            self.remove.setToolTip(tr("Remove this pin"))
            self.remove.setAccessibleName(tr("Remove the pin: {}").format(about.text))
            self.remove.clicked.connect(self.remove_asked)
            row.addWidget(self.remove)


class ElidedButton(QPushButton):
    """A flat button whose text is cut in the middle where it does not fit, as names end differently."""

    def __init__(self, text: str, detail: str) -> None:
        super().__init__()
        self._text = text
        self.setProperty("kind", "row")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(text)
        self.setAccessibleDescription(detail)
        self.setToolTip(tip("\n".join((text, detail, tr("Click to select it")))))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        room = self.width() - 2 * PADDING - 2
        shown = self.fontMetrics().elidedText(self._text, Qt.TextElideMode.ElideMiddle, room)
        self.setText(shown.replace("&", "&&"))
