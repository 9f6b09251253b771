"""What a search for a budget may begin with: the step with some rewrites, in some base order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from solver.budget.costs import Costs, op_costs
from solver.budget.graph import BudgetGraph, make_graph
from solver.budget.orders import base_order
from solver.errors import BayplanError
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
    _made: dict[tuple[str, ...], list[Variant]] = field(default_factory=dict, init=False)

    @cached_property
    def everything(self) -> tuple[str, ...]:
        """All rewrites that are possible together."""
        if Choice.IMPLEMENTATIONS not in self.allowed:
            return ()
        return combined(self.step, approximate=Choice.APPROXIMATE in self.allowed)

    def costs(self, step: Step) -> Costs:
        """Of the step with whatever rewrites."""
        return op_costs(step, self.device, self.measured)

    def likely(
        self, preferred: tuple[str, ...], best_order: Callable[[Step], tuple[int, ...]]
    ) -> list[Variant]:
        """With the preferred rewrites, with none and with all, each in the order with the lower peak,
        and then each in the other: the program's with updates early, or ``best_order``'s."""
        sets = dict.fromkeys((preferred, (), self.everything))
        made = [self._with(names, best_order) for names in sets]
        return [orders[0] for orders in made] + [each for orders in made for each in orders[1:]]

    def together(self, names: tuple[str, ...] | None) -> tuple[str, ...]:
        """The rewrites in an order in which they can be applied; all of them where there is none."""
        if names is None:
            return self.everything
        wanted = {*names}
        known = [name for name in self.everything if name in wanted]
        try:
            rewrite(self.step, both := (*known, *(name for name in names if name not in known)))
        except BayplanError:
            return self.everything
        return both

    def _with(
        self, names: tuple[str, ...], best_order: Callable[[Step], tuple[int, ...]]
    ) -> list[Variant]:
        if names not in self._made:
            step = rewrite(self.step, names)
            orders = {base_order(step, tuple(range(len(step.ops)))), best_order(step)}
            by_peak = sorted(orders, key=lambda order: (self._peak(step, order), order))
            fusing = Choice.IMPLEMENTATIONS in self.allowed
            self._made[names] = [
                Variant(names, step, order, self.costs(step), fusing) for order in by_peak
            ]
        return self._made[names]

    def _peak(self, step: Step, order: tuple[int, ...]) -> int:
        if self.reuse:
            return peak_with_takeovers(step, order)
        return int(order_profile(step, order).max(initial=0))
