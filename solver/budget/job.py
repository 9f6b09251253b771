"""One running solve for a budget: what is known so far, and the stages that improve it.

::

    unmodified   order and addresses alone; where they fit, nothing is lost
    bound        what single moments prove of every plan within the budget
    search       within the arena's part of the budget, then place what was found; what sticks out
                 above the budget is taken off the next search's, until it fits; beside it, several
                 moments together prove more
    lower        where nothing fits: what is the least that does?

``begin`` gives the first answer, ``improve`` works on it in a thread of its own until told to stop.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf

from solver.budget.attempt import Attempt, Try, attempts, look, whose_turn
from solver.budget.homes import STATES_AND_WEIGHTS, found_for_homes
from solver.budget.placing import ENDLESS, placed_plans
from solver.budget.proving import Proving
from solver.budget.schedule import Schedule
from solver.budget.shared import Found, Shared, Unmodified
from solver.budget.variants import Variant
from solver.placement.caching_allocator import largest_op
from solver.plan import Plan, Provenance
from solver.provenance import machine, versions
from solver.running import Running
from solver.solution import CancelCallback, Progress
from solver.solve_job import SolveJob
from solver.step import Step
from solver.terms import Choice
from solver.timeline import resident_bytes_on_device

UNMODIFIED_SHARE = 0.25
"""Of the time, what the search for the unmodified step's order and addresses may take."""
BOUND_SHARE = 0.15
"""Of the time that is left, what proving a bound may take."""
FIRST_SHARE, RACE_SHARE, ROUND_SHARE = 0.2, 0.25, 0.5
"""Of the time that is left, what a round of search may take: that of the most promising attempt, the
first ones of all others together, and any further one."""
LIKELY_SHARE = 0.05
"""Of the time that is left, what asking for the likely rewrites may take."""
ORDER_SHARE = 0.05
"""Of the time that is left, what finding an order of a rewritten step may take."""
LOWER_SHARE = 0.25
"""Of the time that is left, what the search for a plan within one yet smaller budget may take."""
PLACE_SHARE = 0.15
"""Of the time that is left, what one placement may take."""
GRACE_SECONDS = 0.1
"""What the constructors get to place a schedule that was found as the time ran out."""
CLOSE = 1e-3
"""An overhead this near to its bound, relative to it, is not improved further."""
STALE = 2
"""So many rounds of each variant without a better plan end a search."""
LOWER_STEPS = 0.01
"""How near to each other the smallest budget found and the largest that failed are brought."""


class _Stop(threading.Event):
    """Set with the job's own event, or as soon as enough is known."""

    def __init__(self, outer: Callable[[], bool]) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or self._outer()


@dataclass
class BudgetJob(Running):
    """One solve. ``begin`` runs in the caller's thread, ``improve`` in a thread of its own."""

    shared: Shared
    budget_bytes: int
    deadline: float
    seed: int
    name: str
    lines: "queue.SimpleQueue[Progress]" = field(default_factory=queue.SimpleQueue)
    cancel: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None
    started: float = field(default_factory=time.monotonic)
    plan: Plan | None = None
    """The best within the budget, on its terms; checked."""
    lowest: Plan | None = None
    """The one that needs the fewest bytes, on terms of its own; checked, at hand after ``begin``."""
    done: bool = False
    """Whether ``improve`` came to its end."""

    def __post_init__(self) -> None:
        self.step = self.shared.step
        self.worked: Callable[[], float] = lambda: self.seconds
        self.inner: SolveJob | None = None

    # -- the first answer ------------------------------------------------------------------------

    def begin(self) -> None:
        """What is known already; without anything, program order, and no heavy import."""
        shared = self.shared
        if shared.unmodified is None:
            self.inner = SolveJob(
                self.step, self.deadline, self.seed, "Optimal order, placed", shared.reuse
            )
            self.inner.lines = self.lines
            self.inner.begin()
            self._take_unmodified()
            moved = found_for_homes(self.step, STATES_AND_WEIGHTS, 0)
            residents = self.step.resident_bytes
            if Choice.OFFLOAD in shared.allowed:
                residents -= sum(int(self.step.rounded_sizes[each]) for each in moved)
            # Another implementation of an op may touch less than the captured one.
            largest = 0 if shared.rewritable else largest_op(self.step, reuse=shared.reuse)[0]
            shared.impossible_bytes = max(shared.impossible_bytes, residents + largest - 1)
        self._offer(shared.within(self.budget_bytes))
        self._note_lowest()

    def _note_lowest(self) -> None:
        lowest = self.shared.found[0]
        if self.lowest is None or self.lowest.actions is not lowest.plan.actions:
            self.lowest = self.shared.on_terms(lowest, lowest.needed_bytes)

    def _take_unmodified(self) -> None:
        """What is known of the step as captured."""
        assert self.inner is not None
        state = self.inner.state
        self.shared.unmodified = Unmodified(
            state.baseline, state.program, state.best, self.inner.program_peak
        )
        residents, proven = self.step.resident_bytes, state.best.certificate
        self.shared.keep(Found(state.best, residents + state.best.height_bytes, 0.0))
        if not self.shared.allowed and (proven.reuse or not self.shared.reuse):
            known = self.shared.impossible_bytes
            self.shared.impossible_bytes = max(known, residents + proven.peak_bound_bytes - 1)

    # -- what improves it ------------------------------------------------------------------------

    def stages(self) -> None:
        """From what the step needs unmodified to the least that any plan needs."""
        self._solve_unmodified()
        if not self.enough() and self.possible:
            self._bound()
        if not self.enough() and self.possible:
            variants = self._variants()
            with Proving(self._prove_further, lambda: self.over() or self.enough()) as proving:
                self._search(variants, proving)
            self._take_bound(proving.bound)
        if self.plan is None and not self.over():
            self._lower()
        self.done = not self.over()

    def _solve_unmodified(self) -> None:
        """Order and addresses, until they fit into the budget or cannot be better."""
        shared = self.shared
        if shared.searched or self.enough():
            return
        inner = self.inner or SolveJob(
            self.step, self.deadline, self.seed, "Optimal order, placed", shared.reuse
        )
        if self.inner is None:
            inner.begin()
            self.inner = inner
        residents, late = self.step.resident_bytes, self.within(UNMODIFIED_SHARE * self.left)

        def enough() -> bool:
            return late() or residents + inner.state.best.height_bytes <= self.budget_bytes

        inner.lines = self.lines
        inner.cancel = _Stop(enough)
        inner.improve()
        if inner.failure is not None:
            raise inner.failure
        shared.searched = True
        self._take_unmodified()
        self._offer(shared.within(self.budget_bytes))
        self._note_lowest()

    def _bound(self) -> None:
        """What single moments prove for this budget, unless that is known."""
        if not self._is_bounded:
            self._take_bound(self._proven(self.budget_bytes, together=False))

    def _prove_further(self, found: Callable[[float], None], cancelled: CancelCallback) -> None:
        """What several moments prove, beside the search, with all the time that is left."""
        self.shared.prover.overhead(
            self.budget_bytes, deadline=self.left, cancelled=cancelled, found=found
        )

    def _take_bound(self, bound: float | None) -> None:
        shared = self.shared
        if bound is None:
            return
        if bound == inf:
            self._is_impossible(self.budget_bytes)
        elif bound > shared.bounds.get(self.budget_bytes, shared.least_overhead):
            shared.bounds[self.budget_bytes] = bound
            self.say("Lower bound", f"{bound:.2%} more time")
            self._offer(shared.within(self.budget_bytes))

    @property
    def _is_bounded(self) -> bool:
        return self.budget_bytes in self.shared.bounds

    def _proven(self, budget_bytes: int, *, together: bool = True) -> float:
        """The bound of a budget, in a share of the time that is left; where it is infinite, the budget
        is known to be impossible then."""
        seconds = BOUND_SHARE * self.left
        prover = self.shared.prover
        bound = prover.overhead(
            budget_bytes, deadline=seconds, cancelled=self.within(seconds), together=together
        )
        self._is_impossible(max(prover.impossible_bytes, budget_bytes if bound == inf else 0))
        return bound

    def _is_impossible(self, budget_bytes: int) -> None:
        if budget_bytes > self.shared.impossible_bytes:
            self.shared.impossible_bytes = budget_bytes
            self.say("Lower bound", f"{budget_bytes / 2**30:.3f} GiB is impossible")

    @property
    def possible(self) -> bool:
        """Whether the budget is not proven to be too small."""
        return self.budget_bytes > self.shared.impossible_bytes

    def _search(self, variants: list[Variant], proving: Proving) -> None:
        """Search and place in turn, until little can be gained.

        Every attempt has a short first round; then the best has every other one, and those of which
        nothing came so far have the others first. Each begins with the best plan known of its rewrites,
        and takes another seed.
        """
        tries = [
            Try(attempt, self.budget_bytes - attempt.resident_bytes)
            for attempt in attempts(self.shared, variants, self.budget_bytes)
        ]
        first = FIRST_SHARE * self.left
        race = min(first / 2, RACE_SHARE * self.left / len(tries))
        stale, rounds = 0, 0
        while self.possible and not self.over() and not self.enough() and stale < STALE * len(tries):
            if rounds < len(tries):
                one, seconds = tries[rounds], race if rounds else first
            else:
                one, seconds = whose_turn(tries, rounds - len(tries)), ROUND_SHARE * self.left
            before = self.plan
            found = self._look(one.attempt, one.arena, self.seed + rounds, seconds)
            if found is not None and found != one.placed:
                one.placed = found
                height, one.overhead = self._place(one.attempt.variant, found)
                room = self.budget_bytes - one.attempt.resident_bytes
                one.arena -= max(0, height - room)
            rounds += 1
            stale = stale + 1 if self.plan is before else 0
            self._take_bound(proving.bound)

    def _variants(self) -> list[Variant]:
        """What is searched, the most promising first."""
        variants = self.shared.variants
        names: tuple[str, ...] | None = None
        if variants.everything and self.plan is None and not self.possible:
            names = variants.everything
        elif variants.everything:
            seconds = LIKELY_SHARE * self.left
            names = self.shared.prover.likely_rewrites(
                self.budget_bytes, deadline=seconds, cancelled=self.within(seconds)
            )
        return variants.likely(variants.together(names), self._best_order)

    def _best_order(self, step: Step) -> tuple[int, ...]:
        """The best order of the step with some rewrites, or as good as a short search finds."""
        from solver.ordering import order_step  # heavy: it compiles

        unmodified = self.shared.unmodified
        if step is self.step and unmodified is not None:
            return unmodified.best.order
        return order_step(
            step,
            deadline=ENDLESS,
            seed=self.seed,
            reuse=self.shared.reuse,
            cancelled=self.within(ORDER_SHARE * self.left),
        ).order

    def _look(
        self, attempt: Attempt, arena: int, seed: int, seconds: float, *, any_will_do: bool = False
    ) -> Schedule | None:
        """The best schedule within ``arena`` bytes that ``seconds`` give, or the first one."""
        fits, late, relay = threading.Event(), self.within(seconds), self.relay()

        def found(line: Progress) -> None:
            relay(line)
            if any_will_do:
                fits.set()

        return look(
            self.shared,
            attempt,
            arena,
            seed=seed,
            seconds=seconds,
            progress=found,
            cancelled=lambda: fits.is_set() or late(),
        )

    def _place(self, variant: Variant, schedule: Schedule) -> tuple[int, float]:
        """Place a schedule and keep its plans; the lowest height that was reached, and the overhead."""
        height, overhead = 0, inf
        placed = Attempt(variant, schedule.at_home)
        for plan in placed_plans(
            self.shared.assembler(variant),
            schedule,
            self.budget_bytes - placed.resident_bytes,
            name=self.name,
            provenance=self._provenance(),
            seed=self.seed,
            progress=self.relay(),
            cancelled=self.within(max(PLACE_SHARE * self.left, GRACE_SECONDS)),
        ):
            height, overhead = plan.height_bytes, self._keep(variant, schedule, plan)
        return height, overhead

    def _keep(self, variant: Variant, schedule: Schedule, plan: Plan) -> float:
        """Remember a plan that is worth it; its overhead."""
        shared = self.shared
        plan = replace(plan, fingerprint=self.step.fingerprint, rewrites=variant.rewrites)
        overhead = shared.overhead(variant.step, plan)
        needed = resident_bytes_on_device(variant.step, plan) + plan.height_bytes
        if shared.better(needed, overhead):
            shared.checker.require_valid(plan)
            shared.keep(Found(plan, needed, overhead, schedule))
            self._offer(shared.within(self.budget_bytes))
            self._note_lowest()
        return overhead

    # -- what fits at all ----------------------------------------------------------------------------

    def _lower(self) -> None:
        """The smallest budget for which a plan can be found: the smallest that is not proven to be too
        small, or what halving finds of those above it. Any plan does, however long it takes."""
        shared, residents = self.shared, self.step.resident_bytes
        failed, rounds, variants = self.budget_bytes, 0, self._variants()
        while not self.over() and shared.feasible_bytes is not None:
            failed = max(failed, shared.impossible_bytes)
            low, high = failed - residents, shared.feasible_bytes - residents
            if high - low <= LOWER_STEPS * high or shared.feasible_bytes <= self.budget_bytes:
                return
            middle = (max(low, 0) + high) // 2 if rounds else max(low, 0) + 1
            if self._proven(residents + middle) == inf:
                continue
            lowest = shared.feasible_bytes
            for attempt in attempts(shared, variants, residents + middle):
                arena = residents + middle - attempt.resident_bytes
                seconds = LOWER_SHARE * self.left
                found = self._look(attempt, arena, self.seed + rounds, seconds, any_will_do=True)
                if found is not None:
                    self._place(attempt.variant, found)
                if self.over() or shared.feasible_bytes < lowest:
                    break
            if shared.feasible_bytes >= lowest:
                failed = residents + middle
            else:
                self.say("Smallest budget", f"{shared.feasible_bytes / 2**30:.3f} GiB is enough")
            rounds += 1

    # -- shared ----------------------------------------------------------------------------------

    def _offer(self, found: Found | None) -> None:
        """Put the best known plan on the budget's terms."""
        terms = None if self.plan is None else self.plan.terms
        if found is None or (terms is not None and terms.overhead <= found.overhead):
            return
        self.plan = self.shared.on_terms(found, self.budget_bytes)
        self.say("Within the budget", f"{found.overhead:.2%} more time", plan=self.plan)

    def enough(self) -> bool:
        """Whether no plan, or none that matters, is better than the one found."""
        terms = None if self.plan is None else self.plan.terms
        if terms is None:
            return False
        bound = self.shared.bound(self.budget_bytes)
        return terms.overhead - bound <= CLOSE * max(bound, 0.0)

    def _provenance(self) -> Provenance:
        return Provenance(
            seed=self.seed,
            seconds=self.seconds,
            deadline=self.deadline,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(),
        )
