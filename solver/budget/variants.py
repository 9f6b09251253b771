"""What a search for a budget may begin with: the step with some rewrites, in some base order."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from solver.budget.costs import Costs, op_costs
from solver.budget.graph import BudgetGraph, early_order, make_graph
from solver.reuse import peak_with_takeovers
from solver.rewriting import combined, rewrite
from solver.step import Step
from solver.terms import Choice, DeviceModel
from solver.timeline import order_profile


@dataclass(frozen=True, eq=False)
class Variant:
    """The step with some rewrites and a base order, and what a search needs to know of it."""

    rewrites: tuple[str, ...]
    step: Step
    """With the rewrites."""
    order: tuple[int, ...]
    """Of the first runs."""
    costs: Costs
    fusing: bool

    @cached_property
    def graph(self) -> BudgetGraph:
        """The budget problem."""
        return make_graph(self.step, self.costs, self.order, fusing=self.fusing)


@dataclass(frozen=True)
class Variants:
    """Makes the variants of a step that are worth a search."""

    step: Step
    device: DeviceModel
    measured: bool
    allowed: tuple[Choice, ...]
    reuse: bool

    @cached_property
    def implementations(self) -> tuple[tuple[str, ...], ...]:
        """Sets of rewrites: all that are possible together, those of the rules that take no more time,
        and none."""
        if Choice.IMPLEMENTATIONS not in self.allowed:
            return ((),)
        everything = combined(self.step, approximate=Choice.APPROXIMATE in self.allowed)
        by_rule: dict[str, list[str]] = {}
        for name in everything:
            by_rule.setdefault(name.partition(" ")[0], []).append(name)
        base = self.costs(self.step).base_seconds
        slower = {
            rule
            for rule, names in by_rule.items()
            if self.costs(rewrite(self.step, names)).base_seconds > base
        }
        free = tuple(name for name in everything if name.partition(" ")[0] not in slower)
        return tuple(dict.fromkeys((everything, free, ())))

    def costs(self, step: Step) -> Costs:
        """Of the step with whatever rewrites."""
        return op_costs(step, self.device, self.measured)

    def all(self, best_order: Callable[[Step], tuple[int, ...]]) -> list[Variant]:
        """Each set of rewrites with the program's order, updates early, and with ``best_order``'s, the
        one with the lower peak first."""
        found = []
        for names in self.implementations:
            step = rewrite(self.step, names)
            program = early_order(step, tuple(range(len(step.ops))))
            orders = sorted(
                dict.fromkeys((program, best_order(step))), key=lambda order: self._peak(step, order)
            )
            fusing = Choice.IMPLEMENTATIONS in self.allowed
            found += [Variant(names, step, order, self.costs(step), fusing) for order in orders]
        return found

    def _peak(self, step: Step, order: tuple[int, ...]) -> int:
        if self.reuse:
            return peak_with_takeovers(step, order)
        return int(order_profile(step, order).max(initial=0))
