"""Orders between the readable and the lean one: valid, of the same peak, with room at the conflict."""

from pathlib import Path

import numpy as np
from random_steps import is_order, random_step

from solver.ordering import order_step
from solver.ordering.easing import Easing, conflict
from solver.ordering.problem import compile_step
from solver.ordering.profile import by_op, touched_granules
from solver.ordering.readable import natural
from solver.placement import PlacementProblem
from solver.planning_step import load_any_step
from solver.solve import solve
from solver.step import GRANULE, Step
from solver.timeline import order_profile
from solver.watch import Watch


def array(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_conflict_is_where_something_sticks_out() -> None:
    problem = PlacementProblem(array(0, 1, 4), array(2, 3, 6), array(5, 5, 9))
    assert conflict(problem, array(0, 5, 0), 10, 6).tolist() == [False] * 6
    assert conflict(problem, array(0, 5, 0), 9, 6).tolist() == [False, True, True] + [False] * 3
    assert conflict(problem, array(0, 5, 2), 10, 6).tolist() == [False] * 4 + [True, True]


def test_every_eased_order_has_the_peak_and_less_at_the_conflict() -> None:
    changed = 0
    for seed in range(20):
        step = random_step(40, seed, density=0.06)
        found = order_step(step, deadline=10.0, seed=0, reuse=False)
        if not found.lean_order or found.lean_order == found.order:
            continue
        graph = compile_step(step).graph
        lean, last = np.array(found.lean_order), np.array(found.order)
        easing = Easing(step, lean, found.peak_bytes, reuse=False)
        everywhere = np.ones(40, np.bool_)
        limits = np.full(40, found.peak_bytes // GRANULE)
        with Watch(60.0) as watch:
            for height in range(easing.rounds):
                order = easing.order(last, everywhere, height, watch)
                assert is_order(step, tuple(order.tolist()))
                assert order_profile(step, order).max() <= found.peak_bytes
                now = by_op(graph, order)
                assert (now <= np.maximum(limits, by_op(graph, lean)))[
                    touched_granules(graph) > 0
                ].all()
                changed += (order != last).any()
                last, limits = order, limits * (1 - 0.004)
    assert changed > 10


def test_where_easing_the_conflict_alone_has_no_effect_it_eases_everywhere() -> None:
    differ = 0
    for seed in range(12):
        step = random_step(40, seed, density=0.06)
        found = order_step(step, deadline=10.0, seed=0, reuse=False)
        lean = np.array(found.lean_order or found.order)
        orders = []
        for heights in (range(8), [1] * 8):
            easing = Easing(step, lean, found.peak_bytes, reuse=False)
            nowhere = np.zeros(40, np.bool_)
            with Watch(60.0) as watch:
                orders.append([easing.order(lean, nowhere, h, watch).tolist() for h in heights])
        heights_change, height_stays = orders
        assert all(order == heights_change[0] for order in heights_change)
        differ += height_stays[-1] != heights_change[-1]
    assert differ > 0


def far(step: Step, order: tuple[int, ...]) -> float:
    """Slots between an op's place in the order and where it is natural, on average."""
    target = natural(compile_step(step).graph)
    slot = np.empty(len(order), np.int64)
    slot[list(order)] = np.arange(len(order))
    return float(np.abs(slot[target] - np.arange(len(order))).mean())


def test_of_real_steps_no_plan_is_leaner_than_it_must(cases: Path) -> None:
    for name in ("vit_b_16_b1_sgd", "googlenet_b32_sgd", "transformer_b1_sgd"):
        step = load_any_step(cases / "steps" / f"{name}.json.gz")
        found = order_step(step, deadline=60.0, seed=0)
        plan = solve(step).plan
        assert plan.height_bytes == found.peak_bytes
        assert far(step, plan.order) < 0.6 * far(step, found.lean_order)
