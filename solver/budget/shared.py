"""What the solves of one step for several budgets share: costs, graphs, bounds, and plans found.

A plan for one budget is one for every larger budget, and what is proven impossible for one is for every
smaller one. So whatever a solve learns is kept here, and the next one begins with it.
"""

from bisect import insort
from dataclasses import dataclass, field, replace
from functools import cached_property

from solver.budget.assemble import Assembler
from solver.budget.costs import Costs, op_costs, was_timed
from solver.budget.duration import overhead_of, plan_seconds
from solver.budget.graph import BudgetGraph, early_order, make_graph
from solver.budget.schedule import Schedule
from solver.check import Checker
from solver.plan import Plan, Status
from solver.rewriting import rewrite
from solver.solution import Baseline
from solver.step import Step
from solver.terms import Choice, DeviceModel, Terms


@dataclass(frozen=True, eq=False)
class Variant:
    """The step with some rewrites, and what a search for it needs."""

    rewrites: tuple[str, ...]
    step: Step
    """With the rewrites."""
    order: tuple[int, ...]
    """Base order of the first runs."""
    costs: Costs
    fusing: bool

    @cached_property
    def graph(self) -> BudgetGraph:
        """The budget problem."""
        return make_graph(self.step, self.costs, self.order, fusing=self.fusing)


@dataclass(frozen=True, eq=False)
class Found:
    """A checked plan, whose budget is the bytes that it needs."""

    plan: Plan
    """Without terms."""
    variant: Variant | None
    """None: the step as captured, nothing repeated."""
    schedule: Schedule | None
    needed_bytes: int
    """Residents included."""
    overhead: float


@dataclass(frozen=True)
class Unmodified:
    """The step without anything a budget may ask for: order and addresses alone."""

    baseline: Baseline
    program: Plan
    best: Plan


@dataclass
class Shared:
    """Of all solves of one step on one device with the same choices; one solve at a time uses it."""

    step: Step
    device: DeviceModel
    allowed: tuple[Choice, ...]
    measured: bool
    """Whether op times are measured ones; asked for and not there, it becomes False."""
    reuse: bool
    unmodified: Unmodified | None = None
    searched: bool = False
    """Whether the order and the addresses of the unmodified step were searched for."""
    impossible_bytes: int = 0
    """The largest budget that is proven to be too small."""
    bounds: dict[int, float] = field(default_factory=dict)
    """By budget: the proven least overhead."""
    found: list[Found] = field(default_factory=list)
    """None needs more bytes and more time than another; by bytes, ascending."""

    def __post_init__(self) -> None:
        self.measured = self.measured and was_timed(self.step)
        self.costs = op_costs(self.step, self.device, self.measured)
        self.checker = Checker(self.step)
        self._variants: list[Variant] = []
        self._assemblers: dict[tuple[str, ...], Assembler] = {}

    @property
    def base_seconds(self) -> float:
        """Predicted for the unmodified step."""
        return self.costs.base_seconds

    def variant(self, rewrites: tuple[str, ...], order: tuple[int, ...] | None = None) -> Variant:
        """The step with these rewrites; ``order`` None: that of the program, updates early."""
        step = rewrite(self.step, rewrites)
        return Variant(
            rewrites,
            step,
            order or early_order(step, tuple(range(len(step.ops)))),
            op_costs(step, self.device, self.measured) if rewrites else self.costs,
            Choice.IMPLEMENTATIONS in self.allowed,
        )

    def variants(self, best_order: tuple[int, ...]) -> list[Variant]:
        """What is searched: the step in program order with updates early, and in its best order."""
        if not self._variants:
            program = early_order(self.step, tuple(range(len(self.step.ops))))
            orders = dict.fromkeys((program, best_order))
            self._variants = [self.variant((), order) for order in orders]
        return list(self._variants)

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
        """Remember a plan unless a known one is as good in both."""
        if not self.better(found.needed_bytes, found.overhead):
            return
        self.found = [
            known
            for known in self.found
            if known.needed_bytes < found.needed_bytes or known.overhead < found.overhead
        ]
        insort(self.found, found, key=lambda each: each.needed_bytes)

    def within(self, budget_bytes: int) -> Found | None:
        """The known plan within a budget that loses the least time."""
        fitting = [known for known in self.found if known.needed_bytes <= budget_bytes]
        return min(fitting, key=lambda known: known.overhead, default=None)

    def nearest(self, budget_bytes: int) -> Found | None:
        """A known plan to begin a search with: within the budget, or the lowest above it."""
        above = [known for known in self.found if known.needed_bytes > budget_bytes]
        return self.within(budget_bytes) or min(above, key=lambda k: k.needed_bytes, default=None)

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
        return -1.0 if self.other_implementations else 0.0

    @property
    def other_implementations(self) -> bool:
        """Whether ops may run in another way than captured."""
        return bool({Choice.IMPLEMENTATIONS, Choice.APPROXIMATE} & {*self.allowed})

    def on_terms(self, found: Found, budget_bytes: int) -> Plan:
        """The plan as one for this budget, with the bound known for it. Checked."""
        bound = min(self.bound(budget_bytes), found.overhead)
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
        return plan
