"""The rows of the library: stored steps with their plans, and the open step's plans not stored yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.document import Entry
from app.library.summary import PlanSummary, StepSummary
from app.numbers import overhead, percent, plan_size, unit_of
from app.translation import tr
from solver.plan import Status
from solver.step import Step


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One way to run a step: ``entry`` when it is open, ``stored`` when the library has it."""

    name: str
    detail: str
    """Its height."""
    saved: float | None
    """Part of the bytes as run that it saves; None where that is not known."""
    entry: Entry | None = field(default=None, compare=False)
    """Not compared: whether two plans are equal takes long to find out; see ``same_rows``."""
    stored: PlanSummary | None = None
    overhead: float | None = None
    """Added time of a plan within a budget; None for one without."""

    @property
    def saved_text(self) -> str:
        """``−19.9 %`` of the bytes, or ``+6.11 %`` of the time; empty where there is nothing to say."""
        if self.overhead is not None:
            return overhead(self.overhead)
        return signed_percent(self.saved) if self.saved is not None else ""


@dataclass(frozen=True, slots=True)
class StepNode:
    """One step with its plans; ``stored`` when the library has it, ``open`` when it is shown."""

    key: str
    """The fingerprint."""
    name: str
    detail: str
    figures: str
    saved: float | None
    spark: tuple[int, ...]
    plans: tuple[PlanNode, ...]
    stored: StepSummary | None = None
    open: bool = False

    @property
    def saved_text(self) -> str:
        """``−19.9 %``; empty where there is nothing to say."""
        return signed_percent(self.saved) if self.saved is not None else ""


def signed_percent(saved: float) -> str:
    """A saving as the change that it is: 0.199 becomes ``−19.9 %``."""
    return percent(-saved) if round(saved, 3) > 0 else f"+{percent(abs(saved))}" if saved < 0 else "0 %"


def library_rows(
    steps: Sequence[StepSummary],
    step: Step | None,
    entries: Sequence[Entry],
    spark: tuple[int, ...],
    search: str = "",
) -> tuple[StepNode, ...]:
    """All rows: the open step first when the library lacks it; what the search asks for otherwise.

    ``spark`` is the open step's live profile, for when the library has none of it.
    """
    rows: list[StepNode] = []
    known = step is not None and any(s.fingerprint == step.fingerprint for s in steps)
    if step is not None and not known and _found(search, step, entries):
        plans = _entry_nodes(entries, step)
        rows.append(_step_node(step.fingerprint, step, None, plans, spark))
    for summary in steps:
        opened = step is not None and summary.fingerprint == step.fingerprint
        if not summary.mentions(search):
            continue
        plans = _entry_nodes(entries, step, summary) if opened and step is not None else ()
        there = {plan.stored.id for plan in plans if plan.stored is not None}
        stored = tuple(_stored_node(plan, summary) for plan in summary.plans if plan.id not in there)
        node = _step_node(
            summary.fingerprint, step if opened else None, summary, plans + stored, summary.spark
        )
        rows.append(node)
    return tuple(rows)


def same_rows(rows: Sequence[StepNode], others: Sequence[StepNode]) -> bool:
    """Whether both say the same and stand for the very same open entries."""
    entries = [plan.entry for row in rows for plan in row.plans]
    theirs = [plan.entry for row in others for plan in row.plans]
    return tuple(rows) == tuple(others) and all(
        one is other for one, other in zip(entries, theirs, strict=True)
    )


def _found(search: str, step: Step, entries: Sequence[Entry]) -> bool:
    where = "\n".join([step.title, *(entry.name for entry in entries)]).casefold()
    return all(word in where for word in search.casefold().split())


def _step_node(
    key: str,
    step: Step | None,
    stored: StepSummary | None,
    plans: tuple[PlanNode, ...],
    spark: tuple[int, ...],
) -> StepNode:
    if stored is not None:
        name, _, rest = stored.name.partition(" · ")
        detail = rest or tr("batch {}").format(stored.batch)
        as_run = stored.baseline_reserved_bytes
        free = [plan for plan in stored.plans if plan.budget_bytes is None]
        heights = [stored.resident_bytes + plan.height_bytes for plan in free]
    else:
        name, _, detail = step.title.partition(" · ") if step is not None else ("", "", "")
        detail = tr("{} · not stored").format(detail)
        as_run, heights = None, []
    for plan in plans:
        if plan.entry is not None and step is not None:
            if plan.entry.baseline is not None:
                as_run = plan.entry.baseline.reserved_bytes
            elif plan.entry.plan.terms is None:
                heights.append(step.resident_bytes + plan.entry.plan.height_bytes)
    best = min(heights, default=None)
    figures, saved = "", None
    if as_run is not None and best is not None:
        unit = unit_of(as_run)
        figures = f"{as_run / unit.size:.2f} → {best / unit.size:.2f} {unit.name}"
        saved = (as_run - best) / as_run if as_run else None
    elif best is not None:
        figures = plan_size(best)
    return StepNode(key, name, detail, figures, saved, spark, plans, stored, step is not None)


def _entry_nodes(
    entries: Sequence[Entry], step: Step, summary: StepSummary | None = None
) -> tuple[PlanNode, ...]:
    baseline = next((e.baseline for e in entries if e.baseline is not None), None)
    reserved = baseline.reserved_bytes if baseline is not None else None
    if reserved is None and summary is not None:
        reserved = summary.baseline_reserved_bytes
    stored = summary.plans if summary is not None else ()
    result = []
    for entry in entries:
        if entry.baseline is not None:
            result.append(
                PlanNode(
                    entry.name,
                    tr("{} reserved").format(plan_size(entry.baseline.reserved_bytes)),
                    None,
                    entry,
                )
            )
            continue
        height = step.resident_bytes + entry.plan.height_bytes
        saved = (reserved - height) / reserved if reserved else None
        kept = next((plan for plan in stored if _same(entry, plan)), None)
        name = kept.name if kept is not None else entry.name
        terms = entry.plan.terms
        if terms is not None:
            short, _, detail = name.partition(", ")
            node = PlanNode(short, detail or plan_size(height), saved, entry, kept, terms.overhead)
            result.append(node)
            continue
        result.append(PlanNode(name, plan_size(height), saved, entry, kept))
    return tuple(result)


def _same(entry: Entry, plan: PlanSummary) -> bool:
    """Whether an open plan is a stored one: by its id, or as found by the same solve."""
    if entry.library_id is not None:
        return entry.library_id == plan.id
    made = entry.plan.provenance.created
    return made != "" and (made, entry.plan.height_bytes) == (plan.created, plan.height_bytes)


def _stored_node(plan: PlanSummary, step: StepSummary) -> PlanNode:
    height = step.resident_bytes + plan.height_bytes
    reserved = step.baseline_reserved_bytes
    if plan.status == Status.BASELINE:
        return PlanNode(
            plan.name, tr("{} reserved").format(plan_size(plan.height_bytes)), None, None, plan
        )
    saved = (reserved - height) / reserved if reserved else None
    if plan.overhead is not None:
        short, _, detail = plan.name.partition(", ")
        return PlanNode(short, detail or plan_size(height), saved, None, plan, plan.overhead)
    return PlanNode(plan.name, plan_size(height), saved, None, plan)
