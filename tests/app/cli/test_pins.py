"""``--pin`` and ``--pins``: what the user fixes goes into the plan, or is refused in one line."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from solver.files import load_plan, save_plan
from solver.pins import At, Before, Freeze, Last
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]


def test_pins_are_kept_stored_and_checked(bayplan: Bayplan, toy_files: Path) -> None:
    step, plan = toy_files / "toy.step", toy_files / "pinned.plan"
    (toy_files / "pins.json").write_text(json.dumps(["freeze 4-6", "at ∂ act · relu 0"]))

    solved = bayplan(
        *("solve", step, "-o", plan, "--pin", "before relu_backward sum", "--pin", "last 5"),
        *("--pins", toy_files / "pins.json"),
    )

    assert (solved.code, solved.err) == (0, "")
    assert "With 4 pins: before relu_backward sum, last add_, freeze 4-6, at ∂ act" in solved.out
    found = load_plan(plan)
    assert found.pins == (Before(3, 2), Last(5), Freeze(4, 6), At(5, 0))
    assert found.name == "Planned, 4 pins", "in the window no plan without pins takes its place"
    assert found.order.index(3) < found.order.index(2)
    checked = bayplan("check", step, plan)
    assert checked.code == 0 and "with 4 pins: before relu_backward sum" in checked.out


def test_a_plan_that_breaks_its_pins_is_answered_with_no(bayplan: Bayplan, toy_files: Path) -> None:
    plan = replace(load_plan(toy_files / "toy.plan"), pins=(Before(3, 2),))
    save_plan(plan, toy_files / "broken.plan")

    answer = bayplan("check", toy_files / "toy.step", toy_files / "broken.plan")

    assert answer.code == 1
    assert "relu_backward (op 3) is pinned before sum (op 2), but runs at slot 3" in answer.out


@pytest.mark.parametrize(
    ("pin", "words"),
    [
        ("last conv", "no op is called 'conv'"),
        ("after 1 2", "'after' is not a kind of pin"),
        ("at weight 0", "resident, empty or never used"),
        ("before add_ mm", "cannot be kept: add_ depends on mm. Drop it"),
        ("first add_", "cannot be kept"),
    ],
)
def test_a_pin_that_cannot_be_is_refused_before_the_work(
    bayplan: Bayplan, toy_files: Path, pin: str, words: str
) -> None:
    answer = bayplan("solve", toy_files / "toy.step", "--pin", pin)
    assert (answer.code, answer.out) == (2, "")
    assert words in answer.err and answer.err.count("\n") == 1


def test_the_help_says_what_a_pin_looks_like(bayplan: Bayplan) -> None:
    text = " ".join(bayplan("solve", "--help").out.split())
    assert "before OP OP, last OP, first OP, freeze A-B, freeze MODULE or at STORAGE ADDRESS" in text
