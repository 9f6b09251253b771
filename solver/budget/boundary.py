"""Where a search begins: the best that could be kept at one moment, if nothing else mattered.

At an early first run of the backward pass nearly all that is kept across it is alive at once. So there
it is decided what to keep across that moment, at the least time for all that must then be made again
once, so that the bytes alive at the moment are within a budget: a knapsack with precedences, which
CP-SAT solves in a fraction of a second. What the repetitions themselves need is left out, and so the
annealing that follows has to make room for them; several budgets below the real one give it several
places to begin.
"""

import threading
from typing import TYPE_CHECKING

import numpy as np

from solver.budget.graph import KEEP, NO_GAP, RETAIN, SHORT_GAP, Bits, BudgetGraph
from solver.budget.simulate import simulate
from solver.budget.state import make_state
from solver.cp_solver import cp_solver
from solver.plan import IntArray
from solver.watch import INTERVAL, Watch

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

_EFFORTS = (0.2, 1.0)
"""CP-SAT's deterministic time, about a second each: the second where the first finds nothing."""
_GAP = 0.005
"""How near to the least time is near enough, relative to it: the last of it takes most of the time."""
_TICKS = 1e8
"""Of CP-SAT's integers per second of the step."""


class Boundary:
    """The moment of one event of a graph."""

    def __init__(self, graph: BudgetGraph, event: int) -> None:
        self.graph, self.event = graph, event
        t = graph.tables
        self.position = int(t.event_position[event])
        touched = t.needs[t.needs_at[t.event_op[event]] : t.needs_at[t.event_op[event] + 1]]
        self._across = _across(graph, self.position)
        """By value: the gap that spans the moment, SHORT_GAP if it is there anyway, else -1."""
        self._across[touched] = SHORT_GAP
        spanning = self._across > SHORT_GAP
        self._decided = np.flatnonzero(spanning)
        ended = self._across > SHORT_GAP
        ended[spanning] = graph.is_end[self._across[spanning]]
        self._ended = ended
        """By value: whether no first run needs it any more."""
        state = make_state(graph)
        gaps = self._across[spanning]
        makers = t.producer[spanning]
        self._deferred = {*makers[state.kept.defers[gaps] == 1].tolist()}
        """Ops that need not run before the moment: they are not repeated."""
        slots, _ = simulate(t, state, graph.kept())
        slot = int(np.flatnonzero(state.run[:slots] == t.event_op[event])[0])
        self.fixed = int(state.live[slot] - t.size[spanning & ~ended].sum())
        """Bytes alive at the moment besides those that are decided."""

    def choices(self, budget: int, watch: Watch, seed: int) -> Bits | None:
        """What to keep so that at most ``budget`` bytes are alive at the moment; None: not found."""
        # Imported here: it takes half a second.
        from ortools.sat.python import cp_model

        graph, t = self.graph, self.graph.tables
        if budget < self.fixed:
            return None
        model = cp_model.CpModel()
        again = {op: model.new_bool_var(f"again {op}") for op in t.by_rank.tolist()}
        keep: dict[int, cp_model.IntVar] = {}
        for value in self._decided.tolist():
            keep[value] = model.new_bool_var(f"keep {value}")
            if not self._ended[value]:
                model.add_bool_or(keep[value], again[int(t.producer[value])])
        for op, repeated in again.items():
            for k in range(t.needs_at[op], t.needs_at[op + 1]):
                value = int(t.needs[k])
                if self._across[value] == SHORT_GAP:
                    continue
                maker = again.get(int(t.producer[value]))
                ways = [way for way in (maker, keep.get(value)) if way is not None]
                model.add_bool_or(*ways, repeated.negated())
        unit = max(1, budget >> 20)
        model.add(
            sum(-(-int(t.size[value]) // unit) * kept for value, kept in keep.items())
            <= (budget - self.fixed) // unit
        )
        ticks = _TICKS / graph.costs.base_seconds
        model.minimize(
            sum(
                round(self._seconds(op) * ticks) * repeated
                for op, repeated in again.items()
                if op not in self._deferred
            )
        )
        for effort in _EFFORTS:
            solver = cp_solver(effort, max(0.01, watch.left))
            solver.parameters.random_seed = seed
            solver.parameters.linearization_level = 2
            solver.parameters.relative_gap_limit = _GAP
            status = _solve(solver, model, watch)
            if status != cp_model.UNKNOWN or watch.stopped:
                break
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        choice = graph.kept()
        # What is made again is there for all that follows: it is made once.
        choice[graph.is_end & (graph.gap_from > self.position)] = KEEP
        for value, kept in keep.items():
            choice[self._across[value]] = KEEP if solver.value(kept) else RETAIN
        return choice

    def _seconds(self, op: int) -> float:
        """Of a repetition: from saved statistics and fused where that can be."""
        t = self.graph.tables
        for k in range(t.needs_at[op], t.needs_at[op + 1]):
            if t.joins[k] and t.begins[t.producer[t.needs[k]]]:
                return float(t.fused[op])
        return float(t.repeated[op] if t.saved[op] >= 0 else t.first[op])


def boundaries(graph: BudgetGraph, most: int) -> list[Boundary]:
    """The moments at which most could be dropped that is alive in the step as captured, best first;
    of neighbours that could drop the same only one."""
    t = graph.tables
    events = len(t.event_op)
    spanned = np.zeros(events + 1, np.int64)
    gaps = np.flatnonzero(~graph.is_end)[SHORT_GAP + 1 :]
    size = t.size[graph.gap_value[gaps]]
    start = np.searchsorted(t.event_position, graph.gap_from[gaps], side="right")
    end = np.searchsorted(t.event_position, graph.gap_to[gaps], side="left")
    np.add.at(spanned, start, size)
    np.add.at(spanned, end, -size)
    spanned = np.cumsum(spanned)[:events]
    found: list[Boundary] = []
    seen: set[int] = set()
    for event in np.argsort(-spanned, kind="stable").tolist():
        if len(found) == most or spanned[event] <= 0:
            break
        if int(spanned[event]) not in seen:
            seen.add(int(spanned[event]))
            found.append(Boundary(graph, event))
    return found


def _across(graph: BudgetGraph, position: int) -> IntArray:
    """By value: the gap that it is in right before ``position``; NO_GAP as -1."""
    t = graph.tables
    gap = np.full(len(t.size), NO_GAP, np.int64)
    for op in t.event_op[t.event_position < position].tolist():
        needs = slice(t.needs_at[op], t.needs_at[op + 1])
        makes = slice(t.makes_at[op], t.makes_at[op + 1])
        gap[t.needs[needs]] = t.gap_after_need[needs]
        gap[t.makes[makes]] = t.gap_after_make[makes]
    gap[gap == NO_GAP] = -1
    return gap


def _solve(solver: "cp_model.CpSolver", model: "cp_model.CpModel", watch: Watch) -> object:
    """The status; stopped soon after the watch says so."""
    done = threading.Event()

    def stop() -> None:
        # A search that has not begun yet has nothing to stop.
        while not done.wait(INTERVAL):
            solver.stop_search()

    watch.on_stop(stop)
    try:
        return solver.solve(model)
    finally:
        done.set()
