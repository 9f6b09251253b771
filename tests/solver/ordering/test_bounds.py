"""Minimum cuts and the bound they give, against OR-Tools and brute force."""

import random

import numpy as np
import pytest
from random_steps import is_order, optimal_peak, random_step

from solver.cut_value import cut_value
from solver.ordering.bounds import Cuts, reorder
from solver.ordering.cut import minimum_cut
from solver.ordering.problem import Graph, compile_step
from solver.ordering.profile import by_op, peak
from solver.step import GRANULE, Step
from solver.watch import Watch


def least_alive(step: Step, op: int) -> int:
    """Least bytes alive while ``op`` runs over every downset that can have run before it."""
    before = [sum(1 << d for d in earlier) for earlier in step.dependencies]
    masks = [
        (sum(1 << i for i, o in enumerate(step.ops) if s in o.touches), storage)
        for s, storage in enumerate(step.storages)
        if storage.planned
    ]
    best = -1
    for done in range(1 << len(step.ops)):
        valid = all(not (done >> i & 1) or not (needed & ~done) for i, needed in enumerate(before))
        if not valid or done >> op & 1 or before[op] & ~done:
            continue
        alive = sum(
            -(-storage.size // GRANULE)
            for mask, storage in masks
            if mask >> op & 1 or (mask & done and mask & ~done)
        )
        best = alive if best < 0 else min(best, alive)
    return best


def nobody(graph: Graph) -> np.ndarray:
    return np.zeros(graph.ops, np.bool_)


RUNNING = np.zeros(1, np.uint8)


def test_a_cut_is_the_least_that_any_downset_leaves_alive() -> None:
    for seed in range(60):
        step = random_step(random.Random(seed).randint(1, 8), seed)
        graph = compile_step(step).graph
        for op in range(graph.ops):
            value, downset = minimum_cut(graph, op, nobody(graph), nobody(graph), RUNNING)
            assert value == least_alive(step, op)
            assert not downset[op]
            for later, earlier in enumerate(step.dependencies):
                assert not downset[later] or all(downset[list(earlier)])


def test_a_cut_is_what_the_validator_computes_in_its_own_way() -> None:
    for seed in range(30):
        step = random_step(40, seed, density=0.08)
        graph = compile_step(step).graph
        for op in range(0, graph.ops, 7):
            value, _ = minimum_cut(graph, op, nobody(graph), nobody(graph), RUNNING)
            assert value * GRANULE == cut_value(step, op)


def test_running_the_downset_first_leaves_just_the_cut_alive() -> None:
    for seed in range(40):
        step = random_step(30, seed, density=0.1)
        graph = compile_step(step).graph
        for op in range(0, graph.ops, 5):
            value, downset = minimum_cut(graph, op, nobody(graph), nobody(graph), RUNNING)
            ops = np.arange(graph.ops)
            order = np.concatenate([ops[downset], [op], ops[~downset & (ops != op)]])
            assert is_order(step, tuple(order.tolist()))
            assert by_op(graph, order)[op] == value


def test_a_stopped_cut_is_still_a_lower_bound() -> None:
    stopped = np.ones(1, np.uint8)
    for seed in range(30):
        graph = compile_step(random_step(30, seed, density=0.1)).graph
        for op in range(0, graph.ops, 5):
            value, _ = minimum_cut(graph, op, nobody(graph), nobody(graph), RUNNING)
            early, _ = minimum_cut(graph, op, nobody(graph), nobody(graph), stopped)
            assert early <= value


def test_further_ops_that_must_or_must_not_have_run_raise_a_cut_as_an_edge_does() -> None:
    for seed in range(30):
        graph = compile_step(random_step(14, seed, density=0.1)).graph
        for first in range(graph.ops):
            for second in range(first + 1, graph.ops):
                ordered = graph.with_edges([(first, second)])
                done = nobody(graph)
                done[first] = True
                asked, _ = minimum_cut(ordered, second, nobody(graph), nobody(graph), RUNNING)
                done_before = done.copy()
                free, _ = minimum_cut(graph, second, nobody(graph), nobody(graph), RUNNING)
                assert free <= asked
                # ``first`` and all before it have run: what the edge means for ``second``.
                value, downset = minimum_cut(
                    graph, second, closure(graph, done_before), nobody(graph), RUNNING
                )
                assert value == asked and downset[first]


def closure(graph: Graph, ops: np.ndarray) -> np.ndarray:
    """The ops and all before them."""
    result = ops.copy()
    for op in range(graph.ops - 1, -1, -1):
        if result[op]:
            result[graph.predecessors[graph.predecessors_at[op] : graph.predecessors_at[op + 1]]] = True
    return result


@pytest.mark.parametrize("density", [0.1, 0.3])
def test_the_bound_is_the_largest_cut_and_never_above_the_optimum(density: float) -> None:
    with Watch(60) as watch:
        for seed in range(60):
            step = random_step(random.Random(seed).randint(1, 10), seed, density=density)
            graph = compile_step(step).graph
            cuts = Cuts(graph, watch)
            assert cuts.prove([np.arange(graph.ops)])
            largest = max(cut_value(step, op) for op in range(graph.ops))
            assert cuts.best * GRANULE == largest
            assert largest == 0 or cut_value(step, cuts.best_op) == largest
            assert largest <= optimal_peak(step)


def test_cut_reorder_never_makes_an_order_worse() -> None:
    with Watch(60) as watch:
        better = 0
        for seed in range(60):
            step = random_step(30, seed, density=0.06)
            graph = compile_step(step).graph
            before = np.arange(graph.ops)
            after = reorder(Cuts(graph, watch), before)
            assert is_order(step, tuple(after.tolist()))
            assert peak(graph, after) <= peak(graph, before)
            better += peak(graph, after) < peak(graph, before)
        assert better > 30
