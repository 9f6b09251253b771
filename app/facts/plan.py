"""What follows from a step and one way to run it: who is alive when, where, and who uses it.

The panels, the comparison and the tensor table all read these facts; none of them adds up sizes on
its own. No Qt in here. Bytes shown to people count residents: the window's address space is

::

    as run   one space of stacked segments, residents among them
    a plan   [0, resident)  the residents' strip     [resident, resident + height)  the arena

Residents with a home in host memory are in neither place but for their trips into the arena.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.facts.aliases import Families, families_of
from app.facts.stays import (
    Repeated,
    Span,
    Stays,
    Takeover,
    Use,
    Uses,
    made_and_used,
    repeated_of,
    takeovers_of,
)
from app.translation import mark, tr
from solver import explain
from solver.plan import IntArray, Plan
from solver.solution import Baseline
from solver.step import Category, Op, Step, Storage, Value
from solver.timeline import (
    instance_sizes,
    plan_profile,
    resident_bytes_on_device,
    storage_sizes,
)


@dataclass(frozen=True, slots=True)
class Group:
    """Categories that the legend shows as one."""

    label: str
    categories: frozenset[Category]


GROUPS = (
    Group(mark("Activation"), frozenset({Category.ACTIVATION})),
    Group(mark("Gradient"), frozenset({Category.GRADIENT})),
    Group(mark("Temporary"), frozenset({Category.TEMPORARY, Category.WORKSPACE})),
    Group(mark("Parameter"), frozenset({Category.PARAMETER})),
    Group(mark("Buffers and input"), frozenset({Category.BUFFER, Category.INPUT, Category.CONSTANT})),
    Group(mark("Optimizer state"), frozenset({Category.OPTIMIZER_STATE})),
)


MOST_LARGEST = 1500
"""Stays in a small picture: it has as many pixels; smaller ones would leave no trace."""


@dataclass(frozen=True, eq=False)
class PlanFacts:
    """Facts about ``plan`` for ``step``, each computed when it is first asked for."""

    step: Step
    """The step that the plan runs: with the plan's rewrites."""
    plan: Plan
    baseline: Baseline | None = None

    @property
    def total_bytes(self) -> int:
        """What the device must have: reserved bytes as run, resident + height of a plan."""
        if self.baseline is not None:
            return self.baseline.reserved_bytes
        return self.resident_bytes + self.plan.height_bytes

    @cached_property
    def resident_bytes(self) -> int:
        """Of the residents that are on the device all the time; the others live in host memory."""
        return resident_bytes_on_device(self.step, self.plan)

    @property
    def live_peak(self) -> int:
        """The most bytes alive at once, residents included."""
        return self.resident_bytes + self.plan.peak_bytes

    @property
    def arena_base(self) -> int:
        """Where the plan's address 0 lies in the window's space."""
        return 0 if self.baseline is not None else self.resident_bytes

    @cached_property
    def largest(self) -> tuple[IntArray, tuple[Category, ...]]:
        """Slots [start, end) and bytes [low, high) of what is seen in a picture of a few pixels.

        Residents, then the ``MOST_LARGEST`` stays that take most; shape (boxes, 4), with categories.
        """
        storages, plan = self.step.storages, self.plan
        if self.baseline is None:
            fixed = [(0, self.slots, 0, self.resident_bytes)]
            categories = [Category.PARAMETER]
        else:
            placed = self.baseline.resident_addresses
            fixed = [(0, self.slots, at, at + int(self.sizes[s])) for s, at in placed.items()]
            categories = [storages[s].category for s in placed]
        owners = np.array([instance.storage for instance in plan.instances], np.int64)
        sizes, lifetimes = self.sizes[owners], plan.lifetimes
        taken = sizes * (lifetimes[:, 1] - lifetimes[:, 0])
        chosen = np.argsort(-taken, kind="stable")[:MOST_LARGEST]
        low = np.array([plan.instances[i].address for i in chosen], np.int64) + self.arena_base
        moving = np.column_stack([lifetimes[chosen], low, low + sizes[chosen]])
        categories += [storages[storage].category for storage in owners[chosen].tolist()]
        return np.concatenate([np.array(fixed, np.int64).reshape(-1, 4), moving]), tuple(categories)

    @cached_property
    def profile(self) -> IntArray:
        """Bytes alive at every slot, residents included, shape (slots,)."""
        return plan_profile(self.step, self.plan) + self.resident_bytes

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
    def _stays(self) -> Stays:
        return Stays(self.plan, instance_sizes(self.step, self.plan), self.arena_base)

    def spans(self, storage: int) -> tuple[Span, ...]:
        """The stays of a storage in memory by slot; a resident stays for the whole step."""
        if self.step.storages[storage].resident and storage not in self.plan.homes:
            known = self.baseline.resident_addresses if self.baseline is not None else {}
            return (Span(0, self.slots, known.get(storage, -1), int(self.sizes[storage])),)
        return self._stays[storage]

    @cached_property
    def several(self) -> dict[int, tuple[Span, ...]]:
        """The storages that are in memory more than once, with their stays."""
        return self._stays.several()

    @cached_property
    def repeated(self) -> Repeated:
        """What is recomputed and what is parked in host memory."""
        return repeated_of(self.plan, self._stays)

    @cached_property
    def _takeovers(self) -> tuple[Takeover, ...]:
        return takeovers_of(self.plan)

    def takes_over(self, storage: int) -> tuple[Takeover, ...]:
        """How the storage came by the bytes of another one, by slot; none: it has bytes of its own."""
        return tuple(one for one in self._takeovers if one.new == storage)

    def taken_over(self, storage: int) -> tuple[Takeover, ...]:
        """How the storage left its bytes to another one, by slot; none: they become free."""
        return tuple(one for one in self._takeovers if one.old == storage)

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
            if storage.resident and index not in self.plan.homes:
                size = int(self.sizes[index])
                result[storage.category] = result.get(storage.category, 0) + size
        return result

    @cached_property
    def _uses(self) -> Uses:
        return Uses(self.step, self.plan)

    def producers(self, storage: int) -> tuple[Use, ...]:
        """The ops that make the storage, or make it again, and those that then write it before any op
        only reads it."""
        return self._split(storage)[0]

    def consumers(self, storage: int) -> tuple[Use, ...]:
        """All other ops that touch the storage, in slot order: badges 1, 2, ... on the map."""
        return self._split(storage)[1]

    def _split(self, storage: int) -> tuple[tuple[Use, ...], tuple[Use, ...]]:
        return made_and_used(self._uses[storage])

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

    @cached_property
    def families(self) -> Families:
        """Which tensors share a storage."""
        return families_of(self.step)

    @cached_property
    def slot_of(self) -> dict[int, int]:
        """By op the first slot it runs at."""
        result: dict[int, int] = {}
        for slot, op in enumerate(self.plan.order):
            result.setdefault(op, slot)
        return result

    def value(self, storage: int) -> Value | None:
        """Shape and dtype of a storage; None for a planning-only step."""
        return self._values.get(storage)


def _elements(value: Value) -> int:
    count = 1
    for extent in value.shape:
        count *= extent
    return count


KEPT = 16
"""Plans whose facts are kept; a curve has about a dozen."""

_recent: deque[tuple[Step, PlanFacts]] = deque(maxlen=KEPT)
_recent_lock = threading.Lock()


def plan_facts(step: Step, plan: Plan, baseline: Baseline | None = None) -> PlanFacts:
    """The facts of a plan for a step as captured; the last ones are kept: every panel asks for them.

    Raises BayplanError for a rewrite that does not fit the step.
    """
    with _recent_lock:  # Plans are prepared in the thread that finds them.
        for asked, known in _recent:
            if asked is step and known.plan is plan:
                return known
        made = PlanFacts(_as_planned(step, plan), plan, baseline)
        _recent.append((step, made))
        return made


def best_plan(plans: Sequence[Plan]) -> Plan | None:
    """The lowest of the plans that cost the least time: those without a budget cost none."""

    def cost(plan: Plan) -> tuple[float, int]:
        return max(plan.terms.overhead, 0.0) if plan.terms is not None else 0.0, plan.height_bytes

    return min(plans, key=cost, default=None)


def counterparts(step: Step, other: Step) -> dict[int, int]:
    """By storage of ``step`` the one of ``other`` that is the same tensor: two rewrites of one step."""
    if step is other:
        return {index: index for index in range(len(step.storages))}
    known = {key: index for index, key in enumerate(_keys(other))}
    return {index: known[key] for index, key in enumerate(_keys(step)) if key in known}


def _keys(step: Step) -> list[tuple[str, str]]:
    """What tells a storage from all others in every rewrite of a step: its op, or that it has none."""
    maker = {storage: op.name for op in step.ops for storage in op.creates}
    return [(maker.get(index, ""), storage.name) for index, storage in enumerate(step.storages)]


def op_label(op: Op) -> str:
    """For people: ``native_batch_norm``, ``convolution backward``, ``add_``."""
    base = op.target.split(".")[0].lstrip("_")
    if base.endswith("_backward"):
        return tr("{} backward").format(base.removesuffix("_backward"))
    return base or op.target


def op_place(op: Op) -> str:
    """``convolution in layer1.2.conv1``, or the op alone where its module is not known."""
    return tr("{} in {}").format(op_label(op), op.module) if op.module else op_label(op)


def category_sentence(storage: Storage) -> str:
    """What a storage is for, in a few words."""
    if storage.output:
        return tr("Result, leaves the step")
    match storage.category:
        case Category.PARAMETER:
            return tr("Parameter, lives across steps")
        case Category.BUFFER:
            return tr("Buffer, lives across steps")
        case Category.OPTIMIZER_STATE:
            return tr("Optimizer state, lives across steps")
        case Category.INPUT:
            return tr("Input, comes from outside")
        case Category.CONSTANT:
            return tr("Constant, part of the step")
        case Category.ACTIVATION:
            return tr("Activation, kept for backward")
        case Category.GRADIENT:
            return tr("Gradient, made in backward")
        case Category.TEMPORARY:
            return tr("Temporary, used within one phase")
        case Category.WORKSPACE:
            return tr("Workspace of one op")


def _as_planned(step: Step, plan: Plan) -> Step:
    if not plan.rewrites:
        return step
    from solver.rewriting import rewritten  # The first window must not wait for all the rules.

    return rewritten(step, plan)
