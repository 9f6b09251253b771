"""solve(pins=...): every plan keeps them, from the first one on, and what is proven holds with them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_pins import all_orders, keeps_pins, random_pins
from random_programs import random_program_step
from random_steps import random_step

from solver.check import check
from solver.errors import BayplanError
from solver.files import decode_plan, encode_plan
from solver.pinned_order import pinned_order
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pins, pinned_end
from solver.plan import Status
from solver.solution import Progress, Solution
from solver.solve import solve
from solver.step import Step
from solver.timeline import order_profile


def assert_kept(step: Step, pins: Pins, solution: Solution) -> None:
    plans = [solution.plan, solution.program_plan]
    plans += [line.plan for line in solution.log if line.plan is not None]
    for plan in plans:
        assert plan.pins == pins
        assert check(step, plan) == []
        assert keeps_pins(step, pins, plan.order)
        address = {instance.storage: instance.address for instance in plan.instances}
        assert all(address[pin.storage] == pin.address for pin in pins if isinstance(pin, At))
    assert solution.baseline.plan.pins == ()
    program = range(len(step.ops))
    assert solution.report.program_order_peak_bytes == order_profile(step, program).max(initial=0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_every_plan_keeps_its_pins_and_says_what_is_proven(step_seed: int, pin_seed: int) -> None:
    step = random_step(6, step_seed, density=0.15)
    pins = random_pins(step, pin_seed)
    if pinned_order(step, pins) is None:
        with pytest.raises(BayplanError, match=r"cannot be kept|conflict"):
            solve(step, pins=pins)
        return
    solution = solve(step, pins=pins, deadline=2.0)
    assert_kept(step, pins, solution)
    least = min(
        int(order_profile(step, order).max(initial=0))
        for order in all_orders(step)
        if keeps_pins(step, pins, order)
    )
    assert solution.report.peak_bound_bytes <= least <= solution.report.peak_bytes
    floor = max(least, pinned_end(step, pins))
    if not any(isinstance(pin, At) for pin in pins):
        assert solution.report.peak_bytes == least
    if solution.plan.height_bytes == floor and solution.report.peak_bytes == least:
        assert solution.plan.status is Status.OPTIMAL and solution.report.gap == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_plans_that_reuse_memory_in_place_keep_their_pins(step_seed: int, pin_seed: int) -> None:
    step = random_program_step(6, step_seed)
    pins = random_pins(step, pin_seed)
    if pinned_order(step, pins) is not None:
        solution = solve(step, pins=pins, deadline=2.0)
        assert_kept(step, pins, solution)
        without = solve(step, pins=pins, deadline=2.0, reuse=False)
        assert solution.report.peak_bytes <= without.report.peak_bytes


@pytest.mark.parametrize("seed", range(8))
def test_orders_that_are_easier_to_place_keep_their_pins_too(seed: int) -> None:
    step = random_program_step(30, seed) if seed % 2 else random_step(30, seed, density=0.07)
    pins: Pins = ()
    for pin in (pin for more in range(20) for pin in random_pins(step, 20 * seed + more)):
        if pin not in pins and pinned_order(step, (*pins, pin)) is not None:
            pins = (*pins, pin)
    known = pinned_order(step, pins)
    assert known is not None and known.clashes.pairs and known.edges
    assert_kept(step, pins, solve(step, pins=pins, deadline=0.7))


def test_without_time_there_is_an_order_near_program_order(toy_step: Step) -> None:
    pins = (Before(3, 2),)
    solution = solve(toy_step, pins=pins, deadline=0.0)
    assert_kept(toy_step, pins, solution)
    assert solution.plan.order == (0, 1, 3, 2, 4, 5)
    assert solution.plan.name == "Near program order, placed"
    kept = solve(toy_step, pins=(Before(2, 3),), deadline=0.0)
    assert kept.plan.name == "Program order, placed"


def test_a_storage_lies_where_it_is_pinned(toy_step: Step) -> None:
    pins = (At(6, 1 << 20), At(2, 1024))
    solution = solve(toy_step, pins=pins, deadline=10.0)
    assert_kept(toy_step, pins, solution)
    # Nothing can be lower than the end of what is pinned.
    assert solution.plan.height_bytes == (1 << 20) + 512
    assert solution.plan.status is Status.OPTIMAL and solution.report.gap == 0


def test_pins_in_conflict_end_a_solve_before_it_begins(toy_step: Step) -> None:
    lines: list[Progress] = []
    with pytest.raises(BayplanError, match=r"'before add_ mm' cannot be kept.*add_ depends on mm"):
        solve(toy_step, pins=(First(0), Before(5, 0)), progress=lines.append)
    assert lines == []


@pytest.mark.parametrize("reuse", [True, False])
def test_a_real_step_with_pins_of_all_kinds(resnet50_step: Step, reuse: bool) -> None:
    step = resnet50_step
    needed = {before for earlier in step.dependencies for before in earlier}
    ends = [op for op in range(len(step.ops)) if op not in needed]
    large = max(
        (i for i, s in enumerate(step.storages) if s.planned), key=lambda i: step.storages[i].size
    )
    pins = (
        Last(ends[0]),
        Before(ends[-1], ends[1]),
        Freeze(300, 360),
        FreezeModule("layer1"),
        At(large, 0),
    )
    solution = solve(step, pins=pins, reuse=reuse)
    assert_kept(step, pins, solution)
    assert solution.plan.status is Status.OPTIMAL
    assert solution.report.peak_bytes >= solve(step, reuse=reuse).report.peak_bytes
    assert decode_plan(encode_plan(solution.plan), "a.plan") == solution.plan


def test_a_frozen_order_is_kept_and_only_placed(resnet50_step: Step) -> None:
    solution = solve(resnet50_step, pins=(Freeze(0, 622),), deadline=30.0)
    assert solution.plan.order == tuple(range(622))
    assert solution.plan.status is Status.OPTIMAL
