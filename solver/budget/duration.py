"""How long a plan takes: the definition, from its actions and the costs of its ops.

::

    runs     |  op 0  |  op 1  |~~ wait ~~|  op 2  |
    copies            |  1's result leaves  |        its Free is before op 2, so op 2 waits
             0 ------------------------------------------------------------------------> seconds

Runs follow one another; beside them one engine copies between device and host, one copy at a time, in
the order of the actions. A copy begins when the copies and the runs before it are done. The first use
of what a copy fills, a write to what it reads, and the ``Free`` or the takeover of either wait for it.
"""

from solver.budget.costs import Costs, op_costs
from solver.plan import SAVED_STATISTICS, Free, Offload, Plan, Prefetch, Run
from solver.step import Step
from solver.terms import DeviceModel


def plan_seconds(step: Step, plan: Plan, device: DeviceModel, measured: bool) -> float:
    """Predicted seconds from the first run to the end of the last run and copy.

    ``step`` is the one that the plan runs, with its rewrites; the plan is right for it. Where
    ``measured``, measured times win.
    """
    clock = _Clock(step, plan, op_costs(step, device, measured), device)
    for action in plan.actions:
        match action:
            case Run():
                clock.run(action)
            case Free(instance):
                clock.leave(instance)
            case Offload(instance, _):
                clock.read_until[instance] = clock.copy(instance)
            case Prefetch(_, instance):
                clock.filled_at[instance] = clock.copy(instance)
    return max(clock.now, clock.copied)


class _Clock:
    """What time it is for the runs and for the copies, along the actions of a plan."""

    def __init__(self, step: Step, plan: Plan, costs: Costs, device: DeviceModel) -> None:
        self.now = 0.0
        """When the runs so far are done."""
        self.copied = 0.0
        """When the copies so far are done."""
        self.filled_at: dict[int, float] = {}
        """By instance: when the copy that fills it ends."""
        self.read_until: dict[int, float] = {}
        """By instance: when the last copy that reads it ends."""
        self._step, self._costs = step, costs
        self._storage_of = [instance.storage for instance in plan.instances]
        self._bytes_per_second = device.host_bytes_per_second
        self._ran: set[int] = set()

    def copy(self, instance: int) -> float:
        """A copy of the instance begins, as soon as it can; when it ends."""
        size = self._step.storages[self._storage_of[instance]].size
        self.copied = max(self.now, self.copied) + size / self._bytes_per_second
        return self.copied

    def leave(self, instance: int) -> None:
        """The bytes of the instance become free, or change hands."""
        self._wait(self.filled_at, instance)
        self._wait(self.read_until, instance)

    def run(self, action: Run) -> None:
        op = self._step.ops[action.op]
        for instance in action.uses:
            self._wait(self.filled_at, instance)
            if self._storage_of[instance] in op.writes:
                self._wait(self.read_until, instance)
        for _, old in action.takes:
            self.leave(old)
        self.now += self._seconds(action)
        self._ran.add(action.op)

    def _seconds(self, action: Run) -> float:
        if action.op in self._ran and action.fused:
            return float(self._costs.fused[action.op])
        if action.op in self._ran and action.implementation == SAVED_STATISTICS:
            return float(self._costs.again[action.op])
        return float(self._costs.first[action.op])

    def _wait(self, until: dict[int, float], instance: int) -> None:
        self.now = max(self.now, until.get(instance, 0.0))


def overhead_of(seconds: float, base_seconds: float) -> float:
    """The overhead of a plan that takes ``seconds``: a fraction of the unmodified step's time."""
    return seconds / base_seconds - 1 if base_seconds > 0 else 0.0
