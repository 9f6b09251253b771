"""What the inspector is put together from: sections with a line above, figures, paragraphs."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.facts.storage import AliveRow, Figure, UseRow
from app.numbers import human
from app.panels.controls import ElidedLabel, label, rule
from app.panels.row_table import TableRow


class Section(QWidget):
    """A part of the inspector with a line above it."""

    def __init__(self, title: str = "", note: str = "") -> None:
        super().__init__()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self._rule = rule()
        self.column = QVBoxLayout()
        self.column.setContentsMargins(16, 14, 16, 16)
        self.column.setSpacing(6)
        self.title: QLabel | None = None
        if title:
            outer.addWidget(self._rule)
            self.title = label(title, "strong")
            row = QHBoxLayout()
            row.addWidget(self.title)
            row.addStretch(1)
            row.addWidget(label(note, "caption", "text3"))
            self.column.addLayout(row)
        outer.addLayout(self.column)

    def set_title(self, title: str) -> None:
        if self.title is not None:
            self.title.setText(title)


class Value(QWidget):
    """A figure with its note, which is left out where there is no room for it."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(5)
        row.addWidget(ElidedLabel(figure.value))
        row.addWidget(ElidedLabel(figure.note, "body", "text3"), 1)
        self.setAccessibleName(f"{figure.name} {figure.value} {figure.note}".strip())


def paragraph(name: str) -> QLabel:
    result = label()
    result.setObjectName(name)
    result.setWordWrap(True)
    result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return result


def use_row(row: UseRow) -> TableRow:
    """An op that makes or uses a tensor, as a line of a list."""
    return TableRow(row.slot, row.label, row.place, str(row.slot), row.badge)


def tensor_row(row: AliveRow) -> TableRow:
    """A tensor with its bytes, as a line of a list."""
    return TableRow(
        row.storage, row.name, figure=human(row.size), category=row.category, detail=row.why
    )
