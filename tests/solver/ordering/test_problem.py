"""The arrays that kernels read say what the step says."""

import numpy as np
import pytest
from random_steps import ORIGIN, random_step

from solver.ordering.problem import compile_step
from solver.ordering.profile import peak, profile, touched_granules
from solver.step import GRANULE, Category, Op, Step, Storage
from solver.timeline import order_profile


def row(at: np.ndarray, items: np.ndarray, index: int) -> list[int]:
    return sorted(items[at[index] : at[index + 1]].tolist())


def test_every_relation_of_a_step_is_there() -> None:
    for seed in range(40):
        step = random_step(15, seed)
        problem = compile_step(step)
        graph, storages = problem.graph, problem.storages.tolist()
        for op, earlier in enumerate(step.dependencies):
            assert row(graph.predecessors_at, graph.predecessors, op) == list(earlier)
            after = [later for later, needed in enumerate(step.dependencies) if op in needed]
            assert row(graph.successors_at, graph.successors, op) == after
            touched = [s for s in step.ops[op].touches if step.storages[s].planned]
            assert [storages[i] for i in row(graph.touches_at, graph.touches, op)] == touched
        for index, storage in enumerate(storages):
            users = [op for op, o in enumerate(step.ops) if storage in o.touches]
            assert row(graph.users_at, graph.users, index) == users
            assert storage in step.ops[graph.creator[index]].creates
            assert graph.sizes[index] * GRANULE >= step.storages[storage].size
            assert (graph.sizes[index] - 1) * GRANULE < step.storages[storage].size


def test_live_granules_are_the_timelines_live_bytes() -> None:
    for seed in range(40):
        step = random_step(15, seed)
        graph = compile_step(step).graph
        order = np.arange(graph.ops)
        assert (profile(graph, order) * GRANULE == order_profile(step, range(graph.ops))).all()
        assert (touched_granules(graph) <= profile(graph, order)).all()


def test_an_order_has_the_same_peak_from_the_back() -> None:
    for seed in range(20):
        graph = compile_step(random_step(15, seed)).graph
        order = np.arange(graph.ops)
        assert peak(graph.reversed(), order[::-1].copy()) == peak(graph, order)


def test_edges_are_added_to_both_directions() -> None:
    graph = compile_step(random_step(8, 1, density=0.0)).graph
    more = graph.with_edges([(1, 5), (0, 5)])
    assert {0, 1} <= set(row(more.predecessors_at, more.predecessors, 5))
    assert 5 in row(more.successors_at, more.successors, 1)
    assert 5 in row(more.successors_at, more.successors, 0)
    assert len(more.predecessors) == len(graph.predecessors) + 2
    assert graph.with_edges([]) is graph


def test_a_storage_that_no_op_creates_is_refused() -> None:
    step = Step(
        ORIGIN,
        (Storage(512, Category.ACTIVATION, "orphan"),),
        (Op("op", "op.default", (0,), (), ()),),
    )
    with pytest.raises(ValueError, match="orphan"):
        compile_step(step)
