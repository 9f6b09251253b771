"""A plan as it was before a person edited it: its actions, and what must stay before what. No Qt.

An *action* here is any but a ``Free``: frees follow from the others. What must stay is read off the
plan itself, which is right: of two actions that touch the same content, one of which changes it, the
one that comes first does so in every plan with these instances.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from solver.check import Checker
from solver.plan import Action, Free, IntArray, Offload, Plan, Prefetch, Run
from solver.repetition import find_repetitions
from solver.rewriting import rewritten
from solver.step import Step


@dataclass(frozen=True, eq=False)
class Original:
    """A right plan of ``captured``, and what follows from it."""

    captured: Step
    plan: Plan

    @cached_property
    def step(self) -> Step:
        """The step that the plan runs, with its rewrites."""
        return rewritten(self.captured, self.plan) if self.plan.rewrites else self.captured

    @cached_property
    def checker(self) -> Checker:
        """Judges what becomes of the plan."""
        return Checker(self.captured)

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """All but frees, in the plan's order."""
        return tuple(action for action in self.plan.actions if not isinstance(action, Free))

    @cached_property
    def sequence(self) -> tuple[int, ...]:
        """Of an unedited plan: every index into ``actions``."""
        return tuple(range(len(self.actions)))

    @cached_property
    def storages(self) -> IntArray:
        """Of every instance."""
        return np.array([instance.storage for instance in self.plan.instances], np.int64)

    @cached_property
    def sizes(self) -> IntArray:
        """Bytes of every instance, rounded up to the granule."""
        sizes: IntArray = self.step.rounded_sizes[self.storages]
        return sizes

    @cached_property
    def addresses(self) -> IntArray:
        """Of every instance, from the arena's start."""
        return np.array([instance.address for instance in self.plan.instances], np.int64)

    @cached_property
    def blocks(self) -> dict[int, tuple[int, ...]]:
        """By instance all that share its bytes by in-place reuse, ascending; itself alone left out."""
        return blocks_of(self.actions)

    def block(self, instance: int) -> tuple[int, ...]:
        """The instances that must lie where this one lies."""
        return self.blocks.get(instance, (instance,))

    @cached_property
    def several(self) -> bool:
        """Whether a storage is in memory more than once, or in host memory."""
        again = len(np.unique(self.storages)) < len(self.storages)
        return again or bool(self.plan.host_slots)

    @cached_property
    def hazards(self) -> IntArray:
        """(before, after, storage) indices of actions whose order must stay, shape (n, 3); storage -1:
        for another reason than a tensor's content. Ascending, and not transitively closed."""
        found = sorted({*self._by_content(), *self._by_effect()})
        return np.array(found, np.int64).reshape(-1, 3)

    def _by_content(self) -> Iterator[tuple[int, int, int]]:
        """Of two actions that touch an instance, a host slot or a resident, one of which changes it."""
        last: dict[tuple[str, int], int] = {}
        since: dict[tuple[str, int], list[int]] = {}
        for index, touches in enumerate(self._touches()):
            for (kind, number, storage), changes in touches.items():
                place = kind, number
                if place in last:
                    yield last[place], index, storage
                if changes:
                    yield from ((reader, index, storage) for reader in since.get(place, ()))
                    last[place], since[place] = index, []
                else:
                    since.setdefault(place, []).append(index)

    def _touches(self) -> Iterator[dict[tuple[str, int, int], bool]]:
        """What every action touches: (kind, number, storage), and whether it changes it."""
        step, instances = self.step, self.plan.instances
        placed = set(self.storages.tolist())
        uncounted = find_repetitions(step).uncounted if self.several else {}
        ran: set[int] = set()
        for action in self.actions:
            found: dict[tuple[str, int, int], bool] = {}
            match action:
                case Run(op=number, uses=uses, creates=creates):
                    op, again = step.ops[number], number in ran
                    ran.add(number)
                    for instance in uses:
                        storage = instances[instance].storage
                        found["instance", instance, storage] = storage in op.writes
                    for instance in creates:
                        found["instance", instance, instances[instance].storage] = True
                    left_out = uncounted.get(number, frozenset()) if again else frozenset()
                    changed = {*op.writes, *op.creates} - left_out
                    for storage in {*op.reads, *changed} - left_out - placed:
                        # What has no bytes has no content that a repetition could find changed.
                        if step.storages[storage].size > 0 or not again:
                            found["resident", storage, storage] = storage in changed and not again
                case Offload(instance, host):
                    storage = instances[instance].storage
                    found["instance", instance, storage] = False
                    found["host", host, storage] = True
                case Prefetch(host, instance):
                    storage = instances[instance].storage
                    found["instance", instance, storage] = True
                    found["host", host, storage] = False
                case Free():
                    pass
            yield found

    def _by_effect(self) -> Iterator[tuple[int, int, int]]:
        """Ops that draw random numbers keep their order; a repetition follows the first run."""
        first: dict[int, int] = {}
        random = -1
        for index, action in enumerate(self.actions):
            if not isinstance(action, Run):
                continue
            if action.op in first:
                yield first[action.op], index, -1
                continue
            first[action.op] = index
            if self.step.ops[action.op].random:
                if random >= 0:
                    yield random, index, -1
                random = index


def blocks_of(actions: Iterable[Action]) -> dict[int, tuple[int, ...]]:
    """By instance all that take over one another's bytes, ascending; what is alone is left out."""
    group: dict[int, list[int]] = {}
    for action in actions:
        for new, old in action.takes if isinstance(action, Run) else ():
            joined = group.get(old, [old]) + group.get(new, [new])
            for instance in joined:
                group[instance] = joined
    return {instance: tuple(sorted(members)) for instance, members in group.items()}
