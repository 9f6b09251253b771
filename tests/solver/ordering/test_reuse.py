"""Orders whose plans reuse memory in place: never above the least peak where it says so, nor below."""

import time

import numpy as np
import pytest
from random_programs import random_program_step
from random_steps import is_order, optimal_peak
from reuse_steps import optimal_peak_with_reuse, simple_step

from solver.cut_value import cut_value
from solver.ordering import order_step
from solver.ordering.problem import compile_step
from solver.ordering.profile import peak, profile
from solver.plan import Proof
from solver.reuse import peak_with_takeovers, possible_takeovers
from solver.step import GRANULE
from solver.timeline import order_profile


@pytest.mark.parametrize("seed", range(100))
def test_small_programs_are_solved_to_the_least_peak_of_all_orders(seed: int) -> None:
    step = random_program_step(4 + seed % 10, seed, sizes=1 + seed % 4)
    result = order_step(step, deadline=20, seed=0)
    assert is_order(step, result.order)
    assert result.peak_bytes == result.bound_bytes == optimal_peak_with_reuse(step)
    assert result.peak_bytes == peak_with_takeovers(step, result.order) <= optimal_peak(step)
    assert result.optimal
    if result.lean_order:
        assert peak_with_takeovers(step, result.lean_order) == result.peak_bytes
    if result.proof is Proof.CUT:
        assert cut_value(step, result.proof_op, reuse=True) >= result.bound_bytes


def test_much_is_open_in_those_programs() -> None:
    steps = [random_program_step(4 + seed % 10, seed, sizes=1 + seed % 4) for seed in range(100)]
    assert sum(bool(step.outlook.open) for step in steps) > 50


def test_a_search_that_has_no_time_still_gives_an_order_and_a_true_bound() -> None:
    step = random_program_step(13, 1044)
    result = order_step(step, deadline=0, seed=0)
    assert is_order(step, result.order)
    assert result.bound_bytes <= optimal_peak_with_reuse(step) <= result.peak_bytes


@pytest.mark.parametrize("seed", range(20))
def test_a_sure_takeover_is_one_storage_whatever_the_order(seed: int) -> None:
    step = random_program_step(12, seed)
    sure = step.outlook.sure
    graph = compile_step(step, sure).graph
    for start in range(4):
        order = order_step(step, deadline=20, seed=start, reuse=bool(start % 2)).order
        expected = order_profile(step, order, sure) // GRANULE
        assert profile(graph, np.array(order, np.int64)).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_the_cut_is_the_least_that_any_order_has_alive_at_an_op(seed: int) -> None:
    step = random_program_step(9, seed)
    least = optimal_peak_with_reuse(step)
    cuts = [cut_value(step, op, reuse=True) for op in range(9)]
    assert max(cuts) <= least
    assert all(cut <= cut_value(step, op) for op, cut in enumerate(cuts))
    order = order_step(step, deadline=20, seed=0).order
    alive = order_profile(step, order, possible_takeovers(step, order))
    assert all(cuts[op] <= alive[slot] for slot, op in enumerate(order))


def test_an_open_takeover_that_the_peak_depends_on_is_made() -> None:
    # relu may take over x where the small user of x runs first; then 9 granules do for 15.
    calls = [
        ("mm.default", ("in",), "x"),
        ("relu.default", ("x",), "y"),
        ("mm.default", ("x",), "small"),
        ("mm.default", ("y", "small"), "end"),
    ]
    step = simple_step(calls, {"x": 7, "y": 7})
    assert step.outlook.open == {1: (1,)}
    with_reuse = order_step(step, deadline=20, seed=0)
    alone = order_step(step, deadline=20, seed=0, reuse=False)
    assert with_reuse.peak_bytes == with_reuse.bound_bytes == 9 * GRANULE
    assert alone.peak_bytes == alone.bound_bytes == 15 * GRANULE
    assert with_reuse.order == (0, 2, 1, 3)
    assert peak(compile_step(step).graph, np.array(with_reuse.order, np.int64)) == 15


@pytest.mark.parametrize(("ops", "seconds"), [(300, 1.5), (2500, 2.5)])
def test_a_hard_step_is_ordered_no_worse_with_reuse_than_without(ops: int, seconds: float) -> None:
    step = random_program_step(ops, 0)
    peaks = []
    for reuse in (False, True):
        order_step(random_program_step(20, 0), deadline=20, seed=0, reuse=reuse)  # kernels are loaded
        end = time.process_time() + seconds
        found = order_step(
            step, deadline=1e6, seed=0, reuse=reuse, cancelled=lambda e=end: time.process_time() > e
        )
        peaks.append(found.peak_bytes)
    assert peaks[1] <= 1.03 * peaks[0]
