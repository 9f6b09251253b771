"""The maps of plans, and of a step as run.

Residents lie over the whole step: of a plan in a strip from address 0, the arena above it; as run
where the caching allocator put them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

from app.facts.plan import PlanFacts, counterparts, op_place, plan_facts
from app.facts.stays import Span, Went
from app.map.bands import block_tints, make_bands
from app.map.scene import (
    CATEGORIES,
    STACK,
    ByteArray,
    Join,
    Line,
    LineRole,
    Scene,
    Strip,
    size_of_plan,
)
from app.map.unusable import unusable_regions
from app.translation import mark, tr
from solver.plan import IntArray, Plan, Proof
from solver.solution import Baseline
from solver.step import Category, Step, round_up
from solver.timeline import instance_sizes, live_bytes

STRIP_NAMES = {
    Category.PARAMETER: mark("Parameters, resident"),
    Category.OPTIMIZER_STATE: mark("Optimizer state, resident"),
    Category.BUFFER: mark("Buffers and inputs"),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class PlanScene(Scene):
    """One way to run a step."""

    facts: PlanFacts
    captured: Step
    """The step as captured; that of ``facts`` has the plan's rewrites."""
    as_run: Baseline | None = None
    """For a plan: the step as run, to compare with."""

    @property
    def step(self) -> Step:
        """The step that the plan runs; storages are its."""
        return self.facts.step

    @cached_property
    def in_captured(self) -> dict[int, int]:
        """By storage the same one of the step as captured."""
        return counterparts(self.step, self.captured)

    @property
    def plan(self) -> Plan:
        return self.facts.plan

    @property
    def baseline(self) -> Baseline | None:
        """Set when this is the step as run."""
        return self.facts.baseline

    @property
    def storages(self) -> int:
        return len(self.step.storages)

    @property
    def total_bytes(self) -> int:
        return self.facts.total_bytes

    @property
    def peak_slot(self) -> int:
        return self.facts.peak_slot

    def place(self, slot: int) -> str:
        """``op 291, relu backward in layer4.2``."""
        return tr("op {}, {}").format(slot, op_place(self.facts.op_at(slot)))

    @cached_property
    def joins(self) -> tuple[Join, ...]:
        """What leads from each stay of a storage to its next one, by the slot at which it leaves."""
        rectangle = {
            instance: at for at, instance in enumerate(self.instance.tolist()) if instance >= 0
        }
        joins = [
            Join(rectangle[one.instance], rectangle[two.instance], one.went is Went.PARKED)
            for spans in self.facts.several.values()
            for one, two in pairwise(spans)
        ]
        return tuple(sorted(joins, key=lambda join: int(self.end[join.before])))

    def span(self, rectangle: int) -> Span:
        """The stay that a rectangle shows."""
        spans = self.facts.spans(int(self.storage[rectangle]))
        instance = int(self.instance[rectangle])
        return next(span for span in spans if span.instance == instance)

    def name(self, rectangle: int) -> str:
        """The storage's name."""
        return self.step.storages[int(self.storage[rectangle])].name

    def bytes_of(self, rectangle: int) -> int:
        return self.step.storages[int(self.storage[rectangle])].size

    def shares_slots(self, other: Scene) -> bool:
        """Whether it is a plan of the same step with as many slots."""
        return isinstance(other, PlanScene) and (self.step is other.step and self.slots == other.slots)


def plan_scene(
    step: Step, plan: Plan, as_run: Baseline | None = None, *, as_run_line: bool = True
) -> PlanScene:
    """The map of a plan; with ``as_run`` tooltips also say where the allocator puts a tensor today.

    ``as_run_line``: draw a line at what it reserves, for which the address axis must be longer.
    """
    facts, captured = plan_facts(step, plan), step
    step = facts.step
    low = 0
    residents: list[tuple[int, int]] = []
    strips: list[Strip] = []
    for storage in _residents(step, plan):
        residents.append((storage, low))
        high = low + round_up(step.storages[storage].size)
        _extend_strips(strips, low, high, step.storages[storage].category)
        low = high
    scene = _scene(facts, residents, tuple(strips))
    lines: list[Line] = []
    if as_run is not None and as_run_line:
        reserved = as_run.reserved_bytes
        lines.append(Line(reserved, tr("As run {}").format(size_of_plan(reserved)), LineRole.RESERVED))
    height, bound = facts.total_bytes, scene.bound
    if plan.terms is not None and scene.slots:
        budget = plan.terms.budget_bytes
        lines.append(Line(budget, tr("Budget {}").format(size_of_plan(budget)), LineRole.BUDGET))
        lines.append(Line(height, tr("Plan height {}").format(size_of_plan(height)), LineRole.HEIGHT))
    elif scene.slots and bound is not None and bound.size == height:
        text = tr("Plan height = lower bound {}").format(size_of_plan(height))
        lines.append(Line(height, text, LineRole.BOUND))
    elif scene.slots:
        lines.append(Line(height, tr("Plan height {}").format(size_of_plan(height)), LineRole.HEIGHT))
        if bound is not None:
            lines.append(
                Line(bound.size, tr("Lower bound {}").format(size_of_plan(bound.size)), LineRole.BOUND)
            )
    return replace(scene, captured=captured, lines=tuple(lines), as_run=as_run)


def baseline_scene(step: Step, baseline: Baseline) -> PlanScene:
    """The map of the step as run: reserved bytes, and those that were free but of no use."""
    facts = plan_facts(step, baseline.plan, baseline)
    residents = sorted(baseline.resident_addresses.items(), key=lambda item: item[1])
    scene = _scene(facts, residents, ())
    reserved = baseline.reserved_bytes
    line = Line(reserved, tr("Reserved {}").format(size_of_plan(reserved)), LineRole.RESERVED)
    regions = unusable_regions(
        scene.start, scene.end, scene.low, scene.high, baseline.segments, scene.slots
    )
    return replace(scene, lines=(line,), bound=None, unusable=regions)


def _residents(step: Step, plan: Plan) -> list[int]:
    """Residents with bytes on the device in the order of their strip."""
    rank = {category: index for index, category in enumerate(STACK)}
    resident = [
        i for i, s in enumerate(step.storages) if s.resident and s.size > 0 and i not in plan.homes
    ]
    return sorted(resident, key=lambda i: (rank[step.storages[i].category], i))


def _extend_strips(strips: list[Strip], low: int, high: int, category: Category) -> None:
    """Put bytes at the end of the strips, into the last one if it is of the same kind."""
    kind = category if category in STRIP_NAMES else Category.BUFFER
    if strips and strips[-1].category is kind:
        strips[-1] = replace(strips[-1], high=high)
    else:
        strips.append(Strip(low, high, tr(STRIP_NAMES[kind]), kind))


def _scene(
    facts: PlanFacts, residents: Sequence[tuple[int, int]], strips: tuple[Strip, ...]
) -> PlanScene:
    """Rectangles of residents at (storage, address) and of all instances that are ever alive."""
    step, plan, slots = facts.step, facts.plan, facts.slots
    sizes, lifetimes = instance_sizes(step, plan), plan.lifetimes
    instances = np.flatnonzero(lifetimes[:, 1] > lifetimes[:, 0])
    addresses = np.array([i.address for i in plan.instances], np.int64) + facts.arena_base
    of_instance = np.array([i.storage for i in plan.instances], np.int64)
    if slots == 0:
        residents = ()
    resident = np.array(residents, np.int64).reshape(-1, 2)
    storage = np.concatenate([resident[:, 0], of_instance[instances]])
    low = np.concatenate([resident[:, 1], addresses[instances]])
    start = np.concatenate([np.zeros(len(resident), np.int64), lifetimes[instances, 0]])
    end = np.concatenate([np.full(len(resident), slots, np.int64), lifetimes[instances, 1]])
    size = np.concatenate([facts.sizes[resident[:, 0]], sizes[instances]])
    number = {category: index for index, category in enumerate(CATEGORIES)}
    category_of = np.array([number[s.category] for s in step.storages], np.uint8)
    category = category_of[storage] if len(storage) else np.zeros(0, np.uint8)
    stacked = np.zeros((len(STACK), slots), np.int64)
    for row, kind in enumerate(STACK):
        own = category == number[kind]
        stacked[row] = live_bytes(np.stack([start[own], end[own]], axis=1), size[own], slots)
    certificate = plan.certificate
    bound = None
    # With recompute or trips a plan may need less than the bound, which is that of plans without.
    if certificate.peak_bound_bytes > 0 and slots and plan.terms is None:
        total = facts.resident_bytes + certificate.peak_bound_bytes
        said = tr("Certified lower bound {}")
        if certificate.peak_proof is Proof.NONE:
            said = tr("Lower bound {}")
        bound = Line(total, said.format(size_of_plan(total)), LineRole.BOUND)
    return PlanScene(
        facts=facts,
        captured=step,
        title=step.title,
        slots=slots,
        start=start,
        end=end,
        low=low,
        high=low + size,
        category=category,
        tint=_tints(step, storage, category == number[Category.ACTIVATION]),
        storage=storage,
        instance=np.concatenate([np.full(len(resident), -1, np.int64), instances]),
        bands=make_bands(step, plan.order),
        lines=(),
        bound=bound,
        strips=strips,
        unusable=np.zeros((0, 4), np.int64),
        reserved=np.asarray(
            facts.baseline.reserved if facts.baseline is not None and slots else (), np.int64
        ),
        profile=stacked,
    )


def _tints(step: Step, storage: IntArray, activation: npt.NDArray[np.bool_]) -> ByteArray:
    """1 for the activations whose creator is in an odd block."""
    of_storage = np.zeros(len(step.storages), np.uint8)
    created = [op.creates for op in step.ops]
    tints = np.repeat(np.array(block_tints(step), np.uint8), [len(made) for made in created])
    of_storage[np.fromiter(chain.from_iterable(created), np.int64, len(tints))] = tints
    result: ByteArray = np.where(activation, of_storage[storage], 0).astype(np.uint8)
    return result
