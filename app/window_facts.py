"""What the status bar says: where the pointer is, what the step and its plan are. No widgets."""

from app.document import Document
from app.numbers import gib
from app.plan_facts import plan_facts
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


def step_facts(document: Document) -> tuple[str, ...]:
    """How the step was captured, how sizes are counted, what was checked of the plan."""
    step, shown = document.step, document.shown
    if step is None:
        return ("Nothing leaves this computer",)
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
