"""The page of recorded lifetimes: as recorded, placed anew beside it, the inspector, the lists."""

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.facts.plan import Group
from app.map.index import FloatArray
from app.map.scene import CATEGORIES, Scene
from app.map.view import MapView
from app.numbers import bytes_exact, human, plan_size
from app.panels.controls import ElidedLabel, FigureLabel, HatchKey, Strip, label, rule
from app.panels.legend import LegendBox
from app.panels.sheet import panel_sheet
from app.snapshot.exploring import RecordedExploring
from app.snapshot.inspector import RecordedInspector
from app.snapshot.lists import RecordedLists
from app.snapshot.recorded import KINDS, Recorded
from app.theme import DARK, Theme
from app.translation import tr

STACKED_BELOW = 1280
"""Width under which the maps lie one above the other."""


class RecordedHeader(Strip):
    """What was recorded, and what it comes to."""

    def __init__(self) -> None:
        super().__init__(40)
        self.title = ElidedLabel("", "title")
        self.title.setObjectName("recordedTitle")
        self.allocated = FigureLabel(tr("Allocated"))
        self.reserved = FigureLabel(tr("Reserved"))
        self.lost = FigureLabel(tr("Lost to fragmentation"), "warn")
        self.placed = FigureLabel(tr("Placed anew"), "ok")
        self.place = QPushButton(tr("Place Anew"))
        self.place.setObjectName("placeAnew")
        self.place.setToolTip(tr("Find the lowest addresses for the same lifetimes (Ctrl+Return)"))
        self.row.setSpacing(24)
        self.row.addWidget(self.title)
        for part in (self.reserved, self.allocated, self.lost, self.placed):
            self.row.addWidget(part)
        self.row.addStretch(1)
        self.row.addWidget(self.place)
        self.expendable = (self.allocated, self.reserved, self.lost)
        self._placed = False

    def wanted(self, part: QWidget) -> bool:
        return True

    def show_recorded(self, recorded: Recorded) -> None:
        """Its title and figures."""
        self.title.setText(recorded.title)
        reserved = tr("Reserved") if recorded.part is not None else tr("Height")
        live = tr("Allocated") if recorded.part is not None else tr("Live peak")
        lost = tr("Lost to fragmentation") if recorded.part is not None else tr("Never filled")
        for figure, size, name in (
            (self.reserved, recorded.reserved, reserved),
            (self.allocated, recorded.allocated, live),
            (self.lost, recorded.lost, lost),
        ):
            text = human(size) if figure is self.lost else plan_size(size)
            figure.set_figure(text, name=name, exact=f"{bytes_exact(size)} B")
        self.placed.setVisible(recorded.placed is not None)
        if recorded.placed is not None:
            height = recorded.placed.height
            self.placed.set_figure(plan_size(height), exact=f"{bytes_exact(height)} B")
        self.fit()


class RecordedPage(QWidget):
    """Shows one ``Recorded``; its maps share slots, addresses and the selection."""

    place_asked = Signal()
    changed = Signal()
    """Something else is selected, or time is shown in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("recorded")
        self.setAccessibleName(tr("Recorded lifetimes"))
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.recorded: Recorded | None = None
        self.selection: tuple[int, ...] = ()
        self._theme = DARK
        self.header = RecordedHeader()
        self.header.place.clicked.connect(self.place_asked)
        self.sentence = label("", "strong", "ok")
        self.sentence.setObjectName("lostSentence")
        self.sentence.setWordWrap(True)
        self.sentence.setContentsMargins(16, 0, 16, 8)
        self.legend = Strip(32)
        self.unusable = HatchKey(tr("Unusable: free while a new segment was opened"), tr("Unusable"))
        self.boxes = [LegendBox(Group(text, frozenset({kind}))) for kind, text in KINDS.items()]
        for box in self.boxes:
            self.legend.row.addWidget(box)
            box.toggled.connect(self._hide)
        self.legend.row.addWidget(self.unusable)
        self.legend.row.addStretch(1)
        self.time = QComboBox()
        self.time.setObjectName("timeAxis")
        self.time.setAccessibleName(tr("Time axis"))
        self.time.addItems([tr("By allocation"), tr("By seconds")])
        self.time.currentIndexChanged.connect(self._set_time)
        self.legend.row.addWidget(self.time)
        self.before, self.after = _Side(tr("As recorded")), _Side(tr("Placed anew"))
        self.after.hide()
        self.maps = (self.before.map, self.after.map)
        self.inspector = RecordedInspector()
        self.inspector.share_asked.connect(self._share_chosen)
        self.inspector.rectangle_asked.connect(lambda r: self._listed_chosen((r,)))
        self.exploring = RecordedExploring(self.maps, self)
        self.exploring.stepped.connect(self._step_to)
        self.lists = RecordedLists(self.exploring.moment)
        self.lists.event_chosen.connect(self._event_chosen)
        self.lists.chosen.connect(self._listed_chosen)
        self._lay_out()
        self._wire()
        self.set_theme(DARK)

    def _lay_out(self) -> None:
        self.sides = QSplitter(Qt.Orientation.Horizontal)
        self.sides.addWidget(self.before)
        self.sides.addWidget(self.after)
        self.sides.setChildrenCollapsible(False)
        middle = QSplitter(Qt.Orientation.Vertical)
        middle.addWidget(self.sides)
        middle.addWidget(self.lists)
        middle.setStretchFactor(0, 1)
        middle.setSizes([640, 200])
        across = QSplitter(Qt.Orientation.Horizontal)
        across.addWidget(middle)
        across.addWidget(self.inspector)
        across.setStretchFactor(0, 1)
        across.setSizes([1100, 304])
        for splitter in (self.sides, middle, across):
            splitter.setHandleWidth(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.sentence)
        column.addWidget(self.legend)
        column.addWidget(rule())
        column.addWidget(across, 1)

    def _wire(self) -> None:
        first, second = self.maps
        first.link(second)
        for one, other in ((first, second), (second, first)):
            one.range_changed.connect(partial(self._follow, other))
            one.hovered.connect(other.set_hovered)
            one.selected.connect(self.select)

    def _follow(self, other: MapView, window: tuple[float, float, float, float]) -> None:
        """Show on the other map what is visible on one."""
        if other.state.scene is not None and other.visible_range() != window:
            other.set_visible_range(*window)

    # What is shown

    def show_recorded(self, recorded: Recorded) -> None:
        """Show what was opened, or the same with a placement beside it."""
        again = self.recorded is not None and self.recorded.scene is recorded.scene
        self.recorded = recorded
        self.header.show_recorded(recorded)
        self.sentence.setText(recorded.sentence)
        self.sentence.setVisible(bool(recorded.sentence))
        self.after.setVisible(recorded.placed_scene is not None)
        self.before.title.setText(tr(recorded.how))
        self.legend.setVisible(recorded.part is not None)
        if not again:
            self.before.map.set_scene(recorded.scene)
            self._fill_legend(recorded.scene)
            self.exploring.set_recorded(recorded)
            self.lists.show_recorded(recorded)
            self.selection = ()
        self.after.map.set_scene(recorded.placed_scene)
        self.unusable.setVisible(bool(len(recorded.scene.unusable)))
        self.time.setEnabled(recorded.seconds is not None)
        if recorded.seconds is None:
            self.time.setCurrentIndex(0)
        if recorded.placed_scene is not None:
            for side in self.maps:
                side.fit()
        self._fit_sides()
        self.select(self.selection)

    def clear(self) -> None:
        """Let go of what was shown."""
        self.recorded = None
        self.exploring.set_recorded(None)
        self.lists.show_recorded(None)
        for side in self.maps:
            side.set_scene(None)

    def set_placing(self, running: bool) -> None:
        """While a placement is looked for, no other is."""
        self.header.place.setEnabled(not running)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        maps = f"#recordedMap {{ background: {theme.map}; }}"
        self.setStyleSheet(f"{panel_sheet(theme)}\n{maps}")
        for side in self.maps:
            side.set_theme(theme)
        for box in self.boxes:
            box.set_theme(theme)
        self.unusable.set_theme(theme)
        self.inspector.set_theme(theme)
        self.lists.set_theme(theme)

    def _fill_legend(self, scene: Scene) -> None:
        peak = scene.peak_slot
        for box, kind in zip(self.boxes, KINDS, strict=True):
            own = scene.category == CATEGORIES.index(kind)
            there = own & (scene.start <= peak) & (peak < scene.end)
            box.setVisible(bool(own.any()))
            box.set_bytes(int((scene.high - scene.low)[there].sum()))

    # What the user does

    @Slot(object)
    def select(self, rectangles: tuple[int, ...]) -> None:
        """Select allocations, the primary one first."""
        self.selection = tuple(rectangles)
        for side in self.maps:
            side.select(self.selection)
        if self.recorded is None:
            return
        if self.selection:
            self.inspector.show_rectangle(self.recorded, self.selection[0])
        else:
            self.inspector.show_peak(self.recorded)
        self.lists.show_selection(self.selection)
        self.changed.emit()

    def selected_text(self) -> str:
        """What is known of the selected allocations, one a line."""
        if self.recorded is None:
            return ""
        about = [self.recorded.about(rectangle) for rectangle in self.selection]
        return "\n".join("\t".join([one.name, *(value for _, value in one.rows)]) for one in about)

    @property
    def map(self) -> MapView:
        """The map that commands are for."""
        return self.after.map if self.after.map.hasFocus() else self.before.map

    @Slot(int)
    def _event_chosen(self, event: int) -> None:
        """An event was chosen: its allocation is selected and its slot shown."""
        part = self.recorded.part if self.recorded is not None else None
        if part is None:
            return
        found = part.at_event(event)
        slot = part.slot_of(event)
        self.before.map.go_to_slot(slot)
        if found >= 0:
            self.select((found,))
            self.before.map.reveal(found)

    @Slot(object)
    def _listed_chosen(self, rectangles: tuple[int, ...]) -> None:
        """Allocations were chosen in a list: what the maps show stays as it is around them."""
        self.select(rectangles)
        if rectangles:
            self.before.map.reveal(rectangles[0])

    @Slot(int)
    def _step_to(self, rectangle: int) -> None:
        self.select((rectangle,))
        for side in self.maps:
            side.reveal(rectangle)

    @Slot(int)
    def _share_chosen(self, number: int) -> None:
        """All that one line has allocated at the peak."""
        recorded = self.recorded
        if recorded is None or recorded.part is None:
            return
        found = recorded.at_peak(number)
        if found:
            self.select(found)
            self.before.map.go_to_peak()

    @Slot(int)
    def _set_time(self, number: int) -> None:
        """Slots as wide as one another, or as the seconds that they took."""
        for side in self.maps:
            side.state.set_time(self._seconds if number else None)
        self.changed.emit()

    def _seconds(self, _: Scene) -> FloatArray | None:
        return self.recorded.seconds if self.recorded is not None else None

    @Slot()
    def _hide(self) -> None:
        hidden = [kind for box, kind in zip(self.boxes, KINDS, strict=True) if not box.isChecked()]
        for side in self.maps:
            side.set_hidden(hidden)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.unusable.set_short(self.width() < STACKED_BELOW)
        self._fit_sides()

    def _fit_sides(self) -> None:
        stacked = self.width() < STACKED_BELOW
        way = Qt.Orientation.Vertical if stacked else Qt.Orientation.Horizontal
        if self.sides.orientation() is not way:
            self.sides.setOrientation(way)
        for side in self.maps:
            side.set_parts(overview=not stacked, profile=not stacked)


class _Side(QWidget):
    """A map under its caption."""

    def __init__(self, caption: str) -> None:
        super().__init__()
        self.map = MapView()
        self.map.setObjectName("recordedMap")
        self.map.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.map.setAccessibleName(tr("Memory map, {}").format(caption.lower()))
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.title = title = label(caption, "caption", "text2")
        title.setContentsMargins(16, 6, 16, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(title)
        column.addWidget(self.map, 1)
