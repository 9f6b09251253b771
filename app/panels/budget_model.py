"""What the budget view shows and asks for: the budget line, what plans may do, on which device."""

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from app.curve.budgets import (
    BUDGET_UNITS,
    BudgetPoint,
    Infeasible,
    Wanted,
    at_budget,
    budget_points,
    fitting_unit,
    neighbour,
)
from app.document import Document
from app.facts.plan import PlanFacts, plan_facts
from app.numbers import Unit
from app.pinned import Pinned
from app.settings import Settings
from solver.terms import Choice, DeviceModel

DEFAULT = frozenset({Choice.RECOMPUTE, Choice.IMPLEMENTATIONS})


class BudgetModel(QObject):
    """The one state that curve, panel and map of the budget view share. Lives in the UI thread."""

    changed = Signal()
    """Points, budget line, choices or unit are others."""
    solve_asked = Signal(object)
    """Budgets to be solved (a tuple of bytes); empty: the whole curve."""

    def __init__(self, document: Document, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # Devices are part of the solver's cost model; it imports little.
        from solver.budget.devices import NAMED, V100

        self._document, self._settings = document, settings
        known = NAMED.get(settings.text("budget_device", V100.name), V100)
        self.wanted = Wanted(_allowed(settings), known, False)
        chosen = settings.text("budget_unit", settings.units)
        self.chosen_unit = next((u for u in BUDGET_UNITS if u.name == chosen), BUDGET_UNITS[0])
        """GiB or GB."""
        self.budget: int | None = None
        """Where the line is; None while there is nothing to put it at."""
        self.running = self._timed = False
        self.asked: Wanted = self.wanted
        """The terms on which budgets were asked for last."""
        self.points: tuple[BudgetPoint, ...] = ()
        self._failed: dict[tuple[Wanted, int], Infeasible] = {}
        document.step_changed.connect(self._reset)
        document.entries_changed.connect(self._recount)
        document.shown_changed.connect(self._follow)
        self._reset()

    @property
    def point(self) -> BudgetPoint | None:
        """The solved budget at the line."""
        return at_budget(self.points, self.budget) if self.budget is not None else None

    @property
    def pinned(self) -> Pinned:
        """What plans without a budget are to keep."""
        return self._document.pinned

    @property
    def opened(self) -> bool:
        """Whether there is a step whose budgets can be solved."""
        return self._document.step is not None

    @property
    def facts(self) -> PlanFacts | None:
        """Of the plan at the line."""
        step, point = self._document.step, self.point
        return plan_facts(step, point.entry.plan) if step is not None and point is not None else None

    @property
    def infeasible(self) -> Infeasible | None:
        """What is known of the line's budget where no plan within it was found."""
        if self.budget is None or self.point is not None:
            return None
        return self._failed.get((self.wanted, self.budget))

    @property
    def failures(self) -> tuple[Infeasible, ...]:
        """All budgets without a plan, under the present terms."""
        return tuple(one for (wanted, _), one in self._failed.items() if wanted == self.wanted)

    @property
    def unit(self) -> Unit:
        """What budgets are counted in: as chosen, smaller for a small step."""
        baseline = self._document.baseline
        largest = max((p.budget_bytes for p in self.points), default=0)
        if not largest:
            largest = baseline.reserved_bytes if baseline is not None else self.chosen_unit.size
        return fitting_unit(self.chosen_unit, largest)

    @property
    def timed(self) -> bool:
        """Whether the open step was timed on its target."""
        return self._timed

    # The line

    def move(self, budget: int, *, show: bool = True) -> None:
        """Put the line at a budget; ``show``: its plan, if there is one, goes on the map."""
        if budget != self.budget:
            self.budget = budget
            self.changed.emit()
        if show:
            self.show_plan()

    def show_plan(self) -> None:
        """Put the plan at the line on the map."""
        point = self.point
        if point is not None:
            self._document.show(point.entry)

    def step(self, by: int) -> None:
        """Move the line to the next larger or smaller solved budget."""
        if self.budget is not None:
            budget = neighbour(self.points, self.budget, by)
            if budget is not None:
                self.move(budget)

    def solve_here(self) -> None:
        """Ask for a plan at the line."""
        if self.budget is not None and self.point is None and not self.running:
            self.solve_asked.emit((self.budget,))

    def solve_curve(self) -> None:
        """Ask for the whole curve."""
        self.solve_asked.emit(())

    def add(self, budget: int) -> None:
        """Put the line at a budget and have it solved."""
        self.move(budget)
        self.solve_here()

    # What is wanted

    def allow(self, choice: Choice, allowed: bool) -> None:
        """Whether plans may do this."""
        chosen = self.wanted.allowed | {choice} if allowed else self.wanted.allowed - {choice}
        if choice is Choice.APPROXIMATE and allowed:
            chosen |= {Choice.IMPLEMENTATIONS}
        if choice is Choice.IMPLEMENTATIONS and not allowed:
            chosen -= {Choice.APPROXIMATE}
        self._settings.set_text("budget_allowed", ",".join(sorted(chosen)))
        self._want(Wanted(frozenset(chosen), self.wanted.device, self.wanted.measured))

    def set_device(self, device: DeviceModel) -> None:
        """Predict times with another device."""
        self._settings.set_text("budget_device", device.name)
        self._want(Wanted(self.wanted.allowed, device, self.wanted.measured))

    def set_measured(self, measured: bool) -> None:
        """Take op times from the step, where it was timed."""
        self._want(Wanted(self.wanted.allowed, self.wanted.device, measured and self.timed))

    def set_unit(self, unit: Unit) -> None:
        """Count budgets in GiB or GB."""
        if unit is not self.chosen_unit:
            self.chosen_unit = unit
            self._settings.set_text("budget_unit", unit.name)
            self.changed.emit()

    def set_running(self, running: bool) -> None:
        """Budgets are being solved, or not any more."""
        if running is not self.running:
            self.running = running
            self.changed.emit()

    def add_failure(self, one: Infeasible) -> None:
        """A budget was found to have no plan; the least one known may be that of an earlier solve."""
        known = [p.budget_bytes for p in self.points if p.budget_bytes > one.budget_bytes]
        if one.found_bytes is not None:
            known.append(one.found_bytes)
        one = replace(one, found_bytes=min(known, default=None))
        self._failed[self.asked, one.budget_bytes] = one
        self.changed.emit()

    def _want(self, wanted: Wanted) -> None:
        if wanted != self.wanted:
            self.wanted = wanted
            self._recount()

    # Following the document

    def _reset(self) -> None:
        self.budget = None
        self._failed.clear()
        step = self._document.step
        self._timed = step is not None and any(op.seconds >= 0 for op in step.ops)
        self.wanted = Wanted(self.wanted.allowed, self.wanted.device, self.timed)
        self._recount()

    def _recount(self) -> None:
        step = self._document.step
        self.points = budget_points(step, self._document.entries, self.wanted) if step else ()
        if self.budget is None and self.points:
            self.budget = (self._shown_point() or self.points[-1]).budget_bytes
        self.changed.emit()

    def _shown_point(self) -> BudgetPoint | None:
        shown = self._document.shown
        return next((p for p in self.points if p.entry is shown), None)

    def _follow(self) -> None:
        """Another plan is on the map: the line goes to it, and its terms are the wanted ones."""
        shown = self._document.shown
        terms = shown.plan.terms if shown is not None else None
        if terms is not None:
            self._want(Wanted(frozenset(terms.allowed), terms.device, terms.measured))
        point = self._shown_point()
        if point is not None and point.budget_bytes != self.budget:
            self.budget = point.budget_bytes
            self.changed.emit()


def _allowed(settings: Settings) -> frozenset[Choice]:
    stored = settings.text("budget_allowed", ",".join(DEFAULT)).split(",")
    return frozenset(choice for choice in Choice if choice.value in stored)
