"""What a verification found, one fact a line."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialogButtonBox, QHBoxLayout, QLabel, QPushButton, QWidget

from app.dialogs.frame import FrameDialog
from app.icons import pixmap
from app.theme import Theme
from app.translation import tr

if TYPE_CHECKING:
    from runtime.verify import VerifyReport


class VerifiedDialog(FrameDialog):
    """The report, to be read and copied."""

    def __init__(self, report: "VerifyReport", theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Verification"), parent)
        *facts, verdict = report.lines()
        self._text = "\n".join([*facts, verdict])
        sign = QLabel()
        name, color = ("check-circle", theme.ok) if report.ok else ("error", theme.error)
        sign.setPixmap(pixmap(name, color, 20, self.devicePixelRatioF()))
        self.verdict = QLabel(verdict)
        self.verdict.setProperty("role", "title")
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(sign)
        head.addWidget(self.verdict, 1)
        self.body.addLayout(head)
        self.facts = QLabel("\n".join(facts))
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        self.facts.setWordWrap(True)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.facts.setProperty("role", "second")
        self.body.addWidget(self.facts)
        copy = QPushButton(tr("Copy"))
        self.buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        copy.clicked.connect(self._copy)
        self.setMinimumWidth(460)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text)
