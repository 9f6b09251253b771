"""What a picture of the map is to be: its kind, size and theme, and how much of the step it shows."""

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialogButtonBox, QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from app.dialogs.frame import FrameDialog, caption, form, pad_number
from app.settings import Settings
from app.theme import DARK, THEMES, Theme
from app.translation import tr

KINDS = (("PNG", ".png"), ("SVG", ".svg"), ("PDF", ".pdf"))
INCH_PIXELS, INCH_MM = 96.0, 25.4
LEAST, MOST = 200, 20_000
"""Pixels of a side."""


@dataclass(frozen=True, slots=True)
class PictureChoice:
    """What was chosen."""

    suffix: str
    width: int
    height: int
    """Of the layout, pixels."""
    scale: float
    """Pixels of a PNG for each of these."""
    theme: Theme
    visible_only: bool


class PictureDialog(FrameDialog):
    """Asks; ``chosen`` brings the answer. What was chosen last is proposed the next time."""

    chosen = Signal(object)

    def __init__(self, settings: Settings, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(tr("Save the Picture"), parent)
        self.setObjectName("picture_dialog")
        self._settings = settings
        self.kind = QComboBox()
        for name, suffix in KINDS:
            self.kind.addItem(name, suffix)
        self.kind.setCurrentIndex(max(self.kind.findData(settings.text("picture_kind", ".png")), 0))
        self.unit = QComboBox()
        self.unit.addItem(tr("pixels"), 1.0)
        self.unit.addItem(tr("mm"), INCH_MM / INCH_PIXELS)
        self.unit.setAccessibleName(tr("Unit of the size"))
        self.width_box, self.height_box = QDoubleSpinBox(), QDoubleSpinBox()
        self.width_box.setAccessibleName(tr("Width"))
        self.height_box.setAccessibleName(tr("Height"))
        self._size = (1600.0, 1000.0)
        self._show_size()
        size = QHBoxLayout()
        size.setSpacing(8)
        for widget in (self.width_box, QLabel("×"), self.height_box, self.unit):
            size.addWidget(widget)
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.5, 8.0)
        self.scale.setSingleStep(0.5)
        self.scale.setSuffix(" ×")
        self.scale.setValue(2.0)
        self.theme = QComboBox()
        self.theme.addItem(tr("Dark"), "dark")
        self.theme.addItem(tr("Light"), "light")
        self.theme.setCurrentIndex(
            self.theme.findData(theme.name if theme.name in THEMES else DARK.name)
        )
        self.part = QComboBox()
        self.part.addItem(tr("The whole step"), False)
        self.part.addItem(tr("What is visible now"), True)
        for number in (self.width_box, self.height_box, self.scale):
            pad_number(number)
        fields = form()
        fields.addRow(tr("Kind"), self.kind)
        fields.addRow(tr("Size"), size)
        fields.addRow(tr("Sharpness"), self.scale)
        fields.addRow(tr("Theme"), self.theme)
        fields.addRow(tr("Shows"), self.part)
        self.body.addLayout(fields)
        self.said = caption("")
        self.body.addWidget(self.said)
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        self.save = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        self.buttons.accepted.connect(self.accept)
        self.unit.currentIndexChanged.connect(self._show_size)
        self.kind.currentIndexChanged.connect(self._tell)
        for box in (self.width_box, self.height_box):
            box.valueChanged.connect(self._resized)
        self.scale.valueChanged.connect(self._tell)
        self._tell()
        self.setMinimumWidth(420)

    @property
    def choice(self) -> PictureChoice:
        """What is chosen now."""
        width, height = (round(side) for side in self._size)
        suffix = str(self.kind.currentData())
        return PictureChoice(
            suffix,
            width,
            height,
            self.scale.value() if suffix == ".png" else 1.0,
            THEMES[str(self.theme.currentData())],
            bool(self.part.currentData()),
        )

    def _show_size(self) -> None:
        """The size in the unit that is chosen."""
        factor = float(self.unit.currentData())
        for box, side in zip((self.width_box, self.height_box), self._size, strict=True):
            box.blockSignals(True)
            box.setDecimals(0 if factor == 1.0 else 1)
            box.setRange(LEAST * factor, MOST * factor)
            box.setValue(side * factor)
            box.blockSignals(False)

    def _resized(self) -> None:
        factor = float(self.unit.currentData())
        self._size = (self.width_box.value() / factor, self.height_box.value() / factor)
        self._tell()

    def _tell(self) -> None:
        """What comes of the choice."""
        choice = self.choice
        png = choice.suffix == ".png"
        self.scale.setEnabled(png)
        if png:
            width, height = round(choice.width * choice.scale), round(choice.height * choice.scale)
            self.said.setText(tr("{} × {} pixels.").format(f"{width:,}", f"{height:,}"))
        elif choice.suffix == ".svg":
            self.said.setText(tr("Shapes and text that stay sharp at any size and can be edited."))
        else:
            self.said.setText(tr("One page of shapes and text, with its type faces."))

    def accept(self) -> None:
        choice = self.choice
        self._settings.set_text("picture_kind", choice.suffix)
        super().accept()
        self.chosen.emit(choice)
