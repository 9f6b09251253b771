"""Branch and bound and CP-SAT windows: each alone finds what brute force finds."""

import random

import numpy as np
from random_steps import is_order, optimal_peak, random_step

from solver.ordering.branch import Branching
from solver.ordering.problem import compile_step
from solver.ordering.profile import peak
from solver.ordering.windows import Windows
from solver.step import GRANULE
from solver.watch import Watch


def test_branch_and_bound_alone_proves_the_optimum() -> None:
    splits = 0
    with Watch(120) as watch:
        for seed in range(100):
            step = random_step(random.Random(seed).randint(2, 11), seed, density=0.12)
            graph = compile_step(step).graph
            program = np.arange(graph.ops)
            tree = Branching(graph, watch, program, program, 0)
            tree.run(100_000)
            optimum = optimal_peak(step) // GRANULE
            assert (tree.peak, tree.bound) == (optimum, optimum), f"seed {seed}"
            assert is_order(step, tuple(tree.best.tolist()))
            assert peak(graph, tree.best) == tree.peak
            splits += tree.nodes > 1
    assert splits > 5


def test_an_unfinished_tree_has_a_bound_that_holds() -> None:
    with Watch(120) as watch:
        for seed in range(60):
            step = random_step(11, seed, density=0.1)
            graph = compile_step(step).graph
            program = np.arange(graph.ops)
            tree = Branching(graph, watch, program, program, 0)
            optimum = optimal_peak(step) // GRANULE
            for _ in range(6):
                assert tree.bound <= optimum <= tree.peak
                tree.run(1)


def test_a_stopped_tree_has_a_bound_that_holds() -> None:
    with Watch(0) as watch:
        for seed in range(20):
            step = random_step(10, seed, density=0.1)
            graph = compile_step(step).graph
            program = np.arange(graph.ops)
            tree = Branching(graph, watch, program, program, 0)
            tree.run(100)
            assert tree.bound <= optimal_peak(step) // GRANULE <= tree.peak


def test_cp_sat_on_the_whole_order_proves_the_optimum() -> None:
    with Watch(120) as watch:
        for seed in range(25):
            step = random_step(random.Random(seed).randint(1, 11), seed, density=0.15)
            graph = compile_step(step).graph
            program = np.arange(graph.ops)
            result = Windows(graph, watch, seed).solve(program, 0, graph.ops, 0, 30.0)
            optimum = optimal_peak(step) // GRANULE
            assert is_order(step, tuple(result.order.tolist()))
            assert (peak(graph, result.order), result.bound) == (optimum, optimum), f"seed {seed}"


def test_a_window_changes_its_own_slots_only_and_never_raises_the_peak() -> None:
    better = 0
    with Watch(120) as watch:
        for seed in range(15):
            step = random_step(40, seed, density=0.04)
            graph = compile_step(step).graph
            program = np.arange(graph.ops)
            result = Windows(graph, watch, seed).solve(program, 10, 30, 0, 1.0)
            order = result.order
            again = Windows(graph, watch, seed).solve(program, 10, 30, 0, 1.0)
            assert (again.order == order).all()
            assert is_order(step, tuple(order.tolist()))
            assert (order[:10] == program[:10]).all() and (order[30:] == program[30:]).all()
            assert peak(graph, order) <= peak(graph, program)
            better += bool((order != program).any())
    assert better > 5


def test_a_stopped_window_gives_back_the_order_it_was_given() -> None:
    graph = compile_step(random_step(40, 1, density=0.04)).graph
    with Watch(0) as watch:
        result = Windows(graph, watch, 0).solve(np.arange(graph.ops), 0, 40, 7, 5.0)
    assert (result.order == np.arange(graph.ops)).all() and result.bound == 7
