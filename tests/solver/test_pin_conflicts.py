"""Which pins can be kept, and what is said of those that cannot; brute force is the judge."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_pins import all_orders, keeps_pins, random_pins
from random_steps import ORIGIN, is_order, random_step

from solver.errors import BayplanError
from solver.pin_conflicts import minimal_conflict, require_pinned_order
from solver.pinned_order import pinned_order
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin, Pins
from solver.step import GRANULE, Category, Op, Step, Storage


def step_of(seed: int) -> Step:
    """Up to seven ops in a few modules, one inside another."""
    rng = random.Random(seed)
    step = random_step(rng.randint(1, 7), seed, density=rng.choice((0.1, 0.25)))
    modules = ("", "a", "a.b", "c")
    return replace(step, ops=tuple(replace(op, module=rng.choice(modules)) for op in step.ops))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_pins_conflict_just_when_no_order_keeps_them(step_seed: int, pin_seed: int) -> None:
    step = step_of(step_seed)
    pins = random_pins(step, pin_seed)
    possible = any(keeps_pins(step, pins, order) for order in all_orders(step))
    found = pinned_order(step, pins)
    assert (found is not None) == possible
    if found is not None:
        assert is_order(step, found.order) and keeps_pins(step, pins, found.order)
        assert minimal_conflict(step, pins) == ()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_pins_named_conflict_and_none_of_them_could_be_left_out(
    step_seed: int, pin_seed: int
) -> None:
    step = step_of(step_seed)
    pins = random_pins(step, pin_seed, most=7)
    named = minimal_conflict(step, pins)
    orders = all_orders(step)
    assert set(named) <= set(pins)
    assert bool(named) != any(keeps_pins(step, pins, order) for order in orders)
    if named:
        assert not any(keeps_pins(step, named, order) for order in orders)
        with pytest.raises(BayplanError):
            require_pinned_order(step, pins)
    for left_out in range(len(named)):
        rest = named[:left_out] + named[left_out + 1 :]
        assert any(keeps_pins(step, rest, order) for order in orders)


def message(step: Step, *pins: Pin) -> str:
    with pytest.raises(BayplanError) as caught:
        require_pinned_order(step, pins)
    return str(caught.value)


def test_a_pin_against_the_dependencies_is_named_with_them(toy_step: Step) -> None:
    assert message(toy_step, Before(4, 0)) == (
        "The pin 'before mm_1 mm' cannot be kept: mm_1 depends on mm (through relu_backward). Drop it "
        "or change it."
    )
    assert "'first relu' cannot be kept: relu depends on mm." in message(toy_step, First(1))
    assert "'last relu' cannot be kept: sum depends on relu" in message(toy_step, Last(1))
    assert "'before sum sum' has sum run before sum" in message(toy_step, Before(2, 2))


def test_pins_against_one_another_are_named_and_no_others(toy_step: Step) -> None:
    pins = (Freeze(0, 2), Before(2, 3), At(2, 0), Before(5, 2), Before(3, 5))
    text = message(toy_step, *pins)
    assert "'before sum relu_backward'" in text and "'before add_ sum'" in text
    assert "freeze" not in text and "at linear" not in text
    assert "add_ depends on relu_backward (through mm_1)" in text
    assert "before relu_backward add_" not in text
    assert text.endswith("Drop one of them or change it.")


def test_two_ops_that_are_both_to_be_last_conflict() -> None:
    step = Step(ORIGIN, (), tuple(Op(name, "op", (), (), ()) for name in "abc"))
    assert minimal_conflict(step, (Last(0), First(1), Last(2))) == (Last(0), Last(2))
    assert "The pins 'last a' and 'last c' conflict" in message(step, Last(0), First(1), Last(2))


def test_storages_pinned_onto_each_other_that_are_always_alive_together(toy_step: Step) -> None:
    # relu reads what mm made (bytes 0 to 2,048) while its own result comes alive.
    assert message(toy_step, At(2, 0), At(3, 1024)) == (
        "The pins 'at linear · mm 0' and 'at act · relu 1024' conflict: linear · mm (storage 2, "
        "bytes 0 to 2,048) and act · relu (storage 3, bytes 1,024 to 2,048) share bytes, but relu "
        "needs both. Drop one of them or change it."
    )
    assert "one address" in message(toy_step, At(2, 0), At(2, 512))


def apart(*extra: Op) -> Step:
    """x and y: each made by one op and read by another, with nothing between the two pairs."""
    storages = (
        Storage(GRANULE, Category.ACTIVATION, "x"),
        Storage(GRANULE, Category.ACTIVATION, "y"),
    )
    ops = (
        Op("make_x", "op", (), (), (0,)),
        Op("make_y", "op", (), (), (1,)),
        Op("read_x", "op", (0,), (), ()),
        Op("read_y", "op", (1,), (), ()),
        *extra,
    )
    return Step(ORIGIN, storages, ops)


def test_storages_pinned_onto_each_other_are_kept_apart_in_time() -> None:
    found = require_pinned_order(apart(), (At(0, 0), At(1, 0)))
    assert found.order == (0, 2, 1, 3)
    found = require_pinned_order(apart(), (At(0, 0), At(1, 0), Before(1, 0)))
    assert found.order == (1, 3, 0, 2)


def test_an_order_pin_that_keeps_two_storages_together_is_named_with_them() -> None:
    text = message(apart(), At(0, 0), At(1, 0), First(0), Before(1, 2))
    # x is there first, so that y must wait for read_x, which one pin has wait for y.
    assert "'at x 0', 'at y 0', 'first make_x' and 'before make_y read_x' conflict" in text
    assert "no order that keeps the other pins keeps them apart in time" in text


def test_the_order_is_near_program_order_whether_an_op_waits_or_is_called_forward() -> None:
    step = Step(ORIGIN, (), tuple(Op(f"op{i}", "op", (), (), ()) for i in range(9)))
    found = pinned_order(step, (Before(8, 1), Before(8, 2), Before(8, 3)))
    assert found is not None and found.order == (0, 8, 1, 2, 3, 4, 5, 6, 7)
    found = pinned_order(step, (Before(5, 0), Before(6, 0), Before(7, 0)))
    assert found is not None and found.order == (1, 2, 3, 4, 5, 6, 7, 0, 8)


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        ((Before(0, 6),), "names op 6, which is not there: the step has ops 0 to 5"),
        ((Last(-1),), "names op -1"),
        ((Freeze(3, 3),), "'freeze 3-3' names no ops"),
        ((Freeze(0, 7),), "'freeze 0-7' names no ops"),
        ((FreezeModule("line"),), "'freeze line' names neither"),
        ((At(0, 0),), "resident, empty or never used"),
        ((At(7, 0),), "names storage 7, which is not there"),
        ((At(2, 100),), "multiple of 512"),
        ((At(2, -512),), "impossible address"),
    ],
)
def test_a_pin_that_names_what_is_not_there_is_refused(toy_step: Step, pins: Pins, words: str) -> None:
    assert words in message(toy_step, *pins)


def test_many_storages_pinned_onto_one_another_are_decided() -> None:
    storages = tuple(Storage(GRANULE, Category.ACTIVATION, f"s{i}") for i in range(40))
    makers = tuple(Op(f"make{i}", "op", (), (), (i,)) for i in range(40))
    readers = tuple(Op(f"read{i}", "op", (i,), (), ()) for i in range(40))
    step = Step(ORIGIN, storages, makers + readers)
    pins = tuple(At(i, 0) for i in range(40))
    found = pinned_order(step, pins)
    assert found is not None and found.order[:4] == (0, 40, 1, 41)
    both = Op("both", "op", (17, 30), (), ())
    step = Step(ORIGIN, storages, (*makers, *readers, both))
    assert minimal_conflict(step, pins) == (At(17, 0), At(30, 0))
