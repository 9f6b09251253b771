"""The lines of the user's code that an op comes from, and the link that opens the file."""

import keyword
import re
import sys
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, QUrl
from PySide6.QtGui import QColor, QDesktopServices, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.fonts import code_font
from app.plain_text import tip
from app.theme import DARK, Theme
from app.translation import tr
from solver.step import SourceLine

LINE_HEIGHT = 22
SHOWN = 3
WORDS = re.compile(r"(#.*$)|('[^']*'|\"[^\"]*\")|\b([A-Za-z_]\w*)\b|(\d[\w.]*)|(\s+)|(.)")
KEYWORDS = frozenset(keyword.kwlist)


class SourceBlock(QWidget):
    """Up to three lines, the one that made the op set off, with a link to the file below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.code = _Code()
        self.link = QPushButton()
        self.link.setProperty("kind", "flat")
        self.link.setObjectName("openSource")
        self.link.setAccessibleName(tr("Where the op comes from"))
        self.link.setCursor(Qt.CursorShape.PointingHandCursor)
        self.link.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.link.setStyleSheet("text-align: left;")
        self.link.clicked.connect(self._open)
        self._text = ""
        self._path: Path | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.code)
        column.addWidget(self.link)
        self.set_source(None)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.code.theme = theme
        self.code.update()

    def set_source(self, source: SourceLine | None) -> None:
        """Show another place; None hides the block."""
        self._path = None
        self.setVisible(source is not None)
        if source is None:
            return
        self.code.set_source(source)
        self.code.setVisible(bool(source.text))
        parts = re.split(r"[/\\]", source.file)
        where = "/".join(parts[-2:])
        text = f"{where}:{source.line}"
        if source.function:
            text = tr("{}, in {}").format(text, source.function)
        self._text = text
        self._elide()
        self._path = locate(source.file)
        self.link.setEnabled(self._path is not None)
        self.link.setToolTip(
            tip(
                tr("Open {}").format(self._path)
                if self._path is not None
                else tr("{} is not on this machine").format(source.file)
            )
        )
        self.link.setAccessibleName(tr("Open {}, line {}").format(source.file, source.line))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        """A button does not elide its text by itself; the function's name gives way."""
        metrics = self.link.fontMetrics()
        room = max(self.width() - 4, 0)
        self.link.setText(metrics.elidedText(self._text, Qt.TextElideMode.ElideRight, room))

    def _open(self) -> None:
        if self._path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path)))


def locate(file: str) -> Path | None:
    """The file on this machine; a relative one is that of an installed package. None: not here."""
    for folder in ("", *(sys.path if not Path(file).is_absolute() else ())):
        path = Path(folder) / file
        if path.is_file():
            return path.absolute()
    return None


class _Code(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.theme = DARK
        self._lines: list[tuple[int, str]] = []
        self._here = -1
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_source(self, source: SourceLine) -> None:
        first = max(0, min(source.here - 1, len(source.text) - SHOWN))
        lines = source.text[first : first + SHOWN]
        filled = [line for line in lines if line.strip()]
        indent = min((len(line) - len(line.lstrip()) for line in filled), default=0)
        number = source.line - source.here + first
        self._lines = [(number + i, line[indent:].rstrip()) for i, line in enumerate(lines)]
        self._here = source.line
        self.setFixedHeight(max(1, len(lines)) * LINE_HEIGHT + 8)
        self.setAccessibleName("\n".join(line for _, line in self._lines))
        self.setToolTip(tip("\n".join(line for _, line in self._lines)))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, self.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.raised))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.setFont(code_font(11))
        metrics = painter.fontMetrics()
        gutter = 16 + metrics.horizontalAdvance(str(max((n for n, _ in self._lines), default=0)))
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        for row, (number, text) in enumerate(self._lines):
            box = QRectF(0, 4 + row * LINE_HEIGHT, self.width(), LINE_HEIGHT)
            here = number == self._here
            if here:
                painter.fillRect(box, QColor(theme.sel))
            painter.setPen(QColor(theme.text3))
            painter.drawText(box.adjusted(8, 0, 0, 0), middle, str(number))
            x = float(gutter + 12)
            for part, tone in highlight(text):
                strong = theme.text if here else theme.text2
                painter.setPen(QColor({"text": strong, "accent": theme.accent}.get(tone, theme.text3)))
                painter.drawText(QRectF(x, box.y(), self.width() - x - 6, LINE_HEIGHT), middle, part)
                x += metrics.horizontalAdvance(part)
                if x > self.width():
                    break


def highlight(line: str) -> list[tuple[str, str]]:
    """A line of Python in pieces with a tone each: ``text``, ``accent`` (keyword), ``quiet``."""
    pieces: list[tuple[str, str]] = []
    for match in WORDS.finditer(line):
        comment, string, word, _, _, _ = match.groups()
        tone = "quiet" if comment or string else "accent" if word in KEYWORDS else "text"
        if pieces and pieces[-1][1] == tone:
            pieces[-1] = (pieces[-1][0] + match.group(), tone)
        else:
            pieces.append((match.group(), tone))
    return pieces
