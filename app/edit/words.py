"""What the window says of edits and their conflicts. No Qt."""

from app.edit.conflicts import Conflicts, Overlap, Violation
from app.edit.draft import Draft
from app.facts.pins import pin_facts
from app.facts.plan import op_place
from app.numbers import human
from app.translation import plural, tr
from solver.plan import Run


def overlap_text(draft: Draft, overlap: Overlap) -> str:
    """``conv1 · out and bn1 · out share 12.0 MiB at ops 4–17``."""
    storages, original = draft.original.step.storages, draft.original
    one, other = (storages[int(original.storages[i])].name for i in (overlap.one, overlap.other))
    last = overlap.end - 1
    when = (
        tr("op {}").format(overlap.start)
        if last == overlap.start
        else tr("ops {}–{}").format(overlap.start, last)
    )
    return tr("{} and {} share {} at {}").format(one, other, human(overlap.size), when)


def violation_text(draft: Draft, violation: Violation) -> str:
    """``relu in act at 4 must come after convolution in conv1, now at 7: both use conv1 · out``."""
    second = _op(draft, violation.second_op)
    first = _op(draft, violation.first_op)
    if violation.storage < 0:
        said = tr("{} at {} draws random numbers after: {}, now at {}")
        if violation.first_op == violation.second_op:
            said = tr("{} at {} repeats it: {}, now at {}")
        return said.format(second, violation.second_slot, first, violation.first_slot)
    name = draft.original.step.storages[violation.storage].name
    return tr("{} at {} must come after {}, now at {}: both use {}").format(
        second, violation.second_slot, first, violation.first_slot, name
    )


def conflict_texts(draft: Draft) -> list[str]:
    """A sentence for each conflict: violations, overlaps, what else the validator says."""
    found: Conflicts = draft.conflicts
    return [
        *(violation_text(draft, one) for one in found.violations),
        *(overlap_text(draft, one) for one in found.overlaps),
        *found.others,
    ]


def conflict_count(count: int) -> str:
    """``2 conflicts``; ``no conflict``."""
    return plural("{} conflict", "{} conflicts", count) if count else tr("no conflict")


def broken_pins_text(draft: Draft) -> str:
    """``The edit breaks a pin, which the plan has no more: fc runs first``."""
    said = [pin_facts(draft.original.captured, pin).text for pin in draft.dropped]
    if len(said) == 1:
        return tr("The edit breaks a pin, which the plan has no more: {}").format(said[0])
    return tr("The edit breaks pins, which the plan has no more: {}").format("; ".join(said))


def move_text(draft: Draft, instance: int) -> str:
    """What a move of a storage is called in the history: ``Move conv1 · out``."""
    return tr("Move {}").format(
        draft.original.step.storages[int(draft.original.storages[instance])].name
    )


def run_text(draft: Draft, slot: int) -> str:
    """What a move of an op is called in the history: ``Move relu in layer1``."""
    return tr("Move {}").format(op_text(draft, slot))


def op_text(draft: Draft, slot: int) -> str:
    """``relu in act``: the op of the run at ``slot``."""
    return _op(draft, draft.run_at(slot).op)


def action_text(draft: Draft, action: int) -> str:
    """``relu in layer1``: one of the original's actions."""
    found = draft.original.actions[action]
    return _op(draft, found.op if isinstance(found, Run) else -1)


def _op(draft: Draft, op: int) -> str:
    return op_place(draft.original.step.ops[op]) if op >= 0 else tr("a copy between device and host")
