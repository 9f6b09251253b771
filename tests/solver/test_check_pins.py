"""The validator and pins: a plan that does not keep them is refused, and its bound is one with them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_pins import all_orders, keeps_pins, random_pins
from random_steps import random_step
from test_check import assert_refused, make_plan, stacked

from solver.assemble import assemble
from solver.check import check
from solver.check_pins import broken_pins, edges_from_pins
from solver.constrained import constrained, renumbered
from solver.cut_value import cut_value
from solver.pinned_order import pinned_order
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin, Pins, pinned_end
from solver.plan import Certificate, Plan, Proof, Status
from solver.step import GRANULE, Step
from solver.timeline import order_profile


def with_pins(step: Step, *pins: Pin) -> Plan:
    """Program order, every storage at its own address, and pins that it may keep or not."""
    plan = make_plan(step)
    bound = replace(plan.certificate, height_bound_bytes=max(plan.peak_bytes, pinned_end(step, pins)))
    return replace(plan, pins=pins, certificate=bound)


@pytest.mark.parametrize(
    "pin",
    [Before(1, 2), First(0), Last(5), Freeze(0, 6), FreezeModule("linear"), At(3, 2048), At(2, 0)],
)
def test_a_plan_that_keeps_its_pins_is_right(toy_step: Step, pin: Pin) -> None:
    assert check(toy_step, with_pins(toy_step, pin)) == []


@pytest.mark.parametrize(
    ("pin", "words"),
    [
        (Before(2, 1), "sum (op 2) is pinned before relu (op 1), but runs at slot 2"),
        (Before(1, 1), "relu (op 1) is pinned before relu (op 1)"),
        (First(2), "sum (op 2) is pinned first, but mm (op 0) is"),
        (Last(2), "sum (op 2) is pinned last, but add_ (op 5) is"),
        (At(2, 512), "linear · mm (storage 2) is pinned at 512, but lies at 0"),
        (At(0, 512), "weight (storage 0) is pinned at 512, but has no address"),
        (At(-1, 0), "names what the step does not have"),
        (Before(0, 6), "names what the step does not have"),
        (Last(-1), "names what the step does not have"),
        (Freeze(0, 7), "names what the step does not have"),
    ],
)
def test_a_plan_that_breaks_a_pin_is_refused(toy_step: Step, pin: Pin, words: str) -> None:
    assert_refused(toy_step, with_pins(toy_step, pin), words)


def test_a_frozen_region_that_runs_otherwise_is_refused(toy_step: Step) -> None:
    plan = make_plan(toy_step, (0, 1, 3, 2, 4, 5))
    assert check(toy_step, replace(plan, pins=(Freeze(3, 6), Freeze(0, 3)))) == []
    for pin in (Freeze(0, 6), FreezeModule("")):
        moved = replace(toy_step, ops=tuple(replace(op, module="") for op in toy_step.ops))
        problems = check(moved, replace(plan, pins=(pin,)))
        assert problems == [
            "sum (op 2) and relu_backward (op 3) are frozen in program order, but run the other way "
            "round."
        ]


def test_the_bound_of_a_height_counts_what_is_pinned(toy_step: Step) -> None:
    plan = with_pins(toy_step, At(6, 1 << 20))
    addresses = stacked(toy_step) | {6: 1 << 20}
    moved = assemble(
        toy_step,
        range(6),
        addresses,
        name="far",
        status=Status.FEASIBLE,
        certificate=plan.certificate,
    )
    moved = replace(moved, pins=plan.pins)
    assert check(toy_step, moved) == []
    assert moved.height_bytes == plan.certificate.height_bound_bytes == (1 << 20) + GRANULE
    lower = replace(plan.certificate, height_bound_bytes=moved.peak_bytes)
    assert_refused(toy_step, replace(moved, certificate=lower), "or is pinned below it")


def test_a_cut_is_made_with_what_the_pins_add() -> None:
    raised = 0
    for seed in range(200):
        step = random_step(7, seed, density=0.15)
        pins = tuple(pin for pin in random_pins(step, seed) if not isinstance(pin, At))
        found = pinned_order(step, pins)
        if found is None:
            continue
        peak = int(order_profile(step, found.order).max())
        pinned = constrained(step, edges_from_pins(step, pins))
        values = [cut_value(pinned, op) for op in range(7)]
        best = max(range(7), key=values.__getitem__)
        plan = assemble(
            step,
            found.order,
            stacked(step),
            name="pinned",
            status=Status.FEASIBLE,
            certificate=Certificate(values[best], Proof.CUT, best, peak),
        )
        assert check(step, replace(plan, pins=pins)) == []
        if values[best] > max(cut_value(step, op) for op in range(7)):
            raised += 1
            assert_refused(step, plan, "bytes from the cut at")
    assert raised >= 5


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_pins_are_broken_just_when_brute_force_says_so(step_seed: int, pin_seed: int) -> None:
    step = random_step(5, step_seed)
    pins: Pins = tuple(p for p in random_pins(step, pin_seed) if not isinstance(p, At))
    for order in all_orders(step)[:20]:
        plan = replace(make_plan(step, order), pins=pins)
        assert bool(broken_pins(step, plan)) != keeps_pins(step, pins, order)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_step_renumbered_in_a_pinned_order_has_the_same_orders(step_seed: int, pin_seed: int) -> None:
    step = random_step(6, step_seed)
    pins = random_pins(step, pin_seed)
    found = pinned_order(step, pins)
    if found is None:
        return
    pinned = constrained(step, found.edges)
    moved = renumbered(pinned, found.order)
    assert all(max(before, default=-1) < op for op, before in enumerate(moved.dependencies))
    orders = {tuple(found.order[op] for op in order) for order in all_orders(moved)}
    assert orders == set(all_orders(pinned))
