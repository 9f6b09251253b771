"""What is said of a storage that is in memory more than once: each stay, and why there are several."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.facts.plan import PlanFacts, op_place
from app.facts.stays import Came, Span, Use, Went
from app.numbers import Unit, human, unit_of
from app.translation import mark, plural, tr
from solver.step import Op, Phase

NAMED = 2
"""Ops that a sentence names before it says how many more there are."""

MAKES = {
    Phase.FORWARD: mark("Forward makes it with {}"),
    Phase.BACKWARD: mark("Backward makes it with {}"),
    Phase.UPDATE: mark("The update makes it with {}"),
}
"""Whole, by who does it: languages bend the verb and its subject."""
CAME = {Came.MADE: mark("Made"), Came.AGAIN: mark("Made again"), Came.BACK: mark("Back from host")}


@dataclass(frozen=True, slots=True)
class StayRow:
    """One stay, as a line of the inspector."""

    slot: int
    title: str
    address: str
    detail: str
    """When, and what became of it."""


def stay_rows(facts: PlanFacts, storage: int) -> tuple[StayRow, ...]:
    """The stays of a storage that has several; none for all others."""
    spans = facts.spans(storage)
    if len(spans) < 2:
        return ()
    unit = unit_of(facts.total_bytes)
    return tuple(
        StayRow(
            span.start,
            tr(CAME[span.came]),
            place_text(span, unit),
            f"{slots_text(span)}, {_end(facts, storage, span, spans[at + 1 :])}",
        )
        for at, span in enumerate(spans)
    )


def slots_text(span: Span) -> str:
    """``ops 3 – 39``, ``op 3``."""
    return (
        tr("ops {} – {}").format(span.start, span.end - 1)
        if span.slots > 1
        else tr("op {}").format(span.start)
    )


def place_text(span: Span, unit: Unit) -> str:
    """``0.951 GiB``: its first byte."""
    return f"{unit.text(span.address)} {unit.name}" if span.address >= 0 else ""


def _end(facts: PlanFacts, storage: int, span: Span, later: Sequence[Span]) -> str:
    if span.went is Went.PARKED:
        return (
            tr("in host memory until op {}").format(later[0].start)
            if later
            else tr("back to its home on the host")
        )
    if span.went is Went.TAKEN:
        new = next((t.new for t in facts.taken_over(storage) if t.slot == span.end), -1)
        return tr("its bytes go to {}").format(facts.step.storages[new].name)
    return tr("freed") if later else tr("freed for good")


def why_several(facts: PlanFacts, storage: int) -> str:
    """Who makes it, why it leaves, how it comes back and what for."""
    parts = []
    size = human(int(facts.sizes[storage]))
    spans = facts.spans(storage)
    uses = [*facts.producers(storage), *facts.consumers(storage)]
    for at, span in enumerate(spans):
        mine = [use for use in uses if use.instance == span.instance]
        readers = [facts.step.ops[use.op] for use in mine if not use.creates]
        needed = named(readers) if readers else ""
        following = spans[at + 1] if at + 1 < len(spans) else None
        match span.came:
            case Came.MADE:
                maker = _maker(facts, mine)
                parts.append(tr("{} for {}.").format(maker, needed) if needed else f"{maker}.")
            case Came.AGAIN:
                said = tr("Made again at op {} for {}.") if needed else tr("Made again at op {}.")
                parts.append(said.format(span.start, needed))
            case Came.BACK:
                said = tr("Back in memory from op {} for {}.")
                if not needed:
                    said = tr("Back in memory from op {}.")
                parts.append(said.format(span.start, needed))
        if following is not None:
            gone = following.start - span.end
            said = tr("Then it is not kept: {} less through {}.")
            if span.went is Went.PARKED:
                said = tr("Then it is parked in host memory: {} less through {}.")
            parts.append(said.format(size, plural("{} op", "{} ops", gone)))
    return " ".join(parts)


def _maker(facts: PlanFacts, uses: Sequence[Use]) -> str:
    made = next((use for use in uses if use.creates), None)
    if made is None:
        return tr("It is in memory")
    op = facts.step.ops[made.op]
    return tr(MAKES[op.phase]).format(op_place(op))


def named(ops: Sequence[Op]) -> str:
    """``a in m, b in n and 3 more``; the same text is not said twice."""
    texts = list(dict.fromkeys(op_place(op) for op in ops))
    if len(texts) > NAMED + 1:
        return tr("{} and {} more").format(", ".join(texts[:NAMED]), len(texts) - NAMED)
    if len(texts) > 1:
        return tr("{} and {}").format(", ".join(texts[:-1]), texts[-1])
    return texts[0]
