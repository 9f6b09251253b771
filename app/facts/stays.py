"""The stays of storages in memory: made, made again, parked in host memory and back. No Qt.

::

    slot     0    1    2    3    4    5    6    7
    stay 1   [made by op a, freed)
    stay 2                       [made again by op a, parked)
    stay 3                                      [back from the host ...

A storage of a plan without recompute or trips has one stay, and so has every resident.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import numpy as np

from solver.plan import HOME, IntArray, Offload, Plan, Prefetch, Run
from solver.step import Step


class Came(StrEnum):
    """How a storage came to be in memory."""

    MADE = "made"
    AGAIN = "made again"
    """By a repetition of its op."""
    BACK = "back from host"


class Went(StrEnum):
    """What became of a storage's bytes in memory."""

    FREED = "freed"
    PARKED = "parked"
    """Its content is in host memory until the next stay, or the next step."""
    TAKEN = "taken over"
    """Another storage was written into them."""


@dataclass(frozen=True, slots=True)
class Span:
    """One stay of a storage in memory: slots ``[start, end)``, bytes ``[address, address + size)``.

    ``address`` is in the window's space, or -1 for a resident of a plan, which has no address there.
    """

    start: int
    end: int
    address: int
    size: int
    instance: int = -1
    """Index into the plan's instances; -1 for a resident."""
    came: Came = Came.MADE
    went: Went = Went.FREED

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
    instance: int = -1
    again: bool = False
    """The op ran before: this is a repetition."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """At ``slot`` storage ``new`` is written into the bytes of ``old``, which is needed no more."""

    slot: int
    new: int
    old: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a plan does more than once, or elsewhere, to need fewer bytes."""

    slots: tuple[int, ...]
    """Of the repetitions, ascending."""
    made_again: int
    """Stays of storages that a repetition made."""
    made_again_bytes: int
    parked: int
    """Stays in host memory."""
    parked_bytes: int


def runs_of(plan: Plan) -> list[Run]:
    """The run of every slot."""
    return [action for action in plan.actions if isinstance(action, Run)]


def repetitions(order: Sequence[int]) -> tuple[int, ...]:
    """The slots whose op has run before."""
    seen: set[int] = set()
    result = []
    for slot, op in enumerate(order):
        if op in seen:
            result.append(slot)
        seen.add(op)
    return tuple(result)


class Stays:
    """The stays of a plan's storages; those of one are put together when they are asked for.

    Instances that are never alive are left out.
    """

    def __init__(self, plan: Plan, sizes: IntArray, base: int) -> None:
        """``sizes`` by instance, bytes; ``base``: where the plan's address 0 lies."""
        self._plan, self._sizes, self._base = plan, sizes, base
        self._came, self._went = _how(plan)
        storage = np.array([instance.storage for instance in plan.instances], np.int64)
        self._start, self._end = plan.lifetimes[:, 0], plan.lifetimes[:, 1]
        there = np.flatnonzero(self._end > self._start)
        there = there[np.argsort(self._start[there], kind="stable")]
        self._instances = _Grouped(storage[there], there)

    def __getitem__(self, storage: int) -> tuple[Span, ...]:
        """The stays of a storage in the order of their slots; none where it has none."""
        return tuple([self._span(instance) for instance in self._instances[storage].tolist()])

    def several(self) -> dict[int, tuple[Span, ...]]:
        """The storages that have more than one, with their stays."""
        return {storage: self[storage] for storage in self._instances.several.tolist()}

    def that_came(self, how: Came) -> list[Span]:
        """All stays that began so; not those of what was made for the first time."""
        found = (instance for instance, came in self._came.items() if came is how)
        return [self._span(one) for one in found if self._end[one] > self._start[one]]

    def _span(self, instance: int) -> Span:
        return Span(
            int(self._start[instance]),
            int(self._end[instance]),
            self._base + self._plan.instances[instance].address,
            int(self._sizes[instance]),
            instance,
            self._came.get(instance, Came.MADE),
            self._went.get(instance, Went.FREED),
        )


class _Grouped:
    """Values by key, those of one key in the order in which they were given."""

    def __init__(self, keys: IntArray, values: IntArray) -> None:
        order = np.argsort(keys, kind="stable")
        self._values = values[order]
        self._first = np.searchsorted(keys[order], np.arange(keys.max(initial=-1) + 2))

    def __getitem__(self, key: int) -> IntArray:
        """The values of a key; none where it has none."""
        if key + 1 >= len(self._first):
            return self._values[:0]
        return self._values[self._first[key] : self._first[key + 1]]

    @property
    def several(self) -> IntArray:
        """The keys, ascending, of more than one value."""
        return np.flatnonzero(np.diff(self._first) > 1)


def _how(plan: Plan) -> tuple[dict[int, Came], dict[int, Went]]:
    """How instances came and went, where it is not by their op's first run and a free."""
    came: dict[int, Came] = {}
    went: dict[int, Went] = {}
    ran: set[int] = set()
    left: dict[int, int] = {}
    for action in plan.actions:
        match action:
            case Run(op=op, creates=creates, takes=takes):
                if op in ran:
                    came.update(dict.fromkeys(creates, Came.AGAIN))
                ran.add(op)
                went.update((old, Went.TAKEN) for _, old in takes)
            case Offload(instance=instance, host=host):
                left[host] = instance
                if plan.host_slots[host].address == HOME:
                    went[instance] = Went.PARKED
            case Prefetch(host=host, instance=instance):
                came[instance] = Came.BACK
                if host in left:
                    went[left[host]] = Went.PARKED
            case _:
                pass
    return came, went


class Uses:
    """Every run that touches a storage; those of one are put together when they are asked for.

    A repetition has no effects but the instances that it creates: of residents it only reads.
    """

    def __init__(self, step: Step, plan: Plan) -> None:
        self._step, self._plan, self._runs = step, plan, runs_of(plan)
        order = np.array([run.op for run in self._runs], np.int64)
        self._slots_of_op = _Grouped(order, np.arange(len(order)))
        self._again = np.ones(len(order), np.bool_)
        self._again[np.unique(order, return_index=True)[1]] = False
        named = [instances for run in self._runs for instances in (run.uses, run.creates)]
        slots = np.repeat(np.arange(len(named)) // 2, [len(instances) for instances in named])
        instances = np.fromiter(chain.from_iterable(named), np.int64, len(slots))
        storages = np.array([instance.storage for instance in plan.instances], np.int64)
        self._slots = _Grouped(storages[instances], slots)
        """Where a run names an instance of the storage."""
        ops, touched = step.touching
        self._ops = _Grouped(touched, ops)
        """That touch the storage."""

    def __getitem__(self, storage: int) -> list[Use]:
        """The uses of a storage in slot order."""
        ops, instances = self._step.ops, self._plan.instances
        slots = set(self._slots[storage].tolist())
        unplanned = not self._step.storages[storage].planned and storage not in self._plan.homes
        for op in self._ops[storage].tolist() if unplanned else ():
            slots.update(self._slots_of_op[op].tolist())
        result: list[Use] = []
        for slot in sorted(slots):
            run = self._runs[slot]
            one = ops[run.op]
            again = bool(self._again[slot])
            for creates, named in ((False, run.uses), (True, run.creates)):
                result += [
                    Use(slot, run.op, creates, storage in one.writes, instance, again)
                    for instance in named
                    if instances[instance].storage == storage
                ]
            if unplanned and storage in (one.reads if again else one.touches):
                written = storage in one.writes and not again
                result.append(Use(slot, run.op, storage in one.creates, written, -1, again))
        return result


def made_and_used(uses: Sequence[Use]) -> tuple[tuple[Use, ...], tuple[Use, ...]]:
    """What makes a storage, and all other uses.

    The op that creates an instance, and those that then write it before any op only reads it.
    """
    made: list[Use] = []
    others: list[Use] = []
    unread: set[int] = set()
    for use in uses:
        if use.creates:
            unread.add(use.instance)
            made.append(use)
        elif use.in_place and use.instance in unread:
            made.append(use)
        else:
            unread.discard(use.instance)
            others.append(use)
    return tuple(made), tuple(others)


def takeovers_of(plan: Plan) -> tuple[Takeover, ...]:
    """All takeovers in slot order."""
    storage = [instance.storage for instance in plan.instances]
    return tuple(
        Takeover(slot, storage[new], storage[old])
        for slot, run in enumerate(runs_of(plan))
        for new, old in run.takes
    )


def repeated_of(plan: Plan, stays: Stays) -> Repeated:
    """What of the plan is recompute and what trips to the host."""
    again, back = stays.that_came(Came.AGAIN), stays.that_came(Came.BACK)
    return Repeated(
        slots=repetitions(plan.order),
        made_again=len(again),
        made_again_bytes=sum(s.size for s in again),
        parked=len(back),
        parked_bytes=sum(s.size for s in back),
    )
