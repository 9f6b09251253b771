"""Opening a memory snapshot: progress while it is read, then which device and which part of it."""

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from app.dialogs.frame import FrameDialog, caption, form, pad_number
from app.jobs.job import Failure, Part
from app.jobs.recorded import Chosen, ReadSnapshotJob
from app.numbers import KIB, MIB, human
from app.snapshot.timeline import Timeline
from app.style import set_property
from app.theme import Theme
from app.translation import plural, tr
from runtime.snapshot import Found
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
        super().__init__(tr("Open a Memory Snapshot"), parent)
        self.setObjectName("snapshotDialog")
        self.path = path
        self.recording: Recording | None = None
        self._job: ReadSnapshotJob | None = None
        self._seconds: dict[int, float] = {}
        """By device how long its recording is, while it is read."""
        self.title = QLabel(path.name)
        self.title.setProperty("role", "strong")
        self.said = caption(tr("Starting"))
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.bar.setAccessibleName(tr("Reading"))
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        set_property(self.problem, "role", "error")
        self.problem.hide()
        self.timeline = Timeline()
        self.timeline.theme = theme
        self.device = QComboBox()
        self.device.setObjectName("device")
        self.device.setAccessibleName(tr("Device"))
        self.begin, self.end = _seconds(tr("From")), _seconds(tr("To"))
        self.least = QComboBox()
        self.least.setObjectName("least")
        self.least.setAccessibleName(tr("Smallest allocation"))
        self._wanted = False
        """Open was pressed before all was read."""
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
        fields.addRow(tr("Device"), self.device)
        span = QHBoxLayout()
        span.setSpacing(8)
        span.addWidget(self.begin)
        span.addWidget(QLabel(tr("to")))
        span.addWidget(self.end)
        whole = QPushButton(tr("All"))
        whole.setAccessibleName(tr("All of the recording"))
        whole.setAutoDefault(False)
        whole.clicked.connect(self._take_all)
        span.addWidget(whole)
        span.addStretch(1)
        fields.addRow(tr("Seconds"), span)
        fields.addRow(tr("Allocations"), self.least)
        self.body.addLayout(fields)
        self.body.addWidget(self.count)
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
        elif isinstance(item, list) and item and self.recording is None:
            self._offer(item)

    def _offer(self, found: list[Found]) -> None:
        """The devices are known, so that one can be chosen while the rest is read."""
        self._seconds = {one.device: one.seconds for one in found}
        for one in sorted(found, key=lambda one: -one.events):
            self.device.addItem(
                f"{one.device}: {plural('{} event', '{} events', one.events)}", one.device
            )
        self._enable()

    @Slot(object)
    def _failed(self, failure: Failure) -> None:
        self._job = None
        self.device.clear()
        self._enable()
        self.bar.hide()
        self.said.hide()
        self.timeline.hide()
        self.problem.setText(failure.message)
        self.problem.show()
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(tr("Close"))

    @Slot(object)
    def _read(self, recording: Recording) -> None:
        self._job, self.recording = None, recording
        self.bar.hide()
        events = sum(trace.count for trace in recording.traces)
        self.said.setText(
            tr("{} on {}").format(
                plural("{} event", "{} events", events),
                plural("{} device", "{} devices", len(recording.traces)),
            )
        )
        chosen, begin, end = self.device.currentData(), self.begin.value(), self.end.value()
        whole = end >= self.end.maximum() and begin <= 0.0
        self.device.clear()
        for trace in sorted(recording.traces, key=lambda t: -t.count):
            most = human(int(trace.reserved.max(initial=0)))
            self.device.addItem(
                tr("{}: {}, {} reserved").format(
                    trace.device, plural("{} event", "{} events", trace.count), most
                ),
                trace.device,
            )
        self.device.setCurrentIndex(max(self.device.findData(chosen), 0))
        if not whole:
            self.begin.setValue(begin)
            self.end.setValue(end)
        self._enable()
        if self._wanted:
            self.accept()
        else:
            self.open_button.setFocus()

    def _enable(self) -> None:
        there = self.recording is not None
        known = there or self.device.count() > 0
        timed = known and self.end.maximum() > 0.0
        for part, able in (
            (self.device, known),
            (self.begin, timed),
            (self.end, timed),
            (self.open_button, known),
            (self.whole, there),
            (self.least, there),
        ):
            part.setEnabled(able and not self._wanted)

    @Slot(int)
    def _device_chosen(self, _: int) -> None:
        device = self.device.currentData()
        if device is None:
            return
        if self.recording is None:
            self._set_seconds(self._seconds.get(device, 0.0))
            return
        trace = self.recording.trace(device)
        self.timeline.set_trace(trace)
        self._set_seconds(float(trace.seconds[-1]) if len(trace.seconds) else 0.0)
        sizes = trace.allocations.size
        self.least.blockSignals(True)
        self.least.clear()
        for least in LEAST:
            left = int((sizes >= least).sum())
            text = tr("From {}").format(human(least)) if least else tr("All")
            self.least.addItem(f"{text} ({left:,})", least)
        fitting = next((i for i, s in enumerate(LEAST) if int((sizes >= s).sum()) <= MANY), 0)
        self.least.setCurrentIndex(fitting)
        self.least.blockSignals(False)
        self._tell()

    def _set_seconds(self, last: float) -> None:
        """All of a recording that is so long."""
        for field, value in ((self.begin, 0.0), (self.end, last)):
            field.blockSignals(True)
            field.setRange(0.0, last)
            field.setValue(value)
            field.blockSignals(False)
        self._enable()

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
        events = plural("{} event", "{} events", last - choice.first)
        self.count.setText(
            tr("{} of {} will be shown.").format(
                plural("{} allocation", "{} allocations", count), events
            )
        )
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
        if choice is None and self.device.count():
            self._wanted = True
            self.open_button.setText(tr("Opens When Read"))
            self._enable()
        elif self.recording is not None and choice is not None:
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
    field.setAccessibleName(tr("{}, seconds").format(name))
    field.setMinimumWidth(110)
    pad_number(field)
    field.setKeyboardTracking(False)
    return field
