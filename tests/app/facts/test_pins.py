"""Pins in words, addresses as people write them, and where pins are in what is shown."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.facts.pins import (
    address_given,
    address_text,
    captured_op,
    captured_storages,
    module_pins,
    pin_facts,
    pins_about,
    pins_where_they_lie,
    planned_pins,
    with_pins,
    without,
)
from app.facts.plan import plan_facts
from solver.errors import BayplanError
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin
from solver.step import GRANULE
from tests.app.toy_case import RESIDENT, toy_plan
from tests.conftest import make_toy_step

STEP = make_toy_step()
MM, RELU, SUM, RELU_BACKWARD, MM_1, ADD = range(6)


@pytest.mark.parametrize(
    ("pin", "text"),
    [
        (Before(SUM, RELU_BACKWARD), "sum runs before relu_backward"),
        (First(MM), "mm runs first"),
        (Last(ADD), "add_ runs last"),
        (Freeze(1, 3), "Ops 1–2 keep program order"),
        (FreezeModule("linear"), "linear keeps program order"),
        (At(3, 2048), "act · relu at 0x000000e00"),
    ],
)
def test_a_pin_is_said_in_words(pin: Pin, text: str) -> None:
    assert pin_facts(STEP, pin).text == text


def test_a_module_says_how_many_ops_it_keeps_in_order() -> None:
    assert pin_facts(STEP, FreezeModule("linear")).detail == "3 ops"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0x600", 0),
        ("0x800", 512),
        ("1536", 0),
        ("2,048", 512),
        (" 2 KiB ", 512),
        ("1MiB", 2**20 - RESIDENT),
        ("1.5GiB", 3 * 2**29 - RESIDENT),
    ],
)
def test_an_address_is_written_as_the_map_shows_it(text: str, address: int) -> None:
    assert address_given(STEP, text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not an address"),
        ("0x", "is not an address"),
        ("-512", "is not an address"),
        ("here", "is not an address"),
        ("0x7ff", "0x600 and 0x800"),
        ("512", "lie the tensors that stay in memory"),
    ],
)
def test_what_is_no_address_is_answered_with_what_would_be(text: str, why: str) -> None:
    with pytest.raises(BayplanError, match=why):
        address_given(STEP, text)


@given(st.integers(0, 2**40 // GRANULE))
def test_an_address_that_is_shown_can_be_typed(granules: int) -> None:
    assert address_given(STEP, address_text(STEP, granules * GRANULE)) == granules * GRANULE


def test_a_tensor_has_one_address_and_one_op_is_first_and_last() -> None:
    pins = with_pins((At(2, 0), First(MM), Last(ADD), Before(SUM, ADD)), [At(2, 512), First(RELU)])
    assert pins == (Last(ADD), Before(SUM, ADD), At(2, 512), First(RELU))
    assert with_pins(pins, [Before(SUM, ADD)])[-1] == Before(SUM, ADD)
    assert len(with_pins(pins, [Before(SUM, ADD)])) == len(pins)
    assert without(pins, [At(2, 512), Last(ADD)]) == (Before(SUM, ADD), First(RELU))


def test_pins_are_found_by_what_they_are_about() -> None:
    pins = (At(3, 0), Before(MM, ADD), First(MM), Freeze(1, 3), FreezeModule("lin"))
    assert pins_about(pins, (3,), -1) == (At(3, 0),)
    assert pins_about(pins, (), MM) == (Before(MM, ADD), First(MM))
    assert pins_about(pins, (), SUM) == (Freeze(1, 3),)
    assert pins_about(pins, (), ADD) == (Before(MM, ADD),)
    assert module_pins(STEP, pins, MM) == (), "lin is not linear"
    assert module_pins(STEP, (FreezeModule("linear"),), MM_1) == (FreezeModule("linear"),)


def test_tensors_are_pinned_where_they_lie_and_residents_are_not() -> None:
    facts = plan_facts(STEP, toy_plan(STEP))
    assert pins_where_they_lie(STEP, facts, (0, 3, 2)) == (At(3, 2048), At(2, 0))


def test_pins_are_marked_where_the_plan_has_what_they_name() -> None:
    plan = toy_plan(STEP, (0, 1, 3, 2, 4, 5))
    kept = Before(RELU_BACKWARD, SUM)
    pins = (kept, Last(ADD), At(5, 0), FreezeModule("linear"))
    storages, slots = planned_pins(STEP, plan_facts(STEP, plan), pins, {kept})
    assert storages == {5: False}
    assert slots == {2: True, 3: True, 5: False}


def test_ops_and_tensors_of_a_rewritten_step_are_found_by_name() -> None:
    ops = (STEP.ops[0], replace(STEP.ops[2], name="new"), *STEP.ops[1:])
    other = replace(STEP, ops=ops)
    assert captured_op(STEP, other, 2) == RELU
    assert captured_op(STEP, other, 1) == -1
    assert captured_op(STEP, STEP, SUM) == SUM
    assert captured_storages(STEP, other, (2, 6)) == (2, 6)
