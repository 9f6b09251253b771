"""How long a solve may take, the seed of its random choices, and whether results may reuse bytes."""

from PySide6.QtWidgets import QCheckBox, QDialogButtonBox, QDoubleSpinBox, QSpinBox, QWidget

from app.dialogs.frame import FrameDialog, caption, form
from app.settings import Settings


class LimitsDialog(FrameDialog):
    """Changes the settings when it is accepted."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Limits of a Solve", parent)
        self._settings = settings
        self.deadline = QDoubleSpinBox()
        self.deadline.setRange(0.1, 86400.0)
        self.deadline.setDecimals(1)
        self.deadline.setSuffix(" s")
        self.deadline.setValue(settings.deadline)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(settings.seed)
        self.reuse = QCheckBox("Results may take over the bytes of operands")
        self.reuse.setChecked(settings.reuse)
        fields = form()
        fields.addRow("Deadline", self.deadline)
        fields.addRow("Seed", self.seed)
        fields.addRow("In place", self.reuse)
        self.body.addLayout(fields)
        self.body.addWidget(
            caption(
                "A solve ends earlier when its plan is proven optimal. With the same seed and enough "
                "time it finds the same plan. An elementwise op can write its result where an operand "
                "lies that nothing needs any more: no result changes by it."
            )
        )
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.setMinimumWidth(360)

    def accept(self) -> None:
        self._settings.deadline = self.deadline.value()
        self._settings.seed = self.seed.value()
        self._settings.reuse = self.reuse.isChecked()
        super().accept()
