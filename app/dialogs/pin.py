"""Asking for a pin: for an address, for the op to run before, or for any pin as text."""

from PySide6.QtCore import QModelIndex, QSortFilterProxyModel, QStringListModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QDialogButtonBox, QLabel, QLineEdit, QListView, QWidget

from app.dialogs.frame import FrameDialog, caption, form
from app.facts.pins import address_given, address_text
from app.facts.plan import op_place
from app.style import set_property
from app.translation import tr
from solver.errors import BayplanError
from solver.pin_text import parse_pins
from solver.pins import At, Pin
from solver.step import GRANULE, Step

WIDTH, LIST_HEIGHT = 460, 242


class PinDialog(FrameDialog):
    """A field, an error under it, and two buttons."""

    chosen = Signal(object)
    """The Pin that was asked for."""

    def __init__(self, title: str, name: str, proposed: str, parent: QWidget | None) -> None:
        super().__init__(title, parent)
        self.field = QLineEdit(proposed)
        self.field.setObjectName("pinField")
        self.field.setAccessibleName(name)
        self.field.selectAll()
        fields = form()
        fields.addRow(name, self.field)
        self.body.addLayout(fields)
        self.problem = QLabel()
        self.problem.setObjectName("pinProblem")
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setWordWrap(True)
        set_property(self.problem, "role", "error")
        self.problem.hide()
        self.body.addWidget(self.problem)
        self.buttons.setStandardButtons(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(tr("Pin"))
        self.buttons.accepted.connect(self.accept)
        self.field.textChanged.connect(lambda: self.complain(""))
        self.setFixedWidth(WIDTH)

    def pin(self) -> Pin:
        """What is asked for now. Raises BayplanError."""
        raise NotImplementedError

    def complain(self, text: str) -> None:
        """Say what is wrong with what stands in the field; empty: nothing is."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        layout = self.layout()
        if layout is not None:
            self.setFixedHeight(layout.totalHeightForWidth(WIDTH))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self.complain(self.problem.text())

    def accept(self) -> None:
        try:
            pin = self.pin()
        except BayplanError as error:
            self.complain(str(error))
            self.field.setFocus()
            return
        self.chosen.emit(pin)
        super().accept()


class PinAddressDialog(PinDialog):
    """Where a tensor is to lie."""

    def __init__(self, step: Step, storage: int, address: int, parent: QWidget | None = None) -> None:
        """``address``: of the arena, what stands in the field at first; -1: none."""
        proposed = address_text(step, address) if address >= 0 else ""
        super().__init__(tr("Pin at an Address"), tr("Address"), proposed, parent)
        self._step, self._storage = step, storage
        self.body.insertWidget(0, _head(step.storages[storage].name))
        self.body.addWidget(
            caption(
                tr(
                    "As the map shows it, from {} on: 0x1a00000, 1.5GiB, 300MiB or plain bytes, a "
                    "multiple of {} bytes from there."
                ).format(address_text(step, 0), GRANULE)
            )
        )

    def pin(self) -> Pin:
        address = address_given(self._step, self.field.text())
        parse_pins(self._step, [f"at {self._storage} {address}"])
        return At(self._storage, address)


class WritePinDialog(PinDialog):
    """Any pin, as the command line takes it."""

    def __init__(self, step: Step, parent: QWidget | None = None) -> None:
        super().__init__(tr("Write a Pin"), tr("Pin"), "", parent)
        self._step = step
        self.body.addWidget(
            caption(
                tr(
                    "before OP OP, first OP, last OP, freeze A-B, freeze MODULE or at STORAGE ADDRESS. "
                    "Ops and storages by name or number; op B is not in A-B; ADDRESS in bytes from the "
                    "start of the arena."
                )
            )
        )

    def pin(self) -> Pin:
        return parse_pins(self._step, [self.field.text()])[0]


class RunBeforeDialog(PinDialog):
    """The op before which another one is to run: by name, or selected in the window meanwhile."""

    def __init__(self, step: Step, op: int, parent: QWidget | None = None) -> None:
        super().__init__(tr("Run Before Another Op"), tr("Find an op"), "", parent)
        self._step, self._op = step, op
        self.body.insertWidget(0, _head(tr("{} runs before …").format(step.ops[op].name)))
        self._names = [f"{one.name}  ·  {op_place(one)}" for one in step.ops]
        self._model = QSortFilterProxyModel(self)
        self._model.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._model.setSourceModel(QStringListModel(self._names, self))
        self.list = QListView()
        self.list.setObjectName("pinOps")
        self.list.setAccessibleName(tr("Ops"))
        self.list.setUniformItemSizes(True)
        self.list.setStyleSheet("QListView::item { height: 24px; padding: 0 8px; }")
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setModel(self._model)
        self.list.setFixedHeight(LIST_HEIGHT)
        self.body.addWidget(self.list)
        self.body.addWidget(caption(tr("Or select the op in the window: a click on the axis does it.")))
        self.field.textChanged.connect(self._filter)
        self.list.doubleClicked.connect(self.accept)

    def pick(self, op: int) -> None:
        """An op was selected in the window."""
        if 0 <= op < len(self._names) and op != self._op:
            self.field.clear()
            self._go(self._model.index(op, 0))

    def pin(self) -> Pin:
        index = self.list.currentIndex()
        if not index.isValid():
            raise BayplanError(tr("Choose the op that is to run later."))
        other = self._model.mapToSource(index).row()
        if other == self._op:
            raise BayplanError(tr("An op cannot run before itself: choose another one."))
        return parse_pins(self._step, [f"before {self._op} {other}"])[0]

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Up and down go through the list while one types."""
        by = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if by and self._model.rowCount():
            row = self.list.currentIndex().row() + by
            self._go(self._model.index(min(max(row, 0), self._model.rowCount() - 1), 0))
        else:
            super().keyPressEvent(event)

    def _filter(self, text: str) -> None:
        self._model.setFilterFixedString(text.strip())
        if text.strip() and self._model.rowCount():
            self._go(self._model.index(0, 0))

    def _go(self, index: QModelIndex) -> None:
        self.complain("")
        self.list.setCurrentIndex(index)
        self.list.scrollTo(index)


def _head(text: str) -> QLabel:
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.setWordWrap(True)
    result.setProperty("role", "strong")
    return result
