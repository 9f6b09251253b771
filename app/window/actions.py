"""Every command of the window: its menu, text, shortcut and icon."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QActionGroup, QIcon, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from app.icons import icon
from app.theme import Theme
from app.translation import tr


@dataclass(frozen=True)
class Command:
    """One line of a menu."""

    key: str
    text: str
    shortcut: str = ""
    icon: str = ""
    group: str = ""
    """Commands of one group are checkable and exclude one another."""
    checkable: bool = False
    tip: str = ""


SEPARATOR = None
GAP = 4
"""Between a command's icon and its text, besides the style's own."""
RECENT = "recent"
"""Stands for the submenu of recent files."""

SECONDS = "Ops as wide as their estimated time, on the device chosen in the Budget view"

MENUS: tuple[tuple[str, tuple[Command | str | None, ...]], ...] = (
    (
        "&File",
        (
            Command("open", "&Open…", "Ctrl+O", "open", tip="Open a step or a plan"),
            RECENT,
            Command("sample", "Open &Sample", icon="lesson"),
            Command("capture", "&Capture…", "Ctrl+R", "capture", tip="Trace a model into a step"),
            SEPARATOR,
            Command("save_plan", "&Save Plan…", "Ctrl+S", "save"),
            Command("save_step", "Sa&ve Step…", "Ctrl+Shift+S"),
            Command("store", "Save to &Library", icon="library"),
            SEPARATOR,
            Command("settings", "Se&ttings…", "Ctrl+,", "options"),
            SEPARATOR,
            Command("close_step", "Close Ste&p", "Ctrl+W"),
            Command("quit", "&Quit", "Ctrl+Q"),
        ),
    ),
    (
        "&Edit",
        (
            Command("undo", "&Undo", "Ctrl+Z", "undo"),
            Command("redo", "&Redo", "Ctrl+Shift+Z", "redo"),
            SEPARATOR,
            Command("edit", "&Edit by Hand", "E", "move", checkable=True, tip="Move tensors and ops"),
            SEPARATOR,
            Command("copy", "&Copy Tensor", "Ctrl+C", "copy"),
            Command("find", "&Find…", "Ctrl+F", "search"),
            Command("find_next", "Find &Next", "F3", tip="The next of what was found"),
            Command("find_previous", "Find Pre&vious", "Shift+F3"),
            Command("select_op", "Select &Op at the Cursor", "O", tip="The op, and its tensors"),
            Command("clear_selection", "Clear &Selection"),
        ),
    ),
    (
        "&View",
        (
            Command("map", "&Map", "Ctrl+1", "map", group="view"),
            Command("compare", "&Compare", "Ctrl+2", "compare", group="view"),
            Command("budget", "&Budget", "Ctrl+3", "budget", group="view", tip="Memory against time"),
            SEPARATOR,
            Command("fit_selection", "Fit Se&lection", "F", "fit"),
            Command("fit_all", "Fit &All", "Shift+F"),
            Command("zoom_in", "Zoom &In", "+"),
            Command("zoom_out", "Zoom &Out", "-"),
            Command("peak", "&Jump to the Peak", "K", "peak"),
            Command("time_axis", "Time A&xis in Seconds", "T", checkable=True, tip=SECONDS),
            Command("ruler", "&Ruler", "R", tip="Measure between two points of the map"),
            Command("tensors", "&Tensors…", "Ctrl+T", tip="A table of all tensors"),
            SEPARATOR,
            Command("library", "&Library", "F9", "library", checkable=True),
            Command("inspector", "I&nspector", "F10", "inspector", checkable=True),
            Command("solve_panel", "Sol&ve", "F11", "solve-panel", checkable=True),
            Command("budget_panel", "Budget &Panel", "Ctrl+Shift+B", checkable=True),
            Command("alive_panel", "Ali&ve at the Cursor", "F7", checkable=True),
            Command("peak_panel", "P&eak", "F8", checkable=True, tip="What the peak is made of"),
            SEPARATOR,
            Command("colour_category", "Colour by Cate&gory"),
            Command("colour_dtype", "Colour by Dt&ype"),
            Command("colour_module", "Colour by M&odule"),
            Command("colour_age", "Colour by Ag&e"),
            Command("colour_difference", "Colour by Plan Di&fference"),
            SEPARATOR,
            Command("theme_system", "Theme of the S&ystem", group="theme"),
            Command("theme_dark", "&Dark Theme", group="theme"),
            Command("theme_light", "Li&ght Theme", group="theme"),
        ),
    ),
    (
        "&Plan",
        (
            Command("previous_plan", "&Previous Plan", "["),
            Command("next_plan", "&Next Plan", "]"),
            SEPARATOR,
            Command("producer", "Go to P&roducer", "P"),
            Command("next_stay", "Next &Stay in Memory", "N", tip="Of a tensor that is there twice"),
            SEPARATOR,
            Command("play", "P&lay", "Space", "play", tip="Watch tensors come and go"),
            Command("step_on", "Step &On", ".", "step-on", tip="One op on"),
            Command("step_back", "Step &Back", ",", "step-back", tip="One op back"),
            Command("hold", "&Hold the Op", "H", tip="The table of what is alive stays at this op"),
        ),
    ),
    (
        "&Solve",
        (
            Command("solve", "&Solve", "Ctrl+Return", "solve", tip="Find the best order and addresses"),
            Command("solve_rest", "Solve the &Rest", "Ctrl+Shift+Return", tip="What you moved stays"),
            Command("solve_curve", "Solve the C&urve", icon="budget", tip="Find plans within budgets"),
            Command("add_budget", "Add &Budget…", "Ctrl+B"),
            Command(
                "stop", "S&top", "", "stop", tip="End what runs; a solve keeps its best plan (Esc)"
            ),
            SEPARATOR,
            Command("limits", "&Limits…", icon="options"),
        ),
    ),
    (
        "P&ins",
        (
            Command("pin_here", "Pin at Its &Address", "A", "pin", tip="Plans keep it where it lies"),
            Command("pin_at", "Pin at A&nother Address…", "Shift+A", tip="Hexadecimal or GiB"),
            SEPARATOR,
            Command("run_first", "Run &First", "Alt+Home", tip="The op runs before all others"),
            Command("run_last", "Run &Last", "Alt+End", tip="The op runs after all others"),
            Command("run_before", "Run &Before…", "B", tip="The op runs before another one"),
            Command("keep_module", "Keep &Module in Order", "M", tip="Its ops keep program order"),
            SEPARATOR,
            Command("write_pin", "&Write a Pin…", "Ctrl+Shift+P", tip="As the command line takes it"),
            Command("use_pins", "&Use the Plan's Pins", tip="What the shown plan was solved with"),
            Command("unpin", "&Remove Its Pins", "U", tip="The pins of what is selected"),
            Command("clear_pins", "Remove All &Pins"),
        ),
    ),
    (
        "E&xport",
        (
            Command("export", "&Export Module…", "Ctrl+E", "export", tip="Write the plan as a module"),
            Command("verify", "&Verify Module…", icon="verify"),
            SEPARATOR,
            Command("picture", "Save &Picture…", icon="picture", tip="The map as PNG, SVG or PDF"),
            Command("page", "Export Pa&ge…", tip="All plans as one interactive HTML file"),
        ),
    ),
    (
        "&Help",
        (
            Command("palette", "&Find a Command…", "Ctrl+K", "search", tip="Every command by its name"),
            Command("lessons", "&Lessons", "Ctrl+L", "lesson", checkable=True, tip="Six short lessons"),
            Command("keys", "&Keyboard", "F1"),
            Command("about", "&About Bayplan"),
        ),
    ),
)


def plain(text: str) -> str:
    """A menu's text without its marks: ``&Open…`` is ``Open``."""
    return text.replace("&", "").rstrip("…")


class Actions(QObject):
    """The window's QActions by key, and its menus."""

    def __init__(self, window: QMainWindow, handlers: Mapping[str, Callable[[], None]]) -> None:
        """``handlers``: what each command's key does; all keys must be there."""
        super().__init__(window)
        self._actions: dict[str, QAction] = {}
        self._groups: dict[str, QActionGroup] = {}
        self._commands: dict[str, Command] = {}
        self.recent = QMenu(tr("Open &Recent"), window)
        for title, lines in MENUS:
            menu = window.menuBar().addMenu(tr(title))
            for line in lines:
                if line is None:
                    menu.addSeparator()
                elif isinstance(line, str):
                    menu.addMenu(self.recent)
                else:
                    menu.addAction(self._make(window, line, handlers[line.key]))

    def __getitem__(self, key: str) -> QAction:
        return self._actions[key]

    def enable(self, enabled: Mapping[str, bool]) -> None:
        """Set whether commands can be used."""
        for key, value in enabled.items():
            self._actions[key].setEnabled(value)

    def set_theme(self, theme: Theme) -> None:
        """Tint the icons."""
        for key, command in self._commands.items():
            if command.icon:
                self._actions[key].setIcon(self._icon(command, theme))

    def _icon(self, command: Command, theme: Theme) -> QIcon:
        color = "#ffffff" if command.key == "solve" else theme.text2
        return icon(command.icon, theme, color, theme.accent, GAP)

    def _make(self, window: QMainWindow, command: Command, handler: Callable[[], None]) -> QAction:
        action = QAction(tr(command.text), window)
        action.setObjectName(command.key)
        if command.shortcut:
            action.setShortcut(QKeySequence(command.shortcut))
        tip = tr(command.tip) if command.tip else plain(action.text())
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        action.setToolTip(f"{tip} ({shown})" if shown else tip)
        if command.group:
            if command.group not in self._groups:
                self._groups[command.group] = QActionGroup(window)
            action.setCheckable(True)
            self._groups[command.group].addAction(action)
        action.setCheckable(action.isCheckable() or command.checkable)
        action.triggered.connect(handler)
        self._actions[command.key] = action
        self._commands[command.key] = command
        return action
