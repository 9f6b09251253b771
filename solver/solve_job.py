"""One running solve: what is known so far, and the stages that improve it.

``SolveJob.begin`` gives the first answer, ``improve`` works on it in a thread of its own until it is
told to stop; whoever runs them reads ``lines``, ``state`` and ``failure``.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from solver import compile_ahead
from solver.assemble import assemble
from solver.check import Checker
from solver.clashes import Clashes
from solver.constrained import constrained
from solver.pin_conflicts import require_pinned_order
from solver.pins import Pins, pinned_addresses, pinned_end
from solver.placement import PlacementProblem, PlacementResult, place
from solver.placement.caching_allocator import largest_op, simulate
from solver.placement.place import over_text, place_by_start
from solver.placement.problem import FREE
from solver.plan import Certificate, Plan, Proof, Provenance, Status
from solver.provenance import machine, versions
from solver.reuse import first_owners, needed_takeovers, possible_takeovers
from solver.solution import Baseline, CancelCallback, Progress, ProgressCallback
from solver.step import Step
from solver.timeline import order_lifetimes, order_profile, planned_storages, storage_sizes

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


@dataclass(frozen=True)
class Arrangement:
    """What a placement is made for: an order, and by op the storage whose bytes its result takes."""

    order: tuple[int, ...]
    takeovers: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Placed:
    """An arrangement and its placement."""

    arrangement: Arrangement
    result: PlacementResult


@dataclass(frozen=True)
class Bound:
    """The best proven lower bound on the peak, and what proves it."""

    bytes: int
    proof: Proof
    op: int


@dataclass
class SolveJob:
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
        self.plan_seconds = 0.0
        """What it takes to put a plan together and to check it, as last measured."""
        self.planned = planned_storages(self.step)
        self.sizes = storage_sizes(self.step)
        self.program_order = tuple(range(len(self.step.ops)))
        self.program_name = PROGRAM_ORDER
        self.program_peak = int(order_profile(self.step, self.program_order).max(initial=0))
        self.pinned_end = 0
        self.clashes: Clashes | None = None
        if self.pins:
            self._take_pins()
        self.peak = int(order_profile(self.step, self.program_order).max(initial=0))
        self.checker = Checker(self.step)
        bound, op = largest_op(self.step, reuse=self.reuse)
        self.bound = Bound(bound, Proof.NONE, op)

    def _take_pins(self) -> None:
        """From here on the step has the pins among its dependencies. Raises BayplanError."""
        known = require_pinned_order(self.step, self.pins)
        if known.order != self.program_order:
            self.program_order, self.program_name = known.order, NEAR_PROGRAM_ORDER
        self.pinned_end = pinned_end(self.step, self.pins)
        self.clashes = known.clashes
        self.step = constrained(self.step, known.edges, pinned_addresses(self.pins))

    # -- the first answer ------------------------------------------------------------------------

    def begin(self) -> None:
        """Baseline and program order, without anything heavy."""
        step = self.step
        self.say(
            "Build graph",
            f"{len(step.ops):,} ops, {len(self.planned):,} tensors",
            bound_bytes=self.bound.bytes,
        )
        baseline = simulate(step)
        self.checker.require_valid(baseline.plan)
        self.say("As run", f"{baseline.reserved_bytes / 2**30:,.3f} GiB reserved")
        program = Arrangement(self.program_order)
        problem, storages = self.problem(program)
        addresses = dict(zip(storages, place_by_start(problem).tolist(), strict=True))
        plan = self.plan(program, addresses, self.program_name)
        self.state = State(baseline, plan, plan)
        self.say("Program order", "first fit", plan=plan)

    # -- what improves it ------------------------------------------------------------------------

    def improve(self) -> None:
        """Place program order, find the order, place it, try again while a gap is left."""
        try:
            compile_ahead.start()
            from solver.work_clock import WorkClock  # heavy: numba

            with WorkClock(lambda: self.say("Compile", "once on this machine")) as clock:
                before = self.seconds
                self.worked = lambda: before + clock.seconds
                self._place_program_order()
                self._search_on(self._find_and_place())
        except BaseException as error:
            self.failure = error

    def _search_on(self, arrangements: list[Arrangement]) -> None:
        """Place the orders in turn with other seeds until one is at the peak, or the end.

        One that is proven to have no lower placement is left out from then on.
        """
        attempt = 0
        while arrangements:
            for one in arrangements:
                if self.over or self.placed_at_peak:
                    return
                if self._place_order(one, self.seed + attempt, fast=False).optimal:
                    arrangements = [other for other in arrangements if other != one]
            attempt += 1

    @property
    def placed_at_peak(self) -> bool:
        """Whether the best plan is as low as the lowest peak of an order that was found, or as what is
        pinned to an address lets it be."""
        best = self.state.best
        low = best.height_bytes <= max(self.peak, self.pinned_end)
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
                self._place_fast(self._arrangements(found.order), brief=True, share=SHOW_SHARE)

        result = self._order(
            ORDER_SHARE * self.left,
            reuse=self.reuse,
            progress=self.relay(),
            interim=Interim(due, show),
        )
        self._learn(result)
        if not near or (result.order != near[0].order and not self.over):
            placed += self._place_found(result)
        taken = any(one.arrangement.takeovers for one in placed)
        if taken and not self.over and not self.placed_at_peak:
            placed += self._place_without_reuse()
        placed.sort(key=lambda one: one.result.height)
        return [one.arrangement for one in placed[:SEARCHED]]

    def _place_found(self, found: "OrderResult") -> list[Placed]:
        """Place the most readable order; if there is no room for it, those between it and the lean one,
        and that. Of a large step with a gap there is time for one, the easiest."""
        if not found.optimal and found.lean_order and not self.time_to_show:
            return self._place_fast(self._arrangements(found.lean_order))
        placed = self._place_fast(self._arrangements(found.order))
        if placed and not self.over and found.lean_order not in ((), found.order):
            placed += self._ease(placed[0], found)
            placed += self._place_fast(self._arrangements(found.lean_order), brief=True)
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
            if not self.cancel.is_set() and not self.placed_at_peak and not (placed and self.over):
                result = self._place_order(one, self.seed, fast=True, brief=brief, share=share)
                placed.append(Placed(one, result))
        return placed

    def _ease(self, last: Placed, found: "OrderResult") -> list[Placed]:
        """Alternate: where the placement stuck out above the peak, the next order holds less."""
        from solver.ordering.easing import Easing, conflict  # heavy: it compiles
        from solver.watch import Watch

        low, placed = max(self.peak, self.pinned_end), []
        with Watch(ENDLESS, self.within(self.left)) as watch:
            easing = Easing(self.step, np.array(found.lean_order), found.peak_bytes, reuse=self.reuse)
            for _ in range(easing.rounds):
                if watch.stopped or self.placed_at_peak:
                    break
                order, result = np.array(last.arrangement.order), last.result
                problem, _ = self.problem(last.arrangement)
                where = conflict(problem, result.addresses, low, len(order))
                eased = easing.order(order, where, result.height, watch)
                one = self._arrangements(tuple(eased.tolist()))[0]
                apart = self.clashes is None or self.clashes.broken(one.order) is None
                if apart and self._peak_of(one) <= self.peak:
                    placed += self._place_fast([one], brief=True)
                    last = placed[-1] if placed else last
        return placed

    def _peak_of(self, one: Arrangement) -> int:
        return int(order_profile(self.step, one.order, one.takeovers).max(initial=0))

    def _arrangements(self, order: tuple[int, ...]) -> list[Arrangement]:
        """With the takeovers that the peak needs, then with all that are possible.

        More of them leave less alive, fewer leave the placement more freedom: either may be easier.
        """
        if not self.reuse:
            return [Arrangement(order)]
        needed, possible = needed_takeovers(self.step, order), possible_takeovers(self.step, order)
        return [Arrangement(order, t) for t in ([needed, possible] if possible != needed else [needed])]

    def _learn(self, found: "OrderResult") -> None:
        """What is proven goes into the certificates."""
        if found.bound_bytes > self.bound.bytes and not self.cancel.is_set():
            self.bound = Bound(found.bound_bytes, found.proof, found.proof_op)
            program = self.certified(self.state.program)
            best = self.state.best
            best = program if best is self.state.program else self.certified(best)
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
            lower = best.name != self.name or self._peak_of(one) < best.peak_bytes
        if lower:
            plan = self.plan(one, addresses, self.name)
            self.state = replace(self.state, best=plan)
            self.say("Check plan", "order kept, no overlap", plan=plan)
        return result

    # -- shared ----------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds of work to the deadline, not negative; one more plan can be made of what is found."""
        return max(0.0, self.deadline - self.plan_seconds - self.worked())

    @property
    def time_to_show(self) -> bool:
        """Whether there is time for plans that may not be the last."""
        return self.plan_seconds <= SHOW_SHARE * self.left

    @property
    def over(self) -> bool:
        return self.cancel.is_set() or self.left <= 0

    def say(
        self, phase: str, result: str, *, plan: Plan | None = None, bound_bytes: int | None = None
    ) -> None:
        self.lines.put(
            Progress(
                seconds=self.seconds,
                phase=phase,
                result=result,
                peak_bytes=plan.peak_bytes if plan else None,
                bound_bytes=plan.certificate.peak_bound_bytes if plan else bound_bytes,
                height_bytes=plan.height_bytes if plan else None,
                plan=plan,
            )
        )

    def within(self, seconds: float) -> CancelCallback:
        """Says when ``seconds`` of work have passed from now, or the user cancelled."""
        end = self.worked() + seconds
        return lambda: self.cancel.is_set() or self.worked() >= end

    def relay(self) -> ProgressCallback:
        """Takes the lines of a part that begins now, whose clock starts at zero."""
        begun = self.seconds
        return lambda line: self.lines.put(replace(line, seconds=line.seconds + begun))

    def problem(self, one: Arrangement) -> tuple[PlacementProblem, list[int]]:
        """The placement problem of an order, and the storages that it places.

        One storage stands for all that take over its bytes, one after the other.
        """
        lifetimes = order_lifetimes(self.step, one.order, one.takeovers)
        first = first_owners(self.step, one.takeovers)
        for new, old in first.items():
            lifetimes[old, 1] = max(lifetimes[old, 1], lifetimes[new, 1])
        lifetimes[list(first)] = -1
        storages = self.planned[lifetimes[self.planned, 0] >= 0]
        starts, ends = lifetimes[storages].T.copy()
        fixed = None
        if pinned := pinned_addresses(self.pins):
            fixed = np.array([pinned.get(s, FREE) for s in storages.tolist()], np.int64)
        problem = PlacementProblem(starts, ends, self.sizes[storages], fixed=fixed)
        return problem, storages.tolist()

    def place(
        self, one: Arrangement, seed: int, *, fast: bool, brief: bool = False, share: float = 1.0
    ) -> tuple[PlacementResult, dict[int, int]]:
        """A placement of the order, and the address of each of its storages.

        It may take a ``share`` of the time that is left; where it is not ``fast`` one round.
        """
        problem, storages = self.problem(one)
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
        addresses = dict(zip(storages, result.addresses.tolist(), strict=True))
        return result, addresses | {
            new: addresses[old] for new, old in first_owners(self.step, one.takeovers).items()
        }

    def plan(self, one: Arrangement, addresses: Mapping[int, int], name: str) -> Plan:
        """The checked plan of an order and a placement."""
        begun = self.worked()
        plan = assemble(
            self.step,
            one.order,
            addresses,
            name=name,
            status=Status.FEASIBLE,
            certificate=Certificate(0, Proof.NONE, -1, 0),
            provenance=self.provenance(),
            takeovers=one.takeovers,
        )
        plan = self.certified(replace(plan, pins=self.pins))
        self.plan_seconds = self.worked() - begun
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

    def provenance(self) -> Provenance:
        return Provenance(
            seed=self.seed,
            seconds=self.seconds,
            deadline=self.deadline,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(),
        )
