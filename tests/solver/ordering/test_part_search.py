"""Parts of a step and searches over downsets, against brute force."""

import random

import numpy as np
import pytest
from random_steps import is_order, optimal_peak, random_step

from solver.bench.wired import wired_step
from solver.ordering.downsets import FOUND, GAVE_UP, NONE_EXISTS, Downsets
from solver.ordering.part_search import PartSearch
from solver.ordering.problem import Graph, compile_step
from solver.ordering.profile import peak
from solver.ordering.regions import joined, split
from solver.step import GRANULE
from solver.watch import Watch

RUNNING = np.zeros(1, np.uint8)


def cases(count: int, most: int = 11) -> list[tuple[int, Graph, int]]:
    """Seeds, graphs and their least peaks."""
    result = []
    for seed in range(count):
        ops = random.Random(seed).randint(1, most)
        step = random_step(ops, seed, density=(0.1, 0.2, 0.35)[seed % 3])
        result.append((seed, compile_step(step).graph, optimal_peak(step) // GRANULE))
    return result


def in_order(graph: Graph, order: np.ndarray) -> bool:
    slot = np.argsort(order)
    rows = np.repeat(np.arange(graph.ops), np.diff(graph.predecessors_at))
    valid = sorted(order.tolist()) == list(range(graph.ops))
    return valid and bool((slot[graph.predecessors] < slot[rows]).all())


@pytest.mark.parametrize("backwards", [True, False])
def test_an_order_is_found_just_where_one_exists(backwards: bool) -> None:
    for seed, graph, optimum in cases(250):
        search = Downsets(graph, RUNNING)
        for limit in {0, optimum // 2, optimum - 1, optimum, optimum + 1}:
            outcome = search.look(limit, 10_000, backwards=backwards)
            if limit >= optimum:
                assert outcome.status == FOUND, seed
                assert in_order(graph, outcome.order)
                assert peak(graph, outcome.order) <= limit
            elif limit >= 0:
                assert outcome.status == NONE_EXISTS, seed
                assert limit < outcome.bound <= optimum, seed


def test_raising_the_limit_to_the_bound_ends_at_the_optimum() -> None:
    for seed, graph, optimum in cases(100):
        search, limit = Downsets(graph, RUNNING), 0
        while (outcome := search.look(limit, 10_000, backwards=True)).status == NONE_EXISTS:
            limit = outcome.bound
        assert (outcome.status, limit) == (FOUND, optimum), seed


def test_too_few_states_or_a_beam_prove_nothing() -> None:
    for seed, graph, optimum in cases(60):
        if optimum == 0:
            continue
        search = Downsets(graph, RUNNING)
        assert search.look(optimum - 1, 2, backwards=True).status != FOUND
        narrow = search.look(optimum - 1, 10_000, width=1, backwards=False)
        assert narrow.status != FOUND, seed
        if narrow.status == NONE_EXISTS:  # The beam dropped nothing.
            assert narrow.bound <= optimum
    step = wired_step(300, 0, training=False)
    graph = compile_step(step).graph
    assert Downsets(graph, RUNNING).look(150_000, 10, backwards=False).status == GAVE_UP


def test_a_stopped_search_proves_nothing() -> None:
    stopped = np.ones(1, np.uint8)
    for _, graph, optimum in cases(30):
        if optimum > 0:
            outcome = Downsets(graph, stopped).look(optimum - 1, 10_000, backwards=True)
            assert outcome.status != FOUND


def test_the_parts_of_a_step_hold_every_op_once_and_join_to_an_order() -> None:
    several = 0
    for seed, graph, _ in cases(300, 14):
        parts = split(graph)
        assert sorted(np.concatenate([part.ops for part in parts]).tolist()) == list(range(graph.ops))
        orders = [np.arange(part.graph.ops) for part in parts]
        order = joined(parts, orders)
        assert in_order(graph, order), seed
        heights = [peak(part.graph, inner) for part, inner in zip(parts, orders, strict=True)]
        assert peak(graph, order) == max(heights), seed
        several += len(parts) > 1
    assert several > 50


def test_a_step_without_ops_has_no_parts() -> None:
    assert split(compile_step(random_step(0, 0)).graph) == []


def test_the_cells_of_a_network_are_parts() -> None:
    graph = compile_step(wired_step(1000, 0, training=False)).graph
    parts = split(graph)
    assert len([part for part in parts if len(part.ops) > 100]) == 4


def test_the_search_of_the_parts_proves_the_optimum() -> None:
    with Watch(120) as watch:
        for seed, graph, optimum in cases(300):
            search = PartSearch(graph, 0, watch)
            search.learn(np.arange(graph.ops))
            search.run(100_000, lambda: None)
            assert (search.peak, search.bound) == (optimum, optimum), seed
            assert peak(graph, search.order) == optimum
            assert in_order(graph, search.order)


def test_bounds_hold_while_the_search_is_under_way() -> None:
    with Watch(120) as watch:
        for _, graph, optimum in cases(60):
            search = PartSearch(graph, 0, watch)
            search.learn(np.arange(graph.ops))
            seen: list[tuple[int, int]] = []
            search.run(
                100_000, lambda search=search, seen=seen: seen.append((search.bound, search.peak))
            )
            assert all(bound <= optimum <= height for bound, height in seen)


def test_cells_of_a_wired_network_are_proven_within_two_thousandths() -> None:
    step = wired_step(1000, 1, training=False)
    graph = compile_step(step).graph
    with Watch(60) as watch:
        search = PartSearch(graph, peak(graph, np.arange(graph.ops)) // 4, watch)
        search.learn(np.arange(graph.ops))
        search.run(20_000, lambda: None)
        assert is_order(step, tuple(search.order.tolist()))
        assert search.bound <= search.peak <= 1.005 * search.bound
