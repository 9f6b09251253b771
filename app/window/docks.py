"""The docks around the map: titles of 30 px, and how they give way when the window is small.

::

    width   ≥ 1360   library │ centre │ inspector
            < 1360   rail │ centre │ inspector               the rail opens the library
            < 1180   rail │ centre                           and the inspector, as tabs; what the
                                                             budget dock holds goes below the curve
    height  < 840    the solve panel shrinks to its title; what explores the map goes behind the
                     inspector, what the budget dock holds behind a lesson
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.icons import icon
from app.panels.controls import ElidedLabel
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import mark, tr
from app.window.actions import Actions
from app.window.bars import Rail

if TYPE_CHECKING:
    from app.panels.budget_view import BudgetView

TITLE_HEIGHT = 30
RAIL_BELOW = 1360
TAB_BELOW = 1180
SHRINK_BELOW = 840
LIBRARY_WIDTH, LIBRARY_LEAST = 256, 200
INSPECTOR_WIDTH, INSPECTOR_LEAST = 304, 264
SOLVE_HEIGHT, SOLVE_LEAST = 188, 120
EXPLORING_HEIGHT = 264


class DockTitle(QWidget):
    """A dock's title line: name, a remark, and buttons that float and close it."""

    clicked = Signal()

    def __init__(self, dock: QDockWidget, name: str) -> None:
        super().__init__(dock)
        self._dock = dock
        self.setProperty("surface", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(TITLE_HEIGHT)
        self.name = QLabel(name)
        self.name.setProperty("role", "strong")
        # Elided: what is long must not make the dock wide.
        self.remark = ElidedLabel()
        self.remark.setProperty("role", "second")
        self._float, self._close = QToolButton(), QToolButton()
        self._float.setToolTip(tr("Float"))
        self._close.setToolTip(tr("Close"))
        self._float.setAccessibleName(tr("Float {}").format(name))
        self._close.setAccessibleName(tr("Close {}").format(name))
        self._float.clicked.connect(self._toggle_floating)
        self._close.clicked.connect(dock.close)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(8)
        row.addWidget(self.name)
        row.addWidget(self.remark, 1)
        for button in (self._float, self._close):
            set_property(button, "kind", "icon")
            button.setIconSize(QSize(12, 12))
            button.setFixedSize(22, 22)
            row.addWidget(button)
        row.setSpacing(4)

    def set_theme(self, theme: Theme) -> None:
        """Tint the buttons."""
        self._float.setIcon(icon("float", theme, theme.text3))
        self._close.setIcon(icon("close", theme, theme.text3))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            self.clicked.emit()
        # Not accepted: Qt's dock drags by its title with the same events.
        event.ignore()

    def _toggle_floating(self) -> None:
        self._dock.setFloating(not self._dock.isFloating())


class Dock(QDockWidget):
    """A dock with our title line."""

    def __init__(self, name: str, window: QMainWindow, content: QWidget) -> None:
        super().__init__(tr(name), window)
        self.setObjectName(f"dock_{name.lower()}")
        self.line = DockTitle(self, tr(name))
        self.setTitleBarWidget(self.line)
        self.content = content
        self._holder = QWidget()
        self._column = QVBoxLayout(self._holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(content)
        self.setWidget(self._holder)
        self.shrunk = False
        """Whether only the title is shown."""

    def replace(self, content: QWidget) -> None:
        """Show another widget; the old one goes."""
        self._column.replaceWidget(self.content, content)
        self.content.deleteLater()
        self.content = content
        self.shrink(self.shrunk)

    def lend(self) -> None:
        """Let go of what is shown; somebody else takes it."""
        self._column.removeWidget(self.content)
        self.content = QWidget()
        self._column.addWidget(self.content)

    def shrink(self, shrunk: bool, least: int = 0) -> None:
        """Show the title only, or all of at least ``least`` pixels."""
        self.shrunk = shrunk
        # The holder stays visible: a dock whose widget is hidden is as wide as its title wants.
        self.content.setVisible(not shrunk)
        if shrunk:
            self.setFixedHeight(TITLE_HEIGHT)
        else:
            self.setMinimumHeight(least)
            self.setMaximumHeight(16777215)


class Docks(QObject):
    """Library, inspector and solve, and the rail; follows the window's size."""

    def __init__(
        self,
        window: QMainWindow,
        actions: Actions,
        library: QWidget,
        inspector: QWidget,
        solve: QWidget,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._actions = actions
        self.library = Dock(mark("Library"), window, library)
        self.inspector = Dock(mark("Inspector"), window, inspector)
        self.solve = Dock(mark("Solve"), window, solve)
        self.budget = Dock(mark("Budget"), window, QWidget())
        self.alive = Dock(mark("Alive"), window, QWidget())
        self.peak = Dock(mark("Peak"), window, QWidget())
        self._budgets: BudgetView | None = None
        self.rail = Rail(window)
        for key in ("library", "inspector"):
            self.rail.add(key, actions[key])
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        bottom = Qt.DockWidgetArea.BottomDockWidgetArea
        window.setDockNestingEnabled(True)
        for corner, area in (
            (Qt.Corner.TopLeftCorner, left),
            (Qt.Corner.BottomLeftCorner, left),
            (Qt.Corner.TopRightCorner, right),
            (Qt.Corner.BottomRightCorner, right),
        ):
            window.setCorner(corner, area)
        window.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.rail)
        window.addDockWidget(left, self.library)
        window.addDockWidget(right, self.inspector)
        window.addDockWidget(right, self.budget)
        window.addDockWidget(bottom, self.solve)
        self.exploring = (self.alive, self.peak)
        for dock in self.exploring:
            window.addDockWidget(bottom, dock)
            window.tabifyDockWidget(self.solve, dock)
        self.of_map = (self.library, self.inspector, self.solve)
        self.all = (*self.of_map, self.budget, *self.exploring)
        self._wanted = {dock: dock not in self.exploring for dock in self.all}
        """What the user wants to see while there is room."""
        self._tabs = False
        self._shown: tuple[Dock, ...] = ()
        """Those that are for the page in sight."""
        self._mode = ("", False)
        self._height_before = 0
        """Of the solve panel, before what explores the map was shown beside it and needed more."""
        self.rail.hide()
        for dock in self.all:
            dock.hide()
            dock.installEventFilter(self)
        self.solve.line.clicked.connect(self.toggle_shrunk)

    def set_theme(self, theme: Theme = DARK) -> None:
        """Tint the titles."""
        for dock in self.all:
            dock.line.set_theme(theme)

    def arrange(self) -> None:
        """Give the docks their designed sizes."""
        window = self._window
        sizes = {
            self.library: LIBRARY_WIDTH,
            self.inspector: INSPECTOR_WIDTH,
            self.budget: INSPECTOR_WIDTH,
        }
        horizontal = [d for d in sizes if d.isVisibleTo(window)]
        if horizontal:
            window.resizeDocks(horizontal, [sizes[d] for d in horizontal], Qt.Orientation.Horizontal)
        if self.solve.isVisibleTo(window) and not self.shrunk:
            window.resizeDocks([self.solve], [SOLVE_HEIGHT], Qt.Orientation.Vertical)

    def show_for(self, view: str) -> None:
        """Those of the map page, those beside the budgets, or none."""
        beside = {"map": (*self.of_map, *self.exploring), "budget": (self.library, self.budget)}
        self._shown = beside.get(view, ())
        self._apply(self._window.size(), force=True)

    def adopt(self) -> None:
        """The window's state was restored: what is shown now is what the user wants."""
        if not self._mode[0]:
            for dock in self.all:
                self._wanted[dock] = not dock.isHidden()
        if not self._mode[1]:
            # Put behind the inspector by a window that was lower then.
            behind = Qt.DockWidgetArea.RightDockWidgetArea
            moved = [d for d in self.exploring if self._window.dockWidgetArea(d) == behind]
            self._place_exploring(moved, self.solve)
        self._place_beside_lesson()
        self._apply(self._window.size(), force=True)

    def adopt_budget(self, view: "BudgetView") -> None:
        """Show a budget view's panel in its dock, while there is room for it."""
        self._budgets = view
        self._place_budget()

    def _place_budget(self) -> None:
        view, dock = self._budgets, self.budget
        if view is None:
            return
        docked = dock.isFloating() or not self._collapsed(dock)
        if docked and dock.content is not view.panel:
            view.set_docked(True)
            dock.replace(view.panel)
        elif not docked and dock.content is view.panel:
            dock.lend()
            view.set_docked(False)
        elif not docked:
            view.set_docked(False)

    def toggle(self, dock: Dock) -> None:
        """Show or hide one dock, as the user asked."""
        visible = not dock.isVisibleTo(self._window)
        if dock.isFloating() or not self._collapsed(dock):
            self._wanted[dock] = visible
        before = self.solve.height()
        dock.setVisible(visible)
        if visible:
            dock.raise_()
            if dock in self.exploring and not self._mode[1]:
                self._height_before = self._height_before or before
                if dock.height() < EXPLORING_HEIGHT:
                    self._window.resizeDocks([dock], [EXPLORING_HEIGHT], Qt.Orientation.Vertical)
            if self._collapsed(dock):
                self.arrange()
        self._check()

    def follow(self, size: QSize) -> None:
        """The window has another size."""
        self._apply(size)

    @property
    def shrunk(self) -> bool:
        """Whether only the solve panel's title is shown."""
        return self.solve.shrunk

    def toggle_shrunk(self) -> None:
        """Show the whole solve panel, or its title only."""
        if not self.solve.isFloating():
            self._shrink(not self.shrunk)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Close and isinstance(watched, Dock):
            self._wanted[watched] = self._wanted[watched] and self._collapsed(watched)
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            self._check()
            if self._height_before and not any(self._wanted[dock] for dock in self.exploring):
                # When the window has laid out those that are left.
                QTimer.singleShot(0, self, self._give_back)
        return super().eventFilter(watched, event)

    def _give_back(self) -> None:
        """What explored the map is gone: the solve panel is as low as it was before."""
        height, self._height_before = self._height_before, 0
        if height and self.solve.isVisibleTo(self._window) and not self._mode[1]:
            self._window.resizeDocks([self.solve], [height], Qt.Orientation.Vertical)

    def _collapsed(self, dock: Dock) -> bool:
        """Whether the window is too narrow to show ``dock`` all the time."""
        mode = self._mode[0]
        if dock in (self.inspector, self.budget):
            return mode == "tabs"
        return mode != "" and dock is self.library

    def _apply(self, size: QSize, *, force: bool = False) -> None:
        width, height = size.width(), size.height()
        side = "tabs" if width < TAB_BELOW else "rail" if width < RAIL_BELOW else ""
        mode = (side, height < SHRINK_BELOW)
        if mode == self._mode and not force:
            return
        before, self._mode = self._mode, mode
        self.rail.setVisible(self.library in self._shown and side != "")
        self._rail_button("inspector", side == "tabs" and self.inspector in self._shown)
        # Qt tells which docks are tabs only while they are shown, so we remember.
        if side == "tabs" and not self._tabs:
            self._window.tabifyDockWidget(self.library, self.inspector)
        elif side != "tabs" and self._tabs:
            self._window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.inspector)
        self._tabs = side == "tabs"
        if before[1] != mode[1]:
            self._place_exploring(self.exploring, self.inspector if mode[1] else self.solve)
        if before != mode:
            self._place_beside_lesson()
        self._place_budget()
        for dock in self.all:
            there = dock in self._shown and self._wanted[dock]
            if not dock.isFloating():
                dock.setVisible(there and not self._collapsed(dock))
            elif force:
                dock.setVisible(there)
        if before[1] != mode[1] or force:
            self._shrink(mode[1])
        if self._shown:
            self.arrange()
        self._check()

    def _place_exploring(self, docks: Sequence[Dock], beside: Dock) -> None:
        """As tabs beside the solve panel, or where that is but a line beside the inspector."""
        for dock in docks:
            if not dock.isFloating():
                self._window.tabifyDockWidget(beside, dock)

    def _place_beside_lesson(self) -> None:
        """The budget's dock is below a lesson, or a tab behind it where neither would have room."""
        right = Qt.DockWidgetArea.RightDockWidgetArea
        if self.budget.isFloating() or self._window.dockWidgetArea(self.budget) is not right:
            return
        if self._mode[1] and self._mode[0] != "tabs":
            self._window.tabifyDockWidget(self.inspector, self.budget)
        elif not self._mode[1]:
            self._window.addDockWidget(right, self.budget)

    def _rail_button(self, key: str, visible: bool) -> None:
        for action in self.rail.actions():
            if action.objectName() == f"rail_{key}":
                action.setVisible(visible)

    def _shrink(self, shrunk: bool) -> None:
        self.solve.shrink(shrunk, SOLVE_LEAST)
        if not shrunk and self.solve.isVisibleTo(self._window):
            self._window.resizeDocks([self.solve], [SOLVE_HEIGHT], Qt.Orientation.Vertical)

    def _check(self) -> None:
        for key, dock in (
            ("library", self.library),
            ("inspector", self.inspector),
            ("solve_panel", self.solve),
            ("budget_panel", self.budget),
            ("alive_panel", self.alive),
            ("peak_panel", self.peak),
        ):
            self._actions[key].setChecked(dock.isVisibleTo(self._window))
