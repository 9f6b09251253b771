"""Two ways to run the step side by side on one address axis, and why they differ."""

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from app.document import Document, Entry
from app.facts.plan import counterparts, plan_facts
from app.icons import icon
from app.map.look import MapLook
from app.map.plan_scene import PlanScene, baseline_scene, plan_scene
from app.map.view import MapView
from app.panels.colours import LookChooser
from app.panels.compare_header import SideHeader
from app.panels.compare_table import CompareTable
from app.panels.controls import HatchKey, label, rule
from app.panels.legend import Legend
from app.panels.map_link import MapLink
from app.panels.sheet import panel_sheet
from app.theme import DARK, Theme
from app.translation import mark, tr
from solver.step import Step

WITHIN = Qt.ShortcutContext.WidgetWithChildrenShortcut
LINKED_TIP = mark(
    "Show the same part of the step on both sides; addresses, cursor and selection are linked anyway"
)
GAP = 4
"""Between a button's icon and its text, besides the style's own."""
STACKED_BELOW = 1280
TABLE_HEIGHT, LOW_TABLE_HEIGHT = 267, 190
LOW_BELOW = 760
"""Widths and heights of the view, in pixels."""


class CompareView(QWidget):
    """Follows the document; does its work only while it is in sight."""

    def __init__(self, document: Document, look: MapLook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare")
        self.setAccessibleName(tr("Compare"))
        self._document = document
        self._theme = DARK
        self._outdated = True
        self._stacked: bool | None = None
        self._counterparts: list[tuple[Step, Step, dict[int, int], dict[int, int]] | None] = [
            None,
            None,
        ]
        self._scenes: list[tuple[Entry | None, Entry | None]] = [(None, None), (None, None)]
        self.headers = (SideHeader("left"), SideHeader("right"))
        self.maps = (MapView(), MapView())
        for side, name in zip(self.maps, ("left", "right"), strict=True):
            side.setObjectName(f"{name}Map")
            on = tr("Memory map on the left") if name == "left" else tr("Memory map on the right")
            side.setAccessibleName(on)
            side.set_parts(overview=False, profile=False)
            side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.maps[0].link(self.maps[1])
        self.maps[1].selection_overlay.set_elsewhere(True)
        self.legend = Legend(document)
        self.unusable = HatchKey(tr("Unusable: free while a new segment was opened"), tr("Unusable"))
        self.free = HatchKey(tr("Free"), tr("Free"), hatched=False)
        self.remark = label(tr("Address and selection linked"), "caption", "text2")
        self.linked = self.headers[0].add_button(tr("Linked"), tr(LINKED_TIP))
        self.linked.setCheckable(True)
        self.linked.setChecked(True)
        self.swap_button = self.headers[0].add_button(tr("Swap"), tr("Swap the sides (X)"))
        self.link = MapLink(self.maps)
        self.look = LookChooser(look, self.maps, self.legend, lambda side: self.entry(1 - side))
        self.legend.add((self.unusable, self.free), self.remark, self.look)
        self.table = CompareTable(document)
        self.empty = label(tr("Solve the step to compare it as run with its plan."), "body", "text3")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.grid_area = QWidget()
        self._grid = QGridLayout(self.grid_area)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(0)
        self._between = (rule(down=True), rule())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.empty, 1)
        column.addWidget(self.grid_area, 1)
        column.addWidget(rule())
        column.addWidget(self.table)
        self._connect()
        self._arrange(stacked=False)
        self.set_theme(DARK)
        self._entries_changed()

    def _connect(self) -> None:
        document = self._document
        for side, view in enumerate(self.maps):
            view.selected.connect(partial(self._selected, side))
            view.hovered.connect(partial(self._hovered, side))
            self.legend.hidden_changed.connect(view.set_hidden)
        for header in self.headers:
            header.chooser.activated.connect(header.remember)
            header.chooser.currentIndexChanged.connect(self.refresh)
        self.swap_button.clicked.connect(self.swap)
        QShortcut(Qt.Key.Key_X, self, self.swap, context=WITHIN)
        self.linked.toggled.connect(self.link.set_linked)
        self.table.moved.activated.connect(self.link.show_both)
        document.step_changed.connect(self._step_changed)
        document.entries_changed.connect(self._entries_changed)
        document.selection_changed.connect(self._select)
        document.hovered_changed.connect(self._hover)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        maps = f"#leftMap, #rightMap {{ background: {theme.map}; }}"
        self.setStyleSheet(f"{panel_sheet(theme)}\n{maps}")
        for part in (*self.maps, self.legend, self.unusable, self.free, self.table):
            part.set_theme(theme)
        self.swap_button.setIcon(icon("swap", theme, theme.text2, gap=GAP))
        self.linked.setIcon(icon("link", theme, theme.text2, theme.accent, GAP))

    def entry(self, side: int) -> Entry | None:
        """What the left (0) or right (1) side shows."""
        chosen = self.headers[side].chooser.currentIndex()
        entries = self._document.entries
        return entries[chosen] if 0 <= chosen < len(entries) else None

    def choose(self, side: int, entry: Entry) -> None:
        """Put an entry of the document on a side."""
        at = [known is entry for known in self._document.entries].index(True)
        self.headers[side].chooser.setCurrentIndex(at)
        self.headers[side].remember()

    def swap(self) -> None:
        """Put what is on the left on the right, and what is there on the left."""
        entries = self.entry(0), self.entry(1)
        for side, entry in enumerate(reversed(entries)):
            if entry is not None:
                self.choose(side, entry)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if self._outdated:
            self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        low = self.height() < LOW_BELOW
        # Stacked maps of a low window would have no height left for the map itself.
        self._arrange(stacked=self.width() < STACKED_BELOW and not low)
        self.table.set_low(low)
        self.table.setFixedHeight(LOW_TABLE_HEIGHT if low else TABLE_HEIGHT)

    def _arrange(self, *, stacked: bool) -> None:
        if stacked is self._stacked:
            return
        self._stacked = stacked
        grid, (left, right), (first, second) = self._grid, self.headers, self.maps
        down, across = self._between
        for part in (left, right, first, second, down, across, self.legend):
            grid.removeWidget(part)
        for row in range(6):
            grid.setRowStretch(row, 0)
        for column in range(3):
            grid.setColumnStretch(column, 0)
        down.setVisible(not stacked)
        across.setVisible(stacked)
        if stacked:
            places = ((self.legend, 0), (left, 1), (first, 2), (across, 3), (right, 4), (second, 5))
            for part, row in places:
                grid.addWidget(part, row, 0)
            grid.setRowStretch(2, 1)
            grid.setRowStretch(5, 1)
            grid.setColumnStretch(0, 1)
        else:
            grid.addWidget(left, 0, 0)
            grid.addWidget(down, 0, 1, 3, 1)
            grid.addWidget(right, 0, 2)
            grid.addWidget(self.legend, 1, 0, 1, 3)
            grid.addWidget(first, 2, 0)
            grid.addWidget(second, 2, 2)
            grid.setRowStretch(2, 1)
            grid.setColumnStretch(0, 1)
            grid.setColumnStretch(2, 1)

    def _step_changed(self) -> None:
        for header in self.headers:
            header.chosen = ""
        self._entries_changed()

    def _entries_changed(self) -> None:
        entries = self._document.entries
        first = next((i for i, e in enumerate(entries) if e.baseline is not None), 0)
        best = self._document.best
        last = len(entries) - 1
        defaults = (first, next((i for i, e in enumerate(entries) if e is best), last))
        names = [entry.name for entry in entries]
        for header, default in zip(self.headers, defaults, strict=True):
            chosen = header.chosen
            header.set_names(names, names.index(chosen) if chosen in names else default)
        self.refresh()

    def refresh(self) -> None:
        """Show the two chosen entries; later, where the view is not in sight."""
        self._outdated = not self.isVisible()
        if self._outdated:
            return
        step = self._document.step
        sides = (self.entry(0), self.entry(1))
        left, right = sides
        there = step is not None and left is not None and right is not None
        self.empty.setVisible(not there)
        self.grid_area.setVisible(there)
        self.table.setVisible(there)
        if step is None or left is None or right is None:
            for side, view in enumerate(self.maps):
                view.set_scene(None)
                self._scenes[side] = (None, None)
            return
        facts = [plan_facts(step, entry.plan, entry.baseline) for entry in (left, right)]
        for side, entry in enumerate((left, right)):
            # By identity: whether two plans are equal takes long to find out.
            known = self._scenes[side]
            if known[0] is not entry or known[1] is not sides[0]:
                self.maps[side].set_scene(self._scene(entry))
                self._scenes[side] = (entry, sides[0])
            self.headers[side].show_figures(facts[side], facts[0] if side == 1 else None)
        for key in (self.unusable, self.free):
            key.wanted = left.baseline is not None or right.baseline is not None
        self.look.apply()
        self.legend.fit()
        self.link.set_sides(facts[0], facts[1])
        self.table.show_sides(facts[0], facts[1])
        self._select()

    def _scene(self, entry: Entry) -> PlanScene | None:
        step = self._document.step
        if step is None:
            return None
        if entry.baseline is not None:
            return baseline_scene(step, entry.baseline)
        return plan_scene(step, entry.plan, self._document.baseline)

    def _select(self) -> None:
        selection = self._document.selection
        for side, view in enumerate(self.maps):
            same = self._same(side)
            view.select(tuple(same[s] for s in selection if s in same))
        self.table.select(selection)

    def _hover(self) -> None:
        for side, view in enumerate(self.maps):
            view.set_hovered(self._same(side).get(self._document.hovered, -1))

    def _selected(self, side: int, storages: tuple[int, ...]) -> None:
        same = self._same(side, back=True)
        for other, view in enumerate(self.maps):
            view.selection_overlay.set_elsewhere(other != side)
        self._document.select(tuple(same[s] for s in storages if s in same))

    def _hovered(self, side: int, storage: int) -> None:
        self._document.hover(self._same(side, back=True).get(storage, -1))

    def _same(self, side: int, *, back: bool = False) -> dict[int, int]:
        """By storage of the document the one on a side, whose plan may have other rewrites."""
        scene, planned = self.maps[side].state.scene, self._document.planned
        if not isinstance(scene, PlanScene) or planned is None:
            return {}
        known = self._counterparts[side]
        if known is None or known[0] is not planned or known[1] is not scene.step:
            forth = counterparts(planned, scene.step)
            known = (planned, scene.step, forth, {b: a for a, b in forth.items()})
            self._counterparts[side] = known
        return known[3] if back else known[2]
