"""order_step with pins against brute force and against itself without them."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_pins import all_orders, keeps_pins, random_pins
from random_programs import random_program_step
from random_steps import is_order, random_step

from solver.check_pins import edges_from_pins
from solver.constrained import constrained
from solver.cut_value import cut_value
from solver.errors import BayplanError
from solver.ordering import OrderResult, order_step
from solver.pinned_order import pinned_order
from solver.pins import At, Before, First, Freeze, Last, Pins
from solver.plan import Proof
from solver.planning_step import load_any_step
from solver.reuse import peak_with_takeovers
from solver.step import GRANULE, Category, Op, Step, Storage
from solver.timeline import order_profile


def solve(step: Step, pins: Pins, deadline: float = 30) -> OrderResult:
    return order_step(step, deadline=deadline, seed=0, pins=pins)


def peak_of(step: Step, order: tuple[int, ...]) -> int:
    return int(order_profile(step, order).max(initial=0))


def assert_sound(step: Step, pins: Pins, result: OrderResult) -> None:
    for order in filter(None, (result.order, result.lean_order)):
        assert is_order(step, order) and keeps_pins(step, pins, order)
        assert peak_of(step, order) == result.peak_bytes
    assert result.bound_bytes <= result.peak_bytes
    assert result.optimal == (result.bound_bytes == result.peak_bytes)
    if result.proof is Proof.CUT:
        pinned = constrained(step, edges_from_pins(step, pins))
        assert cut_value(pinned, result.proof_op) >= result.bound_bytes


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_peak_is_the_least_that_keeps_the_pins(step_seed: int, pin_seed: int) -> None:
    rng = random.Random(step_seed)
    step = random_step(rng.randint(1, 7), step_seed, density=rng.choice((0.1, 0.2)))
    step = replace(step, ops=tuple(replace(op, module=rng.choice("ab")) for op in step.ops))
    pins = random_pins(step, pin_seed)
    peaks = [peak_of(step, order) for order in all_orders(step) if keeps_pins(step, pins, order)]
    if not peaks:
        with pytest.raises(BayplanError):
            solve(step, pins)
        return
    result = solve(step, pins)
    assert_sound(step, pins, result)
    assert result.optimal and result.peak_bytes == min(peaks)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_another_pin_never_lowers_the_least_peak(step_seed: int, pin_seed: int) -> None:
    step = random_step(12, step_seed, density=0.12)
    pins = random_pins(step, pin_seed, most=4)
    if pinned_order(step, pins) is None:
        return
    peaks = [solve(step, pins[:count]).peak_bytes for count in range(len(pins) + 1)]
    assert peaks == sorted(peaks)


def pairs(count: int, seed: int) -> Step:
    """Ops that each make a storage, and as many that each read two of them."""
    rng = random.Random(seed)
    sizes = [rng.randint(1, 9) * GRANULE for _ in range(count)]
    storages = tuple(Storage(size, Category.ACTIVATION, f"s{i}") for i, size in enumerate(sizes))
    makers = [Op(f"make{i}", "op", (), (), (i,)) for i in range(count)]
    readers = [Op(f"read{i}", "op", (i, (i + 1) % count), (), ()) for i in range(count)]
    return Step(random_step(0, 0).origin, storages, (*makers, *readers))


@pytest.mark.parametrize("seed", range(6))
def test_storages_pinned_onto_each_other_are_alive_in_turn(seed: int) -> None:
    step = pairs(6, seed)
    pins: Pins = (At(0, 0), At(2, 0), At(4, GRANULE), At(1, 40 * GRANULE), At(3, 41 * GRANULE))
    result = solve(step, pins)
    assert_sound(step, pins, result)
    assert result.optimal
    assert result.peak_bytes >= solve(step, ()).peak_bytes
    hurried = solve(step, pins, deadline=0)
    assert_sound(step, pins, hurried)


@pytest.mark.parametrize("name", ["resnet50_b1_sgd", "bert_b1_adam"])
def test_real_steps_with_pins_are_solved_to_the_proof(cases: Path, name: str) -> None:
    step = load_any_step(cases / "steps" / f"{name}.json.gz")
    ops = len(step.ops)
    needed = {before for earlier in step.dependencies for before in earlier}
    ends = [op for op in range(ops) if op not in needed]
    pins: Pins = (Last(ends[0]), Before(ends[-1], ends[1]), Freeze(ops // 2, ops // 2 + 30))
    result = solve(step, pins)
    assert_sound(step, pins, result)
    assert result.optimal
    assert result.peak_bytes >= solve(step, ()).peak_bytes
    whole = solve(step, (Freeze(0, ops),))
    assert whole.order == tuple(range(ops)) and whole.optimal
    assert whole.peak_bytes == peak_of(step, tuple(range(ops)))


def test_a_pin_that_is_kept_anyway_changes_nothing(toy_step: Step) -> None:
    assert solve(toy_step, (First(0),)) == solve(toy_step, ())


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_with_in_place_reuse_the_peak_is_the_least_that_keeps_the_pins(
    step_seed: int, pin_seed: int
) -> None:
    step = random_program_step(random.Random(step_seed).randint(1, 7), step_seed)
    pins = random_pins(step, pin_seed)
    # What is pinned to an address keeps its bytes to itself.
    own = constrained(step, (), [pin.storage for pin in pins if isinstance(pin, At)])
    orders = [order for order in all_orders(step) if keeps_pins(step, pins, order)]
    if not orders:
        return
    result = order_step(step, deadline=30, seed=0, pins=pins)
    assert keeps_pins(step, pins, result.order)
    assert result.peak_bytes == peak_with_takeovers(own, result.order)
    least = min(peak_with_takeovers(own, order) for order in orders)
    assert result.bound_bytes <= least <= result.peak_bytes
    assert result.peak_bytes == least or not result.optimal
