"""What all dialogs have in common: a margin, a form with captions, a row of buttons."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

PAD = 6


class FrameDialog(QDialog):
    """A dialog with a title, a body and buttons below."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.body = QVBoxLayout()
        self.body.setSpacing(12)
        self.buttons = QDialogButtonBox()
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(16)
        column.addLayout(self.body, 1)
        column.addWidget(self.buttons)
        self.buttons.rejected.connect(self.reject)


def form() -> QFormLayout:
    """A form whose fields share one left edge."""
    result = QFormLayout()
    result.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    result.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    result.setHorizontalSpacing(16)
    result.setVerticalSpacing(10)
    return result


def pad_number(field: QAbstractSpinBox) -> None:
    """Keep a number away from its field's edge, as other fields do; style sheets cannot."""
    field.lineEdit().setTextMargins(PAD, 0, 0, 0)


def caption(text: str) -> QLabel:
    """A quiet sentence that may take several lines."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setProperty("role", "caption")
    label.setWordWrap(True)
    return label
