"""The strip above the map: which plan is shown, its height against the step as run, its state."""

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.document import Document, Entry
from app.facts.plan import PlanFacts, plan_facts
from app.facts.solve import proven_overhead
from app.numbers import MIB, bytes_exact, human, overhead, percent, plan_size, whole
from app.panels.colours import LookChooser
from app.panels.controls import ElidedLabel, FigureLabel, Strip
from app.panels.sheet import panel_sheet
from app.style import set_property
from app.theme import DARK, Theme
from app.translation import plural, tr

HEIGHT = 40
TITLE_LEAST = 120
"""Of a plan's name, before figures give way to it; pixels."""


class PlanHeader(Strip):
    """Name and figures of the entry on the map, with tags for what is not final or not real."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(HEIGHT)
        self.setParent(parent)
        self.setObjectName("planHeader")
        self.setAccessibleName(tr("Plan on the map"))
        self._document = document
        self._running = self._stale = False
        self.title = ElidedLabel("", "title")
        self.title.setObjectName("planName")
        self.title.least = TITLE_LEAST
        self.edited = _tag(tr("Edited"), "accent", tr("A plan edited by hand; kept where you save it"))
        self.incumbent = _tag(
            tr("Incumbent"), "accent", tr("The best plan so far; the solve is still running")
        )
        self.example = _tag(
            tr("Example"), "plain", tr("The embedded sample; kept only where you save it")
        )
        self.stale = stale_tag()
        self.height_figure = FigureLabel(tr("Height"))
        self.budget_figure = FigureLabel(tr("Budget"))
        self.overhead_figure = FigureLabel(tr("Overhead"))
        self.bound_figure = FigureLabel(tr("Bound"), "ok")
        self.gap_figure = FigureLabel(tr("Gap"))
        self.as_run_figure = FigureLabel(tr("As run"))
        self.saved_figure = FigureLabel(tr("Saved"), "ok")
        self.peak_figure = FigureLabel(tr("Live peak"))
        self.unfilled_figure = FigureLabel(tr("Reserved, never filled"), "warn")
        names = QHBoxLayout()
        names.setSpacing(8)
        for part in (self.title, self.example, self.stale, self.incumbent, self.edited):
            names.addWidget(part)
        self.row.addLayout(names)
        self.row.setSpacing(24)
        self._figures = (
            self.height_figure,
            self.budget_figure,
            self.overhead_figure,
            self.bound_figure,
            self.gap_figure,
            self.peak_figure,
            self.unfilled_figure,
            self.as_run_figure,
            self.saved_figure,
        )
        for figure in self._figures:
            self.row.addWidget(figure)
        self.row.addStretch(1)
        self._shown: set[QWidget] = set()
        self.expendable = (
            self.unfilled_figure,
            self.peak_figure,
            self.as_run_figure,
            self.gap_figure,
            self.saved_figure,
            self.bound_figure,
            self.budget_figure,
        )
        for signal in (document.step_changed, document.entries_changed, document.shown_changed):
            signal.connect(self.refresh)
        self._chooser: LookChooser | None = None
        self.set_theme(DARK)
        self.refresh()

    def add(self, chooser: LookChooser) -> None:
        """Put the choosers of what the map tells at the right end."""
        self.row.addWidget(chooser)
        self._chooser = chooser
        self.fit()

    def fit(self) -> None:
        """The words before the choosers go before any figure, and before the end of the title."""
        for captions in (True, False):
            if self._chooser is not None:
                self._chooser.set_captions(captions)
            super().fit()
            left_out = any(part.isHidden() for part in self.expendable if self.wanted(part))
            if not left_out and self.row.sizeHint().width() <= self.width():
                return

    def set_theme(self, theme: Theme) -> None:
        """Take another theme's colours."""
        self.setStyleSheet(panel_sheet(theme))

    def set_running(self, running: bool) -> None:
        """While a solve runs the plan on the map is the incumbent."""
        # Asked for with every line of progress, and not free.
        if running != self._running:
            self._running = running
            self.refresh()

    def set_stale(self, stale: bool) -> None:
        """The step changed on disk, so the plan on the map is of an older one."""
        self._stale = stale
        self.refresh()

    def wanted(self, part: QWidget) -> bool:
        return part in self._shown

    def refresh(self) -> None:
        """Follow the document."""
        document = self._document
        step, entry = document.step, document.shown
        self._shown = set()
        self.example.setVisible(step is not None and document.example)
        self.stale.setVisible(step is not None and self._stale)
        self.incumbent.setVisible(entry is not None and entry.baseline is None and self._running)
        self._show_edited(entry)
        if step is None:
            self.title.setText(tr("No step open"))
        elif entry is None:
            self.title.setText(tr("Not solved yet"))
        else:
            self.title.setText(entry.name)
            self._show_figures(entry, plan_facts(step, entry.plan, entry.baseline))
        for figure in self._figures:
            figure.setVisible(figure in self._shown)
        self.fit()

    def _show_edited(self, entry: Entry | None) -> None:
        """An edited plan says so, and whether it is right."""
        conflicts = entry.conflicts if entry is not None else 0
        judging = entry is not None and entry.judging
        self.edited.setVisible(entry is not None and entry.draft is not None)
        self.edited.setText(
            tr("Edited · {}").format(plural("{} conflict", "{} conflicts", conflicts))
            if conflicts
            else tr("Edited")
        )
        # Mostly for a blink: with more words all that is beside it would jump at every edit.
        said = tr("The validator is still judging this edit") if judging else ""
        self.edited.setToolTip(said)
        self.edited.setAccessibleDescription(said)
        set_property(self.edited, "tag", "error" if conflicts else "plain" if judging else "accent")

    def _show_figures(self, entry: Entry, facts: PlanFacts) -> None:
        total = facts.total_bytes
        self._figure(
            self.height_figure, total, tr("Height") if entry.baseline is None else tr("Reserved")
        )
        if entry.baseline is not None:
            self._figure(self.peak_figure, facts.live_peak)
            unfilled = total - facts.live_peak
            self.unfilled_figure.set_figure(
                f"{human(unfilled)}, {percent(unfilled / max(total, 1))}",
                exact=tr("{} B were reserved but never held a live tensor").format(
                    bytes_exact(unfilled)
                ),
            )
            self._shown.add(self.unfilled_figure)
            return
        terms = entry.plan.terms
        if terms is not None:
            self._figure(self.budget_figure, terms.budget_bytes)
            self.overhead_figure.set_figure(tr("{} time").format(overhead(terms.overhead)))
            self._shown.add(self.overhead_figure)
            bound = proven_overhead(terms)
            if bound is not None:
                self.bound_figure.set_figure(overhead(bound), name=tr("Bound"))
                self._shown.add(self.bound_figure)
        elif self._running:
            bound = facts.step.resident_bytes + entry.plan.least_bytes
            self._figure(self.bound_figure, bound)
            self._figure(self.gap_figure, total - bound, unit=human)
        baseline = self._document.baseline
        if baseline is not None:
            reserved = baseline.reserved_bytes
            self._figure(self.as_run_figure, reserved)
            self.saved_figure.set_figure(
                saving(reserved, total),
                tone="ok" if total <= reserved else "warn",
                exact=tr("{} B less than the step as run").format(bytes_exact(reserved - total)),
            )
            self._shown.add(self.saved_figure)

    def _figure(
        self, figure: FigureLabel, size: int, name: str = "", *, unit: Callable[[int], str] = plan_size
    ) -> None:
        figure.set_figure(unit(size), name=name, exact=f"{bytes_exact(size)} B")
        self._shown.add(figure)


def saving(before: int, after: int) -> str:
    """``682 MiB, 19.9 %``: what ``after`` needs less than ``before``."""
    saved = before - after
    size = human(saved)
    if 100 * MIB <= abs(saved) < 1000 * MIB:
        size = whole(saved)
    return f"{size}, {percent(saved / max(before, 1))}"


def stale_tag() -> QLabel:
    """Said of maps whose step is another one on disk by now."""
    return _tag(tr("Stale"), "warn", tr("The step changed on disk: solve again"))


def _tag(text: str, kind: str, tip: str) -> QLabel:
    result = QLabel(text)
    result.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
    set_property(result, "tag", kind)
    result.setToolTip(tip)
    result.setObjectName(f"tag{text}")
    return result
