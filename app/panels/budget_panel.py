"""The budget panel: what the line's plan costs, the plans on the curve, and what plans may do."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.curve.budgets import BudgetPoint, Wanted, budget_facts, infeasible_text
from app.facts.compare import NOTHING_DONE, done_text
from app.facts.pins import count_text
from app.numbers import Unit, overhead
from app.panels.budget_model import BudgetModel
from app.panels.controls import clear, label, rule
from app.panels.sheet import panel_sheet
from app.panels.table import Column, RowsModel, dense_table, fit_columns, select_rows
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import mark, tr
from solver.terms import Choice, DeviceModel

WIDTH, LEAST = 304, 264
TITLE_HEIGHT = 39
"""With the rule under it as high as the header beside it."""
CHOICES = (
    (Choice.RECOMPUTE, mark("Recompute"), mark("Run an op again instead of keeping its result")),
    (
        Choice.OFFLOAD,
        mark("Offload to host memory"),
        mark("Park a tensor in pinned host memory meanwhile"),
    ),
    (
        Choice.IMPLEMENTATIONS,
        mark("Other implementations"),
        mark("Of ops that need less, with bitwise equal results"),
    ),
    (Choice.APPROXIMATE, mark("Approximate ones, too"), mark("Results equal up to a stated tolerance")),
)
GUIDE = mark(
    "Gap in percentage points. No plan can be faster than its bound at that budget. "
    "Between solved budgets the lines are only a guide."
)
MOST_ROWS, HEAD, ROW = 12, 26, 20
"""Of the table; the heights in pixels."""
HOST_SUFFIX = mark(" GB/s")


def point_columns(unit: Unit) -> tuple[Column[BudgetPoint], ...]:
    """The columns of the plans on the curve."""

    def share(value: float | None) -> str:
        return "–" if value is None else overhead(value).removeprefix("+")

    return (
        Column(
            unit.name,
            lambda p: unit.text(p.budget_bytes),
            lambda p: p.budget_bytes,
            number=True,
            tip=mark("Budget"),
        ),
        Column(mark("Overhead"), lambda p: share(p.overhead), lambda p: p.overhead, number=True),
        Column(mark("Bound"), lambda p: share(p.bound), lambda p: p.bound or 0.0, number=True),
        Column(
            mark("Gap"),
            lambda p: "–" if p.gap is None else f"{p.gap * 100:.2f}",
            lambda p: p.gap or 0.0,
            number=True,
        ),
    )


class BudgetPanel(QScrollArea):
    """Shows and changes a budget model."""

    use_asked = Signal()
    """The plan at the line is the one to go on with."""
    add_asked = Signal()
    device_file_asked = Signal()

    def __init__(self, model: BudgetModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("budgetPanel")
        self.setAccessibleName(tr("Budget"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(LEAST)
        self._model = model
        self._terms: tuple[Wanted, bool, bool] | None = None
        self._figures: tuple[tuple[str, str], ...] = ()
        """What is shown: it is made anew only where it changes."""
        page = QWidget()
        page.setProperty("surface", "panel")
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._add_title()
        self._add_head()
        self._add_plans()
        self._add_choices()
        self._add_device()
        self._column.addStretch(1)
        self.setWidget(page)
        model.changed.connect(self.refresh)
        self.set_theme(DARK)
        self.refresh()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(WIDTH, 700)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme) + "\nQLabel#budgetHeadline { font-size: 20px; }")
        self.rows.set_theme(theme)

    def show_title(self, shown: bool) -> None:
        """A dock has a title of its own."""
        for part in self._title:
            part.setVisible(shown)

    # Putting together

    def _add_title(self) -> None:
        title = label(tr("Budget"), "strong")
        title.setFixedHeight(TITLE_HEIGHT)
        title.setContentsMargins(12, 0, 12, 0)
        self._title = (title, rule())
        for part in self._title:
            self._column.addWidget(part)

    def _add_head(self) -> None:
        column = self._section("")
        self.headline = label("", "title")
        self.headline.setObjectName("budgetHeadline")
        self.below = label("", "body", "text3")
        self.below.setWordWrap(True)
        self.problem = label("", "body", "error")
        self.problem.setWordWrap(True)
        self.figures = QGridLayout()
        self.figures.setHorizontalSpacing(8)
        self.figures.setVerticalSpacing(4)
        self.figures.setColumnMinimumWidth(0, 88)
        self.figures.setColumnStretch(1, 1)
        self.done = label("", "body", "text2")
        self.done.setWordWrap(True)
        self.use = QPushButton(tr("Use this plan"))
        self.use.setObjectName("usePlan")
        self.use.setToolTip(tr("Go on with this plan: the map, export and verification"))
        set_property(self.use, "kind", "primary")
        self.use.clicked.connect(self.use_asked)
        self.add = QPushButton(tr("Add budget"))
        self.add.setObjectName("addBudget")
        self.add.clicked.connect(self.add_asked)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.use)
        buttons.addWidget(self.add)
        buttons.addStretch(1)
        for part in (self.headline, self.below, self.problem):
            column.addWidget(part)
        column.addSpacing(2)
        column.addLayout(self.figures)
        column.addWidget(self.done)
        column.addSpacing(4)
        column.addLayout(buttons)

    def _add_plans(self) -> None:
        column = self._section(tr("Plans on the curve"))
        self.rows: RowsModel[BudgetPoint] = RowsModel(point_columns(self._model.unit))
        self.table = dense_table(tr("Plans on the curve"), self.rows, wide=0, sortable=False)
        self.table.setFixedHeight(HEAD + ROW)
        self.table.setSelectionMode(self.table.SelectionMode.SingleSelection)
        self.table.selectionModel().selectionChanged.connect(self._chosen)
        column.setContentsMargins(0, 14, 0, 16)
        holder = QHBoxLayout()
        holder.setContentsMargins(6, 0, 6, 0)
        holder.addWidget(self.table)
        column.addLayout(holder)
        self.guide = label(tr(GUIDE), "body", "text3")
        self.guide.setWordWrap(True)
        self.guide.setContentsMargins(16, 0, 16, 0)
        column.addWidget(self.guide)

    def _add_choices(self) -> None:
        column = self._section(tr("What plans may do"))
        self.switches: dict[Choice, QCheckBox] = {}
        for choice, text, tip in CHOICES:
            switch = QCheckBox(tr(text))
            switch.setObjectName(f"allow {choice.value}")
            switch.setToolTip(tr(tip))
            switch.toggled.connect(partial(self._model.allow, choice))
            self.switches[choice] = switch
            column.addWidget(switch)
        self.pins = label("", "body", "warn")
        self.pins.setObjectName("budgetPins")
        self.pins.setWordWrap(True)
        column.addWidget(self.pins)
        self._model.pinned.changed.connect(self._show_pins)
        self._show_pins()

    def _add_device(self) -> None:
        column = self._section(tr("Time is predicted for"))
        self.device = QComboBox()
        self.device.setObjectName("device")
        self.device.setAccessibleName(tr("Device"))
        self.device.activated.connect(self._device_chosen)
        self.bandwidth = QDoubleSpinBox()
        self.bandwidth.setObjectName("bandwidth")
        self.bandwidth.setAccessibleName(tr("Speed of copies to and from host memory"))
        self.bandwidth.setRange(0.1, 10_000)
        self.bandwidth.setDecimals(1)
        self.bandwidth.setSuffix(tr(HOST_SUFFIX))
        self.bandwidth.setKeyboardTracking(False)
        self.bandwidth.lineEdit().setTextMargins(6, 0, 0, 0)
        self.bandwidth.valueChanged.connect(self._bandwidth_changed)
        self.measured = QCheckBox(tr("Op times as measured on the target"))
        self.measured.setObjectName("measured")
        self.measured.toggled.connect(self._model.set_measured)
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, 88)
        grid.setColumnStretch(1, 1)
        for row, (name, part) in enumerate(
            ((tr("Device"), self.device), (tr("Host copies"), self.bandwidth))
        ):
            grid.addWidget(label(name, "body", "text2"), row, 0)
            grid.addWidget(part, row, 1)
        column.addLayout(grid)
        column.addWidget(self.measured)
        self.roofline = label("", "body", "text3")
        self.roofline.setWordWrap(True)
        column.addWidget(self.roofline)

    def _section(self, title: str) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setContentsMargins(16, 14, 16, 16)
        column.setSpacing(6)
        if title:
            self._column.addWidget(rule())
            heading = label(title, "strong")
            row = QHBoxLayout()
            row.addWidget(heading)
            if title == tr("Plans on the curve"):
                row.setContentsMargins(16, 0, 16, 0)
            column.addLayout(row)
        self._column.addLayout(column)
        return column

    # Following the model

    def refresh(self) -> None:
        """Follow the model."""
        self._show_line()
        self._show_plans()
        model = self._model
        terms = (model.wanted, model.timed, model.running)
        if terms == self._terms:
            return  # While the line is dragged nothing else changes.
        self._terms = terms
        for choice, switch in self.switches.items():
            _set_checked(switch, choice in model.wanted.allowed)
            switch.setEnabled(not model.running)
        self._show_device()

    def _show_pins(self) -> None:
        """A solve within a budget knows no pins; say so where there are some."""
        pins = self._model.pinned.pins
        text = tr("They do not keep your {}: pins are for plans without a budget.")
        self.pins.setText(text.format(count_text(pins)) if pins else "")
        self.pins.setVisible(bool(pins))

    def _show_line(self) -> None:
        model = self._model
        rows: tuple[tuple[str, str], ...] = ()
        facts = model.facts
        if model.budget is None:
            self.headline.setText(tr("No plan yet"))
            self.below.setText(tr("Solve the step or its curve to see what less memory costs in time."))
        else:
            said = budget_facts(model.points, model.budget, model.unit, facts)
            self.headline.setText(said.title)
            self.below.setText(said.below)
            rows = said.rows
        self._show_figures(rows)
        self.below.setVisible(bool(self.below.text()))
        failed = model.infeasible
        self.problem.setText(infeasible_text(failed, model.unit) if failed is not None else "")
        if failed is None and facts is None and model.budget is not None:
            self.problem.setText("")
            self.done.setText(tr("Not solved yet: what a plan within it costs is not known."))
        else:
            self.done.setText((done_text(facts) or tr(NOTHING_DONE)) if facts is not None else "")
        self.problem.setVisible(failed is not None)
        self.done.setVisible(bool(self.done.text()))
        self.use.setEnabled(facts is not None)
        self.add.setEnabled(not model.running)

    def _show_figures(self, rows: tuple[tuple[str, str], ...]) -> None:
        if rows == self._figures:
            return
        self._figures = rows
        clear(self.figures)
        for row, (name, figure) in enumerate(rows):
            self.figures.addWidget(label(name, "body", "text2"), row, 0)
            self.figures.addWidget(_figure(figure), row, 1)

    def _show_plans(self) -> None:
        model = self._model
        points = list(reversed(model.points))
        if points != self.rows.rows or self.rows.columns[0].title != model.unit.name:
            self.rows.set_columns(point_columns(model.unit))
            self.rows.set_rows(points)
            fit_columns(self.table)
            self.table.setFixedHeight(HEAD + ROW * min(max(len(points), 1), MOST_ROWS))
        self.guide.setText(tr(GUIDE) if points else tr("None yet."))
        self.table.setVisible(bool(points))
        chosen = model.point
        select_rows(self.table, [at for at, p in enumerate(self.rows.rows) if p is chosen])

    def _show_device(self) -> None:
        from solver.budget.devices import NAMED

        model, device = self._model, self._model.wanted.device
        self.device.blockSignals(True)
        self.device.clear()
        for name, known in NAMED.items():
            self.device.addItem(name.upper(), known)
        if device.name not in NAMED:
            self.device.addItem(device.name, device)
        self.device.addItem(tr("From a file…"), None)
        self.device.setCurrentIndex(self.device.findText(_shown_name(device)))
        self.device.blockSignals(False)
        self.bandwidth.blockSignals(True)
        self.bandwidth.setValue(device.host_bytes_per_second / 1e9)
        self.bandwidth.blockSignals(False)
        for part in (self.device, self.bandwidth):
            part.setEnabled(not model.running)
        _set_checked(self.measured, model.wanted.measured)
        self.measured.setEnabled(model.timed and not model.running)
        self.roofline.setText(roofline_text(device, measured=model.wanted.measured))

    def _chosen(self) -> None:
        rows = [self.rows.rows[index.row()] for index in self.table.selectionModel().selectedRows()]
        if rows:
            self._model.move(rows[0].budget_bytes)

    def _device_chosen(self, index: int) -> None:
        device = self.device.itemData(index)
        if isinstance(device, DeviceModel):
            self._model.set_device(device)
        else:
            self.device_file_asked.emit()
            self._show_device()

    def _bandwidth_changed(self, value: float) -> None:
        from solver.budget.devices import with_bandwidth

        self._model.set_device(with_bandwidth(self._model.wanted.device, value * 1e9))


def roofline_text(device: DeviceModel, *, measured: bool) -> str:
    """What op times are taken from."""
    speed = tr("{:,.0f} GB/s, {:g} µs an op").format(
        device.bytes_per_second / 1e9, device.launch_seconds * 1e6
    )
    peak = tr("{:g} TFLOP/s in float32").format(device.flops_per_second["float32"] / 1e12)
    if measured:
        return tr("Ops that were timed take what was measured; others by a roofline of {}, {}.").format(
            peak, speed
        )
    return tr("A roofline: {}, {}. An estimate, the same for all plans.").format(peak, speed)


def _shown_name(device: DeviceModel) -> str:
    from solver.budget.devices import NAMED

    return device.name.upper() if device.name in NAMED else device.name


def _set_checked(box: QCheckBox, checked: bool) -> None:
    box.blockSignals(True)
    box.setChecked(checked)
    box.blockSignals(False)


def _figure(text: str) -> QLabel:
    value = label(text)
    value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return value
