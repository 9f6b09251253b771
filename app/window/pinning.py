"""Pins as commands of the window: given, removed, checked, and used by the next solve."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMenu

from app.dialogs.pin import PinAddressDialog, PinDialog, RunBeforeDialog, WritePinDialog
from app.facts.pins import (
    change_text,
    is_possible,
    pin_facts,
    pins_where_they_lie,
    removal_text,
    with_pins,
    without,
)
from app.facts.plan import counterparts, plan_facts
from app.jobs.job import Failure
from app.jobs.pins import CheckPinsJob, PinsVerdict
from app.pin_selection import pin_marks, selected_op, selected_pins, selected_storages
from app.translation import tr
from app.window.problem import Remedy
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin, Pins, frozen_ops

if TYPE_CHECKING:
    from app.map.pin_marks import PinMarks
    from app.window.central import Central
    from app.window.main_window import MainWindow


TENSOR_KEYS = ("pin_here", "pin_at")
OP_KEYS = ("run_first", "run_last", "run_before", "keep_module")
"""What can be done to a tensor and to an op: commands of the window."""


class Pinning(QObject):
    """Stands between the document's pins and the window around them."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._document = window, window.document
        self._central: Central | None = None
        self.verdict = PinsVerdict(())
        """What is known of the pins; of others than there are: nothing is known yet."""
        self._before: RunBeforeDialog | None = None
        """Open while it is asked before which op another one is to run."""
        self.marks: PinMarks | None = None
        self._job: CheckPinsJob | None = None
        self._told = ""
        """What the problem line says is wrong with the pins; it may say something else by now."""
        self._document.pinned.changed.connect(self._changed)
        self._document.shown_changed.connect(self._mark)
        self._document.selection_changed.connect(self._picked)

    def adopt(self, central: Central) -> None:
        """Follow the panels of an open step from now on."""
        from app.map.pin_marks import PinMarks  # brings the map: not before the first window

        self._central = central
        card = central.solve.pins
        card.chosen.connect(self.go_to)
        card.remove_asked.connect(self.remove)
        card.use_asked.connect(self.use_plans)
        card.set_verdict(self.verdict)
        central.inspector.pins.remove_asked.connect(self.remove)
        central.map_page.map.menu_asked.connect(self._extend_menu)
        self.marks = PinMarks(central.map_page.map)
        self._mark()

    # Giving

    def give(self, pins: Pins) -> None:
        """Have the next plans keep these, too."""
        step, pinned = self._document.step, self._document.pinned
        if step is not None and pins:
            pinned.put(with_pins(pinned.pins, pins), change_text(step, pins))

    def pin_here(self) -> None:
        """Pin the selected tensors where what is shown has them."""
        step, shown = self._document.step, self._document.shown
        if step is not None and shown is not None and self._document.op_slot < 0:
            facts = plan_facts(step, shown.plan, shown.baseline)
            self.give(pins_where_they_lie(step, facts, self._document.selection))

    def ask_address(self) -> None:
        """Ask for the address at which the selected tensor is to lie."""
        step, shown = self._document.step, self._document.shown
        found = selected_storages(self._document)
        storage = next((s for s in found if step is not None and is_possible(step, At(s, 0))), -1)
        if step is None or storage < 0:
            return
        here: Pins = ()
        if shown is not None and shown.baseline is None:
            facts = plan_facts(step, shown.plan, shown.baseline)
            here = pins_where_they_lie(step, facts, self._document.selection[:1])
        given = (*selected_pins(self._document), *here)
        address = next((p.address for p in given if isinstance(p, At) and p.storage == storage), -1)
        self._ask(PinAddressDialog(step, storage, address, self._window))

    def ask_before(self) -> None:
        """Ask for the op before which the selected one is to run; it may be selected meanwhile."""
        step, op = self._document.step, selected_op(self._document)
        if step is not None and op >= 0:
            if self._before is not None:
                self._before.reject()  # Of another op: only one of them can follow what is selected.
            self._before = RunBeforeDialog(step, op, self._window)
            self._before.finished.connect(self._forget)
            self._ask(self._before, modal=False)

    def ask_text(self) -> None:
        """Ask for any pin, as the command line takes it."""
        if self._document.step is not None:
            self._ask(WritePinDialog(self._document.step, self._window))

    def _ask(self, dialog: PinDialog, *, modal: bool = True) -> None:
        dialog.chosen.connect(self._chosen)
        self._document.step_changed.connect(dialog.reject)
        if modal:
            dialog.open()
        else:
            dialog.show()

    @Slot()
    def _picked(self) -> None:
        if self._before is not None:
            self._before.pick(selected_op(self._document))

    @Slot()
    def _forget(self) -> None:
        self._before = None

    @Slot(object)
    def _chosen(self, pin: Pin) -> None:
        self.give((pin,))

    def run_first(self) -> None:
        """The selected op is to run before all others."""
        self._give_op(First)

    def run_last(self) -> None:
        """The selected op is to run after all others."""
        self._give_op(Last)

    def keep_module(self) -> None:
        """The ops of the selected op's module are to keep program order."""
        step, op = self._document.step, selected_op(self._document)
        if step is not None and op >= 0 and step.ops[op].module:
            self.give((FreezeModule(step.ops[op].module),))

    def use_plans(self) -> None:
        """Have the next plans keep what the shown one does."""
        shown = self._document.shown
        if shown is not None:
            self._document.pinned.put(shown.plan.pins, tr("Use of the plan's pins"))

    def _give_op(self, kind: type[First] | type[Last]) -> None:
        op = selected_op(self._document)
        if op >= 0:
            self.give((kind(op),))

    # Taking away

    @Slot(object)
    def remove(self, pins: Pins) -> None:
        """Have the next plans keep these no longer."""
        step, pinned = self._document.step, self._document.pinned
        if step is not None and pins:
            pinned.put(without(pinned.pins, pins), removal_text(step, pins))

    def unpin(self) -> None:
        """Remove the pins of what is selected."""
        self.remove(selected_pins(self._document))

    def clear(self) -> None:
        """Remove all pins."""
        self.remove(self._document.pinned.pins)

    # Looking at them

    @Slot(object)
    def go_to(self, pin: Pin) -> None:
        """Select what a pin is about, and bring it into sight."""
        step, central = self._document.step, self._central
        planned = self._document.planned
        if step is None or planned is None or central is None:
            return
        match pin:
            case At(storage, _):
                found = counterparts(step, planned).get(storage, -1)
                if found >= 0:
                    self._document.select((found,))
                    central.map.reveal(found)
                return
            case Before(op, _) | First(op) | Last(op) | Freeze(op, _):
                found = op
            case FreezeModule():
                found = frozen_ops(step, pin)[0]
        name = step.ops[found].name
        index = next((i for i, one in enumerate(planned.ops) if one.name == name), -1)
        central.exploring.go_to_op(index)

    @Slot()
    def _mark(self) -> None:
        if self.marks is not None:
            self.marks.set_pinned(*pin_marks(self._document))

    @Slot(object, int)
    def _extend_menu(self, menu: QMenu, slot: int) -> None:
        """Add what can be done to the tensor that a menu of the map is of, or to the op at a slot."""
        if slot >= 0:
            self._document.select_op(slot)
        menu.addSeparator()
        for key in (*(OP_KEYS if slot >= 0 else TENSOR_KEYS), "unpin"):
            action = self._window.menu[key]
            if key != "unpin" or action.isEnabled():
                menu.addAction(action)

    # Whether they can be kept

    @Slot()
    def _changed(self) -> None:
        step, pins = self._document.step, self._document.pinned.pins
        told, self._told = self._told, ""
        if told and self._window.problem.message.text() == told:
            self._window.problem.clear()
        if self._job is not None:
            self._job.abandon()
            self._job = None
        self._judged(PinsVerdict(()))
        self._mark()
        if step is not None and pins:
            self._job = CheckPinsJob(step, pins)
            self._job.succeeded.connect(self._judged)
            self._window.work.run_beside(self._job, "pins")
        self._window.refresh()

    @Slot(object)
    def _judged(self, verdict: PinsVerdict) -> None:
        if verdict.of:
            self._job = None
        self.verdict = verdict
        if self._central is not None:
            self._central.solve.pins.set_verdict(verdict)

    def remedy(self, doing: str, failure: Failure) -> Remedy | None:
        """What to do after a solve that failed for its pins."""
        step, verdict = self._document.step, self.verdict
        if doing != "solve" or failure.bug or step is None or failure.message != verdict.why:
            return None
        # The one that was given last is the most likely to be given up.
        self._told = failure.message
        pin = max(verdict.conflict, key=self._document.pinned.pins.index)
        said = pin_facts(step, pin).text
        return Remedy(tr("Remove “{}”").format(said), partial(self.remove, (pin,)))
