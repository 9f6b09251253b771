"""The independent validator: is this plan right for this step? Written from the definitions alone.

It replays the plan's actions and knows nothing of how the plan was found. What every op must find is
defined by program order: each storage goes through *versions*, one more with each op that creates or
writes it, and an op must find exactly the version that program order gives it::

    program    a creates x (v1)   b reads x (v1)   c writes x (v2)   d reads x (v2)
    d before c: finds v1, needs v2: refused. The same rule covers hazards of all kinds,
    recompute (an instance made again has the same version) and trips to the host.

A resident with a home in host memory is replayed as a planned storage is: its instances have versions,
its home begins full with the version that the step finds, and must end with the final one.

Only the timeline's definition of a rounded size is shared with the rest of the solver.
"""

from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from solver.check_pins import broken_pins, impossible_pins
from solver.check_statements import Facts
from solver.errors import BayplanError
from solver.plan import HOME, Free, Offload, Plan, Prefetch, Run
from solver.step import Category, Step, round_up

MAX_PROBLEMS = 20
REMEMBERED = 3
"""Replays that are kept."""


def require_valid(step: Step, plan: Plan) -> None:
    """Raise BayplanError with all that is wrong (at most 20 problems) unless the plan is right."""
    Checker(step).require_valid(plan)


def check(step: Step, plan: Plan) -> list[str]:
    """What is wrong with the plan, one sentence a problem, at most 20; empty: it is right."""
    return Checker(step).check(plan)


class Checker:
    """Checks any number of plans for one step; what the step alone defines is worked out once."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._demands = _Demands(step, frozenset())
        self._replays: list[_Replay] = []
        """Of the last plans that do what they must, whatever they stated."""

    def check(self, plan: Plan) -> list[str]:
        """What is wrong with the plan, one sentence a problem, at most 20; empty: it is right."""
        step = self.step
        if plan.fingerprint != step.fingerprint:
            return [
                f"It was made for another step (fingerprint {plan.fingerprint[:12]}; this one, for "
                f"{step.origin.target}, has {step.fingerprint[:12]}). The same model captured for "
                "another device is another step."
            ]
        # The same actions and addresses with another certificate need no second replay: all is frozen.
        replay = next((known for known in self._replays if known.is_of(plan)), None)
        if replay is None:
            if self._demands.homes != plan.homes:
                self._demands = _Demands(step, plan.homes)
            replay = _Replay(self._demands, plan)
            with suppress(_TooManyError):
                replay.run()
                if not replay.problems:
                    replay.check_pins()
            if replay.problems:
                return replay.problems
            self._replays = [replay, *self._replays[: REMEMBERED - 1]]
        return replay.facts.wrong_statements(plan)

    def require_valid(self, plan: Plan) -> None:
        """Raise BayplanError with all that is wrong (at most 20 problems) unless it is right."""
        problems = self.check(plan)
        if problems:
            raise BayplanError(
                f"The plan {plan.name!r} is not right for the step {self.step.title}: {problems[0]}",
                details="\n".join(problems),
            )


class _Demands:
    """What program order defines: the version of each storage that each op must find."""

    def __init__(self, step: Step, homes: frozenset[int]) -> None:
        self.step, self.homes = step, homes
        self.sizes = [round_up(storage.size) for storage in step.storages]
        created = {storage for op in step.ops for storage in op.creates}
        self.may_have_homes = {
            i
            for i, storage in enumerate(step.storages)
            if storage.category is Category.OPTIMIZER_STATE
            and not storage.output
            and storage.size > 0
            and i not in created
        }
        self.planned = {i for i, storage in enumerate(step.storages) if storage.planned}
        self.planned |= homes & self.may_have_homes
        """With the residents that have homes: all that have instances."""
        version = [0] * len(step.storages)
        self.of_planned: list[dict[int, int]] = []
        """By op: version by planned storage."""
        self.of_others: list[list[tuple[int, int]]] = []
        """By op: (storage, version) of those that have no instances."""
        self.makes: list[set[int]] = []
        """By op: the planned storages that it creates."""
        for op in step.ops:
            needs = {s: version[s] for s in op.reads + op.writes if s not in op.creates}
            self.of_planned.append({s: v for s, v in needs.items() if s in self.planned})
            self.of_others.append([(s, v) for s, v in needs.items() if s not in self.planned])
            self.makes.append(self.planned.intersection(op.creates))
            for storage in {*op.writes, *op.creates}:
                version[storage] += 1
        self.final = [(i, version[i]) for i, storage in enumerate(step.storages) if storage.resident]
        """(storage, version) of each resident after the step."""


class _TooManyError(Exception):
    """Enough problems were found."""


@dataclass
class _Space:
    """Who occupies which bytes right now: disjoint intervals in ascending order."""

    starts: list[int] = field(default_factory=list)
    owners: list[tuple[int, int]] = field(default_factory=list)
    """(end, owner) of each interval."""

    def clash(self, start: int, end: int) -> int:
        """An owner of a byte in ``[start, end)``, or -1."""
        at = bisect_left(self.starts, end)
        if at > 0 and self.owners[at - 1][0] > start:
            return self.owners[at - 1][1]
        return -1

    def add(self, start: int, end: int, owner: int) -> None:
        at = bisect_left(self.starts, start)
        self.starts.insert(at, start)
        self.owners.insert(at, (end, owner))

    def remove(self, start: int, owner: int) -> None:
        at = bisect_left(self.starts, start)
        if at < len(self.starts) and self.owners[at][1] == owner:
            del self.starts[at], self.owners[at]


class _Replay:
    """One walk through the plan's actions."""

    def __init__(self, demands: _Demands, plan: Plan) -> None:
        self.step, self.demands, self.plan = demands.step, demands, plan
        self.problems: list[str] = []
        self.version: dict[int, int] = {}
        """Version in each living instance."""
        self.host_version: dict[int, int] = {}
        self.home_of: dict[int, int] = {}
        """Host slot that is the home of each storage that has one."""
        self.resident_version = [0] * len(self.step.storages)
        self.was_alive: set[int] = set()
        self.space, self.host_space = _Space(), _Space()
        self.live = self.peak = self.height = 0
        self.random_ops: list[int] = []
        self.last_prefetch = {
            action.host: position
            for position, action in enumerate(plan.actions)
            if isinstance(action, Prefetch)
        }

    def is_of(self, plan: Plan) -> bool:
        """Whether this was the walk through the very actions of this plan."""
        mine = self.plan
        return (
            mine.actions is plan.actions
            and mine.instances is plan.instances
            and mine.host_slots is plan.host_slots
            and mine.pins == plan.pins
        )

    def complain(self, problem: str) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise _TooManyError

    def name(self, instance: int) -> str:
        storage = self.plan.instances[instance].storage
        return f"{self.step.storages[storage].name} (instance {instance})"

    def run(self) -> None:
        """Replay all actions."""
        if not self._indices_are_possible():
            return
        slot = 0
        for position, action in enumerate(self.plan.actions):
            match action:
                case Run():
                    self._run(slot, action)
                    slot += 1
                case Free(instance):
                    self._free(instance, f"before slot {slot}")
                case Offload(instance, host):
                    self._offload(instance, host, position)
                case Prefetch(host, instance):
                    self._prefetch(host, instance, position)
        self._all_was_done()

    def _indices_are_possible(self) -> bool:
        instances, hosts = len(self.plan.instances), len(self.plan.host_slots)
        storages = len(self.step.storages)
        for index, instance in enumerate(self.plan.instances):
            if not 0 <= instance.storage < storages:
                self.complain(f"Instance {index} is of storage {instance.storage}, which is not there.")
            elif instance.storage not in self.demands.planned:
                self.complain(f"Instance {index} is of a resident or empty storage.")
            if instance.address < 0:
                self.complain(f"Instance {index} lies at the negative address {instance.address}.")
        for index, host in enumerate(self.plan.host_slots):
            if not 0 <= host.storage < storages or host.address < HOME:
                self.complain(f"Host slot {index} is of storage {host.storage} at {host.address}.")
            elif host.address == HOME:
                self._home(index, host.storage)
            elif host.storage in self.plan.homes:
                self.complain(f"Host slot {index} is of storage {host.storage}, which has a home.")
        for problem in impossible_pins(self.step, self.plan.pins):
            self.complain(problem)
        for action in self.plan.actions:
            named: tuple[int, ...] = ()
            named_hosts: tuple[int, ...] = ()
            match action:
                case Run(op, uses, creates, _, takes):
                    named = (*uses, *creates, *chain.from_iterable(takes))
                    if not 0 <= op < len(self.step.ops):
                        self.complain(f"It runs op {op}, which is not there.")
                case Free(free):
                    named = (free,)
                case Offload(out, to):
                    named, named_hosts = (out,), (to,)
                case Prefetch(source, back):
                    named, named_hosts = (back,), (source,)
            if named and not (min(named) >= 0 and max(named) < instances):
                self.complain(f"{action} names an instance that is not there.")
            if named_hosts and not (min(named_hosts) >= 0 and max(named_hosts) < hosts):
                self.complain(f"{action} names a host slot that is not there.")
        return not self.problems

    def _home(self, host: int, storage: int) -> None:
        """A home is of a state of the optimizer, and full from the start."""
        if storage not in self.demands.may_have_homes:
            name = self.step.storages[storage].name
            self.complain(
                f"Host slot {host} is the home of {name}, which is no state of the optimizer."
            )
        elif self.home_of.setdefault(storage, host) != host:
            self.complain(f"Host slot {host} is a second home of {self.step.storages[storage].name}.")
        else:
            self.host_version[host] = 0

    def _run(self, slot: int, action: Run) -> None:
        op, needs = self.step.ops[action.op], self.demands.of_planned[action.op]
        where = f"slot {slot} ({op.name})"
        if action.implementation:
            self.complain(f"{where}: the implementation {action.implementation!r} is not known.")
        if op.random:
            self.random_ops.append(action.op)
        used = {self.plan.instances[i].storage: i for i in action.uses}
        if used.keys() != needs.keys() or len(action.uses) != len(needs):
            self.complain(f"{where}: it names other storages than the op uses.")
            return
        for storage, needed in needs.items():
            found = self.version.get(used[storage])
            if found != needed:
                self._complain_of_version(where, storage, found, needed)
        for storage, needed in self.demands.of_others[action.op]:
            found = self.resident_version[storage]
            if found != needed:
                self._complain_of_version(where, storage, found, needed)
        makes = self.demands.makes[action.op]
        created = {self.plan.instances[i].storage: i for i in action.creates}
        if created.keys() != makes or len(action.creates) != len(makes):
            self.complain(f"{where}: it names other storages than the op creates.")
            return
        if not self._hand_over(action, where):
            return
        for instance in created.values():
            self._enter(instance, 1, where)  # a storage has one creator: its first version
        for storage in op.creates:
            if storage not in makes:
                self.resident_version[storage] = 1
        for storage in op.writes:
            if storage in used:
                self.version[used[storage]] = needs[storage] + 1
            elif storage not in op.creates:
                self.resident_version[storage] += 1

    def _complain_of_version(self, where: str, storage: int, found: int | None, needed: int) -> None:
        what = self.step.storages[storage].name
        if found is None:
            self.complain(f"{where}: {what} is not in memory.")
        else:
            self.complain(f"{where}: {what} has had {found} writes there, {needed} are due.")

    def _hand_over(self, action: Run, where: str) -> bool:
        """In-place reuse: old instances leave their bytes to new ones; whether all of it may be.

        The old one is gone then, so that a later use of it does not find it in memory.
        """
        reuse = self.step.reusable.get(action.op)
        for new, old in action.takes:
            name = f"{self.name(new)} takes over the bytes of {self.name(old)}"
            one, other = self.plan.instances[new], self.plan.instances[old]
            if new not in action.creates or old not in action.uses or old not in self.version:
                self.complain(f"{where}: {name}, but the op does not make the one of the other.")
            elif reuse is None or reuse.created != one.storage or other.storage not in reuse.operands:
                self.complain(f"{where}: {name}, which this op may not do.")
            elif one.address != other.address:
                self.complain(f"{where}: {name}, but lies at {one.address:,}, not {other.address:,}.")
            else:
                self._free(old, where)
                continue
            return False
        return True

    def _enter(self, instance: int, version: int, where: str) -> None:
        """The instance comes alive; its bytes must be free."""
        if instance in self.was_alive:
            self.complain(f"{where}: {self.name(instance)} comes alive a second time.")
            return
        self.was_alive.add(instance)
        start = self.plan.instances[instance].address
        size = self.demands.sizes[self.plan.instances[instance].storage]
        other = self.space.clash(start, start + size)
        if other >= 0:
            self.complain(
                f"{where}: {self.name(instance)} at {start:,} overlaps {self.name(other)} at "
                f"{self.plan.instances[other].address:,}, which is still alive."
            )
            return
        self.space.add(start, start + size, instance)
        self.version[instance] = version
        self.live += size
        self.peak = max(self.peak, self.live)
        self.height = max(self.height, start + size)

    def _free(self, instance: int, where: str) -> None:
        if instance not in self.version:
            self.complain(f"{where}: {self.name(instance)} is freed but not alive.")
            return
        del self.version[instance]
        made = self.plan.instances[instance]
        self.space.remove(made.address, instance)
        self.live -= self.demands.sizes[made.storage]

    def _offload(self, instance: int, host: int, position: int) -> None:
        slot = self.plan.host_slots[host]
        if instance not in self.version:
            self.complain(f"Action {position} offloads {self.name(instance)}, which is not alive.")
        elif slot.storage != self.plan.instances[instance].storage:
            self.complain(f"Action {position} offloads {self.name(instance)} to another's host slot.")
        elif slot.address == HOME:
            self.host_version[host] = self.version[instance]
        elif host in self.host_version:
            self.complain(f"Action {position} fills host slot {host} a second time.")
        else:
            end = slot.address + self.demands.sizes[slot.storage]
            if (other := self.host_space.clash(slot.address, end)) >= 0:
                self.complain(f"Action {position}: host slot {host} overlaps host slot {other}.")
                return
            self.host_space.add(slot.address, end, host)
            self.host_version[host] = self.version[instance]

    def _prefetch(self, host: int, instance: int, position: int) -> None:
        if host not in self.host_version:
            self.complain(f"Action {position} prefetches host slot {host}, which is empty.")
        elif self.plan.host_slots[host].storage != self.plan.instances[instance].storage:
            self.complain(f"Action {position} prefetches another's host slot.")
        else:
            self._enter(instance, self.host_version[host], f"action {position}")
            if self.last_prefetch[host] == position and self.plan.host_slots[host].address != HOME:
                self.host_space.remove(self.plan.host_slots[host].address, host)

    def _all_was_done(self) -> None:
        """At the end: every op ran, residents have their final content, randoms came in order."""
        ran = set(self.plan.order)
        for index, op in enumerate(self.step.ops):
            if index not in ran:
                self.complain(f"Op {index} ({op.name}) never runs.")
        for storage, final in self.demands.final:
            home = self.home_of.get(storage)
            found = self.resident_version[storage] if home is None else self.host_version[home]
            if found != final:
                self.complain(
                    f"{self.step.storages[storage].name} ends with {found} of its {final} writes."
                )
        for index in range(len(self.plan.instances)):
            if index not in self.was_alive:
                self.complain(f"{self.name(index)} never comes alive.")
        if self.random_ops != sorted(set(self.random_ops)):
            self.complain("The ops that draw random numbers do not run in program order, once each.")

    @cached_property
    def facts(self) -> Facts:
        """What the plan's actions come to, once they were replayed."""
        several = len(self.was_alive) > len({i.storage for i in self.plan.instances})
        return Facts(self.step, self.plan.pins, self.peak, self.height, several)

    def check_pins(self) -> None:
        """What the user fixed must be as it was fixed."""
        for problem in broken_pins(self.step, self.plan) if self.plan.pins else ():
            self.complain(problem)
