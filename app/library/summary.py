"""What a listing shows of a step or a plan: read from the library without decoding either."""

from dataclasses import dataclass

SPARK_POINTS = 64
"""Most points of a spark line."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A stored plan in a list. Bytes are of the arena alone, residents apart; seconds."""

    id: int
    step_id: int
    name: str
    status: str
    """A value of ``solver.plan.Status``."""
    peak_bytes: int
    height_bytes: int
    peak_bound_bytes: int
    budget_bytes: int | None
    """That residents and arena together may take; None for a plan without a budget."""
    overhead: float | None
    """Predicted time of a plan within a budget / that of the unmodified step − 1."""
    overhead_bound: float | None
    """What no plan within the budget, of those allowed, can be below."""
    seed: int
    seconds: float
    created: str
    """ISO date and time of the solve; of its storing where the plan does not say."""
    notes: str
    tags: tuple[str, ...]
    spark: tuple[int, ...]
    """Live bytes over the plan's slots, at most ``SPARK_POINTS``; each the most in its stretch."""


@dataclass(frozen=True, slots=True)
class StepSummary:
    """A stored step in a list, with its plans (lowest height first)."""

    id: int
    fingerprint: str
    name: str
    """For people; the step's title until somebody renames it."""
    model: str
    batch: int
    optimizer: str
    training: bool
    target: str
    dtype: str
    ops: int
    storages: int
    """Planned ones."""
    resident_bytes: int
    program_order_peak_bytes: int
    """Residents apart."""
    baseline_reserved_bytes: int | None
    """What the caching allocator reserves as run, residents included; None until a solve said so."""
    replayable: bool
    """Whether it holds its program, so that a plan of it can be exported."""
    added: str
    """ISO date and time."""
    notes: str
    tags: tuple[str, ...]
    spark: tuple[int, ...]
    """Live bytes in program order, residents apart, at most ``SPARK_POINTS``."""
    plans: tuple[PlanSummary, ...]

    def mentions(self, text: str) -> bool:
        """Whether every word of ``text`` is in its name, its model, its tags or a plan's name."""
        names = [self.name, self.model, *self.tags]
        for plan in self.plans:
            names += [plan.name, *plan.tags]
        where = "\n".join(names).casefold()
        return all(word in where for word in text.casefold().split())
