"""The pins beside the solve: what the next plans must keep, and what the shown plan was solved with."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.document import Document
from app.facts.pins import count_text, pin_facts
from app.jobs.pins import PinsVerdict
from app.panels.controls import ElidedLabel, clear, label, rule
from app.panels.pin_line import SIGN, PinLine
from app.plain_text import tip
from app.theme import DARK, Theme
from app.translation import tr
from solver.pin_text import pins_text
from solver.pins import Pins
from solver.step import Step

LEAST, WIDEST, SHARE = 212, 340, 0.23
"""Of the panel's width, pixels."""
MOST = 40
"""Pins that have a line; a plan that was edited much may have hundreds."""


class PinsCard(QWidget):
    """Hidden while there are none."""

    chosen = Signal(object)
    """What this pin is about is to be selected."""
    remove_asked = Signal(object)
    """These pins (a tuple) are to be removed."""
    use_asked = Signal()
    """The shown plan's pins are to be used from now on."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pins")
        self.setAccessibleName(tr("Pins"))
        self.setFixedWidth(LEAST)
        self._document, self._theme = document, DARK
        self._verdict = PinsVerdict(())
        self._listed_of: Step | None = None
        self._listed: tuple[object, ...] = ()
        self.title = label("", "strong")
        self.all = _flat(tr("Remove all"), tr("Remove all pins; Undo brings them back"))
        self.all.clicked.connect(lambda: self.remove_asked.emit(self._document.pinned.pins))
        self.use = _flat(tr("Use them"), tr("Have the next solve keep what this plan does"))
        self.use.setObjectName("usePins")
        self.use.clicked.connect(self.use_asked)
        self.state = ElidedLabel("", "caption", "text3")
        self.state.setObjectName("pinsState")
        self.problem = label("", "caption", "error")
        self.problem.setObjectName("pinsProblem")
        self.problem.setWordWrap(True)
        self.problem.setContentsMargins(SIGN + 6, 0, 0, 4)
        self.problem.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        page = QWidget()
        self._column = QVBoxLayout(page)
        self._column.setContentsMargins(0, 0, 4, 0)
        self._column.setSpacing(0)
        self._broken, self._others = QVBoxLayout(), QVBoxLayout()
        for lines in (self._broken, self._others):
            lines.setSpacing(0)
        self._column.addLayout(self._broken)
        self._column.addWidget(self.problem)
        self._column.addLayout(self._others)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(page)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.all)
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.state, 1)
        below.addWidget(self.use)
        column = QVBoxLayout()
        column.setContentsMargins(16, 8, 8, 8)
        column.setSpacing(2)
        column.addLayout(head)
        column.addLayout(below)
        column.addWidget(area, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(rule(down=True))
        row.addLayout(column, 1)
        document.pinned.changed.connect(self.refresh)
        document.shown_changed.connect(self.refresh)
        self.refresh()

    @property
    def lines(self) -> list[PinLine]:
        """What is listed, in order."""
        parts = (self._broken, self._others)
        items = (lines.itemAt(i) for lines in parts for i in range(lines.count()))
        return [w for item in items if item is not None and isinstance(w := item.widget(), PinLine)]

    def set_room(self, width: int) -> None:
        """The panel that it is a part of is so wide."""
        self.setFixedWidth(min(max(round(SHARE * width), LEAST), WIDEST))

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme, self._listed = theme, ()
        self.refresh()

    def set_verdict(self, verdict: PinsVerdict) -> None:
        """What is known of the pins by now."""
        self._verdict = verdict
        self.refresh()

    def refresh(self) -> None:
        """Follow the document."""
        document = self._document
        step, shown, own = document.step, document.shown, document.pinned.pins
        kept: Pins = shown.plan.pins if shown is not None else ()
        self.setVisible(step is not None and bool(own or kept))
        if step is None:
            return
        self.title.setText(tr("Pins") if own else tr("Pins of this plan"))
        self.all.setVisible(bool(own))
        self.use.setVisible(kept not in ((), own))
        self.use.setAccessibleName(tr("Use the plan's {}").format(count_text(kept)))
        self.use.setToolTip(tip(pins_text(step, kept)) if kept else "")
        conflict = self._verdict.conflict if self._verdict.of == own else ()
        plan = shown is not None and shown.baseline is None
        self.state.setText(
            tr("The next solve cannot keep them all.") if conflict else _state(own, kept, plan)
        )
        self.state.setVisible(bool(self.state.text()))
        self.problem.setText(self._verdict.why if conflict else "")
        self.problem.setVisible(bool(conflict))
        # Made anew only where they are others: the shown plan changes many times in a solve.
        listed = (own or kept, bool(own), conflict)
        # Not by value: comparing a step with an equal one looks at all of its ops.
        if step is not self._listed_of or listed != self._listed:
            self._listed_of, self._listed = step, listed
            self._fill(own or kept, conflict, removable=bool(own))

    def _fill(self, pins: Pins, conflict: Pins, *, removable: bool) -> None:
        step = self._document.step
        for lines in (self._broken, self._others):
            clear(lines)
        # What cannot be kept comes first, with the reason: there is something to do about it.
        ordered = [*(p for p in pins if p in conflict), *(p for p in pins if p not in conflict)]
        for pin in ordered[:MOST] if step is not None else ():
            assert step is not None
            broken = pin in conflict
            line = PinLine(pin_facts(step, pin), self._theme, removable=removable, broken=broken)
            line.chosen.connect(partial(self.chosen.emit, pin))
            line.remove_asked.connect(partial(self.remove_asked.emit, (pin,)))
            (self._broken if broken else self._others).addWidget(line)
        if len(ordered) > MOST:
            text = tr("and {} more").format(f"{len(pins) - MOST:,}")
            self._others.addWidget(label(text, "body", "text3"))


def _state(own: Pins, kept: Pins, plan: bool) -> str:
    """How the pins and the plan on the map stand to one another."""
    if own and own == kept:
        return tr("The plan on the map keeps them.")
    if own and kept:
        return tr("The plan on the map has others.")
    if own:
        return tr("The next solve keeps them.") if plan else ""
    return tr("It was solved with them.")


def _flat(text: str, what: str) -> QPushButton:
    result = QPushButton(text)
    result.setProperty("kind", "flat")
    result.setToolTip(what)
    result.setAccessibleName(text)
    result.setCursor(Qt.CursorShape.PointingHandCursor)
    return result
