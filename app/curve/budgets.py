"""The trade-off of a step as the window shows it: its solved budgets, and what is said of one. No Qt.

::

    overhead   ●
               │ ╲___●____          ● a plan within the budget     ○ what is proven
               ○      ○   ╲____●
    budget     4      6        8 GiB

Budgets count residents. Between solved budgets nothing is known: no figure is ever interpolated.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.document import Entry
from app.facts.plan import PlanFacts
from app.facts.solve import proven_overhead
from app.numbers import GIB, Unit, overhead, percent
from app.translation import tr
from solver.step import Step
from solver.terms import Choice, DeviceModel

GB = Unit("GB", 10**9, 3)
BUDGET_UNITS = (Unit("GiB", GIB, 3), GB)
"""What budgets are counted in, as the user chooses."""
_SMALLER = {
    "GiB": (Unit("MiB", 1 << 20, 3), Unit("KiB", 1 << 10, 1)),
    "GB": (Unit("MB", 10**6, 3), Unit("kB", 10**3, 1)),
}
NO_TIME = frozenset({Choice.RECOMPUTE, Choice.OFFLOAD})
"""With these alone no plan is faster than the unmodified step."""


def fitting_unit(chosen: Unit, largest: int) -> Unit:
    """GiB or GB as chosen, or a smaller unit of its kind where that would show nothing but zeros."""
    return next(
        (u for u in (chosen, *_SMALLER[chosen.name]) if largest >= u.size // 5),
        _SMALLER[chosen.name][-1],
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the plans on one curve may do, and what their time is predicted with."""

    allowed: frozenset[Choice]
    device: DeviceModel
    measured: bool

    def has(self, entry: Entry) -> bool:
        """Whether a plan was made under these terms."""
        terms = entry.plan.terms
        return (
            terms is not None
            and frozenset(terms.allowed) == self.allowed
            and terms.device == self.device
            and terms.measured == self.measured
        )


@dataclass(frozen=True, eq=False)
class BudgetPoint:
    """One solved budget; equal only to itself."""

    budget_bytes: int
    entry: Entry
    overhead: float
    bound: float | None
    """None: not proven for what is allowed."""

    @property
    def free(self) -> bool:
        """Whether it is the plan that costs no time, within all that it needs."""
        return self.entry.plan.terms is None

    @property
    def gap(self) -> float | None:
        """What a faster plan within the budget may save at the most; a fraction, as the overhead."""
        return None if self.bound is None else max(0.0, self.overhead - self.bound)


@dataclass(frozen=True, slots=True)
class Infeasible:
    """A budget within which no plan was found."""

    budget_bytes: int
    impossible_bytes: int
    """Proven: no plan of those allowed needs this little, or less. 0: nothing is proven."""
    found_bytes: int | None
    """The smallest budget for which a plan is known."""


def budget_points(step: Step, entries: Iterable[Entry], wanted: Wanted) -> tuple[BudgetPoint, ...]:
    """The solved budgets by size, smallest first; at the end the lowest plan that costs no time.

    Of several plans within one budget the one that costs least.
    """
    found: dict[int, BudgetPoint] = {}
    for entry in entries:
        terms = entry.plan.terms
        if entry.baseline is not None:
            continue
        if terms is None:
            budget = step.resident_bytes + entry.plan.height_bytes
            bound = 0.0 if wanted.allowed <= NO_TIME else None
            point = BudgetPoint(budget, entry, 0.0, bound)
            known = next((p for p in found.values() if p.free), None)
            if known is not None:
                if known.budget_bytes <= budget:
                    continue
                del found[known.budget_bytes]
        elif wanted.has(entry):
            point = BudgetPoint(terms.budget_bytes, entry, terms.overhead, proven_overhead(terms))
        else:
            continue
        before = found.get(point.budget_bytes)
        if before is None or point.overhead < before.overhead:
            found[point.budget_bytes] = point
    free = next((p for p in found.values() if p.free), None)
    if free is not None and any(p is not free and _no_worse(p, free) for p in found.values()):
        del found[free.budget_bytes]
    return tuple(found[budget] for budget in sorted(found))


def _no_worse(one: BudgetPoint, other: BudgetPoint) -> bool:
    return one.budget_bytes <= other.budget_bytes and one.overhead <= other.overhead


def at_budget(points: Sequence[BudgetPoint], budget: int) -> BudgetPoint | None:
    """The solved budget that is exactly this."""
    return next((p for p in points if p.budget_bytes == budget), None)


def snapped(points: Sequence[BudgetPoint], budget: int, within: float) -> int:
    """``budget``, or the solved one that is not further than ``within`` bytes from it."""
    nearest = min(points, key=lambda p: abs(p.budget_bytes - budget), default=None)
    if nearest is not None and abs(nearest.budget_bytes - budget) <= within:
        return nearest.budget_bytes
    return budget


def neighbour(points: Sequence[BudgetPoint], budget: int, by: int) -> int | None:
    """The next larger (``by`` 1) or smaller (-1) solved budget; None at the end."""
    budgets = [p.budget_bytes for p in points]
    if by > 0:
        return next((b for b in budgets if b > budget), None)
    at = bisect_left(budgets, budget)
    return budgets[at - 1] if at else None


def suggested(points: Sequence[BudgetPoint]) -> int | None:
    """The middle of the two neighbours between which the overhead changes most; None without two."""
    steps = [
        (low.overhead - high.overhead, (low.budget_bytes + high.budget_bytes) // 2)
        for low, high in pairwise(points)
    ]
    if steps:
        return max(steps)[1]
    return points[0].budget_bytes * 3 // 4 if points else None


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """What the panel and the callout say of the place of the budget line."""

    title: str
    below: str
    """How much less it is than what the plan without added time needs."""
    rows: tuple[tuple[str, str], ...]
    callout: str
    """``+6.11 % time at 8.010 GiB``."""
    callout_bound: str
    """``bound +6.03 %, gap 0.08 points``."""


def budget_facts(
    points: Sequence[BudgetPoint], budget: int, unit: Unit, facts: PlanFacts | None
) -> BudgetFacts:
    """``facts``: of the plan at ``budget``, where that is solved."""
    title = f"{unit.text(budget)} {unit.name}"
    point = at_budget(points, budget)
    free = next((p for p in points if p.overhead <= 0), None)
    below = ""
    if free is not None and free is not point and free.budget_bytes > budget:
        below = tr("{} below the step without added time").format(
            percent(1 - budget / free.budget_bytes)
        )
    if point is None or facts is None:
        return BudgetFacts(title, below, (), tr("{} is not solved").format(title), "")
    if point is free:
        below = tr("The least that costs no time")
    rows = [(tr("Overhead"), tr("{} time").format(overhead(point.overhead)))]
    bound = ""
    if point.bound is not None and point.gap is not None:
        rows.append((tr("Lower bound"), overhead(point.bound)))
        rows.append((tr("Gap"), points_text(point.gap)))
        bound = tr("bound {}, gap {}").format(overhead(point.bound), points_text(point.gap))
    elif not point.free:
        rows.append((tr("Lower bound"), tr("nothing is proven")))
    rows.append((tr("Needs"), f"{unit.text(facts.total_bytes)} {unit.name}"))
    return BudgetFacts(
        title, below, tuple(rows), tr("{} time at {}").format(overhead(point.overhead), title), bound
    )


def points_text(gap: float) -> str:
    """``0.08 points``: of percent."""
    return tr("{:.2f} points").format(gap * 100)


def infeasible_text(one: Infeasible, unit: Unit) -> str:
    """``Needs at least 2.680 GiB, budget 2.000 GiB``."""
    budget, least = unit.text(one.budget_bytes), unit.text(one.impossible_bytes + 1)
    if one.impossible_bytes < one.budget_bytes:
        return tr("No plan was found within {} {}").format(budget, unit.name)
    if least == budget:
        return tr("Proven: no plan fits into {} {}").format(budget, unit.name)
    return tr("Needs at least {} {}, budget {} {}").format(least, unit.name, budget, unit.name)
