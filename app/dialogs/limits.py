"""How long a solve may take, and the seed of its random choices."""

from PySide6.QtWidgets import QDialogButtonBox, QDoubleSpinBox, QSpinBox, QWidget

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
        fields = form()
        fields.addRow("Deadline", self.deadline)
        fields.addRow("Seed", self.seed)
        self.body.addLayout(fields)
        self.body.addWidget(
            caption(
                "A solve ends earlier when its plan is proven optimal. With the same seed and enough "
                "time it finds the same plan."
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
        super().accept()
