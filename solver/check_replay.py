"""The validator's walk through a plan's actions: versions, bytes, copies, repetitions."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

from solver.check_demands import Demands, Needs
from solver.check_pins import broken_pins, impossible_pins
from solver.check_statements import Facts
from solver.plan import HOME, SAVED_STATISTICS, Free, Offload, Plan, Prefetch, Run
from solver.step import Op

MAX_PROBLEMS = 20


LOOKED_AFTER = 512
"""Actions after which it is asked again whether to go on: a few milliseconds."""


class TooManyError(Exception):
    """Enough problems were found."""


class StoppedError(Exception):
    """Nobody waits for the verdict any more; there is none."""


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


class Replay:
    """One walk through the plan's actions."""

    def __init__(self, demands: Demands, plan: Plan) -> None:
        self.step, self.demands, self.plan = demands.step, demands, plan
        self.problems: list[str] = []
        self.version: dict[int, int] = {}
        """Version in each living instance."""
        self.host_version: dict[int, int] = {}
        self.home_of: dict[int, int] = {}
        """Host slot that is the home of each storage that has one."""
        self.visiting: dict[int, int] = {}
        """The last instance of each of those."""
        self.left_with: dict[int, int] = {}
        """By storage the version of its instance that was freed last."""
        self.resident_version = [0] * len(self.step.storages)
        self.was_alive: set[int] = set()
        self.space, self.host_space = _Space(), _Space()
        self.live = self.peak = self.height = 0
        self.ran: set[int] = set()
        self.random_ops: list[int] = []
        """First runs."""
        self.last_run: Run | None = None
        self.copied = False
        """Whether a copy has begun since then."""
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
            and mine.rewrites == plan.rewrites
        )

    def complain(self, problem: str) -> None:
        self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise TooManyError

    def name(self, instance: int) -> str:
        storage = self.plan.instances[instance].storage
        return f"{self.step.storages[storage].name} (instance {instance})"

    def run(self, cancelled: Callable[[], bool] | None = None) -> None:
        """Replay all actions. Raises StoppedError when it is cancelled."""
        if not self._indices_are_possible():
            return
        slot = 0
        for position, action in enumerate(self.plan.actions):
            if cancelled is not None and position % LOOKED_AFTER == 0 and cancelled():
                raise StoppedError
            match action:
                case Run():
                    self._run(slot, action)
                    self.last_run, self.copied = action, False
                    slot += 1
                case Free(instance):
                    self._free(instance, f"before slot {slot}")
                case Offload(instance, host):
                    self.copied = True
                    self._offload(instance, host, position)
                case Prefetch(host, instance):
                    self.copied = True
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
        """A home is of a weight or of a state of the optimizer, and full from the start."""
        if storage not in self.demands.may_have_homes:
            name = self.step.storages[storage].name
            self.complain(
                f"Host slot {host} is the home of {name}, which is neither a weight nor a state of the "
                "optimizer."
            )
        elif self.home_of.setdefault(storage, host) != host:
            self.complain(f"Host slot {host} is a second home of {self.step.storages[storage].name}.")
        else:
            self.host_version[host] = 0

    def _run(self, slot: int, action: Run) -> None:
        op = self.step.ops[action.op]
        where = f"slot {slot} ({op.name})"
        repeated = action.op in self.ran
        needs = self._again(action, where) if repeated else self._first(action, where)
        if needs is None or not self._named(action, needs, where):
            return
        used = {self.plan.instances[i].storage: i for i in action.uses}
        for storage, needed in needs.planned.items():
            found = self.version.get(used[storage])
            if found != needed:
                self._complain_of_version(where, storage, found, needed)
        for storage, needed in needs.others:
            found = self.resident_version[storage]
            if found != needed:
                self._complain_of_version(where, storage, found, needed)
        if not self._hand_over(action, where):
            return
        for instance in action.creates:
            self._enter(instance, 1, where)  # a storage has one creator: its first version
        for storage in op.writes:
            if storage in used:
                self.version[used[storage]] = needs.planned[storage] + 1
        if not repeated:
            self._take_effect(op, needs)

    def _first(self, action: Run, where: str) -> Needs:
        """What the run with effects must find; it runs as captured."""
        self.ran.add(action.op)
        if action.implementation:
            self.complain(f"{where}: the implementation {action.implementation!r} is not known.")
        if action.fused:
            self.complain(f"{where}: only a repetition can be fused.")
        if self.step.ops[action.op].random:
            self.random_ops.append(action.op)
        return self.demands.first[action.op]

    def _again(self, action: Run, where: str) -> Needs | None:
        """What a repetition must find; None where the op cannot run again like that."""
        may, op = self.demands.repetitions, action.op
        saved = action.implementation == SAVED_STATISTICS
        if not may.may_repeat(op):
            self.complain(f"{where}: it cannot run again, as {may.hindered[op]}.")
            return None
        if action.implementation and not saved:
            self.complain(f"{where}: the implementation {action.implementation!r} is not known.")
        if saved and op not in may.saved:
            self.complain(f"{where}: it saved no statistics that it could be repeated from.")
            return None
        if action.fused:
            self._fuse(action, where)
        return self.demands.again(op, saved_statistics=saved)

    def _fuse(self, action: Run, where: str) -> None:
        """One pass with the run before: nothing else may happen between, or take memory meanwhile."""
        before, may = self.last_run, self.demands.repetitions
        if before is None or self.copied or before.op not in may.begins:
            self.complain(f"{where}: it is fused, but not right after a run that it could be fused to.")
            return
        made = {*before.creates}
        made |= {i for i in before.uses if self._storage(i) in self.step.ops[before.op].writes}
        own = {old for _, old in action.takes}
        own |= {i for i in action.uses if self._storage(i) in self.step.ops[action.op].writes}
        joined = {i for i in own & made if self._storage(i) in may.joins.get(action.op, ())}
        if not joined or len(action.creates) != len(action.takes):
            self.complain(f"{where}: it is fused, but does not take over the result of the run before.")

    def _storage(self, instance: int) -> int:
        return self.plan.instances[instance].storage

    def _named(self, action: Run, needs: Needs, where: str) -> bool:
        """Whether the run names one instance of each storage that it must use and make."""
        used = {self._storage(i) for i in action.uses}
        created = {self._storage(i) for i in action.creates}
        if used != needs.planned.keys() or len(action.uses) != len(needs.planned):
            self.complain(f"{where}: it names other storages than the op uses.")
        elif created != needs.makes or len(action.creates) != len(needs.makes):
            self.complain(f"{where}: it names other storages than the op creates.")
        else:
            return True
        return False

    def _take_effect(self, op: Op, needs: Needs) -> None:
        """What a first run does to residents, and no repetition."""
        for storage in op.creates:
            if storage not in needs.makes:
                self.resident_version[storage] = 1
        for storage in op.writes:
            if storage not in needs.planned and storage not in op.creates:
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
        made = self.plan.instances[instance]
        self.left_with[made.storage] = self.version.pop(instance)
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
            if self.plan.host_slots[host].address == HOME:
                self._visit(host, instance, position)
            self._enter(instance, self.host_version[host], f"action {position}")
            if self.last_prefetch[host] == position and self.plan.host_slots[host].address != HOME:
                self.host_space.remove(self.plan.host_slots[host].address, host)

    def _visit(self, host: int, instance: int, position: int) -> None:
        """What lives on the host is one tensor: in the arena once at a time, and brought there only as
        it was last left, so that nobody finds older content."""
        storage = self.plan.host_slots[host].storage
        other = self.visiting.get(storage)
        if other in self.version:
            self.complain(
                f"Action {position} prefetches {self.name(instance)}, which is there already."
            )
        elif other is not None and self.left_with[storage] != self.host_version[host]:
            self.complain(
                f"Action {position} prefetches {self.name(instance)}, whose home is out of date."
            )
        self.visiting[storage] = instance

    def _all_was_done(self) -> None:
        """At the end: every op ran, residents have their final content, randoms came in order."""
        for index, op in enumerate(self.step.ops):
            if index not in self.ran:
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
        if self.random_ops != sorted(self.random_ops):
            self.complain("The ops that draw random numbers do not run first in program order.")

    @cached_property
    def facts(self) -> Facts:
        """What the plan's actions come to, once they were replayed."""
        several = len(self.was_alive) > len({i.storage for i in self.plan.instances})
        return Facts(self.step, self.plan.pins, self.peak, self.height, several)

    def check_pins(self) -> None:
        """What the user fixed must be as it was fixed."""
        for problem in broken_pins(self.step, self.plan) if self.plan.pins else ():
            self.complain(problem)
