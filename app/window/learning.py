"""Lessons in the window: opens them, points the map where a page wants it, judges answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QFileDialog

from app.document import Entry
from app.jobs.lesson import LessonJob
from app.jobs.load import Loaded
from app.lessons.lesson import AS_RUN, PLANNED, SUFFIX, Kind, Page
from app.theme import DARK, Theme
from app.translation import mark, tr
from app.window.activity import Activity
from solver.errors import BayplanError

if TYPE_CHECKING:
    from app.lessons.facts import Subject
    from app.lessons.prepared import Prepared
    from app.lessons.progress import Progress
    from app.panels.cut_graph import CutGraphView
    from app.panels.lesson_panel import LessonPanel
    from app.window.docks import Dock
    from app.window.main_window import MainWindow


class Learning(QObject):
    """Owns the lesson dock, which is made when it is first asked for."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._document = window, window.document
        self._theme: Theme = DARK
        self.dock: Dock | None = None
        self.panel: LessonPanel | None = None
        self.graph: CutGraphView | None = None
        self.prepared: Prepared | None = None
        self.page = 0
        self._waiting: Page | None = None
        """Whose answer is judged as soon as the validator has judged the plan that it is."""
        self._document.step_changed.connect(self._follow)
        self._document.shown_changed.connect(self._follow)
        self._document.entries_changed.connect(self._follow)

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self._theme = theme
        for part in (self.panel, self.graph):
            if part is not None:
                part.set_theme(theme)
        if self.dock is not None:
            self.dock.line.set_theme(theme)

    # -- opening

    @Slot()
    def toggle(self) -> None:
        """Show the lessons, or hide them."""
        if self.dock is not None and self.dock.isVisible():
            self.dock.close()
            return
        first = self.dock is None
        self._show_dock()
        if first:
            self.show_list()

    @Slot()
    def show_list(self) -> None:
        """Offer all lessons."""
        from app.lessons.progress import progress_of
        from app.lessons.reading import lesson_files, read_lesson
        from app.panels.lesson_parts import Card

        self._show_dock()
        cards = []
        for path in lesson_files(_language()):
            lesson = read_lesson(path)
            known = progress_of(self._window.settings, lesson)
            begun = known.page > 0 or bool(known.answered)
            done = known.done(lesson)
            cards.append(Card(lesson.title, lesson.summary, lesson.minutes, begun, done))
        if self.panel is not None:
            self.panel.show_list(cards)
        if self.dock is not None:
            self.dock.line.remark.setText("")

    @Slot(int)
    def open_number(self, number: int) -> None:
        """Open one of our lessons, from 0."""
        from app.lessons.reading import lesson_files

        self.open_path(lesson_files(_language())[number])

    def open_path(self, path: Path) -> None:
        """Open a lesson's file in place of what is open."""
        self._window.problem.go_on()
        job = LessonJob(path)
        job.succeeded.connect(self._begin)
        self._window.work.run_job(job, "open", Activity(tr("Preparing the lesson"), stoppable=True))

    @Slot()
    def ask_file(self) -> None:
        """Ask for a lesson's file and open it."""
        settings = self._window.settings
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            tr("Open a Lesson"),
            settings.folder("open"),
            tr("Lessons (*{} *.toml)").format(SUFFIX),
        )
        if name:
            settings.set_folder("open", Path(name).parent)
            self.open_path(Path(name))

    @Slot(object)
    def _begin(self, prepared: Prepared) -> None:
        from app.lessons.progress import progress_of

        self.prepared = prepared
        known = progress_of(self._window.settings, prepared.lesson)
        self.page = 0 if known.finished else known.page
        self._window.work.tell(tr("Lesson ready"))
        self._show_dock()
        self._show_page()

    def _show_dock(self) -> None:
        if self.dock is None:
            self._make_dock()
        if self.dock is not None:
            self.dock.show()
            self.dock.raise_()
            self._window.menu["lessons"].setChecked(True)

    def _make_dock(self) -> None:
        from app.panels.lesson_panel import WIDTH, LessonPanel
        from app.window.docks import Dock

        window = self._window
        self.panel = panel = LessonPanel()
        self.dock = dock = Dock(mark("Lesson"), window, panel)
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        if not window.docks.inspector.isFloating():
            window.tabifyDockWidget(window.docks.inspector, dock)
        window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
        dock.visibilityChanged.connect(self._check)
        panel.lesson_asked.connect(self.open_number)
        panel.file_asked.connect(self.ask_file)
        panel.list_asked.connect(self.show_list)
        panel.page_asked.connect(self.turn)
        panel.answered.connect(self.answer)
        panel.again_asked.connect(self.point)
        self.set_theme(self._theme)

    @Slot()
    def _check(self) -> None:
        # A tab that is behind another one is not hidden.
        self._window.menu["lessons"].setChecked(self.dock is not None and not self.dock.isHidden())

    # -- pages

    @property
    def _page(self) -> Page | None:
        return self.prepared.lesson.pages[self.page] if self.prepared is not None else None

    @Slot(int)
    def turn(self, by: int) -> None:
        """Go some pages on or back; beyond the last one the lesson is finished."""
        prepared = self.prepared
        if prepared is None:
            return
        page = self.page + by
        if page >= len(prepared.lesson.pages):
            self._keep(finished=True)
            self._leave_edit()
            self._show_graph(False)
            self.show_list()
        elif page >= 0:
            self.page = page
            self._show_page()

    def _show_page(self) -> None:
        from app.lessons.facts import filled
        from app.panels.lesson_parts import Question, Sheet

        prepared, page, panel = self.prepared, self._page, self.panel
        if prepared is None or page is None or panel is None:
            return
        self._keep()
        find = prepared.finder(page)
        lesson = prepared.lesson
        asked = page.ask
        question = None
        if asked is not None:
            choices = tuple(filled(choice, find) for choice in asked.choices)
            question = Question(
                asked.kind, filled(asked.question, find), choices, asked.unit, filled(asked.hint, find)
            )
        last = self.page == len(lesson.pages) - 1
        known = self._progress.answered
        panel.show_sheet(
            Sheet(
                lesson.title,
                page.title,
                filled(page.text, find),
                self.page,
                tuple(one.ask is not None for one in lesson.pages),
                known,
                question,
                lesson.remember if last else "",
            )
        )
        if self.dock is not None:
            self.dock.line.remark.setText(lesson.title)
            self.dock.raise_()
        self.point()

    @Slot()
    def point(self) -> None:
        """Point the window where the page wants it."""
        prepared, page, window = self.prepared, self._page, self._window
        if prepared is None or page is None:
            return
        document = self._document
        if document.step is not prepared.step:
            window.work.leave()  # What runs is for the step that goes away.
            document.open(prepared.step, None, example=True)
            window.work.opened.emit(Loaded(prepared.step, None, prepared.baseline, example=True))
        if all(e.plan is not prepared.baseline.plan for e in document.entries):
            document.add(Entry(prepared.baseline.plan, prepared.baseline), show=False)
        show = page.show
        if show.plan:
            plan = prepared.plans[show.plan]
            there = next((e for e in document.entries if e.plan is plan), None)
            mine = next((e for e in document.entries if e.draft is not None), None)
            if show.edit and mine is not None:
                document.show(mine)  # What was packed so far stays.
            elif there is None:
                document.add(Entry(plan, prepared.baseline if show.plan == AS_RUN else None))
            else:
                document.show(there)
        elif document.shown is None:
            document.add(Entry(prepared.plans[PLANNED]))
        if show.view == "budget":
            # The curve is drawn through all plans of the lesson, also those of pages not seen yet.
            known = [entry.plan for entry in document.entries]
            for plan in (prepared.plans[PLANNED], *prepared.budgeted):
                if all(plan is not one for one in known):
                    document.add(Entry(plan), show=False)
        window.show_view(show.view)
        if self.dock is not None:
            self.dock.raise_()
        self._set_edit(show.edit)
        self._show_graph(show.cut)
        # When the rows have their places.
        QTimer.singleShot(0, self, self._point_map)
        self._follow()

    def _point_map(self) -> None:
        from app.lessons.facts import storage_named

        page, central = self._page, self._window.central
        if self.prepared is None or page is None or central is None:
            return
        planned = self._document.planned
        if planned is not self.prepared.step and page.show.plan == "":
            return
        show, view = page.show, central.map
        if show.slots is not None:
            view.set_visible_range(show.slots[0], show.slots[1], 0.0, view.state.top)
        else:
            view.fit()
        facts = self.prepared.finder(page)(show.plan).facts
        self._document.select(tuple(storage_named(facts, name) for name in show.select))
        if show.peak:
            view.go_to_peak()
        else:
            view.point_at(None, -1)

    def _set_edit(self, editing: bool) -> None:
        central = self._window.central
        if central is not None and central.map_page.hand.active != editing:
            self._window.editing.toggle()

    def _leave_edit(self) -> None:
        self._set_edit(False)

    def _show_graph(self, visible: bool) -> None:
        from app.facts.cut import cut_graph
        from app.panels.cut_graph import CutGraphView

        central, prepared = self._window.central, self.prepared
        if central is None:
            return
        if self.graph is None and visible:
            self.graph = CutGraphView()
            self.graph.set_theme(self._theme)
            self.graph.selected.connect(self._select)
            central.map_page.place_above_map(self.graph)
        if self.graph is not None:
            proof = prepared.proof if visible and prepared is not None else None
            drawn = prepared is not None and proof is not None and proof.op >= 0
            self.graph.show_graph(
                cut_graph(prepared.step, proof) if drawn and prepared and proof else None
            )

    @Slot(int)
    def _select(self, storage: int) -> None:
        self._document.select((storage,))

    # -- answers

    @Slot(str)
    def answer(self, given: str) -> None:
        """Judge an answer to the page's question."""
        from app.lessons.facts import filled
        from app.lessons.judging import judge

        prepared, page, panel = self.prepared, self._page, self.panel
        if prepared is None or page is None or page.ask is None or panel is None:
            return
        subject = self._shown_subject()
        judging = subject is not None and subject.judging and page.ask.kind is Kind.REACH
        self._waiting = page if judging else None
        ask, find = page.ask, prepared.finder(page, subject)
        try:
            right = judge(prepared, page, given, self._selected_name(), subject)
        except BayplanError as error:
            panel.say(str(error), right=False)
            return
        panel.say(filled(ask.right if right else ask.wrong, find), right=right)
        if right:
            self._keep(answered=self.page)
            panel.mark_answered(self._progress.answered)

    def _selected_name(self) -> str:
        """Of the primary selected tensor; empty: there is none."""
        planned, selection = self._document.planned, self._document.selection
        return planned.storages[selection[0]].name if planned is not None and selection else ""

    def _shown_subject(self) -> Subject | None:
        from app.facts.plan import plan_facts
        from app.lessons.facts import Subject

        step, shown = self._document.step, self._document.shown
        if self.prepared is None or step is not self.prepared.step or shown is None:
            return None
        proof = self.prepared.proof if shown.plan is self.prepared.plans[PLANNED] else None
        facts = plan_facts(step, shown.plan, shown.baseline)
        return Subject(facts, proof, shown.conflicts, shown.judging)

    @Slot()
    def _follow(self) -> None:
        """The map shows something else: count again, or offer the way back."""
        prepared, page, panel = self.prepared, self._page, self.panel
        if prepared is None or page is None or panel is None:
            return
        away = self._document.step is not prepared.step
        panel.set_away(away)
        if away:
            self._show_graph(False)
        ask = page.ask
        subject = self._shown_subject()
        if self._waiting is page and subject is not None and not subject.judging:
            self.answer("")
        if ask is None or not ask.score or subject is None:
            panel.set_score("")
            return
        from app.lessons.judging import judge, score

        panel.set_score(score(prepared, page, subject))
        if subject.judging:
            return  # It follows when the validator has spoken.
        if judge(prepared, page, "", "", subject) and self.page not in self._progress.answered:
            self.answer("")

    # -- progress

    @property
    def _progress(self) -> Progress:
        from app.lessons.progress import progress_of

        assert self.prepared is not None
        return progress_of(self._window.settings, self.prepared.lesson)

    def _keep(self, *, answered: int = -1, finished: bool = False) -> None:
        from app.lessons.progress import keep_progress

        if self.prepared is None:
            return
        known = self._progress
        numbers = known.answered | ({answered} if answered >= 0 else frozenset())
        new = replace(known, page=self.page, answered=numbers, finished=known.finished or finished)
        keep_progress(self._window.settings, self.prepared.lesson, new)


def _language() -> str:
    """Of the system, two letters."""
    return QLocale().name()[:2]
