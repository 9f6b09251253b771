"""The search within a budget: which ops run again, and when, so that the least time is lost."""

import time
from dataclasses import dataclass

import numpy as np

from solver.budget.anneal import anneal
from solver.budget.choices import choices_of
from solver.budget.graph import Bits, BudgetGraph
from solver.budget.schedule import Schedule
from solver.budget.simulate import make_state, outcome, schedule_of
from solver.solution import CancelCallback, Progress, ProgressCallback
from solver.watch import Watch

_MOVES = 150_000
"""Of one annealing."""
_ROUNDS = 4
"""Annealings, each from the best found so far."""
_HOT, _COOLER, _COLD = 1e-2, 0.5, 1e-6
"""Temperatures by the seconds of the step: of the first round, by which factor less of each further
one, and where each ends."""
_WEIGHT = 2.0
"""What an excess as large as the budget costs, in seconds of the step."""


@dataclass(frozen=True)
class Found:
    """The best that a search found."""

    schedule: Schedule
    seconds: float
    """Predicted."""
    peak_bytes: int
    """Of the arena."""


def search(
    graph: BudgetGraph,
    arena_budget: int,
    *,
    deadline: float,
    seed: int,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    start: Schedule | None = None,
) -> Found | None:
    """The schedule with a peak of at most ``arena_budget`` bytes that loses the least time.

    None where none was found. ``deadline`` is in seconds from now; the result is the same for the same
    ``seed`` as long as it does not come before the end. ``start``: a schedule of the same step to begin
    with, maybe of another budget. ``progress`` is called from this thread, ``cancelled`` from another
    one; when it returns True the best found is returned within 100 ms.
    """
    with Watch(deadline, cancelled) as watch:
        return _Search(graph, arena_budget, seed, watch, progress).run(start)


class _Search:
    """One search: its best so far, and who is told of it."""

    def __init__(
        self,
        graph: BudgetGraph,
        budget: int,
        seed: int,
        watch: Watch,
        progress: ProgressCallback | None,
    ) -> None:
        self.graph, self.budget, self.seed = graph, budget, seed
        self.watch, self.progress = watch, progress
        self.began = time.monotonic()
        self.state = make_state(graph)
        self.best = graph.kept()
        self.best_seconds = np.inf

    def run(self, start: Schedule | None) -> Found | None:
        """All stages, and the best of them."""
        choice = self.graph.kept()
        self._take(choice)
        if start is not None:
            choice = choices_of(self.graph, start)
            self._take(choice)
        base = self.graph.costs.base_seconds
        for at in range(_ROUNDS):
            if self.watch.stopped or self.best_seconds <= base:
                break
            hot = base * _HOT * _COOLER ** (at + (start is not None))
            found, seconds = anneal(
                self.graph.tables,
                self.state,
                self.best if np.isfinite(self.best_seconds) else choice,
                self.budget,
                _MOVES,
                hot,
                base * _COLD,
                base * _WEIGHT,
                self.seed + at,
                self.watch.flag,
            )
            if seconds < self.best_seconds:
                self._take(found)
        if not np.isfinite(self.best_seconds):
            return None
        schedule = schedule_of(self.graph, self.best)
        assert schedule is not None, "what was found fits, so it can be run"
        return Found(schedule, self.best_seconds, outcome(self.graph, self.best, self.state)[0])

    def _take(self, choice: Bits) -> None:
        peak, seconds = outcome(self.graph, choice, self.state)
        if not 0 <= peak <= self.budget or seconds >= self.best_seconds:
            return
        self.best, self.best_seconds = choice.copy(), seconds
        if self.progress is not None:
            lost = seconds / self.graph.costs.base_seconds - 1
            self.progress(
                Progress(
                    time.monotonic() - self.began, "Recompute", f"{lost:.2%} more time", peak_bytes=peak
                )
            )
