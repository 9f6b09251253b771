"""What choices come to in the simulator, without copies: peak, seconds and schedule."""

from itertools import chain

from solver.budget.graph import Bits, BudgetGraph
from solver.budget.schedule import Schedule
from solver.budget.simulate import entries_of, simulate
from solver.budget.state import make_state


def outcome(graph: BudgetGraph, choice: Bits) -> tuple[int, float]:
    """Peak in bytes of the arena and seconds; (-1, 0.0): no plan."""
    state = make_state(graph)
    slots, seconds = simulate(graph.tables, state, choice)
    return (int(state.live[:slots].max()), seconds) if slots else (-1, 0.0)


def schedule_of(graph: BudgetGraph, choice: Bits) -> Schedule | None:
    """The sequence of runs; None: no plan."""
    state = make_state(graph)
    slots, _ = simulate(graph.tables, state, choice)
    if not slots:
        return None
    return Schedule(tuple(chain.from_iterable(entries_of(graph, state, slots))))
