"""The main window: puts menus, bars, docks and pages together and keeps them in step.

::

    MainWindow ── Work       background jobs and what comes of them
               ├─ Commands   what a menu line does, with its dialogs
               ├─ Actions    every menu line and key
               ├─ Docks      library, inspector, solve
               └─ pages      start │ map │ compare, under one problem line
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QThreadPool, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QGuiApplication,
    QKeySequence,
    QResizeEvent,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from app.document import Document
from app.heavy import begin, end_all, load_module
from app.jobs.job import Failure
from app.jobs.load import Loaded
from app.library import Library
from app.qt_classes import ClassMaker
from app.settings import Settings
from app.style import apply_theme, chosen_theme
from app.theme import Theme
from app.translation import tr
from app.window.actions import Actions
from app.window.bars import MainToolBar, StatusLine, TitleCorner
from app.window.budgeting import Budgeting
from app.window.command_palette import CommandPalette
from app.window.commands import Commands, sample_files
from app.window.connecting import connect_central
from app.window.docks import Docks
from app.window.dropping import Dropping
from app.window.editing import Editing
from app.window.enabled import enabled_commands
from app.window.handlers import handlers
from app.window.importing import Importing
from app.window.learning import Learning
from app.window.loading import Loading
from app.window.offering import palette_entries
from app.window.opening import RecentMenu
from app.window.picturing import Picturing
from app.window.pinning import Pinning
from app.window.preferences import Preferences
from app.window.problem import Placeholder, ProblemLine, Remedy
from app.window.search import Hit, SearchField
from app.window.stale import StepWatch
from app.window.start_page import StartPage
from app.window.status import StatusTexts
from app.window.work import Work

if TYPE_CHECKING:
    from app.window.central import Central

LEAST_SIZE = QSize(1024, 680)
LEAST_PAGE = QSize(320, 312)
DESIGNED_SIZE = QSize(1600, 1000)
POOL_MS = 5000
END_SECONDS = 5.0
"""For what the first window began; nobody sees it, as the window is hidden by then."""
LAYOUT_VERSION = 2
CENTRAL = "app.window.central"
"""Map and panels, which bring pyqtgraph; the first window must not wait for them."""


class MainWindow(QMainWindow):
    """One window on one document."""

    def __init__(self, document: Document, library: Library, settings: Settings) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("Bayplan")
        self.setMinimumSize(LEAST_SIZE)
        self.document, self.library, self.settings = document, library, settings
        self.work = Work(document, library, settings, self)
        self.commands = Commands(self, document, self.work, settings)
        self.budgeting = Budgeting(self, document, self.work, settings)
        self.editing = Editing(self, document, self.work)
        self.importing = Importing(self, self.work, self.commands)
        self.learning = Learning(self)
        self.picturing = Picturing(self)
        self.pinning = Pinning(self)
        self.dropping = Dropping(self, self.commands.open_path)
        self.stale = False
        self._view = "start"
        self._first_shown = False
        self._sample_asked = False
        self.qt_classes = ClassMaker(self)
        self.qt_classes.done.connect(self._load_ahead)
        self.preferences = Preferences(self)
        self.command_palette = CommandPalette(self, settings, partial(palette_entries, self))
        self.menu = Actions(self, handlers(self))
        self.search = SearchField(document)
        self.tools = MainToolBar(self, self.menu, self.search)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.tools)
        self.title_corner = TitleCorner()
        self.menuBar().setCornerWidget(self.title_corner)
        self.line = StatusLine()
        self.setStatusBar(self.line)
        self.texts = StatusTexts(self.line, document)
        self.problem = ProblemLine()
        self.start = StartPage()
        self.pages = QStackedWidget()
        # Else the start page, also while it is hidden, would take the docks' room.
        self.pages.setMinimumSize(LEAST_PAGE)
        self.pages.addWidget(self.start)
        self.central: Central | None = None
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.problem)
        column.addWidget(self.pages, 1)
        self.setCentralWidget(middle)
        self.docks = Docks(self, self.menu, Placeholder(), Placeholder(), Placeholder())
        self.watch = StepWatch(self.work, self)
        self.loading = Loading(self)
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        self._connect()
        self.theme = chosen_theme(settings.theme)
        self.menu[f"theme_{settings.theme}"].setChecked(True)
        self.set_theme(self.theme)
        self.resize(DESIGNED_SIZE)
        self.refresh()

    # Opening and closing

    def open_first(self, path: Path, *, example: bool = False) -> None:
        """Open what the command line names."""
        if example:
            step, plan = sample_files()
            self.work.open_path(step, example=True, plan=path if path.suffix == ".plan" else plan)
        else:
            self.importing.open_path(path)

    def restore_layout(self) -> None:
        """Take the size, place and docks of the last time."""
        geometry = self.settings.layout("geometry")
        if geometry.isEmpty() or not self.restoreGeometry(geometry):
            screen = QGuiApplication.primaryScreen().availableSize()
            self.resize(DESIGNED_SIZE.boundedTo(screen))

    def show_bug(self, failure: Failure) -> None:
        """Something of ours went wrong outside a job."""
        self.problem.show_failure(failure)

    def set_theme(self, theme: Theme) -> None:
        """Give everything the look of ``theme``."""
        self.theme = self.commands.theme = theme
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, theme)
        parts = (self.menu, self.search, self.problem, self.start, self.docks, self.command_palette)
        for part in (*parts, self.dropping, self.importing, self.learning, self.loading):
            part.set_theme(theme)
        if self.central is not None:
            self.central.set_theme(theme)

    def show_view(self, name: str) -> None:
        """``map``, ``compare``, ``budget`` or ``recorded``; the start page where nothing is open."""
        recorded = self.importing.page if name == "recorded" else None
        if self.document.step is None:
            name = "start" if recorded is None else name
        elif self.central is None:
            self._make_central()
        self._view = name
        page: QWidget = self.start if recorded is None else recorded
        if name not in ("start", "recorded") and self.central is not None:
            page = self.central.page(name)
            self.menu[name].setChecked(True)
        if self.pages.indexOf(page) < 0:
            self.pages.addWidget(page)
        if name == "budget" and self.central is not None:
            self.docks.adopt_budget(self.central.budget)
        self.pages.setCurrentWidget(page)
        self.docks.show_for(name)
        self._focus_page()
        self.refresh()

    def _focus_page(self) -> None:
        """Let keys go to what is in the middle of the window."""
        if self._view == "map" and self.central is not None:
            self.central.map_page.map.setFocus()
        elif self._view == "budget" and self.central is not None:
            self.central.budget.plot.setFocus()
        else:
            page = self.importing.shown
            (self.start if page is None else page.map).setFocus()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        if not self._first_shown:
            self._first_shown = True
            self.start.setFocus()
            # Only now, when there is a window to look at, what takes longer to load.
            self.start.set_recents(self.settings.recents)
            self.qt_classes.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.tools.set_width(event.size().width())
        self.docks.follow(event.size())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self.settings.set_layout("geometry", self.saveGeometry())
        if self.central is not None:
            self.settings.set_layout("docks", self.saveState(LAYOUT_VERSION))
        self.settings.save()
        self.hide()
        self.watch.follow(None)
        self.qt_classes.stop()
        self.work.close()
        # The library panel reads in the pool's threads.
        QThreadPool.globalInstance().waitForDone(POOL_MS)
        end_all(END_SECONDS)
        self.library.close()
        super().closeEvent(event)

    # Putting together

    def _connect(self) -> None:
        work, document, start = self.work, self.document, self.start
        work.changed.connect(self._work_changed)
        work.problem.connect(self._problem)
        work.opened.connect(self._opened)
        start.open_asked.connect(self.commands.open)
        start.capture_asked.connect(self.commands.capture)
        start.sample_asked.connect(self.commands.open_sample)
        start.lessons_asked.connect(self.learning.show_list)
        start.recent_asked.connect(self.commands.open_path)
        self.watch.stale_changed.connect(self._set_stale)
        work.sample_ready.connect(start.preview.show_sample)
        work.sample_missing.connect(start.preview.show_missing)
        document.step_changed.connect(self._step_changed)
        document.entries_changed.connect(self.refresh)
        document.shown_changed.connect(self.refresh)
        document.selection_changed.connect(self.refresh)
        self.search.chosen.connect(self._found)
        self.recents = RecentMenu(self.menu.recent, self.settings, self.commands)
        self.recents.cleared.connect(partial(self.start.set_recents, ()))
        self._escape.activated.connect(self._escaped)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    def _make_central(self) -> None:
        """Map, comparison and panels: made when the first step is opened, as they load much."""
        load_module(CENTRAL)
        from app.window.central import Central

        self.central = central = Central(self.document, self.library, self.settings, self)
        connect_central(self, central)
        central.set_theme(self.theme)
        state = self.settings.layout("docks")
        if not state.isEmpty():
            self.restoreState(state, LAYOUT_VERSION)
            self.docks.adopt()

    @Slot()
    def _load_ahead(self) -> None:
        self._fill_start_page()
        # What opening a step needs, imported while the start page is looked at or the file is read.
        begin("pages", lambda _: load_module(CENTRAL))
        # To say early when it cannot be used.
        self.work.open_library()

    def _fill_start_page(self) -> None:
        """Read the sample once, when the start page is there to show it."""
        wanted = self.isVisible() and self.document.step is None and not self._sample_asked
        if wanted and self.qt_classes.is_done and not self.work.busy:
            self._sample_asked = True
            self.work.load_sample(*sample_files())

    # Following the work and the document

    @Slot()
    def _work_changed(self) -> None:
        self.tools.show_activity(self.work.activity)
        if self.central is not None:
            self.central.set_running(self.work.solving)
        if self.work.solving:
            self.problem.go_on()
        self._fill_start_page()
        self.refresh()

    @Slot(str, object)
    def _problem(self, doing: str, failure: Failure) -> None:
        # These two have a dialog that says it.
        if doing not in ("capture", "read") or failure.bug:
            remedy = self.pinning.remedy(doing, failure) or self.commands.remedy(doing, failure)
            self.problem.show_failure(failure, remedy, lasting=doing == "library")

    @Slot(object)
    def _opened(self, loaded: Loaded) -> None:
        self.problem.go_on()
        self._set_stale(False)
        self.watch.follow(None if loaded.example else loaded.path)
        self.start.set_recents(self.settings.recents)
        self.refresh()

    @Slot()
    def _step_changed(self) -> None:
        step = self.document.step
        if step is None:
            self.watch.follow(None)
            self.stale = False
        self.setWindowTitle(f"{step.title} — Bayplan" if step is not None else "Bayplan")
        self.title_corner.show_title(step.title if step is not None else tr("No step open"))
        self.show_view("map")
        self._fill_start_page()

    @Slot()
    def refresh(self) -> None:
        self.menu.enable(
            enabled_commands(
                self.document,
                view=self._view,
                busy=self.work.busy,
                stoppable=self.work.activity.stoppable,
                stale=self.stale,
                recording=self.importing.recording,
            )
        )
        opened = self.document.step is not None
        self.search.setEnabled(opened or self._view == "recorded")
        self.texts.show(self._view if opened else "start")

    @Slot(object)
    def _found(self, hit: Hit) -> None:
        if hit.op >= 0 and self.central is not None and self._view == "map":
            self.central.exploring.go_to_op(hit.op)
            self.central.map.setFocus()
            return
        self.document.select(hit.storages)
        if self.central is not None and self._view in ("map", "budget"):
            self.central.map.fit_storages(hit.storages)
            self.central.map.setFocus()

    # The step's file

    @Slot(bool)
    def _set_stale(self, stale: bool) -> None:
        if stale and not self.stale and self.watch.path is not None:
            self.problem.show_failure(
                Failure(
                    tr("{} changed on disk; this is the step as it was.").format(self.watch.path.name)
                ),
                Remedy(tr("Solve again"), self._solve_again),
            )
        self.stale = stale
        if self.central is not None:
            self.central.set_stale(stale)
        self.refresh()

    def _solve_again(self) -> None:
        """Open the step's file as it is now and solve that."""
        if self.watch.path is not None:
            self.work.open_path(self.watch.path, solve=True)

    # Keys and menus

    def _escaped(self) -> None:
        if self.search.close_results() or self.editing.escape():
            return
        if self.central is not None and self.central.map.ruler.escape():
            return
        if self.focusWidget() is self.search:
            self._focus_page()
        elif self.central is not None and self._view == "map" and self.central.exploring.escape():
            return
        elif self.document.selection:
            self.document.select(())
        elif not self.importing.clear_selection():
            self.work.stop()

    def solve(self) -> None:
        """What the view in sight is about: the step, or its budgets."""
        if self._view == "recorded":
            self.importing.place()
        elif self._view == "budget":
            self.budgeting.solve()
        else:
            self.work.solve()

    def go_to_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def if_open(self, act: Callable[["Central"], object]) -> None:
        """Do something with what is there only while a step is open."""
        if self.central is not None:
            act(self.central)

    def toggle(self, name: str) -> None:
        self.docks.toggle({d.objectName(): d for d in self.docks.all}[f"dock_{name}"])

    def choose_theme(self, choice: str) -> None:
        self.settings.theme = choice
        self._follow_system()

    @Slot()
    def _follow_system(self) -> None:
        theme = chosen_theme(self.settings.theme)
        if theme is not self.theme:
            self.set_theme(theme)
