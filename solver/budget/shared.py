"""What the solves of one step for several budgets share: costs, graphs, bounds, and plans found.

A plan for one budget is one for every larger budget, and what is proven impossible for one is for every
smaller one. So whatever a solve learns is kept here, and the next one begins with it.
"""

from bisect import insort
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from solver.budget.assemble import Assembler
from solver.budget.costs import op_costs, was_timed
from solver.budget.duration import overhead_of, plan_seconds
from solver.budget.schedule import ANY_BYTES, Schedule
from solver.budget.variants import Variant, Variants
from solver.check import Checker
from solver.errors import BayplanError
from solver.plan import Plan, Status
from solver.solution import Baseline
from solver.step import Step
from solver.terms import LONGEST_STEP, Choice, DeviceModel, Terms

if TYPE_CHECKING:
    from solver.budget.bound import OverheadBounds

REMEMBERED = 4
"""Plans on terms that are kept."""


@dataclass(frozen=True, eq=False)
class Found:
    """A checked plan, without terms of its own."""

    plan: Plan
    needed_bytes: int
    """Residents included."""
    overhead: float
    schedule: Schedule | None = None
    """What it was put together from; None: nothing is repeated."""


@dataclass(frozen=True)
class Unmodified:
    """The step without anything a budget may ask for: order and addresses alone."""

    baseline: Baseline
    program: Plan
    best: Plan
    program_order_peak_bytes: int


@dataclass
class Shared:
    """Of all solves of one step on one device with the same choices; one solve at a time uses it."""

    step: Step
    device: DeviceModel
    allowed: tuple[Choice, ...]
    measured: bool
    """Whether op times are measured ones; asked for and not there, it becomes False."""
    reuse: bool
    host_bytes: int = ANY_BYTES
    """That may lie on the host at once."""
    unmodified: Unmodified | None = None
    searched: bool = False
    """Whether the order and the addresses of the unmodified step were searched for."""
    impossible_bytes: int = 0
    """The largest budget that is proven to be too small."""
    bounds: dict[int, float] = field(default_factory=dict)
    """By budget: the proven least overhead."""
    found: list[Found] = field(default_factory=list)
    """None needs more bytes and more time than another; by bytes, ascending."""
    starts: list[Found] = field(default_factory=list)
    """The same among those with equal rewrites that were put together from schedules."""

    def __post_init__(self) -> None:
        self.measured = self.measured and was_timed(self.step)
        self.costs = op_costs(self.step, self.device, self.measured)
        seconds = self.costs.base_seconds
        if seconds > LONGEST_STEP:
            raise BayplanError(
                f"On {self.device.name} the step would take {seconds:g} seconds: are the figures of "
                "the device per second, not in millions or billions?"
            )
        self.checker = Checker(self.step)
        self._on_terms: list[Plan] = []
        """The last plans on their terms."""
        self._assemblers: dict[tuple[str, ...], Assembler] = {}

    @cached_property
    def prover(self) -> "OverheadBounds":
        """Proves bounds for any budget."""
        from solver.budget.bound import OverheadBounds  # heavy: not before it is asked for

        return OverheadBounds(self.step, self.device, self.allowed, measured=self.measured)

    @property
    def base_seconds(self) -> float:
        """Predicted for the unmodified step."""
        return self.costs.base_seconds

    @cached_property
    def variants(self) -> Variants:
        """What can be searched."""
        return Variants(self.step, self.device, self.measured, self.allowed, self.reuse)

    def assembler(self, variant: Variant) -> Assembler:
        """Of plans for this variant."""
        if variant.rewrites not in self._assemblers:
            self._assemblers[variant.rewrites] = Assembler(
                variant.step, self.reuse, Choice.IMPLEMENTATIONS in self.allowed
            )
        return self._assemblers[variant.rewrites]

    def overhead(self, step: Step, plan: Plan) -> float:
        """Of a plan that runs ``step``, which has the plan's rewrites; without the noise of sums."""
        seconds = plan_seconds(step, plan, self.device, self.measured)
        return round(overhead_of(seconds, self.base_seconds), 12) or 0.0

    # -- what is known -------------------------------------------------------------------------------

    def better(self, needed_bytes: int, overhead: float) -> bool:
        """Whether no known plan is as good in both."""
        return not any(
            known.needed_bytes <= needed_bytes and known.overhead <= overhead for known in self.found
        )

    def keep(self, found: Found) -> None:
        """Remember a plan unless a known one is as good in both; what is put together from a schedule
        also unless another one with its rewrites is."""
        if self.better(found.needed_bytes, found.overhead):
            self.found = _kept(self.found, found)
        alike = [known for known in self.starts if known.plan.rewrites == found.plan.rewrites]
        if found.schedule is not None and not any(_as_good(known, found) for known in alike):
            others = [known for known in self.starts if known.plan.rewrites != found.plan.rewrites]
            self.starts = others + _kept(alike, found)

    def within(self, budget_bytes: int) -> Found | None:
        """The known plan within a budget that loses the least time."""
        fitting = [known for known in self.found if known.needed_bytes <= budget_bytes]
        return min(fitting, key=lambda known: known.overhead, default=None)

    def nearest(self, budget_bytes: int, rewrites: tuple[str, ...]) -> Schedule | None:
        """A known schedule of the step with these rewrites to begin a search with: the fastest within
        the budget, or the lowest above it."""
        alike = [known for known in self.starts if known.plan.rewrites == rewrites]
        within = [known for known in alike if known.needed_bytes <= budget_bytes]
        if within:
            return min(within, key=lambda known: known.overhead).schedule
        return min(alike, key=lambda known: known.needed_bytes).schedule if alike else None

    @property
    def feasible_bytes(self) -> int | None:
        """The smallest budget for which a plan is known."""
        return self.found[0].needed_bytes if self.found else None

    def bound(self, budget_bytes: int) -> float:
        """The best overhead bound that is known: one for a larger budget holds, too."""
        known = [bound for at, bound in self.bounds.items() if at >= budget_bytes]
        return max(known, default=self.least_overhead)

    @property
    def least_overhead(self) -> float:
        """Of any plan, whatever its budget: another implementation may be faster than the captured."""
        return -1.0 if self.rewritable else 0.0

    @property
    def rewritable(self) -> bool:
        """Whether ops may run in another way than captured."""
        return bool({Choice.IMPLEMENTATIONS, Choice.APPROXIMATE} & {*self.allowed})

    def on_terms(self, found: Found, budget_bytes: int) -> Plan:
        """The plan as one for this budget, with the bound known for it. Checked."""
        bound = min(self.bound(budget_bytes), found.overhead)
        for known in self._on_terms:
            stated = known.terms and (known.terms.budget_bytes, known.terms.overhead_bound)
            if known.actions is found.plan.actions and stated == (budget_bytes, bound):
                return known
        terms = Terms(
            budget_bytes,
            self.allowed,
            self.device,
            self.measured,
            self.base_seconds,
            found.overhead,
            bound,
        )
        status = Status.OPTIMAL if found.overhead <= bound else Status.FEASIBLE
        plan = replace(found.plan, terms=terms, status=status)
        self.checker.require_valid(plan)
        self._on_terms = [plan, *self._on_terms[: REMEMBERED - 1]]
        return plan


def _as_good(one: Found, other: Found) -> bool:
    """Whether ``one`` needs neither more bytes nor more time."""
    return one.needed_bytes <= other.needed_bytes and one.overhead <= other.overhead


def _kept(known: list[Found], found: Found) -> list[Found]:
    """By bytes, with ``found`` and without those that it makes superfluous."""
    rest = [each for each in known if not _as_good(found, each)]
    insort(rest, found, key=lambda each: each.needed_bytes)
    return rest
