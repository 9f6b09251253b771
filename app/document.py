"""The open step with its plans, and what is shown and selected: the one model all views share.

Lives in the UI thread. Views connect to its signals and call its methods; they never talk to one
another.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.facts.plan import best_plan, counterparts, plan_facts
from app.history import History
from app.pinned import Pinned
from solver.plan import Plan, Status
from solver.solution import Baseline, Progress, Solution
from solver.step import Step

if TYPE_CHECKING:
    from app.edit.draft import Draft


@dataclass(frozen=True, eq=False)
class Entry:
    """One way to run the step that can be put on the map; equal only to itself."""

    plan: Plan
    baseline: Baseline | None = None
    """Set for the step as run."""
    library_id: int | None = None
    path: Path | None = None
    draft: "Draft | None" = None
    """Set while a person edits the plan by hand."""

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def conflicts(self) -> int:
        """So many things are known to be wrong with a plan that is edited by hand."""
        return self.draft.conflicts.count if self.draft is not None else 0

    @property
    def judging(self) -> bool:
        """Whether the validator has yet to say that an edited plan is right."""
        return self.draft is not None and self.draft.judging

    @property
    def right(self) -> bool:
        """Whether this may be kept, exported and compared as a plan."""
        return self.draft is None or self.draft.right


def _budget(entry: Entry) -> tuple[bool, int]:
    terms = entry.plan.terms
    return terms is not None, 0 if terms is None else -terms.budget_bytes


class Document(QObject):
    """The open step. All signals are emitted in the UI thread."""

    step_changed = Signal()
    """Another step was opened or the step was closed."""
    entries_changed = Signal()
    """Plans were added, removed, replaced or judged."""
    shown_changed = Signal()
    """Another entry is on the map."""
    selection_changed = Signal()
    hovered_changed = Signal()
    progress_changed = Signal()
    """A line was added to the running solve's log, or the log was cleared."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.step: Step | None = None
        self.path: Path | None = None
        self.example = False
        self.entries: tuple[Entry, ...] = ()
        self.shown: Entry | None = None
        self.selection: tuple[int, ...] = ()
        """Storages of ``planned`` that are selected, the primary one first."""
        self.op_slot = -1
        """The slot whose op is selected, its tensors with it; -1: tensors alone are."""
        self.hovered = -1
        """Storage under the pointer, or -1."""
        self.log: tuple[Progress, ...] = ()
        self.solution: Solution | None = None
        self.passing = False
        """The plan that is being shown is one of a running solve, which others will follow."""
        self.history = History(self)
        """What was done by hand."""
        self.pinned = Pinned(self.history, self)
        """What the next plans must keep."""

    def open(self, step: Step | None, path: Path | None = None, *, example: bool = False) -> None:
        """Show another step, without plans."""
        self.step, self.path, self.example = step, path, example
        self.entries, self.shown, self.selection, self.hovered = (), None, (), -1
        self.op_slot = -1
        self.log, self.solution = (), None
        self.history.clear()
        self.pinned.clear()
        self.step_changed.emit()
        self.entries_changed.emit()
        self.shown_changed.emit()
        self.selection_changed.emit()
        self.progress_changed.emit()

    def set_solution(self, solution: Solution) -> None:
        """Take what a solve found: as run, program order, the plan; show the plan.

        A solve with pins adds its plan to those that are there.
        """
        self.solution, self.log = solution, solution.log
        if solution.plan.pins:
            if self.baseline is None:
                self.add(Entry(solution.baseline.plan, solution.baseline), show=False)
            self.add(Entry(solution.plan))
            self.progress_changed.emit()
            return
        # Stopped early, the best plan may still be that of program order.
        plans = {plan.name: plan for plan in (solution.program_plan, solution.plan)}
        # A solve without these takes nothing from plans that were edited, pinned or within a budget.
        kept = tuple(e for e in self.entries if e.draft is not None or e.plan.pins or e.plan.terms)
        self.entries = (
            Entry(solution.baseline.plan, solution.baseline),
            *(Entry(plan) for plan in plans.values()),
        )
        found = self.entries[-1]
        self.entries += kept
        self.entries_changed.emit()
        self.show(found)
        self.progress_changed.emit()

    def add(self, entry: Entry, *, show: bool = True) -> None:
        """Add a plan (one of the same name is replaced) and put it on the map."""
        kept = tuple(e for e in self.entries if e.name != entry.name)
        # Plans within budgets after all others, the largest budget first.
        self.entries = tuple(sorted((*kept, entry), key=_budget))
        self.entries_changed.emit()
        # By identity: entries of equal plans hold arrays, which do not compare to one truth.
        if show or (self.shown is not None and all(e is not self.shown for e in self.entries)):
            self.show(entry)

    def remove(self, entry: Entry, *, show: Entry | None = None) -> None:
        """Take a plan away; ``show``, or else the best one left, goes on the map where it was."""
        was_shown = self.shown is entry
        self.entries = tuple(e for e in self.entries if e is not entry)
        self.entries_changed.emit()
        if was_shown:
            self.show(show or self.best or next(iter(self.entries), None))

    def update_entry(self, entry: Entry, *, library_id: int | None, path: Path | None) -> Entry:
        """Note where an entry is kept now."""
        new = replace(entry, library_id=library_id, path=path)
        self.entries = tuple(new if e is entry else e for e in self.entries)
        if self.shown is entry:
            self.shown = new
        self.entries_changed.emit()
        return new

    def judged(self, draft: "Draft", problems: tuple[str, ...]) -> None:
        """The validator has spoken: no ``problems``, and the draft is a plan like others.

        It is the verdict on this draft alone; one that took its place waits for its own.
        """
        draft.verdict.problems = problems
        if any(entry.draft is draft for entry in self.entries):
            self.entries_changed.emit()

    def show(self, entry: Entry | None) -> None:
        """Put an entry on the map."""
        if entry is not self.shown:
            name = self._op_name()
            before, self.shown = self.planned, entry
            after = self.planned
            self.op_slot = self._slot_of(name)
            if before is not None and after is not None and before is not after:
                # Other rewrites: the same tensors have other numbers.
                same = counterparts(before, after)
                self.hover(-1)
                self.select(tuple(same[s] for s in self.selection if s in same))
            self.shown_changed.emit()

    def _op_name(self) -> str:
        """Of the op that is selected; empty: none is."""
        if self.planned is None or self.shown is None or self.op_slot < 0:
            return ""
        return self.planned.ops[self.shown.plan.order[self.op_slot]].name

    def _slot_of(self, name: str) -> int:
        """Where what is shown first runs the op of this name; -1: nowhere."""
        if not name or self.planned is None or self.shown is None:
            return -1
        ops, order = self.planned.ops, self.shown.plan.order
        return next((slot for slot, op in enumerate(order) if ops[op].name == name), -1)

    @property
    def planned(self) -> Step | None:
        """The open step as what is shown runs it, with the plan's rewrites: storages are its."""
        if self.step is None or self.shown is None:
            return self.step
        return plan_facts(self.step, self.shown.plan, self.shown.baseline).step

    def select(self, storages: tuple[int, ...]) -> None:
        """Select storages, the primary one first."""
        if storages != self.selection or self.op_slot >= 0:
            self.selection, self.op_slot = storages, -1
            self.selection_changed.emit()

    def select_op(self, slot: int) -> None:
        """Select the op that runs at a slot of what is shown, and its tensors: first what it makes."""
        step, shown = self.planned, self.shown
        if step is None or shown is None or not 0 <= slot < len(shown.plan.order):
            return
        op = step.ops[shown.plan.order[slot]]
        touched = dict.fromkeys((*op.creates, *op.writes, *op.reads))
        storages = tuple(s for s in touched if step.storages[s].size)
        if (storages, slot) != (self.selection, self.op_slot):
            self.selection, self.op_slot = storages, slot
            self.selection_changed.emit()

    def hover(self, storage: int) -> None:
        """The pointer is over this storage; -1: over none."""
        if storage != self.hovered:
            self.hovered = storage
            self.hovered_changed.emit()

    def add_progress(self, line: Progress) -> None:
        """A running solve says something; a better plan that it brings goes on the map."""
        self.log = (*self.log, line)
        self.progress_changed.emit()
        # One with pins is shown when it is done: on its way it has the names of plans without.
        if line.plan is not None and not line.plan.pins:
            self.passing = True
            try:
                self.add(Entry(line.plan))
            finally:
                self.passing = False

    def clear_progress(self) -> None:
        """A new solve begins."""
        self.log = ()
        self.progress_changed.emit()

    @property
    def baseline(self) -> Baseline | None:
        """The step as run, once it is known."""
        return next((e.baseline for e in self.entries if e.baseline is not None), None)

    @property
    def best(self) -> Entry | None:
        """The plan with the least height of those that cost the least time."""
        plans = [e for e in self.entries if e.plan.status is not Status.BASELINE and e.right]
        best = best_plan([e.plan for e in plans])
        return next((e for e in plans if e.plan is best), None)
