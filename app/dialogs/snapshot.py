"""Opening a memory snapshot: progress while it is read, then which device and which part of it."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from app.dialogs.frame import FrameDialog, caption, form
from app.jobs.job import Failure, Part
from app.jobs.recorded import Chosen, ReadSnapshotJob
from app.numbers import KIB, MIB, counted, human
from app.snapshot.timeline import Timeline
from app.style import set_property
from app.theme import Theme
from runtime.snapshot.excerpt import Choice
from runtime.snapshot.recording import Recording

LEAST = (0, 4 * KIB, 64 * KIB, MIB, 16 * MIB)
"""Sizes below which allocations may be left out."""
MANY = 400_000
"""Allocations from which on small ones are left out unless the user wants them."""


class SnapshotDialog(FrameDialog):
    """Follows a reading job; ``chosen`` says what to show. Closing it cancels the reading."""

    chosen = Signal(object)
    """A ``Chosen``."""

    def __init__(self, path: Path, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__("Open a Memory Snapshot", parent)
        self.setObjectName("snapshotDialog")
        self.path = path
        self.recording: Recording | None = None
        self._job: ReadSnapshotJob | None = None
        self.title = QLabel(path.name)
        self.title.setProperty("role", "strong")
        self.said = caption("Starting")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName("Reading")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        set_property(self.problem, "role", "error")
        self.problem.hide()
        self.timeline = Timeline()
        self.timeline.theme = theme
        self.device = QComboBox()
        self.device.setObjectName("device")
        self.device.setAccessibleName("Device")
        self.begin, self.end = _seconds("From"), _seconds("To")
        self.least = QComboBox()
        self.least.setObjectName("least")
        self.least.setAccessibleName("Smallest allocation")
        self.at_once = QCheckBox("Open all of it as soon as it is read")
        self.count = caption("")
        for chooser in (self.device, self.least):
            chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            chooser.setMinimumWidth(300)
        self._build()
        self._enable()

    def _build(self) -> None:
        for part in (self.title, self.said, self.bar, self.problem, self.timeline):
            self.body.addWidget(part)
        fields = form()
        fields.addRow("Device", self.device)
        span = QHBoxLayout()
        span.setSpacing(8)
        span.addWidget(self.begin)
        span.addWidget(QLabel("to"))
        span.addWidget(self.end)
        whole = QPushButton("All")
        whole.setAccessibleName("All of the recording")
        whole.setAutoDefault(False)
        whole.clicked.connect(self._take_all)
        span.addWidget(whole)
        span.addStretch(1)
        fields.addRow("Seconds", span)
        fields.addRow("Allocations", self.least)
        self.body.addLayout(fields)
        self.body.addWidget(self.count)
        self.body.addWidget(self.at_once)
        self.whole = whole
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        self.buttons.accepted.connect(self.accept)
        self.timeline.changed.connect(self._range_dragged)
        self.device.currentIndexChanged.connect(self._device_chosen)
        self.least.currentIndexChanged.connect(self._tell)
        self.begin.valueChanged.connect(self._range_typed)
        self.end.valueChanged.connect(self._range_typed)
        self.setMinimumWidth(600)

    def follow(self, job: ReadSnapshotJob) -> None:
        """Show what the reading says and brings."""
        self._job = job
        job.progress.connect(self._progressed)
        job.succeeded.connect(self._read)
        job.failed.connect(self._failed)

    @Slot(object)
    def _progressed(self, item: object) -> None:
        if isinstance(item, Part):
            self.bar.setValue(round(1000 * item.done))
            self.said.setText(item.text)

    @Slot(object)
    def _failed(self, failure: Failure) -> None:
        self._job = None
        self.bar.hide()
        self.said.hide()
        self.timeline.hide()
        self.problem.setText(failure.message)
        self.problem.show()
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setText("Close")

    @Slot(object)
    def _read(self, recording: Recording) -> None:
        self._job, self.recording = None, recording
        self.bar.hide()
        events = sum(trace.count for trace in recording.traces)
        self.said.setText(f"{counted(events, 'event')} on {counted(len(recording.traces), 'device')}")
        for trace in sorted(recording.traces, key=lambda t: -t.count):
            most = human(int(trace.reserved.max(initial=0)))
            self.device.addItem(
                f"{trace.device}: {counted(trace.count, 'event')}, {most} reserved", trace.device
            )
        self._enable()
        if self.at_once.isChecked():
            self.accept()
        else:
            self.open_button.setFocus()

    def _enable(self) -> None:
        there = self.recording is not None
        for part in (self.device, self.begin, self.end, self.least, self.whole, self.open_button):
            part.setEnabled(there)
        self.at_once.setVisible(not there)

    @Slot(int)
    def _device_chosen(self, _: int) -> None:
        if self.recording is None:
            return
        trace = self.recording.trace(self.device.currentData())
        self.timeline.set_trace(trace)
        seconds = trace.seconds
        last = float(seconds[-1]) if len(seconds) else 0.0
        for field, value in ((self.begin, 0.0), (self.end, last)):
            field.blockSignals(True)
            field.setRange(0.0, last)
            field.setValue(value)
            field.blockSignals(False)
            field.setEnabled(bool(len(seconds)))
        sizes = trace.allocations.size
        self.least.blockSignals(True)
        self.least.clear()
        for least in LEAST:
            left = int((sizes >= least).sum())
            text = f"From {human(least)}" if least else "All"
            self.least.addItem(f"{text} ({left:,})", least)
            if self.least.currentIndex() < 0 or int((sizes >= LEAST[0]).sum()) <= MANY:
                self.least.setCurrentIndex(0)
        fitting = next((i for i, s in enumerate(LEAST) if int((sizes >= s).sum()) <= MANY), 0)
        self.least.setCurrentIndex(fitting)
        self.least.blockSignals(False)
        self._tell()

    @Slot()
    def _take_all(self) -> None:
        if self.recording is not None:
            self.timeline.set_range(0, self.recording.trace(self.device.currentData()).count)
            self._range_dragged(self.timeline.first, self.timeline.last)

    @Slot(int, int)
    def _range_dragged(self, first: int, last: int) -> None:
        if self.recording is None:
            return
        seconds = self.recording.trace(self.device.currentData()).seconds
        if len(seconds):
            for field, event in ((self.begin, first), (self.end, last - 1)):
                field.blockSignals(True)
                field.setValue(float(seconds[min(max(event, 0), len(seconds) - 1)]))
                field.blockSignals(False)
        self._tell()

    @Slot()
    def _range_typed(self) -> None:
        if self.recording is not None:
            trace = self.recording.trace(self.device.currentData())
            # A field shows milliseconds.
            end = self.end.value() + 0.0005
            self.timeline.set_range(*trace.events_between(max(self.begin.value() - 0.0005, 0.0), end))
            self._tell()

    @Slot()
    def _tell(self) -> None:
        """What would be shown."""
        choice = self.choice
        if self.recording is None or choice is None:
            return
        stays = self.recording.trace(choice.device).allocations
        last = choice.last if choice.last is not None else 0
        inside = (stays.end > choice.first) & (stays.start < last) & (stays.size >= choice.least)
        count = int(inside.sum())
        events = counted(last - choice.first, "event")
        self.count.setText(f"{counted(count, 'allocation')} of {events} will be shown.")
        self.open_button.setEnabled(count > 0)

    @property
    def choice(self) -> Choice | None:
        """What is chosen, once the file is read."""
        if self.recording is None:
            return None
        least = self.least.currentData()
        return Choice(
            self.device.currentData(),
            self.timeline.first,
            self.timeline.last,
            least if isinstance(least, int) else 0,
        )

    def accept(self) -> None:
        choice = self.choice
        if self.recording is not None and choice is not None:
            self.chosen.emit(Chosen(self.recording, choice, self.path))
            super().accept()

    def reject(self) -> None:
        if self._job is not None:
            self._job.abandon()
            self._job = None
        super().reject()


def _seconds(name: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setDecimals(3)
    field.setAccessibleName(f"{name}, seconds")
    field.setMinimumWidth(110)
    field.setKeyboardTracking(False)
    return field
