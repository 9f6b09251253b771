"""What the status bar says: where the pointer is, what the step and its plan are. No widgets."""

from app.document import Document
from app.facts.plan import counterparts, plan_facts
from app.numbers import gib
from solver.plan import Status


def pointer_facts(document: Document, slot: int, address: int | None) -> tuple[str, ...]:
    """``Op 561``, ``Live 1.214 GiB``, ``Address 1.381 GiB``; ``Ready`` while it is elsewhere."""
    step, shown = document.step, document.shown
    if step is None or shown is None or slot < 0:
        return ("Ready",)
    facts = plan_facts(step, shown.plan, shown.baseline)
    if slot >= facts.slots:
        return ("Ready",)
    parts = (f"Op {slot:,}", f"Live {gib(int(facts.profile[slot]))}")
    return parts if address is None else (*parts, f"Address {gib(max(address, 0))}")


def compared_facts(document: Document) -> tuple[str, ...]:
    """The storage in question, ``As run op 424``, ``plan op 551``; ``Ready`` where there is none."""
    step, baseline, best = document.step, document.baseline, document.best
    chosen = document.hovered if document.hovered >= 0 else next(iter(document.selection), -1)
    if step is None or baseline is None or best is None or chosen < 0:
        return ("Ready",)
    planned = document.planned or step
    parts = [planned.storages[chosen].name]
    for name, facts in (
        ("As run", plan_facts(step, baseline.plan, baseline)),
        ("Plan", plan_facts(step, best.plan)),
    ):
        same = counterparts(planned, facts.step).get(chosen)
        spans = facts.spans(same) if same is not None else ()
        if spans and planned.storages[chosen].planned:
            parts.append(f"{name}: from op {spans[0].start:,} at {gib(spans[0].address)}")
    return tuple(parts)


def step_facts(document: Document, *, comparing: bool = False) -> tuple[str, ...]:
    """How the step was captured, how sizes are counted, what was checked of the plan."""
    step, shown = document.step, document.shown
    if step is None:
        return ("Nothing leaves this computer",)
    if comparing:
        return (
            "Allocator model: segments of 2 MiB, 20 MiB and rounded requests, best fit, split",
            "First step, cache empty",
        )
    origin = step.origin
    how = "Captured on fake tensors" if step.program is not None else "Planning only"
    parts = [f"{how}, {origin.dtype}, for {origin.target}", "Blocks of 512 B"]
    if shown is not None:
        baseline = shown.plan.status is Status.BASELINE
        parts.append(
            "Allocator model: first step, empty cache"
            if baseline
            else "Plan checked: order and overlap"
        )
    return tuple(parts)
