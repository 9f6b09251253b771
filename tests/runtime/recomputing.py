"""Right plans in which what is cheap to make runs again for the backward pass, made by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field

from solver.budget.assemble import Assembler
from solver.budget.schedule import Entry, Schedule
from solver.check import require_valid
from solver.placement import place
from solver.plan import Plan, Provenance, Run
from solver.repetition import Repetitions, find_repetitions
from solver.step import Op, Phase, Step

_COSTLY = ("convolution", "mm", "addmm", "bmm", "_scaled_dot_product", "embedding")


def cheap(op: Op) -> bool:
    """Whether the op only moves bytes."""
    return not op.target.startswith(_COSTLY)


@dataclass
class _Unrolling:
    step: Step
    may: Repetitions
    dropped: set[int]
    saved_statistics: bool
    entries: list[Entry] = field(default_factory=list)

    def again(self, storage: int, now: int) -> None:
        """Make the storage again as it is before op ``now``, and first what that needs."""
        together, ops = {storage}, list[int]()
        while True:
            ops = [
                index
                for index, op in enumerate(self.step.ops[:now])
                if together.intersection(op.creates + op.writes)
            ]
            beside = {s for index in ops for s in self.step.ops[index].creates} & self.dropped
            if beside <= together:
                break
            together |= beside
        self.dropped -= together
        for index in ops:
            for other in self.step.planned_uses[index]:
                if other in self.dropped:
                    self.again(other, index)
            before = self.entries[-1].op
            made = {*self.step.ops[before].creates, *self.step.ops[before].writes}
            joins = self.may.joins.get(index, frozenset())
            saved = self.saved_statistics and index in self.may.saved
            self.entries.append(Entry(index, saved, bool(joins & made)))


def without(
    step: Step, *, drops: Callable[[Op], bool] = cheap, saved_statistics: bool = True
) -> Schedule:
    """Program order, in which the backward pass makes again what ops of the forward pass made that
    ``drops`` is true of, right before it uses it."""
    may = find_repetitions(step)
    writers: dict[int, list[int]] = {}
    for index, op in enumerate(step.ops):
        for storage in {*op.creates, *op.writes}:
            writers.setdefault(storage, []).append(index)
    statistics = {s for saved in may.saved.values() for s in saved.statistics}
    dropped = {
        storage
        for op in step.ops
        if op.phase is Phase.FORWARD and drops(op)
        for storage in op.creates
        if step.storages[storage].planned
        and all(may.may_repeat(w) and step.ops[w].phase is Phase.FORWARD for w in writers[storage])
        and not (saved_statistics and storage in statistics)
    }
    unrolling = _Unrolling(step, may, dropped, saved_statistics)
    for index, op in enumerate(step.ops):
        if op.phase is not Phase.FORWARD:
            for storage in step.planned_uses[index]:
                if storage in unrolling.dropped:
                    unrolling.again(storage, index)
        unrolling.entries.append(Entry(index))
    return Schedule(tuple(unrolling.entries))


def planned(step: Step, schedule: Schedule, name: str = "Recompute") -> Plan:
    """The plan of a schedule, with all takeovers there are, placed and judged by the validator."""
    assembler = Assembler(step)
    arranged = assembler.arrangements(assembler.unroll(schedule))[-1]
    problem, instances = assembler.problem(arranged)
    addresses = place(problem, deadline=1, fast=True, brief=True).addresses.tolist()
    plan = assembler.plan(arranged, dict(zip(instances, addresses, strict=True)), name, Provenance())
    require_valid(step, plan)
    return plan


def repeated(plan: Plan) -> list[Run]:
    """The runs that are not the first of their op."""
    ran: set[int] = set()
    result = []
    for action in plan.actions:
        if isinstance(action, Run):
            if action.op in ran:
                result.append(action)
            ran.add(action.op)
    return result
