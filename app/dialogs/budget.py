"""Which budget to solve next."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialogButtonBox, QLabel, QLineEdit, QWidget

from app.dialogs.frame import FrameDialog, caption, form
from app.numbers import parse_size
from app.style import set_property
from app.translation import tr
from solver.errors import BayplanError


class BudgetDialog(FrameDialog):
    """Asks for a size; ``chosen`` says it in bytes."""

    chosen = Signal(object)
    """Bytes, an int (which may be larger than Qt's own)."""

    def __init__(self, proposed: str, parent: QWidget | None = None) -> None:
        """``proposed``: what stands in the field at first, such as ``8GiB``."""
        super().__init__(tr("Add a Budget"), parent)
        self.size_field = QLineEdit(proposed)
        self.size_field.setObjectName("budget")
        self.size_field.setAccessibleName(tr("Budget"))
        self.size_field.selectAll()
        fields = form()
        fields.addRow(tr("Budget"), self.size_field)
        self.body.addLayout(fields)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        set_property(self.problem, "role", "error")
        self.problem.hide()
        self.body.addWidget(self.problem)
        self.body.addWidget(
            caption(
                tr(
                    "All that the step may have in the device's memory: parameters, optimizer state, "
                    "buffers and inputs included. 8GiB is 8 × 2³⁰ bytes, 8GB is 8 × 10⁹."
                )
            )
        )
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(tr("Solve"))
        self.buttons.accepted.connect(self.accept)
        self.setMinimumWidth(340)

    def accept(self) -> None:
        try:
            size = parse_size(self.size_field.text())
        except BayplanError as error:
            self.problem.setText(str(error))
            self.problem.show()
            return
        if size < 1:
            self.problem.setText(tr("A budget of no bytes fits nothing."))
            self.problem.show()
            return
        self.chosen.emit(size)
        super().accept()
