"""Everything that is there while a step is open: map page, comparison, and the three panels."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.document import Document
from app.edit.editor import Editor
from app.edit.hand import Hand
from app.explore.exploring import Exploring
from app.library import Library
from app.map.index import FloatArray
from app.map.look import MapLook
from app.map.plan_scene import PlanScene
from app.map.prepared import scene_for
from app.map.scene import Scene
from app.map.slot_axis import SecondsOf, seconds_on
from app.map.view import MapView
from app.panels.budget_model import BudgetModel
from app.panels.budget_view import BudgetView
from app.panels.colours import LookChooser
from app.panels.compare import CompareView
from app.panels.edit_bar import EditBar
from app.panels.header import PlanHeader
from app.panels.inspector import InspectorPanel
from app.panels.legend import Legend
from app.panels.library_panel import LibraryPanel
from app.panels.solve_panel import SolvePanel
from app.panels.veil import Veil
from app.settings import Settings
from app.theme import DARK, Theme
from solver.terms import DeviceModel


class Central(QObject):
    """The pages and panels of an open step, wired to one another through the document."""

    plan_used = Signal()
    """The plan at the budget line is to be gone on with."""
    budget_asked = Signal()
    """One more budget is to be solved."""
    device_asked = Signal()
    """A device model is to be read from a file."""

    def __init__(
        self, document: Document, library: Library, settings: Settings, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.budgets = BudgetModel(document, settings, self)
        self.look = MapLook(document, self._seconds, self)
        """What the maps of all views tell."""
        self.map_page = MapPage(document, self.look)
        self.budgets.changed.connect(self._device_chosen)
        self._timed_on: DeviceModel = self.budgets.wanted.device
        self._budget: BudgetView | None = None
        self._view = "map"
        self._document = document
        self._compare: CompareView | None = None
        self._theme = DARK
        self._stale = False
        self.library = LibraryPanel(document, library)
        self.inspector = InspectorPanel(document)
        self.solve = SolvePanel(document)
        self.exploring = Exploring(document, self.map_page.map, self.inspector)
        self.exploring.timed_by = self._seconds
        self.map_page.adopt(self.exploring)
        self.inspector.go_to_slot.connect(self.map_page.map.go_to_slot)
        self.inspector.fit_requested.connect(self.map_page.map.fit_storages)

    @property
    def compare(self) -> CompareView:
        """The comparison, made when it is first looked at: opening a step must not wait for it."""
        if self._compare is None:
            self._compare = CompareView(self._document, self.look)
            self._compare.set_theme(self._theme)
        return self._compare

    @property
    def budget(self) -> BudgetView:
        """Memory against time, made when it is first looked at."""
        if self._budget is None:
            self._budget = view = BudgetView(self._document, self.budgets, self.look)
            view.set_theme(self._theme)
            view.set_stale(self._stale)
            view.use_asked.connect(self.plan_used)
            view.add_asked.connect(self.budget_asked)
            view.device_file_asked.connect(self.device_asked)
        return self._budget

    def page(self, name: str) -> QWidget:
        """``map``, ``compare`` or ``budget``, which from now on is the one in sight."""
        self._view = name
        if name == "compare":
            return self.compare
        return self.budget if name == "budget" else self.map_page

    @property
    def map(self) -> MapView:
        """The map that commands are for."""
        return self.budget.map if self._view == "budget" else self.map_page.map

    def colour_map(self, by: str) -> None:
        """Tell the tensors on the maps apart by a ``ColourBy``."""
        self.look.colour(by)

    def set_time_axis(self, timed: bool) -> None:
        """Make the ops on the map as wide as their estimated seconds, or all as wide as one another."""
        self.look.set_time(timed)

    def _device_chosen(self) -> None:
        """Where the axis shows time, it is that of the device that is chosen now."""
        device = self.budgets.wanted.device
        if self.look.timed and device != self._timed_on:
            self.look.set_time(True)
        self._timed_on = device

    def _seconds(self, scene: Scene) -> FloatArray | None:
        """By slot, on the device of the budget view; measured times win."""
        return self.seconds_of(scene)

    @property
    def seconds_of(self) -> SecondsOf:
        """Seconds of slots as they are now; may be asked by another thread."""
        return seconds_on(self.budgets.wanted.device, self.budgets.timed)

    def set_running(self, running: bool) -> None:
        """While a solve runs the best plan so far is the incumbent."""
        self.map_page.header.set_running(running)
        self.solve.set_running(running)

    def set_stale(self, stale: bool) -> None:
        """The step on disk is another one by now: maps fade, their headers say so."""
        self._stale = stale
        self.map_page.set_stale(stale)
        if self._budget is not None:
            self._budget.set_stale(stale)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        for part in (self.map_page, self.library, self.inspector, self.solve, self.exploring):
            part.set_theme(theme)
        for page in (self._compare, self._budget):
            if page is not None:
                page.set_theme(theme)


class MapPage(QWidget):
    """The plan's header, the legend and the map, wired to the document."""

    pointer_moved = Signal(int, object)
    """Slot and address under the pointer; -1 and None where it is elsewhere."""

    def __init__(self, document: Document, look: MapLook) -> None:
        super().__init__()
        self._document = document
        self._exploring: Exploring | None = None
        self._theme = DARK
        self.header = PlanHeader(document)
        self.legend = Legend(document)
        self.map = MapView()
        self.look = LookChooser(look, (self.map,), self.legend)
        self.header.add(self.look)
        self.veil = Veil(self.map)
        self.hand = Hand(self.map, Editor(document, self))
        self.edit_bar = EditBar(document, self.hand.editor)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addWidget(self.legend)
        column.addWidget(self.edit_bar)
        column.addWidget(self.map, 1)
        self.legend.hidden_changed.connect(self.map.set_hidden)
        self.map.hovered.connect(document.hover)
        self.map.selected.connect(document.select)
        self.map.cursor_moved.connect(self.pointer_moved)
        self.hand.said.connect(self.edit_bar.say)
        self.edit_bar.go_to.connect(self.map.go_to_slot)
        document.shown_changed.connect(self._show)
        document.selection_changed.connect(self._select)
        document.hovered_changed.connect(self._hover)
        self._show()
        self._select()

    def adopt(self, exploring: Exploring) -> None:
        """Explore this map; what is played has its strip under it."""
        self._exploring = exploring
        layout = self.layout()
        if layout is not None:
            layout.addWidget(exploring.bar)

    def place_above_map(self, widget: QWidget) -> None:
        """Put something between the strips and the map."""
        layout = self.layout()
        if isinstance(layout, QVBoxLayout):
            layout.insertWidget(layout.indexOf(self.map), widget)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Space where the map has no use for it; a shortcut would take it from every button."""
        if event.key() == Qt.Key.Key_Space and not event.modifiers() and self._exploring is not None:
            self._exploring.play()
        else:
            super().keyPressEvent(event)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        for part in (self.header, self.legend, self.edit_bar, self.map, self.veil):
            part.set_theme(theme)

    def set_stale(self, stale: bool) -> None:
        """The step on disk is another one by now: the map fades."""
        self.header.set_stale(stale)
        self.veil.setVisible(stale)

    def set_editing(self, editing: bool) -> None:
        """Begin or end editing the plan by hand."""
        self.hand.set_active(editing)
        self.edit_bar.set_active(editing)
        self.map.setFocus()

    def _show(self) -> None:
        self.map.set_scene(scene_of(self._document))

    def _select(self) -> None:
        self.map.select(self._document.selection)

    def _hover(self) -> None:
        self.map.set_hovered(self._document.hovered)


def scene_of(document: Document) -> PlanScene | None:
    """What the map shows of a document."""
    step, entry = document.step, document.shown
    if step is None or entry is None:
        return None
    return scene_for(step, entry.plan, document.baseline)
