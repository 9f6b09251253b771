"""Pins as text: what is understood, what is written back, what is refused and how."""

from dataclasses import replace

import pytest

from solver.errors import BayplanError
from solver.pin_text import decode_pin, describe_pin, parse_pins, pin_text
from solver.pins import At, Before, First, Freeze, FreezeModule, Last, Pin
from solver.step import Step

PINS: list[tuple[Pin, str]] = [
    (Before(3, 5), "before 3 5"),
    (First(0), "first 0"),
    (Last(5), "last 5"),
    (Freeze(1, 4), "freeze 1-4"),
    (FreezeModule("linear"), "freeze linear"),
    (At(2, 4096), "at 2 4096"),
]


@pytest.mark.parametrize(("pin", "text"), PINS)
def test_a_pin_is_written_and_read_back(toy_step: Step, pin: Pin, text: str) -> None:
    assert pin_text(pin) == text
    assert decode_pin(text) == pin
    assert parse_pins(toy_step, [text]) == (pin,)


@pytest.mark.parametrize(
    ("text", "pin"),
    [
        ("before relu_backward add_", Before(3, 5)),
        ("  before   3   add_ ", Before(3, 5)),
        ("last add_", Last(5)),
        ("first mm", First(0)),
        ("freeze relu-mm_1", Freeze(1, 4)),
        ("freeze relu-6", Freeze(1, 6)),
        ("freeze act", FreezeModule("act")),
        ("at ∂ act · relu 0x200", At(5, 512)),
        ("at linear · mm 1024", At(2, 1024)),
    ],
)
def test_ops_and_storages_have_names(toy_step: Step, text: str, pin: Pin) -> None:
    assert parse_pins(toy_step, [text]) == (pin,)


def test_a_name_with_a_dash_can_begin_or_end_a_range(toy_step: Step) -> None:
    ops = (replace(toy_step.ops[0], name="mm-a"), *toy_step.ops[1:])
    step = replace(toy_step, ops=ops)
    assert parse_pins(step, ["freeze mm-a-sum", "freeze 0-2"]) == (Freeze(0, 2), Freeze(0, 2))


def test_people_read_names(toy_step: Step) -> None:
    assert describe_pin(toy_step, Before(3, 5)) == "before relu_backward add_"
    assert describe_pin(toy_step, At(2, 4096)) == "at linear · mm 4096"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not a kind of pin"),
        ("after 1 2", "'after' is not a kind of pin"),
        ("before 1", "'before' does not take '1'"),
        ("before 1 2 3", "'before' does not take '1 2 3'"),
        ("last", "'last' does not take ''"),
        ("last conv", "no op is called 'conv'"),
        ("last 6", "there is no op 6; the step has 6"),
        ("last 99999999999999999999999", "is not an index"),
        ("first -1", "no op is called '-1'"),
        ("freeze 4-2", "'freeze 4-2' names no ops"),
        ("freeze 0-9", "'freeze 0-9' names no ops"),
        ("freeze nowhere", "'freeze nowhere' names neither"),
        ("freeze", "'freeze' does not take ''"),
        ("at 2", "'at' does not take '2'"),
        ("at 2 1k", "'1k' is not an address"),
        ("at 2 -512", "'-512' is not an address"),
        ("at 2 9999999999999999999999999", "is not an address"),
        ("at nothing 512", "no storage is called 'nothing'"),
        ("at 2 513", "multiple of 512"),
    ],
)
def test_what_is_not_a_pin_is_refused_with_what_is(toy_step: Step, text: str, words: str) -> None:
    with pytest.raises(BayplanError) as caught:
        parse_pins(toy_step, [text])
    assert words in str(caught.value)


def test_a_name_that_several_storages_have_asks_for_an_index(toy_step: Step) -> None:
    storages = tuple(replace(s, name="x") for s in toy_step.storages)
    with pytest.raises(BayplanError, match=r"7 storages are called 'x' \(index 0, 1, 2, 3, 4, …\)"):
        parse_pins(replace(toy_step, storages=storages), ["at x 512"])


@pytest.mark.parametrize("text", ["", "before a b", "at x 512", "last ²", "run 3"])
def test_a_file_holds_indices_alone(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        decode_pin(text)
