"""The inspector's part on the pins of what is selected."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout

from app.document import Document
from app.facts.pins import pin_facts
from app.panels.controls import label
from app.panels.pin_line import PinLine
from app.panels.sections import Section
from app.pin_selection import selected_pins
from app.theme import DARK, Theme
from app.translation import tr

MOST = 8
"""Pins that have a line; those of all are beside the solve."""


class PinSection(Section):
    """Those that were given, each with a button that removes it; and those of the shown plan."""

    remove_asked = Signal(object)
    """These pins (a tuple) are to be removed."""

    def __init__(self, document: Document) -> None:
        super().__init__(tr("Pinned"))
        self._document, self._theme = document, DARK
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self.rest = label("", "body", "text3")
        self.column.addLayout(self._rows)
        self.column.addWidget(self.rest)
        document.pinned.changed.connect(self.follow)

    @property
    def lines(self) -> list[PinLine]:
        """What is listed."""
        items = (self._rows.itemAt(i) for i in range(self._rows.count()))
        return [w for item in items if item is not None and isinstance(w := item.widget(), PinLine)]

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        self.follow()

    def follow(self) -> None:
        """Follow the document."""
        document, shown = self._document, self._document.shown
        step = document.step
        own = selected_pins(document)
        kept = selected_pins(document, shown.plan.pins) if shown is not None else ()
        for line in self.lines:
            self._rows.removeWidget(line)
            line.hide()
            line.deleteLater()
        pins = tuple(dict.fromkeys((*own, *kept)))
        for pin in pins[:MOST] if step is not None else ():
            assert step is not None
            about = pin_facts(step, pin)
            # Beside one tensor or op its name need not be said again.
            if about.short and (document.op_slot >= 0 or len(document.selection) == 1):
                about = replace(about, text=about.short)
            line = PinLine(about, self._theme, removable=pin in own)
            line.remove_asked.connect(partial(self.remove_asked.emit, (pin,)))
            if pin not in own:
                line.text.setToolTip(tr("The plan was solved with this pin"))
            self._rows.addWidget(line)
        self.rest.setText(tr("and {} more").format(f"{len(pins) - MOST:,}"))
        self.rest.setVisible(len(pins) > MOST)
        self.setVisible(bool(own or kept))
