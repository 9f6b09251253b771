"""What the status bar says: where the pointer is, what the step and its plan are."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.document import Document
from app.facts.plan import counterparts, plan_facts
from app.numbers import DECIMAL, GIB, byte_units, gib, overhead, plan_size
from app.translation import plural, tr
from solver.plan import Status

if TYPE_CHECKING:
    from app.panels.budget_model import BudgetModel
    from app.window.bars import StatusLine


class StatusTexts(QObject):
    """Keeps the status bar true to the view in sight."""

    def __init__(self, line: "StatusLine", document: Document) -> None:
        super().__init__(line)
        self._line, self._document = line, document
        self._view = "start"
        self._budgets: BudgetModel | None = None
        document.hovered_changed.connect(self._hovered)

    def adopt(self, budgets: "BudgetModel") -> None:
        """Follow the budget line, too."""
        self._budgets = budgets
        budgets.changed.connect(self._budget_changed)

    def show(self, view: str) -> None:
        """Say what there is to say of a view; ``start``: that no step is open."""
        if view == "map" and self._view != view:
            self._line.show_pointer((tr("Ready"),))
        self._view = view
        self._line.show_facts(step_facts(self._document, comparing=view == "compare"))
        if view == "start":
            self._line.show_pointer((tr("Ready"),))
        self._hovered()
        self._budget_changed()

    @Slot(int, object)
    def point(self, slot: int, address: int | None) -> None:
        """The pointer is over the map."""
        self._line.show_pointer(pointer_facts(self._document, slot, address))

    @Slot()
    def _hovered(self) -> None:
        if self._view == "compare":
            self._line.show_pointer(compared_facts(self._document))

    @Slot()
    def _budget_changed(self) -> None:
        if self._view == "budget" and self._budgets is not None:
            self._line.show_pointer(budget_facts(self._budgets))
            self._line.show_facts(unit_facts(self._document, self._budgets))


def pointer_facts(document: Document, slot: int, address: int | None) -> tuple[str, ...]:
    """``Op 561``, ``Live 1.214 GiB``, ``Address 1.381 GiB``; ``Ready`` while it is elsewhere."""
    step, shown = document.step, document.shown
    if step is None or shown is None or slot < 0:
        return (tr("Ready"),)
    facts = plan_facts(step, shown.plan, shown.baseline)
    if slot >= facts.slots:
        return (tr("Ready"),)
    parts = (tr("Op {:,}").format(slot), tr("Live {}").format(plan_size(int(facts.profile[slot]))))
    return parts if address is None else (*parts, tr("Address {}").format(plan_size(max(address, 0))))


def compared_facts(document: Document) -> tuple[str, ...]:
    """The storage in question, ``As run op 424``, ``plan op 551``; ``Ready`` where there is none."""
    step, baseline, best = document.step, document.baseline, document.best
    chosen = document.hovered if document.hovered >= 0 else next(iter(document.selection), -1)
    if step is None or baseline is None or best is None or chosen < 0:
        return (tr("Ready"),)
    planned = document.planned or step
    parts = [planned.storages[chosen].name]
    for name, facts in (
        (tr("As run"), plan_facts(step, baseline.plan, baseline)),
        (tr("Plan"), plan_facts(step, best.plan)),
    ):
        same = counterparts(planned, facts.step).get(chosen)
        spans = facts.spans(same) if same is not None else ()
        if spans and planned.storages[chosen].planned:
            parts.append(
                tr("{}: from op {:,} at {}").format(name, spans[0].start, gib(spans[0].address))
            )
    return tuple(parts)


def step_facts(document: Document, *, comparing: bool = False) -> tuple[str, ...]:
    """How the step was captured, how sizes are counted, what was checked of the plan."""
    step, shown = document.step, document.shown
    if step is None:
        return (tr("Nothing leaves this computer"),)
    if comparing:
        return (
            tr("Allocator model: segments of 2 MiB, 20 MiB and rounded requests, best fit, split"),
            tr("First step, cache empty"),
        )
    origin = step.origin
    how = tr("Captured on fake tensors") if step.program is not None else tr("Planning only")
    parts = [tr("{}, {}, for {}").format(how, origin.dtype, origin.target), tr("Blocks of 512 B")]
    if byte_units() is DECIMAL:
        parts.append(tr("GB is 10⁹ bytes"))
    if shown is not None:
        baseline = shown.plan.status is Status.BASELINE
        parts.append(
            tr("Allocator model: first step, empty cache")
            if baseline
            else tr("Not a plan yet: {}").format(plural("{} conflict", "{} conflicts", shown.conflicts))
            if shown.conflicts
            else tr("Not a plan yet: being judged")
            if shown.judging
            else tr("Plan checked: order and overlap")
        )
    return tuple(parts)


def budget_facts(model: "BudgetModel") -> tuple[str, ...]:
    """``Budget 8.010 GiB``, ``Overhead +6.11 %``, and how to go on."""
    if model.budget is None:
        return (tr("Ready"),)
    size = tr("Budget {} {}").format(model.unit.text(model.budget), model.unit.name)
    point = model.point
    if point is None:
        failed = model.infeasible is not None
        return (
            size,
            tr("No plan") if failed else tr("Not solved: press Return on the curve to solve it"),
        )
    how = tr("Drag the line, or press Left and Right for the next plan")
    return (size, tr("Overhead {}").format(overhead(point.overhead)), how)


def unit_facts(document: Document, model: "BudgetModel") -> tuple[str, ...]:
    """What budgets are counted in, where that is not what everything else is."""
    parts = step_facts(document)
    return parts if model.chosen_unit.size == GIB else (tr("GB is 10⁹ bytes, GiB is 2³⁰"), *parts[:1])
