"""What is said of a storage that is in memory more than once: each stay, and why there are several."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.facts.plan import PlanFacts, op_place
from app.facts.stays import Came, Span, Use, Went
from app.numbers import Unit, counted, human, unit_of
from solver.step import Op, Phase

NAMED = 2
"""Ops that a sentence names before it says how many more there are."""

WHO = {Phase.FORWARD: "Forward", Phase.BACKWARD: "Backward", Phase.UPDATE: "The update"}

CAME = {Came.MADE: "Made", Came.AGAIN: "Made again", Came.BACK: "Back from host"}


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
            CAME[span.came],
            place_text(span, unit),
            f"{slots_text(span)}, {_end(facts, storage, span, spans[at + 1 :])}",
        )
        for at, span in enumerate(spans)
    )


def slots_text(span: Span) -> str:
    """``ops 3 – 39``, ``op 3``."""
    return f"ops {span.start} – {span.end - 1}" if span.slots > 1 else f"op {span.start}"


def place_text(span: Span, unit: Unit) -> str:
    """``0.951 GiB``: its first byte."""
    return f"{unit.text(span.address)} {unit.name}" if span.address >= 0 else ""


def _end(facts: PlanFacts, storage: int, span: Span, later: Sequence[Span]) -> str:
    if span.went is Went.PARKED:
        return f"in host memory until op {later[0].start}" if later else "back to its home on the host"
    if span.went is Went.TAKEN:
        new = next((t.new for t in facts.taken_over(storage) if t.slot == span.end), -1)
        return f"its bytes go to {facts.step.storages[new].name}"
    return "freed" if later else "freed for good"


def why_several(facts: PlanFacts, storage: int) -> str:
    """Who makes it, why it leaves, how it comes back and what for."""
    parts = []
    size = human(int(facts.sizes[storage]))
    spans = facts.spans(storage)
    uses = [*facts.producers(storage), *facts.consumers(storage)]
    for at, span in enumerate(spans):
        mine = [use for use in uses if use.instance == span.instance]
        readers = [facts.step.ops[use.op] for use in mine if not use.creates]
        needed = f" for {named(readers)}" if readers else ""
        following = spans[at + 1] if at + 1 < len(spans) else None
        match span.came:
            case Came.MADE:
                maker = _maker(facts, mine)
                parts.append(f"{maker}{needed}.")
            case Came.AGAIN:
                parts.append(f"Made again at op {span.start}{needed}.")
            case Came.BACK:
                parts.append(f"Back in memory from op {span.start}{needed}.")
        if following is not None:
            gone = following.start - span.end
            what = "parked in host memory" if span.went is Went.PARKED else "not kept"
            parts.append(f"Then it is {what}: {size} less through {counted(gone, 'op')}.")
    return " ".join(parts)


def _maker(facts: PlanFacts, uses: Sequence[Use]) -> str:
    made = next((use for use in uses if use.creates), None)
    if made is None:
        return "It is in memory"
    op = facts.step.ops[made.op]
    return f"{WHO[op.phase]} makes it with {op_place(op)}"


def named(ops: Sequence[Op]) -> str:
    """``a in m, b in n and 3 more``; the same text is not said twice."""
    texts = list(dict.fromkeys(op_place(op) for op in ops))
    if len(texts) > NAMED + 1:
        return f"{', '.join(texts[:NAMED])} and {len(texts) - NAMED} more"
    if len(texts) > 1:
        return f"{', '.join(texts[:-1])} and {texts[-1]}"
    return texts[0]
