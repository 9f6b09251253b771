"""How long a solve may take, the seed of its random choices, and whether results may reuse bytes."""

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDialogButtonBox, QDoubleSpinBox, QSpinBox, QWidget

from app.dialogs.frame import FrameDialog, caption, form, pad_number
from app.settings import Settings
from app.translation import tr


@dataclass(frozen=True)
class Limits:
    """What the dialog asks for."""

    deadline: float
    """Seconds."""
    seed: int
    reuse: bool
    """Whether results may take over the bytes of operands."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those that are set."""
        return cls(settings.deadline, settings.seed, settings.reuse)

    def put_into(self, settings: Settings) -> None:
        """Set them."""
        settings.deadline, settings.seed, settings.reuse = self.deadline, self.seed, self.reuse


class LimitsDialog(FrameDialog):
    """Changes the settings when it is accepted."""

    changed = Signal(object, object)
    """The Limits were others before."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(tr("Limits of a Solve"), parent)
        self._settings = settings
        self.deadline = QDoubleSpinBox()
        self.deadline.setRange(0.1, 86400.0)
        self.deadline.setDecimals(1)
        self.deadline.setSuffix(" s")
        self.deadline.setValue(settings.deadline)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(settings.seed)
        for number in (self.deadline, self.seed):
            pad_number(number)
        self.reuse = QCheckBox(tr("Results may take over the bytes of operands"))
        self.reuse.setChecked(settings.reuse)
        fields = form()
        fields.addRow(tr("Deadline"), self.deadline)
        fields.addRow(tr("Seed"), self.seed)
        fields.addRow(tr("In place"), self.reuse)
        self.body.addLayout(fields)
        self.body.addWidget(
            caption(
                tr(
                    "A solve ends earlier when its plan is proven optimal. With the same seed and "
                    "enough time it finds the same plan. An elementwise op can write its result where "
                    "an operand lies that nothing needs any more: no result changes by it."
                )
            )
        )
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.setMinimumWidth(360)

    def accept(self) -> None:
        before = Limits.of(self._settings)
        chosen = Limits(self.deadline.value(), self.seed.value(), self.reuse.isChecked())
        chosen.put_into(self._settings)
        if chosen != before:
            self.changed.emit(before, chosen)
        super().accept()
