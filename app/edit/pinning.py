"""The pins that ask a solve to keep what a person moved by hand. No Qt.

A storage that was moved keeps its address. An op that was moved past others stays on that side of them,
and between the two that it was put between. Of the ops that it passed only those are named that the
dependencies do not imply.
"""

from collections.abc import Iterator

from app.edit.draft import Draft
from app.facts.compare import moved_ops
from app.translation import tr
from solver.pins import At, Before, Pin, Pins


def hindrance(draft: Draft) -> str:
    """Why what surrounds the edits of a draft cannot be solved; empty: it can."""
    if draft.violations and not by_pins(draft):
        return tr(
            "Here the rest is placed anew, and ops stay in their order. First undo what breaks it."
        )
    return "" if draft.edited else tr("Nothing is moved yet.")


def by_pins(draft: Draft) -> bool:
    """Whether a solve with pins can make a plan like this: one in which every op runs once, as it was
    captured, and what was moved shares its bytes with nothing. Others are placed anew (``around``)."""
    # A pinned address is of a tensor that shares no bytes: a solve would leave the others behind.
    alone = all(len(draft.original.block(instance)) == 1 for instance in draft.moved)
    return alone and _runs_once(draft)


def _runs_once(draft: Draft) -> bool:
    original = draft.original
    return original.plan.terms is None and not original.several and not original.plan.rewrites


def pins_around(draft: Draft, given: Pins) -> Pins:
    """Of the pins ``given`` for the next plans those that one that is placed anew keeps: what was moved
    lies where it was put, whatever it was pinned to, and plans within budgets know no pins."""
    original = draft.original
    moved = {int(original.storages[i]) for m in draft.moved for i in original.block(m)}
    kept = tuple(pin for pin in given if not (isinstance(pin, At) and pin.storage in moved))
    return kept if _runs_once(draft) else ()


def pins_of(draft: Draft) -> Pins:
    """What a solve of the step must keep: the plan's own pins, and all that was moved."""
    own: Pins = draft.plan.pins
    at = [At(int(draft.original.storages[i]), a) for i, a in sorted(draft.moved.items())]
    replaced = {pin.storage for pin in at}
    kept = [pin for pin in own if not (isinstance(pin, At) and pin.storage in replaced)]
    return tuple(dict.fromkeys([*kept, *at, *_order_pins(draft)]))


def _order_pins(draft: Draft) -> Iterator[Pin]:
    if draft.sequence == draft.original.sequence:
        return
    before, now = draft.original.plan.order, draft.plan.order
    was, slot_of = _slots(before), _slots(now)
    earlier = draft.original.step.dependencies
    for op in moved_ops(before, now):
        slot = slot_of[op]
        passed_down = {o for o in now[:slot] if was[o] > was[op]}
        passed_up = {o for o in now[slot + 1 :] if was[o] < was[op]}
        needed = {first for o in passed_down for first in earlier[o]}
        yield from (Before(o, op) for o in sorted(passed_down - needed))
        for o in sorted(passed_up):
            if not passed_up.intersection(earlier[o]):
                yield Before(op, o)
        if slot > 0:
            yield Before(now[slot - 1], op)
        if slot + 1 < len(now):
            yield Before(op, now[slot + 1])


def _slots(order: tuple[int, ...]) -> dict[int, int]:
    return {op: slot for slot, op in enumerate(order)}
