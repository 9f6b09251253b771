"""What the inspector says of one op: what it reads and makes, how long it takes, whose line it is."""

from dataclasses import dataclass

from app.facts.plan import PlanFacts, op_label, op_place
from app.facts.storage import AliveRow, Figure, op_summary
from app.numbers import bytes_exact, human
from app.translation import tr
from solver.step import SourceLine


@dataclass(frozen=True, slots=True)
class OpFacts:
    """One op of a plan, at the slot it runs at."""

    slot: int
    title: str
    summary: str
    figures: tuple[Figure, ...]
    reads: tuple[AliveRow, ...]
    writes: tuple[AliveRow, ...]
    """Changed in place."""
    makes: tuple[AliveRow, ...]
    source: SourceLine | None


def op_facts(facts: PlanFacts, slot: int, estimated_seconds: float = -1.0) -> OpFacts:
    """The op at ``slot``; ``estimated_seconds``: on the device of the budget view, -1 where unknown."""
    op = facts.op_at(slot)
    live = int(facts.profile[slot])
    figures = [
        Figure(tr("Op"), tr("{} of {}").format(slot, facts.slots), op.name),
        Figure(tr("Call"), op.target),
    ]
    if op.seconds >= 0:
        figures.append(Figure(tr("Time"), duration(op.seconds), tr("measured")))
    elif estimated_seconds >= 0:
        figures.append(Figure(tr("Time"), f"~{duration(estimated_seconds)}", tr("estimate")))
    if op.flops > 0:
        figures.append(Figure(tr("Work"), tr("{:,.3g} GFLOP").format(op.flops / 1e9)))
    figures.append(Figure(tr("Live"), human(live), bytes_exact(live)))
    if slot == facts.peak_slot:
        figures.append(Figure(tr("Peak"), tr("the most bytes are alive here")))
    only_read = [s for s in op.reads if s not in op.writes]
    return OpFacts(
        slot=slot,
        title=op_label(op),
        summary=op_summary(op, again=slot in facts.repeated.slots),
        figures=tuple(figures),
        reads=tuple(_row(facts, s, slot) for s in only_read),
        writes=tuple(_row(facts, s, slot) for s in op.writes),
        makes=tuple(_row(facts, s, slot) for s in op.creates),
        source=facts.step.sources[op.source] if op.source >= 0 else None,
    )


def _row(facts: PlanFacts, storage: int, slot: int) -> AliveRow:
    about = facts.step.storages[storage]
    return AliveRow(
        storage, about.name, about.category, int(facts.sizes[storage]), _kept(facts, storage, slot)
    )


def _kept(facts: PlanFacts, storage: int, slot: int) -> str:
    """Where it goes from here."""
    if facts.step.storages[storage].resident:
        return (
            tr("lives across steps")
            if not facts.step.storages[storage].output
            else tr("leaves the step")
        )
    later = [use.slot for use in facts.consumers(storage) if use.slot > slot]
    if not later:
        return tr("needed here for the last time")
    return tr("then op {}, {}").format(later[0], op_place(facts.op_at(later[0])))


def duration(seconds: float) -> str:
    """``1.24 ms``: three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return tr("{:.3g} ns").format(seconds * 1e9)
