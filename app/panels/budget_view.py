"""Memory against time: the trade-off curve above the map of the plan at its line, and the panel."""

from enum import Enum, auto

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.curve.budgets import BUDGET_UNITS, at_budget, infeasible_text
from app.document import Document, Entry
from app.facts.compare import NOTHING_DONE, done_text
from app.facts.plan import plan_facts
from app.facts.storage import slot_facts
from app.map.look import MapLook
from app.map.prepared import scene_for
from app.map.view import MapView
from app.numbers import human
from app.panels.budget_model import BudgetModel
from app.panels.budget_panel import LEAST, WIDTH, BudgetPanel
from app.panels.budget_plot import BudgetPlot
from app.panels.colours import LookChooser
from app.panels.controls import ElidedLabel, FigureLabel, Strip, label, rule
from app.panels.header import stale_tag
from app.panels.legend import Legend
from app.panels.row_table import RowTable, TableRow
from app.panels.sheet import panel_sheet
from app.panels.veil import Veil
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import tr

BELOW = 1140
"""Width of the view, beside the library's rail, under which the panel stands below the curve."""
CURVE, CURVE_SHARE, LEAST_CURVE, MOST_CURVE = 346, 0.4, 190, 460
"""Heights of the curve: as designed, of the view's, and how far it gives way or grows."""
QWIDGETSIZE_MAX = 16777215
ALIVE_ROWS = 8
LATER_MS = 60
"""After which the map follows a line that is being dragged."""


class Place(Enum):
    """Where the panel stands."""

    BESIDE = auto()
    BELOW = auto()
    """Of the curve, beside the map."""
    DOCK = auto()


class BudgetView(QWidget):
    """Follows a budget model and the document; does its work only while it is in sight."""

    use_asked = Signal()
    add_asked = Signal()
    device_file_asked = Signal()

    def __init__(
        self,
        document: Document,
        model: BudgetModel,
        look: MapLook,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("budgetView")
        self.setAccessibleName(tr("Memory against time"))
        self._document, self.model = document, model
        self._place: Place | None = None
        self._aside: tuple[Entry, int | None] | None = None
        """A plan off the curve that was chosen elsewhere, and where the line was then."""
        self.plot = BudgetPlot(model)
        self.panel = BudgetPanel(model)
        self.map = MapView()
        self.map.setObjectName("budgetMap")
        self.map.setAccessibleName(tr("Memory map of the plan at the budget line"))
        self.map.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.map.set_parts(overview=False, profile=False)
        self.veil = Veil(self.map)
        self.legend = Legend(document)
        self.look = LookChooser(look, (self.map,), self.legend)
        self._docked = False
        self._build_headers()
        self._build_empty()
        self.pages = QStackedWidget()
        self.pages.addWidget(self._with_legend())
        self.pages.addWidget(self.empty)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self.across = rule()
        self.down = rule(down=True)
        self._later = QTimer(self, singleShot=True, interval=LATER_MS)
        self._later.timeout.connect(model.show_plan)
        self.plot.released.connect(self._settle)
        self.panel.use_asked.connect(self.use_asked)
        self.panel.add_asked.connect(self.add_asked)
        self.panel.device_file_asked.connect(self.device_file_asked)
        self.map.selected.connect(document.select)
        self.map.hovered.connect(document.hover)
        model.changed.connect(self.refresh)
        document.shown_changed.connect(self._shown_changed)
        document.selection_changed.connect(self._select)
        document.hovered_changed.connect(self._hover)
        self._arrange(narrow=False)
        self.set_theme(DARK)

    def _build_headers(self) -> None:
        self.header = Strip(40)
        self.step = FigureLabel(tr("Step"))
        self.solved = FigureLabel(tr("Budgets solved"))
        self.unit = QComboBox()
        self.unit.setObjectName("budgetUnit")
        self.unit.setAccessibleName(tr("Unit of budgets"))
        self.unit.setToolTip(tr("GiB is 2³⁰ bytes, GB is 10⁹"))
        for unit in BUDGET_UNITS:
            self.unit.addItem(unit.name)
        self.unit.activated.connect(lambda index: self.model.set_unit(BUDGET_UNITS[index]))
        row = self.header.row
        row.setSpacing(24)
        row.addWidget(label(tr("Memory against time"), "title"))
        row.addWidget(self.step)
        row.addWidget(self.solved)
        row.addStretch(1)
        chooser = QHBoxLayout()
        chooser.setSpacing(8)
        chooser.addWidget(label(tr("Unit"), "body", "text2"))
        chooser.addWidget(self.unit)
        row.addLayout(chooser)
        self.header.expendable = (self.step, self.solved)
        self.title = Strip(40)
        self.name = label("", "title")
        self.stale = stale_tag()
        self.stale.hide()
        self.said = ElidedLabel("", "body", "text2")
        self.said.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title.row.setSpacing(16)
        self.title.row.addWidget(self.name)
        self.title.row.addWidget(self.stale)
        self.title.row.addWidget(self.said, 1)
        self.title.row.addWidget(self.look)

    def _with_legend(self) -> QWidget:
        """The map under what its colours mean."""
        self.map_area = QWidget()
        column = QVBoxLayout(self.map_area)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.legend)
        column.addWidget(self.map, 1)
        self.legend.hidden_changed.connect(self.map.set_hidden)
        return self.map_area

    def _build_empty(self) -> None:
        """What stands in the map's place where there is no plan at the line."""
        self.empty = QWidget()
        self.empty.setProperty("surface", "panel")
        self.message = label("", "strong", "text")
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint = label("", "body", "text3")
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.hint.setWordWrap(True)
        self.alive = RowTable(tr("Alive at the peak of the least plan"))
        self.alive.setMaximumWidth(420)
        self.alive.chosen.connect(lambda storage: self._document.select((storage,)))
        self.alive_title = label("", "caption", "text3")
        self.alive_title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.alive_rest = label("", "caption", "text3")
        self.alive_rest.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.act = QPushButton()
        self.act.setObjectName("budgetAct")
        self.act.setAccessibleName(tr("Solve here"))
        set_property(self.act, "kind", "primary")
        self.act.clicked.connect(self._act)
        column = QVBoxLayout(self.empty)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(10)
        column.addStretch(1)
        column.addWidget(self.message)
        column.addWidget(self.hint)
        column.addWidget(self.act, 0, Qt.AlignmentFlag.AlignCenter)
        column.addSpacing(8)
        column.addWidget(self.alive_title)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.alive, 2)
        row.addStretch(1)
        column.addLayout(row)
        column.addWidget(self.alive_rest)
        column.addStretch(1)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        ground = f"#budgetMap {{ background: {theme.map}; }}"
        self.setStyleSheet(f"{panel_sheet(theme)}\n{ground}")
        self.alive.set_theme(theme)
        for part in (self.plot, self.panel, self.map, self.legend, self.veil):
            part.set_theme(theme)

    def set_stale(self, stale: bool) -> None:
        """The step on disk is another one by now: the map fades."""
        self.stale.setVisible(stale)
        self.veil.setVisible(stale)

    # Layout

    def set_docked(self, docked: bool) -> None:
        """Whether the panel stands in a dock of its own; else it is here, below the curve."""
        self._docked = docked
        self.panel.show_title(not docked)
        self._arrange(narrow=not docked)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if not self._docked:
            self._arrange(narrow=self.width() < BELOW)
        height = round(CURVE_SHARE * self.height())
        if self.height() >= 2.3 * CURVE:
            height = max(height, CURVE)
        self.plot.setFixedHeight(min(max(height, LEAST_CURVE), MOST_CURVE))

    def _arrange(self, *, narrow: bool) -> None:
        place = Place.DOCK if self._docked else Place.BELOW if narrow else Place.BESIDE
        if place is self._place:
            return
        self._place = place
        grid = self._grid
        parts = (self.header, self.plot, self.across, self.title, self.pages, self.down, self.panel)
        for part in parts:
            grid.removeWidget(part)
        across = 3 if narrow else 1
        grid.addWidget(self.header, 0, 0, 1, across)
        grid.addWidget(self.plot, 1, 0, 1, across)
        grid.addWidget(self.across, 2, 0, 1, across)
        grid.addWidget(self.title, 3, 0)
        grid.addWidget(self.pages, 4, 0)
        grid.setRowStretch(4, 1)
        grid.setColumnStretch(0, 1)
        self.down.setVisible(place is not Place.DOCK)
        if place is Place.DOCK:
            self.panel.setMinimumWidth(LEAST)
            self.panel.setMaximumWidth(QWIDGETSIZE_MAX)
            return
        first = 3 if narrow else 0
        grid.addWidget(self.down, first, 1, 5 - first, 1)
        grid.addWidget(self.panel, first, 2, 5 - first, 1)
        self.panel.show()
        self.panel.setFixedWidth(LEAST if narrow else WIDTH)

    # Following

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self.model.points:
            self._aside = None
        self.refresh()
        self._select()

    def refresh(self) -> None:
        """Follow the model; later, where the view is not in sight."""
        if not self.isVisible():
            return
        model, step, shown = self.model, self._document.step, self._document.shown
        point = model.point
        solved = sum(not p.free for p in model.points)
        self.step.set_figure(step.title if step is not None else "")
        self.solved.set_figure(str(solved))
        self.unit.setCurrentIndex(BUDGET_UNITS.index(model.chosen_unit))
        self.header.fit()
        if self._aside is not None and self._aside != (shown, model.budget):
            self._aside = None
        if self._aside is None and point is not None and point.entry is not shown:
            # The line is being dragged: the map need not follow every pixel.
            self._later.start()
            return
        self._show_map()

    def _shown_changed(self) -> None:
        """Another plan was chosen elsewhere: one that is not on the curve is shown aside from it."""
        shown, model = self._document.shown, self.model
        on_curve = any(point.entry is shown for point in model.points)
        self._aside = None if shown is None or on_curve else (shown, model.budget)
        self.refresh()

    def _show_map(self) -> None:
        step, point = self._document.step, self.model.point
        entry = point.entry if point is not None else None
        if self._aside is not None:
            entry = self._aside[0]
        self.pages.setCurrentWidget(self.map_area if entry is not None else self.empty)
        if entry is None or step is None:
            self.name.setText(tr("No plan here"))
            self.said.setText("")
            self._show_message()
            return
        facts = plan_facts(step, entry.plan, entry.baseline)
        done = done_text(facts) or tr(NOTHING_DONE)
        self.name.setText(entry.name)
        self.said.setText(done if self._aside is None else tr("Not on this curve. {}").format(done))
        scene = scene_for(step, entry.plan, self._document.baseline)
        if self.map.state.scene is not scene:
            self.map.set_scene(scene)
            self._select()

    def _show_message(self) -> None:
        model = self.model
        failed = model.infeasible
        unit = model.unit
        self._show_alive(failed.found_bytes if failed is not None else None)
        self.act.setVisible(True)
        self.act.setEnabled(not model.running)
        if model.budget is None or not model.points:
            self.message.setText(tr("Its map is shown here"))
            self.hint.setText("")
            self.act.hide()
        elif failed is not None:
            self.message.setText(infeasible_text(failed, unit))
            found = failed.found_bytes
            self.hint.setText(
                tr("A larger budget, or more that plans may do, helps.") if found is None else ""
            )
            self.act.setVisible(found is not None)
            if found is not None:
                self.act.setText(tr("Go to {} {}").format(unit.text(found), unit.name))
                self.act.setAccessibleName(self.act.text())
                self.act.setEnabled(True)
        else:
            self.message.setText(tr("{} {} is not solved").format(unit.text(model.budget), unit.name))
            self.hint.setText(tr("What a plan within it costs is known when it is solved."))
            self.act.setText(tr("Solving") if model.running else tr("Solve here"))
            self.act.setAccessibleName(self.act.text())
        self.hint.setVisible(bool(self.hint.text()))

    def _show_alive(self, budget: int | None) -> None:
        """What fills the memory where the plan that needs least needs most."""
        step, point = self._document.step, at_budget(self.model.points, budget or -1)
        if step is None or point is None:
            self.alive_title.hide()
            self.alive_rest.hide()
            self.alive.set_rows(())
            return
        facts = plan_facts(step, point.entry.plan)
        about = slot_facts(facts, facts.peak_slot, ALIVE_ROWS)
        unit = self.model.unit
        size = f"{unit.text(point.budget_bytes)} {unit.name}"
        self.alive_title.setText(
            tr("Alive at the peak of the plan within {}, op {}").format(size, about.slot)
        )
        self.alive_title.show()
        self.alive_rest.setText(about.rest)
        self.alive_rest.setVisible(bool(about.rest))
        self.alive.set_rows(
            [
                TableRow(r.storage, r.name, figure=human(r.size), category=r.category)
                for r in about.alive
            ]
        )

    def _act(self) -> None:
        model = self.model
        failed = model.infeasible
        if failed is not None and failed.found_bytes is not None:
            model.move(failed.found_bytes)
        else:
            model.solve_here()

    def _settle(self) -> None:
        """The line was let go: the map follows at once."""
        self._later.stop()
        self.model.show_plan()
        self.refresh()

    def _select(self) -> None:
        if self.isVisible():
            self.map.select(self._document.selection)

    def _hover(self) -> None:
        if self.isVisible():
            self.map.set_hovered(self._document.hovered)
