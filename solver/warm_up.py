"""``python -m solver.warm_up NICENESS PART...``: compile the kernels of the parts into the cache.

A part is a function ``module:name`` that calls each of its kernels once, with the types that the
program calls it with. See ``solver.compile_ahead``.
"""

import gc
import importlib
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from solver import compile_ahead
from solver.step import Category, Op, Origin, Step, Storage

if TYPE_CHECKING:
    from solver.placement import PlacementProblem

_NEVER = np.zeros(1, np.uint8)
_ENDLESS = 3600.0
"""Seconds. A search must not end because compiling it took long: its other kernels would be missing."""


def main(arguments: list[str]) -> None:
    """Compile the parts; an error in one ends the process, and its stamp is not written."""
    niceness, *parts = arguments
    if hasattr(os, "nice"):
        os.nice(int(niceness))
    # A compilation makes millions of objects, none of which goes in circles for long.
    gc.disable()
    from solver import type_memo
    from solver.kernel_cache import folder, remove_old

    type_memo.install()
    place = folder()
    if place is None:
        return  # Nothing could be kept.
    for part in parts:
        module, _, name = part.partition(":")
        getattr(importlib.import_module(module), name)()
        compile_ahead.stamp(part).touch()
    remove_old(place)


def placement() -> None:
    """The constructors."""
    from solver.placement import place

    place(_problem(), brief=True)


def placement_search() -> None:
    """The depth-first search over placements."""
    from solver.placement.problem import reduce
    from solver.placement.race import Race
    from solver.watch import Watch

    (part,) = reduce(_problem())[1]
    with Watch(_ENDLESS) as watch:
        Race(part, watch, 0).sprint(part.bound)


def placement_deduction() -> None:
    """What the depth-first search deduces, which is part of its kernel: alone, for another process."""
    from numba import typeof

    from solver.placement import tree, tree_deduction
    from solver.placement.problem import reduce

    (part,) = reduce(_problem())[1]
    shape = tree.shape_of(part)
    assert shape is not None
    state = tree.root(shape, np.zeros((3, len(shape.size)), np.int64))
    types = [typeof(given) for given in (shape, state, 0, 0, 0, state.counts)]  # type: ignore[no-untyped-call]
    cast(Any, tree_deduction.deduce).compile(tuple(types))


def constrained_placement() -> None:
    """The constructors around what cannot move."""
    from solver.placement import place

    place(replace(_problem(), fixed=np.array([-1, 4096, -1, -1, -1], np.int64)), brief=True)


def _problem() -> "PlacementProblem":
    from solver.placement import PlacementProblem

    return PlacementProblem(
        np.array([0, 1, 2, 3, 0], np.int64),
        np.array([2, 3, 4, 5, 1], np.int64),
        np.array([1, 2, 3, 1, 2], np.int64) * 512,
    )


def greedy() -> None:
    """Orders that are built one op at a time."""
    from solver.ordering import greedy
    from solver.ordering.problem import compile_step
    from solver.ordering.profile import profile

    graph = compile_step(_step()).graph
    profile(graph, np.arange(graph.ops))
    greedy.forwards(graph, greedy.LEAST_PEAK, _NEVER)


def cuts() -> None:
    """The minimum cut of an op."""
    from solver.ordering.cut import mark_reachable, minimum_cut
    from solver.ordering.problem import compile_step

    graph = compile_step(_step()).graph
    nobody = np.zeros(graph.ops, np.bool_)
    minimum_cut(graph, 0, nobody, nobody, _NEVER)
    mark_reachable(graph.predecessors_at, graph.predecessors, 0, nobody)


def readable() -> None:
    """The pull towards program order."""
    from solver.ordering.problem import compile_step
    from solver.ordering.readable import pull_back

    graph = compile_step(_step()).graph
    order = np.arange(graph.ops)
    limits = np.full(graph.ops, 1 << 40, np.int64)
    pull_back(graph, order, order[[1, 0, *range(2, graph.ops)]], limits, _NEVER)


def annealing() -> None:
    """The annealing of an order."""
    from solver.ordering.anneal import anneal
    from solver.ordering.problem import compile_step

    graph = compile_step(_step()).graph
    anneal(graph, np.arange(graph.ops), 0, 1, 1.0, 0.1, 0, _NEVER)


def downsets() -> None:
    """The exact search over downsets, and its beam."""
    from solver.ordering.downsets import Downsets
    from solver.ordering.problem import compile_step

    Downsets(compile_step(_step()).graph, _NEVER).look(1 << 20, 8, width=2, backwards=False)


def search() -> None:
    """Whatever else a search for an order uses."""
    from solver.ordering import order_step

    order_step(_step(), deadline=_ENDLESS, seed=0)


def budget() -> None:
    """The simulator of budgets, its trips to the host, and the annealing over it."""
    from solver.budget.anneal import anneal
    from solver.budget.costs import op_costs
    from solver.budget.devices import V100
    from solver.budget.graph import KEEP, make_graph
    from solver.budget.simulate import simulate
    from solver.budget.state import make_state
    from solver.budget.trips import make_copies, time_trips

    step = _step()
    graph = make_graph(step, op_costs(step, V100, False), range(len(step.ops)))
    tables, state, choice = graph.tables, make_state(graph), graph.kept()
    copies = make_copies(graph, state, 1.0)
    slots, _ = simulate(tables, state, choice)
    time_trips(tables, state, copies, slots, 1)
    may = np.array([KEEP], np.uint8)
    anneal(tables, state, copies, choice, np.arange(0), may, 1, 0, 1, 1.0, 0.1, 1.0, 0, _NEVER)


def _step() -> Step:
    """Two chains whose halves should alternate: program order is not the best."""
    sizes = [512, 8192, 512, 8192, 512]
    return Step(
        Origin("warm up", "", 1, "", False, "cpu", "float32"),
        tuple(Storage(size, Category.TEMPORARY, f"s{i}") for i, size in enumerate(sizes)),
        (
            Op("a", "a", (), (), (1,)),
            Op("b", "b", (), (), (3,)),
            Op("c", "c", (1,), (), (0,)),
            Op("d", "d", (3,), (), (2,)),
            Op("e", "e", (0, 2), (), (4,)),
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
