"""What follows from a step and one way to run it: who is alive when, where, and who uses it.

The panels, the comparison and the tensor table all read these facts; none of them adds up sizes on
its own. No Qt in here. Bytes shown to people count residents: the window's address space is

::

    as run   one space of stacked segments, residents among them
    a plan   [0, resident)  the residents' strip     [resident, resident + height)  the arena
"""

import threading
from collections import deque
from dataclasses import dataclass
from functools import cached_property

from solver import explain
from solver.plan import IntArray, Plan, Run
from solver.solution import Baseline
from solver.step import Category, Op, Step, Storage, Value
from solver.timeline import instance_sizes, plan_profile, storage_sizes


@dataclass(frozen=True, slots=True)
class Group:
    """Categories that the legend shows as one."""

    label: str
    categories: frozenset[Category]


GROUPS = (
    Group("Activation", frozenset({Category.ACTIVATION})),
    Group("Gradient", frozenset({Category.GRADIENT})),
    Group("Temporary", frozenset({Category.TEMPORARY, Category.WORKSPACE})),
    Group("Parameter", frozenset({Category.PARAMETER})),
    Group("Buffers and input", frozenset({Category.BUFFER, Category.INPUT, Category.CONSTANT})),
    Group("Optimizer state", frozenset({Category.OPTIMIZER_STATE})),
)


@dataclass(frozen=True, slots=True)
class Span:
    """One stay of a storage in memory: slots ``[start, end)``, bytes ``[address, address + size)``.

    ``address`` is in the window's space, or -1 for a resident of a plan, which has no address there.
    """

    start: int
    end: int
    address: int
    size: int

    @property
    def slots(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Use:
    """One op that touches a storage, at ``slot``."""

    slot: int
    op: int
    creates: bool
    in_place: bool


@dataclass(frozen=True, slots=True)
class Takeover:
    """At ``slot`` storage ``new`` is written into the bytes of ``old``, which is needed no more."""

    slot: int
    new: int
    old: int


@dataclass(frozen=True, eq=False)
class PlanFacts:
    """Facts about ``plan`` for ``step``, each computed when it is first asked for."""

    step: Step
    plan: Plan
    baseline: Baseline | None = None

    @property
    def total_bytes(self) -> int:
        """What the device must have: reserved bytes as run, resident + height of a plan."""
        if self.baseline is not None:
            return self.baseline.reserved_bytes
        return self.step.resident_bytes + self.plan.height_bytes

    @property
    def live_peak(self) -> int:
        """The most bytes alive at once, residents included."""
        return self.step.resident_bytes + self.plan.peak_bytes

    @property
    def arena_base(self) -> int:
        """Where the plan's address 0 lies in the window's space."""
        return 0 if self.baseline is not None else self.step.resident_bytes

    @cached_property
    def profile(self) -> IntArray:
        """Bytes alive at every slot, residents included, shape (slots,)."""
        return plan_profile(self.step, self.plan) + self.step.resident_bytes

    @cached_property
    def peak_slot(self) -> int:
        """The first slot at which the most bytes are alive; -1 when nothing runs."""
        return int(self.profile.argmax()) if self.slots else -1

    @property
    def slots(self) -> int:
        return len(self.plan.order)

    @cached_property
    def sizes(self) -> IntArray:
        """Bytes of every storage rounded up to the granule, shape (storages,)."""
        return storage_sizes(self.step)

    @cached_property
    def _spans(self) -> dict[int, tuple[Span, ...]]:
        sizes = instance_sizes(self.step, self.plan)
        result: dict[int, tuple[Span, ...]] = {}
        for index, instance in enumerate(self.plan.instances):
            start, end = (int(slot) for slot in self.plan.lifetimes[index])
            span = Span(start, end, self.arena_base + instance.address, int(sizes[index]))
            result[instance.storage] = (*result.get(instance.storage, ()), span)
        return result

    def spans(self, storage: int) -> tuple[Span, ...]:
        """The stays of a storage in memory; a resident stays for the whole step."""
        if self.step.storages[storage].resident:
            known = self.baseline.resident_addresses if self.baseline is not None else {}
            return (Span(0, self.slots, known.get(storage, -1), int(self.sizes[storage])),)
        return self._spans.get(storage, ())

    @cached_property
    def _takeovers(self) -> tuple[dict[int, Takeover], dict[int, Takeover]]:
        """By the new storage, and by the old one."""
        runs = (action for action in self.plan.actions if isinstance(action, Run))
        storage = [instance.storage for instance in self.plan.instances]
        found = [
            Takeover(slot, storage[new], storage[old])
            for slot, run in enumerate(runs)
            for new, old in run.takes
        ]
        return {one.new: one for one in found}, {one.old: one for one in found}

    def takes_over(self, storage: int) -> Takeover | None:
        """How the storage came by the bytes of another one; None: it has bytes of its own."""
        return self._takeovers[0].get(storage)

    def taken_over(self, storage: int) -> Takeover | None:
        """How the storage left its bytes to another one; None: they become free."""
        return self._takeovers[1].get(storage)

    def alive(self, storage: int, slot: int) -> bool:
        """Whether the storage is in memory at ``slot``."""
        return any(span.start <= slot < span.end for span in self.spans(storage))

    @cached_property
    def histories(self) -> explain.Histories:
        """Who makes and who uses every instance, by slot."""
        return explain.histories(self.step, self.plan)

    def explained(self, slot: int, rows: int | None = None) -> explain.SlotExplanation:
        """What is alive at ``slot`` and why; of the ``rows`` largest instances, all where None."""
        return explain.explain_slot(self.step, self.plan, slot, rows=rows, known=self.histories)

    def alive_at(self, slot: int) -> list[int]:
        """Planned storages in memory at ``slot``, the largest first."""
        return list(dict.fromkeys(one.storage for one in self.explained(slot).alive))

    @cached_property
    def peak_group_bytes(self) -> dict[str, int]:
        """Bytes alive at the peak of every legend group, residents included."""
        return self.group_bytes(self.peak_slot)

    def group_bytes(self, slot: int) -> dict[str, int]:
        """Bytes alive at ``slot`` of every legend group, residents included."""
        planned = self.explained(slot, rows=0).by_category
        return {
            group.label: sum(
                planned.get(category, 0) + self._resident_bytes.get(category, 0)
                for category in group.categories
            )
            for group in GROUPS
        }

    @cached_property
    def _resident_bytes(self) -> dict[Category, int]:
        result: dict[Category, int] = {}
        for index, storage in enumerate(self.step.storages):
            if storage.resident:
                size = int(self.sizes[index])
                result[storage.category] = result.get(storage.category, 0) + size
        return result

    @cached_property
    def _uses(self) -> dict[int, list[Use]]:
        result: dict[int, list[Use]] = {}
        for slot, index in enumerate(self.plan.order):
            op = self.step.ops[index]
            for storage in op.touches:
                use = Use(slot, index, storage in op.creates, storage in op.writes)
                result.setdefault(storage, []).append(use)
        return result

    def producers(self, storage: int) -> tuple[Use, ...]:
        """The op that creates the storage and those that then write it before any op only reads it."""
        return self._split(storage)[0]

    def consumers(self, storage: int) -> tuple[Use, ...]:
        """All other ops that touch the storage, in slot order: badges 1, 2, ... on the map."""
        return self._split(storage)[1]

    def _split(self, storage: int) -> tuple[tuple[Use, ...], tuple[Use, ...]]:
        uses = self._uses.get(storage, [])
        if not uses or not uses[0].creates:
            return (), tuple(uses)
        made = 1
        while made < len(uses) and (uses[made].creates or uses[made].in_place):
            made += 1
        return tuple(uses[:made]), tuple(uses[made:])

    def op_at(self, slot: int) -> Op:
        """The op that runs at ``slot``."""
        return self.step.ops[self.plan.order[slot]]

    @cached_property
    def _values(self) -> dict[int, Value]:
        """The value to describe each storage by: the largest that starts where the storage starts."""
        result: dict[int, Value] = {}
        for value in self.step.program.values if self.step.program is not None else ():
            known = result.get(value.storage)
            if value.offset == 0 and (known is None or _elements(value) > _elements(known)):
                result[value.storage] = value
        return result

    def value(self, storage: int) -> Value | None:
        """Shape and dtype of a storage; None for a planning-only step."""
        return self._values.get(storage)


def _elements(value: Value) -> int:
    count = 1
    for extent in value.shape:
        count *= extent
    return count


_recent: deque[PlanFacts] = deque(maxlen=8)
_recent_lock = threading.Lock()


def plan_facts(step: Step, plan: Plan, baseline: Baseline | None = None) -> PlanFacts:
    """The facts of a plan; those of the last few plans are kept, because every panel asks for them."""
    with _recent_lock:  # Plans are prepared in the thread that finds them.
        for known in _recent:
            if known.step is step and known.plan is plan:
                return known
        made = PlanFacts(step, plan, baseline)
        _recent.append(made)
        return made


def op_label(op: Op) -> str:
    """For people: ``native_batch_norm``, ``convolution backward``, ``add_``."""
    base = op.target.split(".")[0].lstrip("_")
    if base.endswith("_backward"):
        return base.removesuffix("_backward") + " backward"
    return base or op.target


def op_place(op: Op) -> str:
    """``convolution in layer1.2.conv1``, or the op alone where its module is not known."""
    return f"{op_label(op)} in {op.module}" if op.module else op_label(op)


def category_sentence(storage: Storage) -> str:
    """What a storage is for, in a few words."""
    if storage.output:
        return "Result, leaves the step"
    match storage.category:
        case Category.PARAMETER:
            return "Parameter, lives across steps"
        case Category.BUFFER:
            return "Buffer, lives across steps"
        case Category.OPTIMIZER_STATE:
            return "Optimizer state, lives across steps"
        case Category.INPUT:
            return "Input, comes from outside"
        case Category.CONSTANT:
            return "Constant, part of the step"
        case Category.ACTIVATION:
            return "Activation, kept for backward"
        case Category.GRADIENT:
            return "Gradient, made in backward"
        case Category.TEMPORARY:
            return "Temporary, used within one phase"
        case Category.WORKSPACE:
            return "Workspace of one op"
