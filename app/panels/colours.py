"""What the map's colours tell: a chooser at the left of the legend, wired to map and document."""

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QFontMetrics, QShowEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy

from app.document import Document, Entry
from app.map.colouring import ColourBy, ways
from app.map.prepared import scene_for
from app.map.view import MapView
from app.panels.legend import Legend
from app.translation import tr

AROUND = 50
"""Pixels of the chooser besides its text: padding and the arrow."""


def _words(by: ColourBy) -> str:
    return {
        ColourBy.CATEGORY: tr("Colour by category"),
        ColourBy.DTYPE: tr("Colour by dtype"),
        ColourBy.MODULE: tr("Colour by module"),
        ColourBy.AGE: tr("Colour by age"),
        ColourBy.DIFFERENCE: tr("Difference from"),
    }[by]


class ColourChooser(QComboBox):
    """Chooses what the colours of a map tell, for the scenes that its document shows."""

    def __init__(self, document: Document, view: MapView, legend: Legend) -> None:
        super().__init__()
        self._document, self._view, self._legend = document, view, legend
        self._by, self._against = ColourBy.CATEGORY, ""
        self._choices: list[tuple[ColourBy, str]] = []
        self.setObjectName("colourBy")
        self.setAccessibleName(tr("Colour by"))
        self.setToolTip(tr("What the colours of the map tell"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        legend.row.insertWidget(0, self)
        self.activated.connect(self._activated)
        document.entries_changed.connect(self.refresh)
        document.shown_changed.connect(self.refresh)
        view.state.scene_changed.connect(self._show_legend)
        self.refresh()

    @property
    def by(self) -> ColourBy:
        """What is told apart now."""
        return self._by

    def choose(self, by: str, against: str = "") -> None:
        """Colour by a ``ColourBy``; ``against``: the plan to show the difference from, by name."""
        by = ColourBy(by)
        self._by, self._against = by, against
        if by is ColourBy.DIFFERENCE and not against:
            others = self._others()
            self._against = others[0].name if others else ""
        self._apply()
        self.refresh()

    def refresh(self) -> None:
        """Offer what there is; what it was coloured by stays where that is possible."""
        others = self._others()
        if self._by is ColourBy.DIFFERENCE and all(e.name != self._against for e in others):
            # That plan is shown now, or is gone.
            self._by, self._against = ColourBy.CATEGORY, ""
            self._apply()
        scene = self._view.state.scene
        plain = ways(scene) if scene is not None else (ColourBy.CATEGORY,)
        choices = [(by, "") for by in plain]
        choices += [(ColourBy.DIFFERENCE, entry.name) for entry in others]
        with QSignalBlocker(self):
            if choices != self._choices:
                self._choices = choices
                self.clear()
                self.addItems([f"{_words(by)} {name}".strip() for by, name in choices])
            chosen = (self._by, self._against)
            self.setCurrentIndex(choices.index(chosen) if chosen in choices else 0)
        self._fit_text()
        self.setEnabled(scene is not None)
        self._legend.fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        self._fit_text()  # its face is known by now

    def _fit_text(self) -> None:
        """Be as wide as what is chosen, the list as wide as all there is."""
        self.ensurePolished()
        words = QFontMetrics(self.font()).horizontalAdvance
        self.setFixedWidth(words(self.currentText()) + AROUND)
        widest = max((words(self.itemText(index)) for index in range(self.count())), default=0)
        self.view().setMinimumWidth(widest + AROUND)

    def _others(self) -> list[Entry]:
        """The entries that are not shown, plans before the step as run."""
        others = [entry for entry in self._document.entries if entry is not self._document.shown]
        return sorted(others, key=lambda entry: entry.baseline is not None)

    def _activated(self, index: int) -> None:
        self.choose(*self._choices[index])

    def _apply(self) -> None:
        step, other = self._document.step, None
        entry = next((e for e in self._others() if e.name == self._against), None)
        if step is not None and entry is not None:
            other = scene_for(step, entry.plan, self._document.baseline)
        self._view.state.colour_scene(self._by, other)
        self._show_legend()

    def _show_legend(self) -> None:
        state = self._view.state
        slot = state.scene.peak_slot if state.scene is not None else -1
        self._legend.show_colouring(state.colouring, slot)
        if self._legend.hidden != state.hidden:
            self._view.set_hidden(self._legend.hidden)
