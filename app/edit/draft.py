"""A plan that a person is editing: what was moved, and the plan that follows from it. No Qt.

Every draft is made from the original, never from the draft before: what an edit had to give up, such as
a takeover whose operand is needed longer now, comes back when it is moved back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np

from app.edit.conflicts import Conflicts, Overlap, Verdict, Violation, find_overlaps
from app.edit.original import Original
from solver.budget.duration import overhead_of, plan_seconds
from solver.check_pins import broken_pins
from solver.pins import Pins, pinned_end
from solver.placement.caching_allocator import largest_op
from solver.plan import (
    Action,
    Certificate,
    Free,
    Instance,
    IntArray,
    Offload,
    Plan,
    Prefetch,
    Proof,
    Provenance,
    Run,
    Status,
)
from solver.provenance import machine, versions
from solver.solution import CancelCallback
from solver.timeline import live_bytes


@dataclass(frozen=True, eq=False)
class Draft:
    """``original`` with another sequence of its actions, and with instances at other addresses."""

    original: Original
    sequence: tuple[int, ...]
    """Indices into the original's actions, in the order in which they happen now."""
    moved: Mapping[int, int] = field(default_factory=dict)
    """By instance the address that a person gave it; all of its block lies there."""
    name: str = ""
    """Of the plan."""
    verdict: Verdict = field(default_factory=Verdict, init=False, repr=False)
    """The validator's, of this very draft: one that is made of it has none yet."""

    @classmethod
    def of(cls, original: Original, name: str) -> "Draft":
        """Nothing is moved yet."""
        return cls(original, original.sequence, {}, name)

    @property
    def edited(self) -> bool:
        """Whether anything is elsewhere than in the original."""
        return bool(self.moved) or self.sequence != self.original.sequence

    def alike(self, other: "Draft") -> bool:
        """Whether both are drafts of one plan, so that their actions have the same indices."""
        return self.original.plan is other.original.plan

    # -- what a person does --------------------------------------------------------------------------

    def with_address(self, instance: int, address: int) -> "Draft":
        """The block of an instance lies at ``address``, which is not negative."""
        original = self.original
        block = original.block(instance)
        moved = {i: a for i, a in self.moved.items() if i not in block}
        if address != int(original.addresses[block[0]]):
            moved[instance] = max(address, 0)
        return replace(self, moved=moved)

    def with_run(self, slot: int, target: int) -> "Draft":
        """What runs at ``slot`` runs before what is now at ``target``, or last where nothing is.

        What is fused with it goes along, and so do copies that it fills or waits for. It does not come
        between runs that are fused.
        """
        unit = self._unit(slot)
        target = self._unit(target)[0] if target < len(self.runs) else target
        if target in (unit[0], unit[-1] + 1):
            return self
        positions = self.runs
        own = [positions[s] for s in unit]
        later = target > slot
        span = (
            range(own[-1] + 1, positions[target] if target < len(positions) else len(self.sequence))
            if later
            else range(positions[target - 1] + 1 if target else 0, own[0])
        )
        actions, sequence = self.original.actions, self.sequence
        group = [sequence[p] for p in own]
        transfers = [p for p in span if not isinstance(actions[sequence[p]], Run)]
        following = {sequence[p] for p in transfers if self._depends(sequence[p], group, later)}
        if later:
            group = [*group, *(sequence[p] for p in transfers if sequence[p] in following)]
        else:
            group = [*(sequence[p] for p in transfers if sequence[p] in following), *group]
        end = positions[target] if target < len(positions) else len(sequence)
        before = [i for i in sequence[:end] if i not in group]
        left = [i for i in sequence[end:] if i not in group]
        return replace(self, sequence=(*before, *group, *left))

    def _depends(self, transfer: int, group: Sequence[int], later: bool) -> bool:
        """Whether a copy must stay on its side of the actions of a group that moves past it."""
        hazards = self.original.hazards
        first, second = (1, 0) if later else (0, 1)
        pairs = hazards[hazards[:, first] == transfer, second]
        return bool(np.isin(pairs, group).any())

    def _unit(self, slot: int) -> tuple[int, ...]:
        """The slots of the runs that are one pass with the one at ``slot``."""
        first, last = slot, slot + 1
        while first > 0 and self.run_at(first).fused:
            first -= 1
        while last < len(self.runs) and self.run_at(last).fused:
            last += 1
        return tuple(range(first, last))

    # -- what follows --------------------------------------------------------------------------------

    @cached_property
    def runs(self) -> tuple[int, ...]:
        """Position in ``sequence`` of what runs at every slot."""
        actions = self.original.actions
        return tuple(p for p, i in enumerate(self.sequence) if isinstance(actions[i], Run))

    def run_at(self, slot: int) -> Run:
        """What runs at a slot."""
        action = self.original.actions[self.sequence[self.runs[slot]]]
        assert isinstance(action, Run)
        return action

    @cached_property
    def addresses(self) -> IntArray:
        """Of every instance, from the arena's start."""
        result = self.original.addresses.copy()
        for instance, address in self.moved.items():
            result[list(self.original.block(instance))] = address
        return result

    @cached_property
    def plan(self) -> Plan:
        """The plan of what was moved, with honest figures; right where there are no conflicts."""
        plan = self._derived
        wrong = plan.status is Status.OPTIMAL and (self.overlaps or self.violations)
        return replace(plan, status=Status.FEASIBLE) if wrong else plan

    @cached_property
    def _derived(self) -> Plan:
        original = self.original
        base = original.plan
        if not self.edited:
            return replace(base, name=self.name, provenance=self._provenance())
        instances = tuple(
            Instance(one.storage, address)
            for one, address in zip(base.instances, self.addresses.tolist(), strict=True)
        )
        actions = base.actions if self.sequence == original.sequence else self._actions()
        plan = replace(
            base, instances=instances, actions=actions, name=self.name, provenance=self._provenance()
        )
        live = live_bytes(plan.lifetimes, original.sizes, len(plan.order))
        ends = (self.addresses + original.sizes)[plan.lifetimes[:, 1] > plan.lifetimes[:, 0]]
        plan = replace(plan, peak_bytes=int(live.max(initial=0)), height_bytes=int(ends.max(initial=0)))
        return self.stated(plan)

    def _actions(self) -> tuple[Action, ...]:
        """In the new sequence, each instance freed after its last use, or taken over then."""
        sequence = [self.original.actions[i] for i in self.sequence]
        last: dict[int, int] = {}
        for position, action in enumerate(sequence):
            for instance in _touched(action):
                last[instance] = position
        result: list[Action] = []
        freed: dict[int, list[int]] = {}
        for instance, position in sorted(last.items()):
            freed.setdefault(position, []).append(instance)
        for position, action in enumerate(sequence):
            taken: set[int] = set()
            if isinstance(action, Run) and action.takes:
                kept = tuple(take for take in action.takes if last[take[1]] == position)
                taken = {old for _, old in kept}
                action = replace(action, takes=kept)
            result.append(action)
            result += [Free(i) for i in freed.get(position, ()) if i not in taken]
        return tuple(result)

    def stated(self, plan: Plan) -> Plan:
        """With a certificate, a status and terms that hold for what the plan is now.

        A pin that it breaks it has no more; a bound among the plans that keep it is of no use then.
        """
        base, step = self.original.plan, self.original.step
        proven = base.certificate
        if plan.pins and broken_pins(step, plan):
            kept = tuple(p for p in plan.pins if not broken_pins(step, replace(plan, pins=(p,))))
            alone, op = largest_op(step, reuse=proven.reuse)
            proven = Certificate(alone, Proof.NONE, op, 0, reuse=proven.reuse)
            plan = replace(plan, pins=kept)
        floor = max(plan.peak_bytes, pinned_end(step, plan.pins))
        bound = min(proven.peak_bound_bytes, plan.peak_bytes)
        plan = replace(
            plan,
            certificate=replace(proven, peak_bound_bytes=bound, height_bound_bytes=floor),
            status=Status.FEASIBLE,
        )
        terms = plan.terms
        if terms is not None and not self.violations:
            seconds = plan_seconds(step, plan, terms.device, terms.measured)
            overhead = overhead_of(seconds, terms.base_seconds)
            least = min(terms.overhead_bound, overhead)
            plan = replace(plan, terms=replace(terms, overhead=overhead, overhead_bound=least))
            optimal = base.status is Status.OPTIMAL and overhead <= least
        else:
            placed = plan.height_bytes == floor and plan.peak_bytes == bound
            optimal = placed and terms is None and not self.original.several
        if optimal:
            plan = replace(plan, status=Status.OPTIMAL)
        return plan

    @property
    def dropped(self) -> Pins:
        """The pins of the original that it breaks."""
        kept = set(self.plan.pins)
        return tuple(pin for pin in self.original.plan.pins if pin not in kept)

    def _provenance(self) -> Provenance:
        base = self.original.plan
        return Provenance(
            seed=base.provenance.seed,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(),
            step_file=base.provenance.step_file,
            edited_from=base.provenance.edited_from or base.name,
        )

    @cached_property
    def _positions(self) -> tuple[IntArray, IntArray]:
        """Of every action of the original where it is now, and the slot at or before which that is."""
        position = np.empty(len(self.sequence), np.int64)
        position[list(self.sequence)] = np.arange(len(self.sequence))
        runs_before = np.zeros(len(self.sequence) + 1, np.int64)
        runs_before[np.array(self.runs, np.int64) + 1] = 1
        return position, np.cumsum(runs_before)[position]

    def slot_of(self, action: int) -> int:
        """Where an action of the original is now: the slot at which it runs, or before which it is."""
        return int(self._positions[1][action])

    @cached_property
    def violations(self) -> tuple[Violation, ...]:
        """What is on the wrong side of something else, by where it is now."""
        original = self.original
        if self.sequence == original.sequence:
            return ()
        position, slots = self._positions
        hazards = original.hazards
        wrong = hazards[position[hazards[:, 0]] > position[hazards[:, 1]]]
        found = []
        # Of two ops that depend on each other through several storages, the first one is named.
        pairs = {(before, after): storage for before, after, storage in reversed(wrong.tolist())}
        for (before, after), storage in pairs.items():
            ops = [a.op if isinstance(a := original.actions[i], Run) else -1 for i in (before, after)]
            at = int(slots[before]), int(slots[after])
            found.append(Violation(before, after, *at, ops[0], ops[1], storage))
        return tuple(sorted(found, key=lambda v: (v.second_slot, v.first_slot, v.storage)))

    @cached_property
    def overlaps(self) -> tuple[Overlap, ...]:
        """Pairs of instances that share bytes."""
        if not self.edited:
            return ()
        return find_overlaps(self._derived.lifetimes, self.addresses, self.original.sizes)

    @property
    def conflicts(self) -> Conflicts:
        """All that is known to be wrong. Nothing may be known yet: see ``judging``."""
        if not self.edited:
            return Conflicts()
        own = Conflicts(self.overlaps, self.violations)
        return own or Conflicts(others=self.verdict.problems or ())

    @property
    def judging(self) -> bool:
        """Whether only the validator can say whether this is right, and has not yet."""
        known = not self.edited or self.verdict.problems is not None
        return not known and not self.overlaps and not self.violations

    @property
    def right(self) -> bool:
        """Whether this is a plan like others: the validator accepts it, or nothing is moved."""
        return not self.judging and not self.conflicts

    def judge(self, cancelled: CancelCallback | None = None) -> tuple[str, ...]:
        """What the validator says, for ``verdict``: empty where all is right.

        Tenths of a second for a step of thousands of ops; in any thread. Raises StoppedError when it
        is cancelled.
        """
        return tuple(self.original.checker.check(self.plan, cancelled))


def _touched(action: Action) -> tuple[int, ...]:
    match action:
        case Run(uses=uses, creates=creates):
            return (*uses, *creates)
        case Free(instance) | Offload(instance=instance) | Prefetch(instance=instance):
            return (instance,)
