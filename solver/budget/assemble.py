"""Put a schedule together: instances, who takes over whose bytes, what is freed when, where all lies.

::

    entries    0: a makes x   1: b reads x, makes y   2: a again   3: c reads x and y
    instances  x  [0, 2)  made at 0, last used at 1
               y  [1, 4)
               x' [2, 4)  made again: from here on a use of x is one of x'

An instance is freed right after its last use, or taken over there, or, where it goes to the host, after
the entry that its trip says.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from solver.budget.schedule import Entry, Home, Schedule, Trip
from solver.budget.unrolled import Arranged, Unrolled
from solver.placement import PlacementProblem, place
from solver.placement.caching_allocator import largest_op
from solver.placement.place import place_by_start
from solver.plan import (
    HOME,
    SAVED_STATISTICS,
    Action,
    Certificate,
    Free,
    HostSlot,
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
from solver.repetition import Repetitions, find_repetitions
from solver.step import Step
from solver.timeline import live_bytes, storage_sizes

HOST_SECONDS = 1.0
"""What placing the host block may take where the first try leaves gaps in it."""


@dataclass
class Assembler:
    """Makes plans of schedules for one step."""

    step: Step
    reuse: bool = True
    """Whether results may take over bytes also where nothing is fused."""
    fusing: bool = True
    """Whether runs are fused at all."""
    _repetitions: Repetitions = field(init=False)
    _sizes: IntArray = field(init=False)

    def __post_init__(self) -> None:
        self._repetitions = find_repetitions(self.step)
        self._sizes = storage_sizes(self.step)

    def unroll(self, schedule: Schedule) -> Unrolled:
        """The instances of a schedule. ValueError where an entry uses what was never made."""
        step, entries = self.step, schedule.entries
        leaving: dict[int, list[int]] = defaultdict(list)
        coming: dict[int, list[int]] = defaultdict(list)
        for trip, stay in enumerate(schedule.trips):
            leaving[stay.out].append(trip)
            coming[stay.back].append(trip)
        at_home = {*schedule.at_home}
        visits: dict[int, list[int]] = defaultdict(list)
        for number, home in enumerate(schedule.homes):
            visits[home.back].append(number)
        visiting: dict[int, int] = {}
        storages: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        current: dict[int, int] = {}
        left: dict[int, int] = {}
        back: dict[int, int] = {}
        uses: list[tuple[int, ...]] = []
        creates: list[tuple[int, ...]] = []

        def begin(storage: int, slot: int) -> int:
            current[storage] = len(storages)
            storages.append(storage)
            starts.append(slot)
            ends.append(slot + 1)
            return current[storage]

        for slot, entry in enumerate(entries):
            for trip in coming[slot]:
                back[trip] = begin(schedule.trips[trip].storage, slot)
            for number in visits[slot]:
                visiting[number] = begin(schedule.homes[number].storage, slot)
            used, made = self._touched(entry)
            if at_home:
                op = step.ops[entry.op]
                used = [*used, *sorted(at_home.intersection(op.reads + op.writes))]
            if missing := [s for s in used if s not in current]:
                name = step.storages[missing[0]].name
                raise ValueError(f"entry {slot}: {step.ops[entry.op].name} uses {name}, never made")
            uses.append(tuple([current[s] for s in used]))
            for instance in uses[-1]:
                ends[instance] = slot + 1
            creates.append(tuple([begin(s, slot) for s in made]))
            for trip in leaving[slot]:
                left[trip] = current[schedule.trips[trip].storage]
        for trip, instance in left.items():
            ends[instance] = schedule.trips[trip].free + 1
        for number, instance in visiting.items():
            ends[instance] = schedule.homes[number].free + 1
        homes = tuple(visiting[number] for number in range(len(schedule.homes)))
        pairs = tuple((left[trip], back[trip]) for trip in range(len(schedule.trips)))
        lifetimes = np.array([starts, ends], np.int64).T.copy()
        travelling = {*left.values(), *homes}
        possible = self._possible(entries, uses, creates, storages, ends, travelling)
        fused = self._fused(schedule, uses, creates, storages, possible)
        return Unrolled(
            schedule,
            tuple(storages),
            tuple(uses),
            tuple(creates),
            lifetimes,
            pairs,
            homes,
            possible,
            fused,
        )

    def _touched(self, entry: Entry) -> tuple[Sequence[int], Sequence[int]]:
        """The planned storages that an entry uses, and those that it makes."""
        used: Sequence[int] = self.step.planned_uses[entry.op]
        if entry.saved_statistics:
            saved = self._repetitions.saved[entry.op]
            return sorted({*used, *saved.statistics}), (saved.result,)
        return used, [s for s in self.step.ops[entry.op].creates if self.step.storages[s].planned]

    def _possible(
        self,
        entries: Sequence[Entry],
        uses: Sequence[tuple[int, ...]],
        creates: Sequence[tuple[int, ...]],
        storages: Sequence[int],
        ends: Sequence[int],
        travelling: set[int],
    ) -> dict[int, tuple[int, int]]:
        """By entry (new, old); of several operands that would do what the run before made or wrote in
        place, with which it may then be fused, else the lowest."""
        result: dict[int, tuple[int, int]] = {}
        for slot, entry in enumerate(entries):
            reuse = self.step.reusable.get(entry.op)
            if (
                reuse is None
                or entry.saved_statistics
                or not (self.reuse or (self.fusing and entry.fused))
            ):
                continue
            dying = [
                instance
                for instance in uses[slot]
                if storages[instance] in reuse.operands
                and ends[instance] == slot + 1
                and instance not in travelling
            ]
            if dying:
                made = self._results(slot - 1, entries, uses, creates, storages)
                result[slot] = creates[slot][0], next((i for i in dying if i in made), dying[0])
        return result

    def _results(
        self,
        slot: int,
        entries: Sequence[Entry],
        uses: Sequence[tuple[int, ...]],
        creates: Sequence[tuple[int, ...]],
        storages: Sequence[int],
    ) -> set[int]:
        """The instances that an entry makes or writes in place; before the first one none."""
        if slot < 0:
            return set()
        written = self.step.ops[entries[slot].op].writes
        return {*creates[slot], *(i for i in uses[slot] if storages[i] in written)}

    def _fused(
        self,
        schedule: Schedule,
        uses: Sequence[tuple[int, ...]],
        creates: Sequence[tuple[int, ...]],
        storages: Sequence[int],
        possible: Mapping[int, tuple[int, int]],
    ) -> frozenset[int]:
        """The entries that really can run in one pass with the one before; see ``solver.plan``."""
        ran: set[int] = set()
        result = set()
        stays: tuple[Trip | Home, ...] = (*schedule.trips, *schedule.homes)
        copies = {stay.out + 1 for stay in stays if not isinstance(stay, Home) or stay.changed}
        copies |= {stay.back for stay in stays}
        for slot, entry in enumerate(schedule.entries):
            if self.fusing and entry.fused and entry.op in ran and slot not in copies:
                before = schedule.entries[slot - 1].op
                made = self._results(slot - 1, schedule.entries, uses, creates, storages)
                written = self.step.ops[entry.op].writes
                own = {i for i in uses[slot] if storages[i] in written}
                if slot in possible:
                    own.add(possible[slot][1])
                joins = self._repetitions.joins.get(entry.op, frozenset())
                if (
                    before in self._repetitions.begins
                    and any(storages[i] in joins for i in own & made)
                    and len(creates[slot]) == (slot in possible)
                ):
                    result.add(slot)
            ran.add(entry.op)
        return frozenset(result)

    # -- arrangements --------------------------------------------------------------------------------

    def arrangements(self, unrolled: Unrolled) -> list[Arranged]:
        """With the takeovers that the peak needs, then with all that are possible.

        More of them leave less alive, fewer leave the placement more freedom: either may be easier.
        """
        everything = Arranged(unrolled, unrolled.possible)
        least = Arranged(unrolled, unrolled.required)
        if unrolled.possible == unrolled.required:
            return [everything]
        alone, peak = self.profile(least), self.peak(everything)
        needed = {
            entry: pair
            for entry, pair in unrolled.possible.items()
            if entry in unrolled.required or alone[entry] > peak
        }
        return [Arranged(unrolled, needed), *([everything] if needed != unrolled.possible else [])]

    def profile(self, one: Arranged) -> IntArray:
        """Bytes alive at every slot, shape (entries,)."""
        slots = len(one.unrolled.schedule.entries)
        return live_bytes(one.lifetimes, self._sizes_of(one.unrolled), slots)

    def peak(self, one: Arranged) -> int:
        """Bytes alive at once at the most."""
        return int(self.profile(one).max(initial=0))

    def _sizes_of(self, unrolled: Unrolled) -> IntArray:
        return self._sizes[np.array(unrolled.storages, np.int64)]

    def problem(self, one: Arranged, capacity: int | None = None) -> tuple[PlacementProblem, list[int]]:
        """The placement problem, and the instances that it places; ``capacity`` bytes are enough.

        One instance stands for all that take over its bytes, one after the other.
        """
        owner, lifetimes = one.first_owner, one.lifetimes
        ends = lifetimes[:, 1].copy()
        np.maximum.at(ends, owner, lifetimes[:, 1])
        first = np.unique(np.array(owner, np.int64))
        problem = PlacementProblem(
            lifetimes[first, 0].copy(), ends[first], self._sizes_of(one.unrolled)[first], capacity
        )
        return problem, first.tolist()

    # -- the plan ------------------------------------------------------------------------------------

    def plan(self, one: Arranged, placed: Mapping[int, int], name: str, provenance: Provenance) -> Plan:
        """The plan of an arrangement; ``placed``: the address of each instance of its problem.

        Its certificate says nothing of other plans. Whether all of it is right is for ``solver.check``
        to say.
        """
        unrolled, lifetimes = one.unrolled, one.lifetimes
        sizes = self._sizes_of(unrolled)
        addresses = np.array([placed[owner] for owner in one.first_owner], np.int64)
        peak = int(live_bytes(lifetimes, sizes, len(unrolled.uses)).max(initial=0))
        actions = self._actions(one)
        return Plan(
            fingerprint=self.step.fingerprint,
            name=name,
            instances=tuple(map(Instance, unrolled.storages, addresses.tolist())),
            actions=tuple(actions),
            peak_bytes=peak,
            height_bytes=int((addresses + sizes).max(initial=0)),
            status=Status.FEASIBLE,
            certificate=certificate_of(self.step, peak, reuse=True),
            provenance=provenance,
            host_slots=self._host_slots(unrolled, actions),
        )

    def _actions(self, one: Arranged) -> list[Action]:
        unrolled = one.unrolled
        schedule = unrolled.schedule
        travelling = {*(leaving for leaving, _ in unrolled.trips), *unrolled.homes}
        taken = {old for _, old in one.takeovers.values()}
        ended: dict[int, list[Action]] = defaultdict(list)
        for instance, end in enumerate(unrolled.lifetimes[:, 1].tolist()):
            if instance not in taken and instance not in travelling:
                ended[end - 1].append(Free(instance))
        coming: dict[int, list[Action]] = defaultdict(list)
        freed: dict[int, list[Action]] = defaultdict(list)
        for host, (trip, (leaving, back)) in enumerate(
            zip(schedule.trips, unrolled.trips, strict=True)
        ):
            ended[trip.out].append(Offload(leaving, host))
            freed[trip.free].append(Free(leaving))
            coming[trip.back].append(Prefetch(host, back))
        host_of = {resident: len(schedule.trips) + at for at, resident in enumerate(schedule.at_home)}
        for home, visitor in zip(schedule.homes, unrolled.homes, strict=True):
            host = host_of[home.storage]
            coming[home.back].append(Prefetch(host, visitor))
            if home.changed:
                ended[home.out].append(Offload(visitor, host))
            freed[home.free].append(Free(visitor))
        actions: list[Action] = []
        for slot, entry in enumerate(schedule.entries):
            actions += coming[slot]
            actions.append(
                Run(
                    entry.op,
                    unrolled.uses[slot],
                    unrolled.creates[slot],
                    SAVED_STATISTICS if entry.saved_statistics else "",
                    (one.takeovers[slot],) if slot in one.takeovers else (),
                    slot in unrolled.fused,
                )
            )
            actions += ended[slot] + freed[slot]
        return actions

    def _host_slots(self, unrolled: Unrolled, actions: Sequence[Action]) -> tuple[HostSlot, ...]:
        """Where each trip's bytes lie in the host block, taken from its first copy to its last; and the
        homes."""
        trips = unrolled.schedule.trips
        homes = [HostSlot(resident, HOME) for resident in unrolled.schedule.at_home]
        if not trips:
            return tuple(homes)
        filled = {a.host: at for at, a in enumerate(actions) if isinstance(a, Offload)}
        emptied = {a.host: at for at, a in enumerate(actions) if isinstance(a, Prefetch)}
        hosts = range(len(trips))
        problem = PlacementProblem(
            np.array([filled[host] for host in hosts], np.int64),
            np.array([emptied[host] for host in hosts], np.int64),
            self._sizes[[trip.storage for trip in trips]],
        )
        addresses = place_by_start(problem)
        stays = np.array([problem.starts, problem.ends]).T
        most = int(live_bytes(stays, problem.sizes, len(actions)).max())
        if int((addresses + problem.sizes).max()) > most:
            addresses = place(problem, deadline=HOST_SECONDS, fast=True, brief=True).addresses
        return (*map(HostSlot, [trip.storage for trip in trips], addresses.tolist()), *homes)


def certificate_of(step: Step, peak: int, *, reuse: bool) -> Certificate:
    """What is known of a plan in which ops run again: what the largest op touches, and its own peak."""
    bound, op = largest_op(step, reuse=reuse)
    return Certificate(bound, Proof.NONE, op, peak, reuse=reuse)
