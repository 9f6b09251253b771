"""The simulator agrees with the definitions, to the byte."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.budget.costs import op_costs
from solver.budget.devices import V100
from solver.budget.graph import DROP, KEEP, LEND, PARK, RETAIN, SPEND, Bits, BudgetGraph, make_graph
from solver.budget.simulate import simulate
from solver.budget.state import make_state
from solver.reuse import peak_with_takeovers
from solver.step import Step
from tests.solver.budget.definition import peak_and_seconds
from tests.solver.budget.random_training import random_training
from tests.solver.budget.simulated import outcome, schedule_of


def graph_of(step: Step, *, fusing: bool = True) -> BudgetGraph:
    """The problem in program order, on a device so slow that bytes matter against launches."""
    return make_graph(step, op_costs(step, V100, False), range(len(step.ops)), fusing=fusing)


def random_choice(graph: BudgetGraph, seed: int) -> Bits:
    """Choices of which many drop; after last uses, where dropping is usual, as many keep."""
    rng = random.Random(seed)
    share = rng.random()
    choice = graph.kept()
    for gap in range(2, graph.gaps):
        if rng.random() < share:
            among = (RETAIN, KEEP, LEND, SPEND) if graph.is_end[gap] else (DROP, RETAIN, LEND, SPEND)
            choice[gap] = rng.choice(among)
    return choice


@settings(deadline=None, max_examples=300)
@given(st.integers(3, 40), st.integers(0, 1 << 20), st.booleans())
def test_bytes_and_seconds_are_those_of_the_definitions(ops: int, seed: int, fusing: bool) -> None:
    step = random_training(ops, seed)
    graph = graph_of(step, fusing=fusing)
    choice = random_choice(graph, seed)
    schedule = schedule_of(graph, choice)
    peak, seconds = outcome(graph, choice)
    if schedule is None:
        assert peak < 0
        return
    defined = peak_and_seconds(step, schedule, graph.costs)
    assert peak == defined[0]
    assert seconds == pytest.approx(defined[1])


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.integers(0, 1 << 20))
def test_what_keeps_everything_is_the_step_as_captured(ops: int, seed: int) -> None:
    step = random_training(ops, seed)
    graph = graph_of(step)
    peak, seconds = outcome(graph, graph.kept())
    assert peak == peak_with_takeovers(step, range(len(step.ops)))
    assert seconds == pytest.approx(graph.costs.base_seconds)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.integers(0, 1 << 20))
def test_a_simulation_leaves_nothing_behind_for_the_next(ops: int, seed: int) -> None:
    graph = graph_of(random_training(ops, seed))
    reused = make_state(graph)
    for other in range(8):
        choice, state = random_choice(graph, seed + other), make_state(graph)
        choice[2:][np.random.default_rng(seed + other).random(graph.gaps - 2) < 0.2] = PARK
        slots, seconds = simulate(graph.tables, state, choice)
        assert simulate(graph.tables, reused, choice) == (slots, seconds)
        trips = state.away.trips[0] if slots else 0
        assert (reused.live[:slots] == state.live[:slots]).all()
        assert (reused.run[:slots] == state.run[:slots]).all()
        assert (reused.away.use[:trips] == state.away.use[:trips]).all()
