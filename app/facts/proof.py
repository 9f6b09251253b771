"""What the inspector says of a bound's proof: the op, the storages it holds and why. No Qt."""

from dataclasses import dataclass

from app.facts.explanation import proof_sentence, reason
from app.facts.plan import PlanFacts
from app.facts.storage import AliveRow, Figure, op_summary, percent_of, rest_text
from app.numbers import bytes_exact, human
from app.translation import tr
from solver.proof import PeakProof, Reason
from solver.step import SourceLine

HIGHLIGHTED = 300
"""Storages of a proof that are selected on the map, the largest: more would slow it down."""


@dataclass(frozen=True, slots=True)
class ProofFacts:
    """A proof as the inspector shows it."""

    slot: int
    """Where the plan runs the proving op; -1: there is none."""
    title: str
    summary: str
    sentence: str
    figures: tuple[Figure, ...]
    rows: tuple[AliveRow, ...]
    rest: str
    source: SourceLine | None
    storages: tuple[int, ...]
    """To be selected, the largest first."""


def proof_facts(facts: PlanFacts, proof: PeakProof, rows: int = 12) -> ProofFacts:
    """What proves the bound of the plan that ``facts`` are about."""
    step = facts.step
    op = step.ops[proof.op] if proof.op >= 0 else None
    slot = facts.plan.order.index(proof.op) if op is not None else -1
    figures = [Figure(tr("Bound"), human(proof.bound_bytes), bytes_exact(proof.bound_bytes))]
    if op is not None:
        figures.insert(0, Figure(tr("Op"), tr("{} of {}").format(slot, facts.slots), op.name))
        if proof.cut_bytes < proof.bound_bytes:
            share = percent_of(proof.cut_bytes, proof.bound_bytes)
            figures.append(Figure(tr("At this op"), human(proof.cut_bytes), share))
        always = sum(held.bytes for held in proof.held if held.reason is not Reason.CHEAPEST)
        figures.append(Figure(tr("Always there"), human(always), percent_of(always, proof.cut_bytes)))
        figures.append(Figure(tr("Tensors held"), f"{len(proof.held):,}"))
    shown = proof.held[:rows]
    hidden = proof.held[rows:]
    return ProofFacts(
        slot=slot,
        title=tr("What proves the bound"),
        summary=op_summary(op) if op is not None else "",
        sentence=proof_sentence(step, proof),
        figures=tuple(figures),
        rows=tuple(
            AliveRow(
                held.storage,
                step.storages[held.storage].name,
                step.storages[held.storage].category,
                held.bytes,
                reason(step, proof, held),
            )
            for held in shown
        ),
        rest=rest_text(len(hidden), sum(held.bytes for held in hidden)),
        source=step.sources[op.source] if op is not None and op.source >= 0 else None,
        storages=tuple(held.storage for held in proof.held[:HIGHLIGHTED]),
    )
