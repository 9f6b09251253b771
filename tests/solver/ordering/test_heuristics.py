"""PyTorch's own orders: each is valid, each does what its rule says, none beats the optimum."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import ORIGIN, is_order, optimal_peak, random_step

from solver.ordering.heuristics import HEURISTICS, breadth_first, depth_first, updates_early
from solver.ordering.problem import compile_step
from solver.placement.caching_allocator import reserved_bytes, simulate
from solver.step import Category, Op, Step, Storage
from solver.timeline import order_profile


def two_branches() -> Step:
    """Op 0 feeds two chains, 1-2-3 and 4-5-6, that op 7 joins; storage i+1 is made by op i."""
    storages = [Storage(512, Category.INPUT, "input")]
    reads = [(0,), (1,), (2,), (3,), (1,), (5,), (6,), (4, 7)]
    for index in range(8):
        storages.append(Storage(512 if index < 4 else 1024, Category.ACTIVATION, f"s{index}"))
    ops = [Op(f"op{i}", "t.default", read, (), (i + 1,)) for i, read in enumerate(reads)]
    return Step(ORIGIN, tuple(storages), tuple(ops))


def test_breadth_first_takes_both_branches_in_turn() -> None:
    graph = compile_step(two_branches()).graph
    assert breadth_first(graph).tolist() == [0, 1, 4, 2, 5, 3, 6, 7]


def test_depth_first_ends_a_branch_before_it_begins_the_other() -> None:
    graph = compile_step(two_branches()).graph
    assert depth_first(graph).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def test_depth_first_begins_with_the_op_that_touches_least() -> None:
    step = two_branches()
    small = (*step.storages[:5], *(replace(s, size=1) for s in step.storages[5:]))
    large = [replace(s, size=4096) if 2 <= i <= 4 else s for i, s in enumerate(small)]
    order = depth_first(compile_step(replace(step, storages=tuple(large))).graph)
    assert order.tolist() == [0, 4, 5, 6, 1, 2, 3, 7]


def test_an_update_runs_right_after_its_gradient(toy_step: Step) -> None:
    late = replace(toy_step, ops=(*toy_step.ops[:5], *_two_more(), toy_step.ops[5]))
    order = updates_early(compile_step(late).graph).tolist()
    assert order.index(7) == order.index(4) + 1


def _two_more() -> tuple[Op, Op]:
    return (
        Op("read", "sum.default", (2,), (), ()),
        Op("read_1", "sum.default", (3,), (), ()),
    )


@pytest.mark.parametrize("name", list(HEURISTICS))
@given(st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_every_heuristic_gives_a_valid_order_that_is_not_below_the_optimum(
    name: str, ops: int, seed: int
) -> None:
    step = random_step(ops, seed)
    order = tuple(HEURISTICS[name](compile_step(step).graph).tolist())
    assert is_order(step, order)
    assert order_profile(step, order).max(initial=0) >= optimal_peak(step)


def test_in_program_order_the_caching_allocator_reserves_what_the_baseline_says(
    resnet50_step: Step,
) -> None:
    program = range(len(resnet50_step.ops))
    assert reserved_bytes(resnet50_step, program) == simulate(resnet50_step).reserved_bytes


def test_another_order_reserves_another_amount(resnet50_step: Step) -> None:
    order = updates_early(compile_step(resnet50_step).graph).tolist()
    reserved = reserved_bytes(resnet50_step, order)
    assert reserved < simulate(resnet50_step).reserved_bytes
    assert reserved >= resnet50_step.resident_bytes + order_profile(resnet50_step, order).max()
