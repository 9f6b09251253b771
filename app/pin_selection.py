"""What of a document's selection pins are about: ops, tensors of the step as captured. No widgets."""

from app.document import Document
from app.facts.pins import (
    captured_op,
    captured_storages,
    module_pins,
    pins_about,
    plan_name,
    planned_pins,
)
from app.facts.plan import plan_facts
from solver.pins import Pins


def selected_op(document: Document) -> int:
    """The op that is selected; -1: none is, or only what is shown has it."""
    step, planned, shown = document.step, document.planned, document.shown
    if step is None or planned is None or shown is None or document.op_slot < 0:
        return -1
    return captured_op(step, planned, shown.plan.order[document.op_slot])


def selected_storages(document: Document) -> tuple[int, ...]:
    """The tensors that are selected by themselves, not with an op."""
    step, planned = document.step, document.planned
    if step is None or planned is None or document.op_slot >= 0:
        return ()
    return captured_storages(step, planned, document.selection)


def selected_pins(document: Document, pins: Pins | None = None) -> Pins:
    """Those of ``pins`` (the document's own where None) that are about what is selected."""
    step = document.step
    pins = document.pinned.pins if pins is None else pins
    if step is None or not pins or not (document.selection or document.op_slot >= 0):
        return ()
    op = selected_op(document)
    about = {*pins_about(pins, selected_storages(document), op), *module_pins(step, pins, op)}
    return tuple(pin for pin in pins if pin in about)


def pin_marks(document: Document) -> tuple[dict[int, bool], dict[int, bool]]:
    """Storages and slots of what is shown that have a pin, and whether what is shown keeps it."""
    step, shown = document.step, document.shown
    kept: Pins = shown.plan.pins if shown is not None else ()
    pins = tuple(dict.fromkeys((*kept, *document.pinned.pins)))
    if step is None or shown is None or not pins:
        return {}, {}
    return planned_pins(step, plan_facts(step, shown.plan, shown.baseline), pins, frozenset(kept))


def name_with(document: Document, pins: Pins) -> str:
    """What the plan that a solve with these pins finds is called: as the one that has them already."""
    names = {entry.name: entry.plan.pins for entry in document.entries}
    wanted = plan_name(pins)
    number, name = 2, wanted
    while name in names and names[name] != pins:
        name, number = f"{wanted} ({number})", number + 1
    return name
