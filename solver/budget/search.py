"""The search within a budget: which ops run again, and when, so that the least time is lost.

::

    begin     from the best that could be kept at one moment, for several budgets (``boundary``)
    anneal    each beginning, once hardly warm and once hot
    rounds    the best of them again with other seeds, until that gains nothing

The annealings of a stage run side by side; each is the same for the same seed, however many there are.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from solver.budget.anneal import anneal
from solver.budget.boundary import boundaries
from solver.budget.choices import choices_of
from solver.budget.graph import DROP, KEEP, LEND, PARK, RETAIN, SHORT_GAP, SPEND, Bits, BudgetGraph
from solver.budget.schedule import Host, Schedule
from solver.budget.state import make_state
from solver.budget.trips import make_copies, schedule_with_trips, timed
from solver.solution import CancelCallback, Progress, ProgressCallback
from solver.watch import Watch

_SHARES = (1.0, 0.97, 0.93, 0.88, 0.8, 0.7)
"""Parts of the budget that a moment may take in the beginnings: the rest is for repetitions."""
_CORRECTIONS = 3
"""Times that a beginning is looked for, as another moment needs more than the one it is made for."""
_EFFORT = 2.5e7
"""Slots that one short annealing may simulate: some tenths of a second."""
_MOST_MOVES, _FEWEST_MOVES = 100_000, 2_000
_SURVIVORS = 4
"""The best so many are annealed again."""
_ROUNDS = 8
"""Times that they are, at most."""
_PATIENCE = 2
"""So many of them without gain are enough."""
_WARMTHS = (0.3, 5.0)
"""Temperatures at which annealings start in turn, in seconds of a mean op."""
_COLD = 1e-3
"""The same, where it ends."""
_WEIGHT = 2.0
"""What an excess as large as the budget costs, in seconds of the step."""
_THREADS = 2
_OFTEN = 6
"""Times that other choices are drawn more often than to lend or spend, which is seldom worth it."""


@dataclass(frozen=True)
class Found:
    """The best that a search found."""

    schedule: Schedule
    seconds: float
    """Predicted."""
    peak_bytes: int
    """Of the arena."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Choices that an annealing came to."""

    choice: Bits
    energy: float
    seconds: float
    """Infinite where they do not fit."""


def search(
    graph: BudgetGraph,
    arena_budget: int,
    *,
    deadline: float,
    seed: int,
    progress: ProgressCallback | None = None,
    cancelled: CancelCallback | None = None,
    start: Schedule | None = None,
    host: Host | None = None,
    recompute: bool = True,
) -> Found | None:
    """The schedule with a peak of at most ``arena_budget`` bytes that loses the least time.

    None where none was found. ``deadline`` is in seconds from now; the result is the same for the same
    ``seed`` as long as it does not come before the end. ``start``: a schedule of the same step to begin
    with, maybe of another budget. ``host``: what may be parked there; None: nothing. ``recompute``:
    whether ops may run again. ``progress`` is called from this thread, ``cancelled`` from another
    one; when it returns True the best found is returned within 100 ms.
    """
    with Watch(deadline, cancelled) as watch:
        return _Search(graph, arena_budget, seed, watch, progress, host, recompute).run(start)


class _Search:
    """One search: its best so far, and who is told of it."""

    def __init__(
        self,
        graph: BudgetGraph,
        budget: int,
        seed: int,
        watch: Watch,
        progress: ProgressCallback | None,
        host: Host | None,
        recompute: bool,
    ) -> None:
        self.graph, self.budget, self.seed = graph, budget, seed
        self.watch, self.progress = watch, progress
        states = [make_state(graph) for _ in range(1 + min(_THREADS, os.cpu_count() or 1))]
        self.host = host or Host(1.0, 0)
        self.own_room, *self.rooms = [
            (s, make_copies(graph, s, self.host.bytes_per_second)) for s in states
        ]
        """Where to simulate: in this thread, and in each of the others."""
        self.recompute = recompute
        self.may = np.array(
            (_OFTEN * [DROP, RETAIN, KEEP] + [LEND, SPEND] if recompute else _OFTEN * [KEEP])
            + (_OFTEN * [PARK] if host else []),
            np.uint8,
        )
        """The choices that a gap has, as often as they are drawn."""
        undecided = SHORT_GAP + 1
        self.gaps = np.arange(undecided, graph.gaps, dtype=np.int64)
        if not recompute:
            # After its last first run only repetitions would want a value.
            self.gaps = self.gaps[~graph.is_end[undecided:]]
        """The gaps that are decided."""
        self.best = graph.kept()
        self.best_seconds = np.inf
        self.annealings = 0
        self.base_seconds = graph.costs.base_seconds
        repeatable = graph.tables.first[graph.tables.by_rank]
        self.unit = float(repeatable.mean()) if len(repeatable) else self.base_seconds
        """Seconds of a mean op among those that may be repeated."""

    def run(self, start: Schedule | None) -> Found | None:
        """All stages, and the best of them."""
        graph = self.graph
        self._take(graph.kept())
        if not np.isfinite(self.best_seconds):
            beginnings = [graph.kept()] if start is None else [choices_of(graph, start)]
            if not self.recompute:
                # A start in another order may have values made later.
                beginnings = [np.where(each == PARK, each, graph.kept()) for each in beginnings]
            for choice in beginnings:
                self._take(choice)
            beginnings += self._beginnings() if self.recompute else []
            self._anneal_all(beginnings)
        return self._found()

    def _beginnings(self) -> list[Bits]:
        """What the moment at which most could be dropped says, for the budget and for smaller ones."""
        found: list[Bits] = []
        for boundary in boundaries(self.graph, 1):
            room = self.budget
            for share in _SHARES:
                choices: list[Bits] = []
                excess, over = 1, 0
                while excess and len(choices) < _CORRECTIONS and not self.watch.stopped:
                    choice = boundary.choices(int(room * share), self.watch, self.seed)
                    if choice is None:
                        break
                    over = self._take(choice) - self.budget
                    choices.append(choice)
                    excess = self._excess_before_repetitions()
                    room -= excess
                found += choices[-1:]
                if over > 0 and not np.isfinite(self.best_seconds) and not self.watch.stopped:
                    # Repetitions need that much: so there soon is something that fits.
                    choice = boundary.choices(int(room * share) - over, self.watch, self.seed)
                    if choice is not None:
                        self._take(choice)
                        found.append(choice)
        return found

    def _excess_before_repetitions(self) -> int:
        """Bytes above the budget before anything runs again, in what was simulated last: another moment
        needs that much more, whatever is kept."""
        ran: set[int] = set()
        most = 0
        for op, live in zip(self.own_room[0].run.tolist(), self.own_room[0].live.tolist(), strict=True):
            if op in ran:
                break
            if op >= 0:
                ran.add(op)
            most = max(most, live)
        return max(0, most - self.budget)

    def _anneal_all(self, beginnings: Sequence[Bits]) -> None:
        slots = len(self.graph.tables.event_op)
        moves = int(min(max(_EFFORT / max(1, slots), _FEWEST_MOVES), _MOST_MOVES))
        best = [each for warmth in _WARMTHS for each in self._anneal(beginnings, moves // 2, warmth)]
        stale = 0
        for warmth in islice(cycle(_WARMTHS), _ROUNDS):
            if self.watch.stopped or stale == _PATIENCE:
                break
            before = self.best_seconds
            best = _distinct(best)[:_SURVIVORS]
            best += self._anneal([each.choice for each in best], moves, warmth)
            stale = stale + 1 if self.best_seconds >= before else 0

    def _anneal(self, starts: Sequence[Bits], moves: int, warmth: float) -> list[_Candidate]:
        """Anneal from each start."""
        jobs = [(start, self.seed * 1009 + self.annealings + at) for at, start in enumerate(starts)]
        self.annealings += len(jobs)
        free = list(self.rooms)

        def one(job: tuple[Bits, int]) -> _Candidate:
            state, copies = room = free.pop()
            found, energy, seconds = anneal(
                self.graph.tables,
                state,
                copies,
                job[0],
                self.gaps,
                self.may,
                self.budget,
                self.host.budget_bytes,
                moves,
                warmth * self.unit,
                _COLD * self.unit,
                _WEIGHT * self.base_seconds,
                job[1],
                self.watch.flag,
            )
            free.append(room)
            return _Candidate(found, energy, seconds)

        found: list[_Candidate] = []
        with ThreadPoolExecutor(len(self.rooms)) as pool:
            for candidate in pool.map(one, jobs):
                self._take(candidate.choice)
                found.append(candidate)
        return found

    def _take(self, choice: Bits) -> int:
        """Remember choices that fit in less time than the best so far; their peak in bytes."""
        found = timed(self.graph, choice, *self.own_room, self.budget)
        fits = found.peak_bytes <= self.budget and found.host_bytes <= self.host.budget_bytes
        if not found.slots or not fits or found.seconds >= self.best_seconds:
            return found.peak_bytes
        self.best, self.best_seconds = choice.copy(), found.seconds
        if self.progress is not None:
            lost = found.seconds / self.base_seconds - 1
            line = Progress(
                self.watch.elapsed, "Search", f"{lost:.2%} more time", peak_bytes=found.peak_bytes
            )
            self.progress(line)
        return found.peak_bytes

    def _found(self) -> Found | None:
        if not np.isfinite(self.best_seconds):
            return None
        schedule = schedule_with_trips(self.graph, self.best, *self.own_room, self.budget)
        assert schedule is not None, "what was found fits, so it can be run"
        peak = timed(self.graph, self.best, *self.own_room, self.budget).peak_bytes
        return Found(schedule, self.best_seconds, peak)


def _distinct(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The best of those that are alike, best first."""
    ranked = sorted(candidates, key=lambda each: (each.seconds, each.energy))
    return [each for at, each in enumerate(ranked) if at == 0 or ranked[at - 1].energy < each.energy]
