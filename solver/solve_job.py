"""One running solve: what is known so far, and the stages that improve it.

``SolveJob.begin`` gives the first answer, ``improve`` works on it in a thread of its own until it is
told to stop; whoever runs them reads ``lines``, ``state`` and ``failure``.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from solver.arrangement import Arrangement, Arranger, Placed
from solver.clashes import Clashes
from solver.constrained import constrained
from solver.pin_conflicts import require_pinned_order
from solver.pins import Pins, pinned_addresses
from solver.placement import PlacementResult, place
from solver.placement.caching_allocator import simulate
from solver.placement.place import over_text, place_by_start
from solver.plan import Plan
from solver.plan_maker import Bound, PlanMaker
from solver.running import Running
from solver.solution import Baseline, Progress, ProgressCallback
from solver.step import Step
from solver.timeline import order_profile

if TYPE_CHECKING:
    from solver.ordering import Interim, OrderResult

PROGRAM_ORDER = "Program order, placed"
NEAR_PROGRAM_ORDER = "Near program order, placed"
"""Where the pins exclude program order."""
SHOW_SHARE = 0.05
"""Of the time that is left, what is spent at most on placing program order, and an interim order;
neither is placed where to put a plan together takes longer than that."""
INTERIM_SHARE, ORDER_SHARE = 0.1, 0.75
"""After which part of the time that is left an interim order is placed, and when the search ends."""
NEAR = 0.002
"""An interim order with a gap of this share of its bound is placed with all care: the placement may
have more to gain than the search."""
GRACE_SECONDS = 0.1
"""What the constructors get to place an order that was found as the time ran out."""
ROUND_SECONDS = 10.0
"""What one placement gets before another order of the same peak gets its turn."""
SEARCHED = 3
"""So many orders of one peak get their turns when none was placed at it by the constructors."""
ENDLESS = 1e6
"""Seconds: a part ends when it is told to, not by its own clock, which runs during compilations."""


@dataclass(frozen=True)
class State:
    """What is known so far; all plans are checked."""

    baseline: Baseline
    program: Plan
    """Program order, or the order that keeps the pins and is near it, placed."""
    best: Plan


@dataclass
class SolveJob(Running):
    """One solve. ``begin`` runs in the caller's thread, ``improve`` in a thread of its own."""

    step: Step
    deadline: float
    seed: int
    name: str
    reuse: bool = True
    """Whether a plan may reuse memory in place."""
    pins: Pins = ()
    lines: "queue.SimpleQueue[Progress]" = field(default_factory=queue.SimpleQueue)
    cancel: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.worked: Callable[[], float] = lambda: self.seconds
        self.program_order = tuple(range(len(self.step.ops)))
        self.program_name = PROGRAM_ORDER
        self.program_peak = int(order_profile(self.step, self.program_order).max(initial=0))
        self.clashes: Clashes | None = None
        if self.pins:
            self._take_pins()
        self.peak = int(order_profile(self.step, self.program_order).max(initial=0))
        self.arranger = Arranger(self.step, self.pins, self.reuse)
        self.maker = PlanMaker(self.step, self.pins, self.reuse, self.seed, self.deadline, self.started)

    def _take_pins(self) -> None:
        """From here on the step has the pins among its dependencies. Raises BayplanError."""
        known = require_pinned_order(self.step, self.pins)
        if known.order != self.program_order:
            self.program_order, self.program_name = known.order, NEAR_PROGRAM_ORDER
        self.clashes = known.clashes
        self.step = constrained(self.step, known.edges, pinned_addresses(self.pins))

    # -- the first answer ------------------------------------------------------------------------

    def begin(self) -> None:
        """Baseline and program order, without anything heavy."""
        step = self.step
        self.say(
            "Build graph",
            f"{len(step.ops):,} ops, {len(self.arranger.planned):,} tensors",
            bound_bytes=self.maker.bound.bytes,
        )
        baseline = simulate(step)
        self.maker.checker.require_valid(baseline.plan)
        self.say("As run", f"{baseline.reserved_bytes / 2**30:,.3f} GiB reserved")
        program = Arrangement(self.program_order)
        problem, storages = self.arranger.problem(program)
        addresses = dict(zip(storages, place_by_start(problem).tolist(), strict=True))
        plan = self.plan(program, addresses, self.program_name)
        self.state = State(baseline, plan, plan)
        self.say("Program order", "first fit", plan=plan)

    # -- what improves it ------------------------------------------------------------------------

    def stages(self) -> None:
        """Place program order, find the order, place it, try again while a gap is left."""
        self._place_program_order()
        self._search_on(self._find_and_place())

    def _search_on(self, arrangements: list[Arrangement]) -> None:
        """Place the orders in turn with other seeds until one is at the peak, or the end.

        One that is proven to have no lower placement is left out from then on.
        """
        attempt = 0
        while arrangements:
            for one in arrangements:
                if self.over() or self.placed_at_peak:
                    return
                if self._place_order(one, self.seed + attempt, fast=False).optimal:
                    arrangements = [other for other in arrangements if other != one]
            attempt += 1

    @property
    def placed_at_peak(self) -> bool:
        """Whether the best plan is as low as the lowest peak of an order that was found, or as what is
        pinned to an address lets it be."""
        best = self.state.best
        low = best.height_bytes <= max(self.peak, self.maker.pinned_end)
        return best.name == self.name and low and best.peak_bytes <= self.peak

    def _place_program_order(self) -> None:
        if not self.time_to_show:
            return
        program = Arrangement(self.program_order)
        result, addresses = self.place(program, self.seed, fast=True, share=SHOW_SHARE)
        if result.height < self.state.program.height_bytes:
            plan = self.plan(program, addresses, self.program_name)
            self.state = replace(self.state, program=plan, best=plan)
            self.say("Program order", over_text(plan.height_bytes - plan.peak_bytes), plan=plan)

    def _find_and_place(self) -> list[Arrangement]:
        """Orders of the least peak, each placed by the constructors; the lowest ones, lowest first.

        While a long search goes on there is an interim plan to be shown, and its order is placed with
        all care as soon as it is near the bound.
        """
        from solver.ordering import Interim  # heavy: it compiles

        shown: list[OrderResult] = []
        near: list[OrderResult] = []
        placed: list[Placed] = []
        late = self.within(INTERIM_SHARE * self.left)

        def due(gap: float) -> bool:
            return late() and not near and (gap <= NEAR or (not shown and self.time_to_show))

        def show(found: "OrderResult") -> None:
            self._learn(found)
            shown.append(found)
            if found.peak_bytes - found.bound_bytes <= NEAR * found.bound_bytes:
                near.append(found)
                placed.extend(self._place_found(found))
            else:
                self._place_fast(self.arranger.arrangements(found.order), brief=True, share=SHOW_SHARE)

        result = self._order(
            ORDER_SHARE * self.left,
            reuse=self.reuse,
            progress=self.relay(),
            interim=Interim(due, show),
        )
        self._learn(result)
        if not near or (result.order != near[0].order and not self.over()):
            placed += self._place_found(result)
        taken = any(one.arrangement.takeovers for one in placed)
        if taken and not self.over() and not self.placed_at_peak:
            placed += self._place_without_reuse()
        placed.sort(key=lambda one: one.result.height)
        return [one.arrangement for one in placed[:SEARCHED]]

    def _place_found(self, found: "OrderResult") -> list[Placed]:
        """Place the most readable order; if there is no room for it, those between it and the lean one,
        and that. Of a large step with a gap there is time for one, the easiest."""
        if not found.optimal and found.lean_order and not self.time_to_show:
            return self._place_fast(self.arranger.arrangements(found.lean_order))
        placed = self._place_fast(self.arranger.arrangements(found.order))
        if placed and not self.over() and found.lean_order not in ((), found.order):
            placed += self._ease(placed[0], found)
            placed += self._place_fast(self.arranger.arrangements(found.lean_order), brief=True)
        return placed

    def _place_without_reuse(self) -> list[Placed]:
        """Place an order that was found without in-place reuse: storages that are handed on live longer
        together, and a somewhat higher peak that leaves no gap may need less."""
        found = self._order(INTERIM_SHARE * self.left, reuse=False)
        if found.peak_bytes >= self.state.best.height_bytes:
            return []
        orders = dict.fromkeys((found.order, found.lean_order or found.order))
        return self._place_fast([Arrangement(order) for order in orders])

    def _place_fast(
        self, arrangements: list[Arrangement], *, brief: bool = False, share: float = 1.0
    ) -> list[Placed]:
        """Place them until one is at the peak; ``brief``: by the constructors alone. The first one is
        placed even if the time is up."""
        placed: list[Placed] = []
        for one in arrangements:
            if not self.cancel.is_set() and not self.placed_at_peak and not (placed and self.over()):
                result = self._place_order(one, self.seed, fast=True, brief=brief, share=share)
                placed.append(Placed(one, result))
        return placed

    def _ease(self, last: Placed, found: "OrderResult") -> list[Placed]:
        """Alternate: where the placement stuck out above the peak, the next order holds less."""
        from solver.ordering.easing import Easing, conflict  # heavy: it compiles
        from solver.watch import Watch

        low, placed = max(self.peak, self.maker.pinned_end), []
        with Watch(ENDLESS, self.within(self.left)) as watch:
            easing = Easing(self.step, np.array(found.lean_order), found.peak_bytes, reuse=self.reuse)
            for _ in range(easing.rounds):
                if watch.stopped or self.placed_at_peak:
                    break
                order, result = np.array(last.arrangement.order), last.result
                problem, _ = self.arranger.problem(last.arrangement)
                where = conflict(problem, result.addresses, low, len(order))
                eased = easing.order(order, where, result.height, watch)
                one = self.arranger.arrangements(tuple(eased.tolist()))[0]
                apart = self.clashes is None or self.clashes.broken(one.order) is None
                if apart and self.arranger.peak(one) <= self.peak:
                    placed += self._place_fast([one], brief=True)
                    last = placed[-1] if placed else last
        return placed

    def _learn(self, found: "OrderResult") -> None:
        """What is proven goes into the certificates."""
        if found.bound_bytes > self.maker.bound.bytes and not self.cancel.is_set():
            self.maker.bound = Bound(found.bound_bytes, found.proof, found.proof_op)
            program = self.maker.certified(self.state.program)
            best = self.state.best
            best = program if best is self.state.program else self.maker.certified(best)
            self.state = replace(self.state, program=program, best=best)
        self.peak = min(self.peak, found.peak_bytes)

    def _order(
        self,
        seconds: float,
        *,
        reuse: bool,
        progress: ProgressCallback | None = None,
        interim: "Interim | None" = None,
    ) -> "OrderResult":
        """The best order that ``seconds`` give."""
        from solver.ordering import order_step  # heavy: it compiles

        return order_step(
            self.step,
            deadline=ENDLESS,
            seed=self.seed,
            reuse=reuse,
            pins=self.pins,
            progress=progress,
            cancelled=self.within(seconds),
            interim=interim,
        )

    def _place_order(
        self, one: Arrangement, seed: int, *, fast: bool, brief: bool = False, share: float = 1.0
    ) -> PlacementResult:
        """Place an order; keep the plan if it is lower, or as low and the first of its name or of a
        lower peak."""
        result, addresses = self.place(one, seed, fast=fast, brief=brief, share=share)
        best = self.state.best
        lower = result.height < best.height_bytes
        if not lower and result.height == best.height_bytes:
            lower = best.name != self.name or self.arranger.peak(one) < best.peak_bytes
        if lower:
            plan = self.plan(one, addresses, self.name)
            self.state = replace(self.state, best=plan)
            self.say("Check plan", "order kept, no overlap", plan=plan)
        return result

    # -- shared ----------------------------------------------------------------------------------

    @property
    def left(self) -> float:
        """Seconds of work to the deadline, not negative; one more plan can be made of what is found."""
        return max(0.0, self.deadline - self.maker.seconds - self.worked())

    @property
    def time_to_show(self) -> bool:
        """Whether there is time for plans that may not be the last."""
        return self.maker.seconds <= SHOW_SHARE * self.left

    def say(
        self, phase: str, result: str, *, plan: Plan | None = None, bound_bytes: int | None = None
    ) -> None:
        """With what is proven in the certificate of the plan."""
        if plan is not None:
            bound_bytes = plan.certificate.peak_bound_bytes
        super().say(phase, result, plan=plan, bound_bytes=bound_bytes)

    def place(
        self, one: Arrangement, seed: int, *, fast: bool, brief: bool = False, share: float = 1.0
    ) -> tuple[PlacementResult, dict[int, int]]:
        """A placement of the order, and the address of each of its storages.

        It may take a ``share`` of the time that is left; where it is not ``fast`` one round.
        """
        problem, storages = self.arranger.problem(one)
        seconds = max(share * self.left, GRACE_SECONDS) if fast else min(self.left, ROUND_SECONDS)
        result = place(
            problem,
            deadline=ENDLESS,
            seed=seed,
            progress=self.relay(),
            cancelled=self.within(seconds),
            fast=fast,
            brief=brief,
        )
        return result, self.arranger.addresses(one, storages, result)

    def plan(self, one: Arrangement, addresses: Mapping[int, int], name: str) -> Plan:
        """The checked plan of an order and a placement."""
        return self.maker.plan(one, addresses, name, self.worked)
