"""What a verification found, figure by figure."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialogButtonBox, QGridLayout, QLabel, QPushButton, QWidget

from app.dialogs.frame import FrameDialog
from app.numbers import bytes_exact

if TYPE_CHECKING:
    from runtime.verify import VerifyReport


class VerifiedDialog(FrameDialog):
    """The report as a table, to be read and copied."""

    def __init__(self, report: "VerifyReport", parent: QWidget | None = None) -> None:
        super().__init__("Verification", parent)
        figures = report.as_dict()
        self.lines = tuple((name.replace("_", " "), written(value)) for name, value in figures.items())
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(6)
        for row, (name, value) in enumerate(self.lines):
            caption = QLabel(name.capitalize())
            caption.setProperty("role", "second")
            grid.addWidget(caption, row, 0, Qt.AlignmentFlag.AlignTop)
            figure = QLabel(value)
            figure.setTextFormat(Qt.TextFormat.PlainText)
            figure.setWordWrap(True)
            figure.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(figure, row, 1)
        grid.setColumnStretch(1, 1)
        self.body.addLayout(grid)
        copy = QPushButton("Copy")
        self.buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        self.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        copy.clicked.connect(self._copy)
        self.setMinimumWidth(460)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText("\n".join(f"{name}: {value}" for name, value in self.lines))


def written(value: Any) -> str:
    """A figure of the report for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "not known"
    if isinstance(value, int):
        return bytes_exact(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "\n".join(written(item) for item in value) or "none"
    return str(value)
