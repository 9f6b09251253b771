"""Makes the plans of one solve: put together, certified with the best bound known, and checked."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from solver.arrangement import Arrangement
from solver.assemble import assemble
from solver.check import Checker
from solver.pins import Pins, pinned_end
from solver.placement.caching_allocator import largest_op
from solver.plan import Certificate, Plan, Proof, Provenance, Status
from solver.provenance import machine, versions
from solver.step import Step


@dataclass(frozen=True)
class Bound:
    """The best proven lower bound on the peak, and what proves it."""

    bytes: int
    proof: Proof
    op: int


@dataclass
class PlanMaker:
    """Every plan that it gives away has passed ``solver.check``."""

    step: Step
    pins: Pins
    reuse: bool
    seed: int
    deadline: float
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    """What it takes to put a plan together and to check it, as last measured."""

    def __post_init__(self) -> None:
        self.checker = Checker(self.step)
        self.pinned_end = pinned_end(self.step, self.pins)
        """End of the highest storage that is pinned to an address: no plan is lower."""
        lowest, op = largest_op(self.step, reuse=self.reuse)
        self.bound = Bound(lowest, Proof.NONE, op)

    def plan(
        self, one: Arrangement, addresses: Mapping[int, int], name: str, clock: Callable[[], float]
    ) -> Plan:
        """The checked plan of an order and a placement; ``clock`` says what its making takes."""
        begun = clock()
        plan = assemble(
            self.step,
            one.order,
            addresses,
            name=name,
            status=Status.FEASIBLE,
            certificate=Certificate(0, Proof.NONE, -1, 0),
            provenance=self._provenance(),
            takeovers=one.takeovers,
        )
        plan = self.certified(replace(plan, pins=self.pins))
        self.seconds = clock() - begun
        return plan

    def certified(self, plan: Plan) -> Plan:
        """The plan with the best bound known and the status that follows, checked."""
        bound = self.bound
        height_bound = max(plan.peak_bytes, self.pinned_end)
        optimal = plan.height_bytes == height_bound and plan.peak_bytes == bound.bytes
        plan = replace(
            plan,
            status=Status.OPTIMAL if optimal else Status.FEASIBLE,
            certificate=Certificate(bound.bytes, bound.proof, bound.op, height_bound, reuse=self.reuse),
        )
        self.checker.require_valid(plan)
        return plan

    def _provenance(self) -> Provenance:
        return Provenance(
            seed=self.seed,
            seconds=time.monotonic() - self.started,
            deadline=self.deadline,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(),
        )
