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


def stays_of(plan: Plan, sizes: IntArray, base: int) -> dict[int, tuple[Span, ...]]:
    """By storage its stays in the order of their slots; ``sizes`` by instance, bytes.

    ``base``: where the plan's address 0 lies. Instances that are never alive are left out.
    """
    came, went = _how(plan)
    found: dict[int, list[Span]] = {}
    lifetimes = plan.lifetimes.tolist()
    for index, instance in enumerate(plan.instances):
        start, end = lifetimes[index]
        if end > start:
            span = Span(
                start,
                end,
                base + instance.address,
                int(sizes[index]),
                index,
                came.get(index, Came.MADE),
                went.get(index, Went.FREED),
            )
            found.setdefault(instance.storage, []).append(span)
    return {s: tuple(sorted(spans, key=lambda one: one.start)) for s, spans in found.items()}


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


def uses_of(step: Step, plan: Plan) -> dict[int, list[Use]]:
    """By storage every run that touches it, in slot order.

    A repetition has no effects but the instances that it creates: of residents it only reads.
    """
    storage_of = [instance.storage for instance in plan.instances]
    unplanned = [not s.planned and at not in plan.homes for at, s in enumerate(step.storages)]
    ran: set[int] = set()
    result: dict[int, list[Use]] = {}
    for slot, run in enumerate(runs_of(plan)):
        op, again = step.ops[run.op], run.op in ran
        ran.add(run.op)
        for creates, instances in ((False, run.uses), (True, run.creates)):
            for instance in instances:
                storage = storage_of[instance]
                use = Use(slot, run.op, creates, storage in op.writes, instance, again)
                result.setdefault(storage, []).append(use)
        for storage in op.reads if again else op.touches:
            if unplanned[storage]:
                written = storage in op.writes and not again
                use = Use(slot, run.op, storage in op.creates, written, -1, again)
                result.setdefault(storage, []).append(use)
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


def repeated_of(plan: Plan, stays: dict[int, tuple[Span, ...]]) -> Repeated:
    """What of the plan is recompute and what trips to the host."""
    again = [s for spans in stays.values() for s in spans if s.came is Came.AGAIN]
    back = [s for spans in stays.values() for s in spans if s.came is Came.BACK]
    return Repeated(
        slots=repetitions(plan.order),
        made_again=len(again),
        made_again_bytes=sum(s.size for s in again),
        parked=len(back),
        parked_bytes=sum(s.size for s in back),
    )
