"""The families of orders: every one valid, none above its limit, the readable one near the program."""

from collections.abc import Callable

import numpy as np
import pytest
from random_steps import ORIGIN, is_order, random_step

from solver.ordering import greedy
from solver.ordering.anneal import anneal
from solver.ordering.problem import Graph, compile_step
from solver.ordering.profile import by_op, peak, touched_granules
from solver.ordering.readable import natural, pull_back
from solver.step import GRANULE, Category, Op, Step, Storage

RUNNING = np.zeros(1, np.uint8)
STOPPED = np.ones(1, np.uint8)

Build = Callable[[Graph, int, np.ndarray], np.ndarray | None]


@pytest.mark.parametrize("rule", [greedy.LEAST_PEAK, greedy.LEAST_NET, greedy.NEWEST])
@pytest.mark.parametrize("build", [greedy.forwards, greedy.forwards_last_first, greedy.backwards])
def test_greedy_orders_are_valid_and_often_better_than_the_program(build: Build, rule: int) -> None:
    better = worse = 0
    for seed in range(80):
        step = random_step(40, seed, density=0.05)
        graph = compile_step(step).graph
        order = build(graph, rule, RUNNING)
        assert order is not None and is_order(step, tuple(order.tolist()))
        better += peak(graph, order) < peak(graph, np.arange(graph.ops))
        worse += peak(graph, order) > peak(graph, np.arange(graph.ops))
    assert better > 2 * worse


def micro_batches(count: int, layers: int) -> Step:
    """Forward passes, then backward passes from the last one on; all gradients of a layer are added."""
    storages: list[Storage] = []
    ops: list[Op] = []

    def run(name: str, size: int, reads: list[int]) -> int:
        storages.append(Storage(size * GRANULE, Category.ACTIVATION, name))
        ops.append(Op(name, "op.default", tuple(sorted(reads)), (), (len(storages) - 1,)))
        return len(storages) - 1

    activations = {}
    for batch in range(count):
        for layer in range(layers):
            before = [activations[batch, layer - 1]] if layer else []
            activations[batch, layer] = run(f"forward {batch}, {layer}", 10, before)
    gradients: dict[int, int] = {}
    for batch in reversed(range(count)):
        passed: list[int] = []
        for layer in reversed(range(layers)):
            passed = [run("backward", 10, [activations[batch, layer], *passed])]
            own = run("of weight", 2, [activations[batch, layer], *passed])
            if layer in gradients:
                own = run("sum", 2, [gradients[layer], own])
            gradients[layer] = own
    run("update", 1, list(gradients.values()))
    return Step(ORIGIN, tuple(storages), tuple(ops))


def test_newest_first_runs_one_micro_batch_after_the_other() -> None:
    step = micro_batches(5, 12)
    graph = compile_step(step).graph
    order = greedy.forwards_last_first(graph, greedy.NEWEST, RUNNING)
    assert order is not None and is_order(step, tuple(order.tolist()))
    forward = [step.ops[op].name for op in order if step.ops[op].name.startswith("forward")]
    assert forward == [f"forward {batch}, {layer}" for batch in range(4, -1, -1) for layer in range(12)]
    # One batch's activations and all gradients at the most, a backward pass's own beside them.
    assert peak(graph, order) <= 12 * (10 + 2) + 30
    assert peak(graph, np.arange(graph.ops)) > 5 * 12 * 10


def test_a_stopped_greedy_has_no_order() -> None:
    graph = compile_step(random_step(10, 0)).graph
    assert greedy.forwards(graph, greedy.LEAST_PEAK, STOPPED) is None
    assert greedy.backwards(graph, greedy.LEAST_NET, STOPPED) is None
    assert greedy.near(graph, np.arange(10), STOPPED) is None


def test_the_valid_order_near_a_valid_order_is_that_order() -> None:
    for seed in range(20):
        graph = compile_step(random_step(30, seed)).graph
        order = greedy.forwards(graph, greedy.LEAST_PEAK, RUNNING)
        assert order is not None
        near = greedy.near(graph, order, RUNNING)
        assert near is not None and (near == order).all()


def test_no_order_is_near_when_edges_close_a_cycle() -> None:
    graph = compile_step(random_step(10, 0, density=0.0)).graph.with_edges([(2, 4), (4, 2)])
    assert greedy.near(graph, np.arange(10), RUNNING) is None


def test_annealing_gives_a_valid_order_that_is_no_worse() -> None:
    better = 0
    for seed in range(20):
        step = random_step(50, seed, density=0.03)
        graph = compile_step(step).graph
        start = np.arange(graph.ops)
        found = anneal(graph, start, 0, 20_000, 20.0, 0.2, seed, RUNNING)
        again = anneal(graph, start, 0, 20_000, 20.0, 0.2, seed, RUNNING)
        assert is_order(step, tuple(found.tolist()))
        assert (found == again).all()
        assert peak(graph, found) <= peak(graph, start)
        better += peak(graph, found) < peak(graph, start)
    assert better > 15


def test_annealing_stops_at_the_bound_it_is_given() -> None:
    graph = compile_step(random_step(50, 3, density=0.03)).graph
    start = np.arange(graph.ops)
    assert (anneal(graph, start, peak(graph, start), 1_000, 9.0, 1.0, 0, RUNNING) == start).all()


def test_pulling_back_keeps_the_limit_and_every_dependency() -> None:
    nearer = 0
    for seed in range(150):
        step = random_step(40, seed, density=0.04 + 0.1 * (seed % 3))
        graph = compile_step(step).graph
        target = natural(graph)
        assert is_order(step, tuple(target.tolist()))
        witness = greedy.forwards(graph, greedy.LEAST_PEAK, RUNNING)
        assert witness is not None
        limit = peak(graph, witness)
        order = pull_back(graph, witness, target, limits(graph, limit), RUNNING)
        assert is_order(step, tuple(order.tolist()))
        assert peak(graph, order) <= limit
        nearer += inversions(order, target) < inversions(witness, target)
    assert nearer > 120


def limits(graph: Graph, granules: int) -> np.ndarray:
    """The same limit for every op."""
    return np.full(graph.ops, granules, np.int64)


def test_each_op_keeps_its_own_limit() -> None:
    nearer = 0
    for seed in range(60):
        step = random_step(40, seed, density=0.1)
        graph = compile_step(step).graph
        target = natural(graph)
        witness = greedy.forwards(graph, greedy.LEAST_PEAK, RUNNING)
        assert witness is not None
        own = by_op(graph, witness)
        # Every second op may have as much alive as in the witness and no more.
        own[::2] = peak(graph, witness)
        order = pull_back(graph, witness, target, own, RUNNING)
        assert is_order(step, tuple(order.tolist()))
        weighty = touched_granules(graph) > 0
        assert (by_op(graph, order) <= own)[weighty].all()
        nearer += inversions(order, target) < inversions(witness, target)
    assert nearer > 30


def inversions(order: np.ndarray, target: np.ndarray) -> int:
    """Pairs of ops that the two orders put differently."""
    rank = np.empty(len(order), np.int64)
    rank[target] = np.arange(len(order))
    ranks = rank[order]
    return int((np.triu(ranks[:, None] > ranks[None, :])).sum())


def test_pulling_back_a_stopped_solve_keeps_the_witness() -> None:
    graph = compile_step(random_step(30, 2)).graph
    witness = greedy.forwards(graph, greedy.LEAST_PEAK, RUNNING)
    assert witness is not None
    order = pull_back(graph, witness, natural(graph), limits(graph, peak(graph, witness)), STOPPED)
    assert (order == witness).all()


def test_ops_without_bytes_stay_where_the_program_has_them() -> None:
    counters = 5
    storages = [Storage(GRANULE, Category.BUFFER, f"counter {i}") for i in range(counters)]
    ops: list[Op] = []
    for i in range(counters):
        made = len(storages)
        storages += [
            Storage(3 * GRANULE, Category.ACTIVATION, "big"),
            Storage(GRANULE, Category.ACTIVATION, "small"),
        ]
        ops += [
            Op(f"make{i}", "op.default", (), (), (made,)),
            Op(f"count{i}", "add_.Tensor", (), (i,), ()),
            Op(f"use{i}", "op.default", (made,), (), (made + 1,)),
        ]
    last = Op("all", "op.default", tuple(range(counters + 1, len(storages), 2)), (), ())
    step = Step(ORIGIN, tuple(storages), (*ops, last))
    graph = compile_step(step).graph
    rest = [op for op in range(len(step.ops)) if op % 3 != 1]
    witness = np.array([3 * i + 1 for i in range(counters)] + rest)
    order = pull_back(graph, witness, natural(graph), limits(graph, peak(graph, witness)), RUNNING)
    assert order.tolist() == list(range(len(step.ops)))


def test_an_op_that_allocates_nothing_is_natural_beside_the_op_it_serves() -> None:
    step = Step(
        ORIGIN,
        (
            Storage(GRANULE, Category.PARAMETER, "weight"),
            Storage(GRANULE, Category.GRADIENT, "gradient"),
            Storage(GRANULE, Category.TEMPORARY, "other"),
        ),
        (
            Op("gradient", "mm.default", (0,), (), (1,)),
            Op("other", "mm.default", (), (), (2,)),
            Op("update", "add_.Tensor", (1,), (0,), ()),
        ),
    )
    assert natural(compile_step(step).graph).tolist() == [0, 2, 1]
