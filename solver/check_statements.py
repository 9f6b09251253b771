"""The part of the validator that holds what a plan says of itself against what its replay found."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from solver.check_pins import edges_from_pins, end_from_pins
from solver.constrained import constrained
from solver.cut_value import cut_value
from solver.pins import At, Pins
from solver.plan import Certificate, Plan, Proof, Run, Status
from solver.step import Step, round_up


@dataclass(frozen=True)
class Facts:
    """What the actions of a plan come to, whatever it states. Bytes."""

    step: Step
    pins: Pins
    peak: int
    height: int
    several: bool
    """Whether a storage exists more than once."""

    def wrong_statements(self, plan: Plan) -> list[str]:
        """What is wrong with what a plan with these actions says of itself, one sentence a problem."""
        return [
            *self._wrong_figures(plan),
            *self._wrong_bound(plan.certificate),
            *self._wrong_status(plan),
        ]

    @cached_property
    def floor(self) -> int:
        """No placement of this order is lower."""
        return max(self.peak, end_from_pins(self.step, self.pins))

    def _wrong_figures(self, plan: Plan) -> Iterator[str]:
        stated = plan.certificate
        if plan.peak_bytes != self.peak:
            yield f"It states a peak of {plan.peak_bytes:,} bytes; it has {self.peak:,}."
        if plan.height_bytes != self.height:
            yield f"It states a height of {plan.height_bytes:,} bytes; it has {self.height:,}."
        if stated.height_bound_bytes != self.floor:
            pinned = ", or is pinned below it," if self.floor > self.peak else ""
            yield (
                f"It states {stated.height_bound_bytes:,} bytes as the bound of its height; the most "
                f"that is alive at once{pinned} is {self.floor:,}."
            )
        if stated.peak_bound_bytes > self.peak:
            yield (
                f"It states a bound of {stated.peak_bound_bytes:,} bytes, above its own peak of "
                f"{self.peak:,}."
            )

    def _wrong_status(self, plan: Plan) -> Iterator[str]:
        stated, terms, optimal = plan.certificate, plan.terms, plan.status is Status.OPTIMAL
        proven = self.height == self.floor and self.peak == stated.peak_bound_bytes
        if optimal and terms is not None:
            # Of a plan within a budget it is the time that no other may beat.
            if terms.overhead > terms.overhead_bound:
                yield "It says that it is optimal, but its overhead is above its bound."
        elif optimal and not proven:
            yield "It says that it is optimal, but its height is above its bound."
        elif optimal and self.several and stated.peak_proof is not Proof.NONE:
            yield (
                "It says that it is optimal, but its bound is for plans that hold every storage from "
                "its first use to its last."
            )
        if not stated.reuse and any(isinstance(a, Run) and a.takes for a in plan.actions):
            yield "It reuses memory in place, but its bound is for plans that do not."

    def _wrong_bound(self, stated: Certificate) -> Iterator[str]:
        match stated.peak_proof:
            case Proof.CUT:
                if not 0 <= stated.peak_op < len(self.step.ops):
                    yield f"Its bound is a cut at op {stated.peak_op}, which is not there."
                    return
                cut = cut_value(self.pinned, stated.peak_op, reuse=stated.reuse)
                if cut < stated.peak_bound_bytes:
                    yield (
                        f"It states a bound of {stated.peak_bound_bytes:,} bytes from the cut at "
                        f"{self.step.ops[stated.peak_op].name}, which gives {cut:,}."
                    )
            case Proof.NONE:
                ops = range(len(self.step.ops))
                bound, reuse = stated.peak_bound_bytes, stated.reuse
                if stated.peak_op in ops and self._alone(stated.peak_op, reuse=reuse) >= bound:
                    return
                largest = max((self._alone(op, reuse=reuse) for op in ops), default=0)
                if bound > largest:
                    yield (
                        f"It states a bound of {bound:,} bytes without a proof; the largest op alone "
                        f"gives {largest:,}."
                    )
            case Proof.SEARCH:
                pass  # The search tree is not kept; tests hold such bounds against brute force.

    @cached_property
    def pinned(self) -> Step:
        """The step with all that its pins add, for bounds."""
        alone = [pin.storage for pin in self.pins if isinstance(pin, At)]
        return constrained(self.step, edges_from_pins(self.step, self.pins), alone)

    def _alone(self, op: int, *, reuse: bool) -> int:
        """Bytes that an op needs, whatever else is alive."""
        sizes = {s: round_up(self.step.storages[s].size) for s in self.step.ops[op].touches}
        needed = sum(size for s, size in sizes.items() if self.step.storages[s].planned)
        if reuse and op in self.pinned.reusable:
            needed -= sizes[self.pinned.reusable[op].created]
        return needed
