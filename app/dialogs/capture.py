"""The capture dialog: a model of the zoo or the user's own function, with its output as it runs."""

import sys
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QWidget,
)

from app.dialogs.frame import FrameDialog, caption, form, pad_number
from app.jobs.capture import SECONDS, CaptureRequest
from app.jobs.job import Failure
from app.settings import Settings
from app.translation import mark, tr
from app.window.work import Work

ZOO = (
    "alexnet",
    "vgg11",
    "vgg16",
    "resnet18",
    "resnet50",
    "googlenet",
    "mobilenet_v2",
    "mnasnet0_5",
    "efficientnet_b0",
    "r3d_18",
    "vit_b_16",
    "swin_t",
    "unet",
    "transformer",
    "bert",
    "xlmr",
    "gpt2",
    "gpt2-xl",
    "opt-350m",
)
"""What the runtime's zoo holds; written here again because asking the runtime would import torch."""
OPTIMIZERS = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", mark("None, inference only"): ""}
TARGETS = {"CPU": "cpu", mark("CUDA GPU"): "cuda"}
_TARGET_HINTS = {
    "cpu": mark(
        "On a GPU other kernels run, with other memory: choose CUDA for a step that trains on one."
    ),
    "cuda": mark(
        "No GPU is needed: without one the kernels of a GPU are picked by torch's rules for them."
    ),
}
LOG_LINES = 5000


class CaptureDialog(FrameDialog):
    """Asks what to capture and stays open, with the live log, until it is done."""

    def __init__(self, work: Work, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(tr("Capture a Model"), parent)
        self._work, self._settings = work, settings
        self._running = False
        self._browse: list[QPushButton] = []
        self.from_zoo = QRadioButton(tr("From the model zoo"))
        self.from_file = QRadioButton(tr("From a Python file"))
        group = QButtonGroup(self)
        group.addButton(self.from_zoo)
        group.addButton(self.from_file)
        self.model = QComboBox()
        self.model.addItems(ZOO)
        self.file = QLineEdit()
        self.file.setAccessibleName(tr("File"))
        self.file.setPlaceholderText(tr("train.py"))
        self.function = QLineEdit()
        self.function.setAccessibleName(tr("Function"))
        self.function.setPlaceholderText(tr("build"))
        self.function.setMaximumWidth(120)
        self.batch = QSpinBox()
        self.batch.setRange(1, 1 << 20)
        self.optimizer = QComboBox()
        self.optimizer.addItems([tr(name) for name in OPTIMIZERS])
        self.target = QComboBox()
        self.target.addItems([tr(name) for name in TARGETS])
        self.timed = QCheckBox(tr("Time every op on that device, which must be in this computer"))
        self.python = QLineEdit()
        self.python.setAccessibleName(tr("Python"))
        self.python.setPlaceholderText(
            tr("The one that runs Bayplan: {}").format(Path(sys.executable).name)
        )
        self.seconds = QSpinBox()
        self.seconds.setRange(1, 86400)
        self.seconds.setSuffix(" s")
        for number in (self.batch, self.seconds):
            pad_number(number)
        self._fields = form()
        source = QHBoxLayout()
        source.setSpacing(20)
        source.addWidget(self.from_zoo)
        source.addWidget(self.from_file)
        source.addStretch(1)
        self._fields.addRow(tr("Source"), source)
        self._fields.addRow(tr("Model"), self.model)
        self._file_row = self._with_button(self.file, tr("Browse…"), self._browse_file)
        between = QLabel(tr("function"))
        between.setProperty("role", "second")
        self._file_row.addWidget(between)
        self._file_row.addWidget(self.function)
        self._fields.addRow(tr("File"), self._file_row)
        self._fields.addRow(tr("Batch"), self.batch)
        self._fields.addRow(tr("Optimizer"), self.optimizer)
        self._fields.addRow(tr("Captured for"), self.target)
        self._target_hint = caption("")
        self._fields.addRow("", self._target_hint)
        self._fields.addRow("", self.timed)
        self._fields.addRow(
            tr("Python"), self._with_button(self.python, tr("Browse…"), self._browse_python)
        )
        self._fields.addRow(tr("Time limit"), self.seconds)
        self.body.addLayout(self._fields)
        self._hint = caption(
            tr(
                "The function returns model, (inputs, target), loss_fn, optimizer; or model, inputs "
                "for an inference step. It runs in a process of its own, on fake tensors: no memory is "
                "allocated."
            )
        )
        self.body.addWidget(self._hint)
        self.error = QLabel()
        self.error.setTextFormat(Qt.TextFormat.PlainText)
        self.error.setProperty("role", "error")
        self.error.setWordWrap(True)
        self.error.hide()
        self.body.addWidget(self.error)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName(tr("What the capture says"))
        self.log.setProperty("role", "code")
        self.log.setMaximumBlockCount(LOG_LINES)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.log.setMinimumHeight(140)
        self.log.setPlaceholderText(tr("The output of the capture appears here."))
        self.body.addWidget(self.log, 1)
        self.start = QPushButton(tr("Capture"))
        self.start.setDefault(True)
        self.buttons.addButton(self.start, QDialogButtonBox.ButtonRole.ActionRole)
        self.close_button = self.buttons.addButton(QDialogButtonBox.StandardButton.Close)
        self.start.clicked.connect(self._start_or_cancel)
        self.from_zoo.toggled.connect(self._choose_source)
        self.file.textChanged.connect(self._check)
        self.function.textChanged.connect(self._check)
        self.target.currentTextChanged.connect(self._explain_target)
        work.log.connect(self._add_line)
        work.opened.connect(self._done)
        work.problem.connect(self._problem)
        work.changed.connect(self._changed)
        self._restore()
        self.setMinimumWidth(600)
        self.resize(640, 560)

    def request(self) -> CaptureRequest:
        """What the fields say."""
        python = self.python.text().strip()
        own = self.from_file.isChecked()
        name = f"{self.file.text().strip()}:{self.function.text().strip()}"
        return CaptureRequest(
            source=name if own else f"zoo:{self.model.currentText()}",
            batch=None if own else self.batch.value(),
            optimizer=None if own else tuple(OPTIMIZERS.values())[self.optimizer.currentIndex()],
            target=self._chosen_target,
            timed=self.timed.isChecked(),
            python=Path(python).expanduser() if python else None,
            timeout=float(self.seconds.value()),
        )

    def reject(self) -> None:
        """Closing the dialog cancels a running capture."""
        if self._running:
            self._work.stop()
        super().reject()

    @property
    def _chosen_target(self) -> str:
        return tuple(TARGETS.values())[self.target.currentIndex()]

    def _start_or_cancel(self) -> None:
        if self._running:
            self._work.stop()
            return
        self._remember()
        self.error.hide()
        self.log.clear()
        self._running = True
        # The field that had it is about to be disabled.
        self.start.setFocus()
        self._work.capture(self.request())
        self._changed()

    @Slot(str)
    def _add_line(self, line: str) -> None:
        if self._running:
            self.log.appendPlainText(line.rstrip("\n"))

    @Slot(object)
    def _done(self, _loaded: object) -> None:
        if self._running:
            self._running = False
            self.accept()

    @Slot(str, object)
    def _problem(self, doing: str, failure: Failure) -> None:
        if self._running and doing == "capture":
            self.error.setText(failure.message)
            self.error.show()
            if failure.details:
                self.log.setPlainText(failure.details)
                # A traceback's last lines say what went wrong.
                self.log.verticalScrollBar().setValue(self.log.verticalScrollBar().maximum())

    @Slot()
    def _changed(self) -> None:
        if self._running and not self._work.busy:
            self._running = False
            if not self.error.isVisibleTo(self) and not self.log.toPlainText():
                self.log.setPlainText("Cancelled.")
        self.start.setText(tr("Cancel") if self._running else tr("Capture"))
        for field in (
            *self._browse,
            self.from_zoo,
            self.from_file,
            self.model,
            self.file,
            self.function,
            self.target,
            self.timed,
            self.python,
            self.seconds,
        ):
            field.setEnabled(not self._running)
        self._choose_source()

    def _choose_source(self) -> None:
        own = self.from_file.isChecked()
        self._fields.setRowVisible(self.model, not own)
        self._fields.setRowVisible(self._file_row, own)
        self._fields.setRowVisible(self.batch, not own)
        self._fields.setRowVisible(self.optimizer, not own)
        self._hint.setVisible(own)
        self.batch.setEnabled(not self._running)
        self.optimizer.setEnabled(not self._running)
        self._check()

    def _explain_target(self) -> None:
        self._target_hint.setText(tr(_TARGET_HINTS[self._chosen_target]))

    def _check(self) -> None:
        complete = bool(self.file.text().strip() and self.function.text().strip())
        self.start.setEnabled(self._running or self.from_zoo.isChecked() or complete)

    def _browse_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, tr("Python file"), self._settings.folder("capture"), tr("Python (*.py)")
        )
        if name:
            self._settings.set_folder("capture", Path(name).parent)
            self.file.setText(name)

    def _browse_python(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Python interpreter"))
        if name:
            self.python.setText(name)

    def _with_button(self, field: QLineEdit, text: str, clicked: object) -> QHBoxLayout:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        self._browse.append(button)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(field, 1)
        row.addWidget(button)
        return row

    def _restore(self) -> None:
        kept = self._settings.text
        self.model.setCurrentText(kept("capture/model", "resnet18"))
        self.batch.setValue(_whole(kept("capture/batch", ""), 8))
        self.optimizer.setCurrentText(kept("capture/optimizer", "SGD"))
        self.target.setCurrentText(kept("capture/target", "CPU"))
        self._explain_target()
        self.timed.setChecked(kept("capture/timed", "") == "yes")
        self.file.setText(kept("capture/file", ""))
        self.function.setText(kept("capture/function", ""))
        self.python.setText(kept("capture/python", ""))
        self.seconds.setValue(_whole(kept("capture/seconds", ""), int(SECONDS)))
        own = kept("capture/source", "zoo") == "file"
        (self.from_file if own else self.from_zoo).setChecked(True)
        self._choose_source()

    def _remember(self) -> None:
        keep = self._settings.set_text
        keep("capture/model", self.model.currentText())
        keep("capture/batch", str(self.batch.value()))
        keep("capture/optimizer", self.optimizer.currentText())
        keep("capture/target", self.target.currentText())
        keep("capture/timed", "yes" if self.timed.isChecked() else "")
        keep("capture/file", self.file.text())
        keep("capture/function", self.function.text())
        keep("capture/python", self.python.text())
        keep("capture/seconds", str(self.seconds.value()))
        keep("capture/source", "file" if self.from_file.isChecked() else "zoo")


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default
