"""The line above the map that says what failed, and what stands in for panels before a step is open."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.icons import icon, pixmap
from app.jobs.job import Failure
from app.style import set_property
from app.theme import Theme
from app.translation import tr

DETAILS_HEIGHT = 160


@dataclass(frozen=True)
class Remedy:
    """The one thing that a problem line offers to do."""

    text: str
    run: Callable[[], None]


class ProblemLine(QWidget):
    """One line: what failed, details that fold out, one action. Hidden while all is well."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("problem")
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._remedy: Remedy | None = None
        self._lasting = False
        self._sign = QLabel()
        self.message = QLabel()
        self.message.setProperty("role", "error")
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.message.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.more = QPushButton(tr("Details"))
        self.more.setProperty("kind", "flat")
        self.more.setCheckable(True)
        self.more.toggled.connect(self._fold)
        self.action = QPushButton()
        self.action.setAccessibleName(tr("What to do"))
        self.action.clicked.connect(self._act)
        self._close = QToolButton()
        self._close.setProperty("kind", "icon")
        self._close.setIconSize(QSize(12, 12))
        self._close.setToolTip(tr("Dismiss"))
        self._close.setAccessibleName(tr("Dismiss"))
        self._close.clicked.connect(self.clear)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setAccessibleName(tr("Details of what failed"))
        self.details.setProperty("role", "code")
        self.details.setFixedHeight(DETAILS_HEIGHT)
        self.details.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        row = QHBoxLayout()
        row.setSpacing(10)
        for part in (self._sign, self.message, self.more, self.action, self._close):
            row.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 6, 8, 6)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self.details)
        self.clear()

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._sign.setPixmap(pixmap("error", theme.error, 16, self.devicePixelRatioF()))
        self._close.setIcon(icon("close", theme, theme.text3))

    def show_failure(
        self, failure: Failure, remedy: Remedy | None = None, *, lasting: bool = False
    ) -> None:
        """Show what failed; a bug offers its report instead of a remedy.

        ``lasting``: it concerns whatever is opened next, too, and is said only once.
        """
        self._lasting = lasting
        self.message.setText(failure.message)
        self.details.setPlainText(failure.details)
        self.more.setVisible(bool(failure.details))
        self.more.setChecked(False)
        self._fold(False)
        report = f"{failure.message}\n\n{failure.details}"
        self._remedy = Remedy(tr("Copy report"), lambda: _copy(report)) if failure.bug else remedy
        self.action.setText(self._remedy.text if self._remedy is not None else "")
        self.action.setAccessibleName(self.action.text() or tr("What to do"))
        self.action.setVisible(self._remedy is not None)
        self.show()

    def clear(self) -> None:
        """All is well."""
        self.hide()

    def go_on(self) -> None:
        """Something else is begun: what failed before matters no more, unless it lasts."""
        if not self._lasting:
            self.clear()

    def _fold(self, out: bool) -> None:
        self.details.setVisible(out)

    def _act(self) -> None:
        if self._remedy is not None:
            remedy, keep = self._remedy, self._remedy.text == tr("Copy report")
            if not keep:
                self.clear()
            remedy.run()


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)


class Placeholder(QWidget):
    """Stands where a panel comes when there is something to show."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        set_property(self, "surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        label = QLabel(text)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setProperty("role", "caption")
        label.setWordWrap(True)
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.addWidget(label)
