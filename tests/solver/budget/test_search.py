"""The search keeps within its budget and finds what brute force finds on small steps."""

from typing import Any

import numpy as np
import pytest

from solver.budget import search as module
from solver.budget.graph import PARK, SHORT_GAP, Bits, BudgetGraph, early_order
from solver.budget.kept import kept_slots
from solver.budget.schedule import Entry, Host, Schedule
from solver.budget.search import search
from solver.budget.simulate import simulate
from solver.budget.state import make_state
from solver.budget.trips import Timed, timed
from solver.step import Category, Op, Phase, Step, Storage
from tests.solver.budget.chain_steps import MIB, chain_step
from tests.solver.budget.random_training import random_training
from tests.solver.budget.simulated import outcome
from tests.solver.budget.test_simulate import graph_of


def test_what_fits_as_it_is_loses_no_time() -> None:
    graph = graph_of(random_training(20, 1))
    peak, seconds = outcome(graph, graph.kept())
    found = search(graph, peak, deadline=10, seed=0)
    assert found is not None
    assert found.seconds == seconds
    assert found.peak_bytes == peak


def test_the_same_seed_gives_the_same_schedule_within_the_budget() -> None:
    graph = graph_of(random_training(30, 3))
    peak, _ = outcome(graph, graph.kept())
    one, other = (search(graph, peak * 8 // 10, deadline=60, seed=5) for _ in range(2))
    assert one is not None
    assert one == other
    assert one.peak_bytes <= peak * 8 // 10


def test_a_cancelled_search_returns_what_it_has() -> None:
    graph = graph_of(random_training(30, 3))
    peak, _ = outcome(graph, graph.kept())
    assert search(graph, peak - 1, deadline=60, seed=5, cancelled=lambda: True) is None


def with_a_large_loss(step: Step, layers: int, size: int) -> Step:
    """With three tensors of this size between the forward pass and the backward pass, two at a time."""
    scores = len(step.storages)
    sizes = [Storage(size, Category.ACTIVATION, f"scores {n}") for n in range(3)]
    last = step.ops[layers - 1].creates[0]
    loss = [
        Op(f"loss{n}", f"loss{n}.default", (last if n == 0 else scores + n - 1,), (), (scores + n,))
        for n in range(3)
    ]
    backward = step.ops[layers]
    backward = Op(
        backward.name,
        backward.target,
        tuple(sorted((*backward.reads, scores + 2))),
        (),
        backward.creates,
        phase=Phase.BACKWARD,
    )
    ops = (*step.ops[:layers], *loss, backward, *step.ops[layers + 1 :])
    return Step(step.origin, (*step.storages, *sizes), ops)


def test_a_beginning_leaves_room_for_what_a_later_moment_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layers, size = 24, 40
    graph = graph_of(with_a_large_loss(chain_step(layers, activation=MIB), layers, size * MIB))
    monkeypatch.setattr(module, "_WARMTHS", ())
    found = search(graph, (2 * size + layers // 2) * MIB, deadline=60, seed=0)
    assert found is not None
    repetitions = len(found.schedule.entries) - len(graph.order)
    assert repetitions == layers // 2


def test_updates_run_as_early_as_they_may() -> None:
    step = random_training(60, 2)
    order = early_order(step, range(len(step.ops)))
    place = {op: at for at, op in enumerate(order)}
    assert sorted(order) == list(range(len(step.ops)))
    assert all(place[b] < place[op] for op, before in enumerate(step.dependencies) for b in before)


# -- where ops may not run again ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_where_nothing_may_run_again_all_that_is_tried_runs_each_op_once(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    graph = graph_of(random_training(24, seed))
    peak, _ = outcome(graph, graph.kept())
    tried = list[tuple[Bits, int]]()

    def noted(graph: BudgetGraph, choice: Bits, *rest: Any) -> Timed:
        tried.append((choice, timed(graph, choice, *rest).slots))
        return timed(graph, choice, *rest)

    monkeypatch.setattr(module, "timed", noted)
    host = Host(1e12)
    found = search(graph, peak * 8 // 10, deadline=20, seed=seed, host=host, recompute=False)
    slots = len(kept_slots(graph).run)
    assert len(tried) > 2
    for choice, runs in tried:
        assert runs == slots
        assert (choice[choice != PARK] == graph.kept()[choice != PARK]).all()
    if found is not None:
        assert [entry.op for entry in found.schedule.entries] == graph.order.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_what_is_parked_or_kept_is_never_made_again(seed: int) -> None:
    graph = graph_of(random_training(24, seed))
    state, rng = make_state(graph), np.random.default_rng(seed)
    slots = len(kept_slots(graph).run)
    for _ in range(50):
        choice = graph.kept()
        parked = ~graph.is_end & (rng.random(graph.gaps) < rng.random())
        parked[: SHORT_GAP + 1] = False
        choice[parked] = PARK
        assert simulate(graph.tables, state, choice)[0] == slots


def test_a_start_in_another_order_parks_what_it_parked_and_makes_nothing_again() -> None:
    graph = graph_of(random_training(24, 3))
    peak, _ = outcome(graph, graph.kept())
    order = graph.order.tolist()
    other = Schedule(tuple(Entry(op) for op in sorted(order, key=lambda op: -op)))
    found = search(
        graph, peak * 9 // 10, deadline=20, seed=0, host=Host(1e12), recompute=False, start=other
    )
    assert found is not None
    assert [entry.op for entry in found.schedule.entries] == order
