"""The settings: how the window looks and counts, what a solve may take, where files are kept."""

import os
import sys
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from app.dialogs.frame import FrameDialog, caption, form, pad_number
from app.jobs.job import failure_of
from app.settings import THEME_CHOICES, UNIT_CHOICES, Settings
from app.translation import tr
from solver.errors import BayplanError

WIDTH = 520


class SettingsDialog(FrameDialog):
    """Changes the settings when it is accepted."""

    changed = Signal()
    """They were changed."""

    def __init__(
        self, settings: Settings, library: Path, parent: QWidget | None = None, *, named: bool = False
    ) -> None:
        """``library``: the one in use; ``named``: on the command line, so that no choice counts."""
        super().__init__(tr("Settings"), parent)
        self.setObjectName("settings")
        self._settings, self._library = settings, library
        self._fields = form()
        self.body.addLayout(self._fields)
        self._add_look()
        self._add_solving()
        self._add_folders(named)
        self.error = QLabel()
        self.error.setProperty("role", "error")
        self.error.setWordWrap(True)
        self.error.hide()
        self.body.addWidget(self.error)
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.accepted.connect(self.accept)
        self.setMinimumWidth(WIDTH)

    def _add_look(self) -> None:
        fields = self._section(tr("Look"))
        self.theme = QComboBox()
        texts = (tr("As the system"), tr("Dark"), tr("Light"))
        for choice, text in zip(THEME_CHOICES, texts, strict=True):
            self.theme.addItem(text, choice)
        self.theme.setCurrentIndex(THEME_CHOICES.index(self._settings.theme))
        self.units = QComboBox()
        for unit, text in zip(
            UNIT_CHOICES, (tr("GiB, of 2³⁰ bytes"), tr("GB, of 10⁹ bytes")), strict=True
        ):
            self.units.addItem(text, unit)
        self.units.setCurrentIndex(UNIT_CHOICES.index(self._settings.units))
        _add(fields, tr("Theme"), self.theme)
        _add(fields, tr("Sizes in"), self.units)

    def _add_solving(self) -> None:
        fields = self._section(tr("Solving"))
        self.deadline = QDoubleSpinBox()
        self.deadline.setRange(0.1, 86400.0)
        self.deadline.setDecimals(1)
        self.deadline.setSuffix(" s")
        self.deadline.setValue(self._settings.deadline)
        self.cores = QSpinBox()
        self.cores.setRange(0, os.cpu_count() or 1)
        self.cores.setSpecialValueText(tr("All"))
        self.cores.setValue(self._settings.cores)
        self.cores.setEnabled(sys.platform == "linux")
        self.cores.setToolTip(
            tr("Work in the background keeps to so many cores")
            if self.cores.isEnabled()
            else tr("Only Linux lets a program choose the cores of one of its threads")
        )
        self.reuse = QCheckBox(tr("Results may take over the bytes of operands"))
        self.reuse.setChecked(self._settings.reuse)
        for number in (self.deadline, self.cores):
            pad_number(number)
        _add(fields, tr("Deadline"), self.deadline)
        _add(fields, tr("Cores"), self.cores)
        _add(fields, tr("In place"), self.reuse)

    def _add_folders(self, named: bool) -> None:
        fields = self._section(tr("Folders"))
        self.library = QLineEdit(str(self._settings.library or self._library))
        self.library.setEnabled(not named)
        self.folder = QLineEdit(self._settings.fixed_folder)
        self.folder.setPlaceholderText(tr("Where the last one was"))
        self._browse_library = self._row(fields, tr("Library"), self.library)
        self._browse_library.clicked.connect(self._choose_library)
        self._browse_library.setEnabled(not named)
        self._row(fields, tr("Files"), self.folder).clicked.connect(self._choose_folder)
        self.body.addWidget(
            caption(
                tr("The library was named on the command line; that counts for this window.")
                if named
                else tr(
                    "Another library is used from the next start on; what was kept so far stays in "
                    "the old one."
                )
            )
        )

    def accept(self) -> None:
        try:
            self._take_folders()
        except BayplanError as error:
            self.error.setText(failure_of(error).message)
            self.error.show()
            return
        settings = self._settings
        settings.theme = self.theme.currentData()
        settings.units = self.units.currentData()
        settings.deadline = self.deadline.value()
        settings.cores = self.cores.value()
        settings.reuse = self.reuse.isChecked()
        settings.save()
        super().accept()
        self.changed.emit()

    def _take_folders(self) -> None:
        folder = self.folder.text().strip()
        if folder and not Path(folder).expanduser().is_dir():
            raise BayplanError(f"There is no folder {folder}. Choose another one, or leave it empty.")
        chosen = Path(self.library.text().strip()).expanduser()
        if not self.library.text().strip() or chosen.is_dir():
            raise BayplanError("The library is a file. Name one, such as library.sqlite in a folder.")
        if not chosen.parent.is_dir():
            raise BayplanError(f"There is no folder {chosen.parent}. Choose another place.")
        self._settings.fixed_folder = str(Path(folder).expanduser().absolute()) if folder else ""
        before = self._settings.library or self._library
        if self.library.isEnabled() and chosen.absolute() != before.absolute():
            self._settings.library = chosen

    def _choose_library(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            tr("Library"),
            self.library.text(),
            tr("Libraries (*.sqlite)"),
            "",
            QFileDialog.Option.DontConfirmOverwrite,
        )
        if name:
            self.library.setText(name)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("Folder for Files"), self.folder.text())
        if name:
            self.folder.setText(name)

    def _section(self, title: str) -> QFormLayout:
        heading = QLabel(title)
        heading.setProperty("role", "title")
        if self._fields.rowCount():
            heading.setContentsMargins(0, 8, 0, 0)
        self._fields.addRow(heading)
        return self._fields

    def _row(self, fields: QFormLayout, name: str, field: QLineEdit) -> QPushButton:
        button = QPushButton(tr("Choose…"))
        button.setAccessibleName(f"{name}: {button.text()}")
        button.setAutoDefault(False)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(field, 1)
        row.addWidget(button)
        field.setAccessibleName(name)
        fields.addRow(name, row)
        return button


def _add(fields: QFormLayout, name: str, field: QWidget) -> None:
    field.setAccessibleName(name)
    fields.addRow(name, field)
