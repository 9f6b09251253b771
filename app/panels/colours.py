"""A view's choosers of what its maps tell: colours and the axis, wired to the look of all maps."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker
from PySide6.QtGui import QFontMetrics, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget

from app.document import Entry
from app.map.colouring import ColourBy, Colouring, ways
from app.map.look import MapLook
from app.map.plan_scene import PlanScene
from app.map.view import MapView
from app.panels.controls import label
from app.panels.legend import Legend
from app.translation import tr

AROUND = 54
"""Pixels of a chooser besides its text: padding and the arrow."""


def _words(by: ColourBy) -> str:
    return {
        ColourBy.CATEGORY: tr("Category"),
        ColourBy.DTYPE: tr("Dtype"),
        ColourBy.MODULE: tr("Module"),
        ColourBy.AGE: tr("Age"),
        ColourBy.DIFFERENCE: tr("Difference from"),
    }[by]


class LookChooser(QWidget):
    """Shows and changes the look, and gives it to the maps and the legend of its view.

    ``opposite``: for maps that are compared, the entry of the other side; the difference is from that.
    Colours of the last map are explained; the others have the same ones for the same classes.
    """

    def __init__(
        self,
        look: MapLook,
        maps: Sequence[MapView],
        legend: Legend,
        opposite: Callable[[int], Entry | None] | None = None,
    ) -> None:
        super().__init__()
        self._look, self._maps, self._legend, self._opposite = look, tuple(maps), legend, opposite
        self._choices: list[tuple[ColourBy, str]] = []
        self._outdated = True
        self._timings = 0
        self.colours, self.axis = QComboBox(), QComboBox()
        self.colours.setObjectName("colourBy")
        self.colours.setAccessibleName(tr("Colour by"))
        self.colours.setToolTip(tr("What the colours of the map tell"))
        self.axis.setObjectName("timeAxis")
        self.axis.setAccessibleName(tr("Time axis"))
        self.axis.setToolTip(tr("Ops side by side, or as wide as they take seconds (T)"))
        self.axis.addItems([tr("Op"), tr("Seconds")])
        self._captions = (label(tr("Colour"), "body", "text2"), label(tr("Time"), "body", "text2"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for caption, part in zip(self._captions, (self.colours, self.axis), strict=True):
            row.addWidget(caption)
            row.addWidget(part)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.colours.activated.connect(lambda index: look.colour(*self._choices[index]))
        self.axis.activated.connect(lambda index: look.set_time(bool(index)))
        look.changed.connect(self.apply)
        for view in self._maps:
            view.state.scene_changed.connect(self._scene_changed)

    def set_captions(self, shown: bool, *, choosers: bool = True) -> None:
        """Whether words stand before the choosers, and whether there are any: the menu has both."""
        for caption in self._captions:
            caption.setVisible(shown)
        for part in (self.colours, self.axis):
            part.setVisible(choosers)
        self.updateGeometry()  # at once: a strip measures its parts right after this

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._outdated:
            self.apply()
        self._fit_text()  # its face is known by now

    def apply(self) -> None:
        """Give the look to the maps; later, where they are out of sight."""
        self._outdated = not self.isVisible()
        if self._outdated:
            return
        look, like = self._look, None
        for side in reversed(range(len(self._maps))):
            state = self._maps[side].state
            by, other = look.by, self._other(side)
            known = state.colour_against is other and state.colour_like is like
            if state.colour_by is not by or not known:
                state.colour_scene(by, other, like)
            like = state.colouring
        if self._timings != look.timings:
            self._timings = look.timings
            for view in self._maps:
                view.state.set_time(look.seconds_of if look.timed else None)
        self._refresh()
        self._show_legend(like=self._maps[-1].state.colouring)

    def _other(self, side: int) -> PlanScene | None:
        look = self._look
        if look.by is not ColourBy.DIFFERENCE:
            return None
        return look.scene(look.other if self._opposite is None else self._opposite(side))

    def _scene_changed(self) -> None:
        """Another plan has other classes; where several are compared, all follow together."""
        if self.isVisible() and len(self._maps) == 1:
            self._refresh()
            self._show_legend(self._maps[-1].state.colouring)
        elif not self.isVisible():
            self._outdated = True

    def _refresh(self) -> None:
        """Offer what there is."""
        look, scene = self._look, self._maps[-1].state.scene
        choices = [(by, "") for by in (ways(scene) if scene is not None else (ColourBy.CATEGORY,))]
        names = [f"{_words(by)}" for by, _ in choices]
        others = [entry.name for entry in look.others()]
        if self._opposite is not None and others:
            others = [look.against or others[0]]
            names.append(tr("Difference of the sides"))
        else:
            names += [f"{_words(ColourBy.DIFFERENCE)} {name}" for name in others]
        choices += [(ColourBy.DIFFERENCE, name) for name in others]
        with QSignalBlocker(self.colours):
            if (choices, names) != (self._choices, self._names()):
                self._choices = choices
                self.colours.clear()
                self.colours.addItems(names)
            chosen = (look.by, look.against)
            self.colours.setCurrentIndex(choices.index(chosen) if chosen in choices else 0)
        with QSignalBlocker(self.axis):
            self.axis.setCurrentIndex(int(look.timed))
        self._fit_text()
        self.setEnabled(scene is not None)

    def _names(self) -> list[str]:
        return [self.colours.itemText(index) for index in range(self.colours.count())]

    def _fit_text(self) -> None:
        """Be as wide as what is chosen, the list as wide as all there is."""
        for part in (self.colours, self.axis):
            part.ensurePolished()
            words = QFontMetrics(part.font()).horizontalAdvance
            part.setFixedWidth(min(words(part.currentText()), 200) + AROUND)
            widest = max((words(part.itemText(index)) for index in range(part.count())), default=0)
            part.view().setMinimumWidth(widest + AROUND)
        self.updateGeometry()

    def _show_legend(self, like: Colouring | None) -> None:
        state = self._maps[-1].state
        slot = state.scene.peak_slot if state.scene is not None else -1
        self._legend.show_colouring(like, slot)
        for view in self._maps:
            if self._legend.hidden != view.state.hidden:
                view.set_hidden(self._legend.hidden)
