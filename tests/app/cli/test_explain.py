"""explain: the op at the peak, what is alive there and why, what proves the bounds."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from solver.files import save_plan
from solver.step import Step
from tests.app.cli.conftest import Answer
from tests.app.toy_case import toy_plan

Bayplan = Callable[..., Answer]


@pytest.fixture
def plan_file(toy_files: Path, toy_step: Step) -> Path:
    """A plan proven by a cut at op 3, beside its step."""
    path = toy_files / "proven.plan"
    save_plan(toy_plan(toy_step), path)
    return path


def test_the_peak_its_storages_and_both_bounds_are_said(bayplan: Bayplan, plan_file: Path) -> None:
    answer = bayplan("explain", plan_file)

    assert (answer.code, answer.err) == (0, "")
    assert (
        "The peak: 5,120 B at slot 3 of 6\n  threshold backward, backward (relu_backward)" in answer.out
    )
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["linear", "·", "mm", "2,048", "0", "–", "–", "in", "use", "here"] in rows
    assert ["∂", "act", "·", "relu", "2,048", "3", "4", "4", "mm", "in", "linear"] in rows
    assert "The bound of the peak: 5,120 B" in answer.out
    said = " ".join(answer.out.split())
    assert "while threshold backward runs (relu_backward) these 3 tensors are alive: 5,120 B." in said
    assert "The bound of the height: 5,120 B" in answer.out
    assert [line for line in answer.out.splitlines() if len(line) > 100] == []


def test_another_slot_can_be_asked_for(bayplan: Bayplan, plan_file: Path) -> None:
    answer = bayplan("explain", plan_file, "--slot", 1)
    assert "Alive then: 3,072 B at slot 1 of 6\n  relu in act, forward (relu)" in answer.out


def test_json_has_all_of_it_with_names(bayplan: Bayplan, plan_file: Path) -> None:
    said = json.loads(bayplan("explain", plan_file, "--json").out)

    assert (said["slot"], said["op"]["name"], said["live_bytes"]) == (3, "relu_backward", 5120)
    assert sum(one["bytes"] for one in said["alive"]) == 5120
    gradient = next(one for one in said["alive"] if one["storage"] == 5)
    assert (gradient["made"]["slot"], gradient["next"]["name"]) == (3, "mm_1")
    assert said["peak_bound"]["op"]["name"] == "relu_backward"
    assert sum(one["bytes"] for one in said["peak_bound"]["held"]) == said["peak_bound"]["bytes"]
    assert said["height_bound"]["slot"] == 3


def test_the_step_may_be_named(bayplan: Bayplan, plan_file: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.plan"
    moved.write_bytes(plan_file.read_bytes())

    assert bayplan("explain", moved).code == 2
    assert bayplan("explain", moved, plan_file.with_name("toy.step")).code == 0


@pytest.mark.parametrize(
    ("slot", "said"),
    [("6", "no slot 6; its slots are from 0 to 5"), ("-1", "slot"), ("x", "'x' is not")],
)
def test_a_slot_that_is_not_there_is_said(
    bayplan: Bayplan, plan_file: Path, slot: str, said: str
) -> None:
    answer = bayplan("explain", plan_file, f"--slot={slot}")
    assert answer.code == 2
    assert said in answer.err


def test_only_the_largest_are_listed_unless_all_are_asked_for(
    bayplan: Bayplan, plan_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.explain.ROWS", 2)

    assert "and 1 more, 1.0 KiB; --all lists them" in bayplan("explain", plan_file).out
    assert "--all lists them" not in bayplan("explain", plan_file, "--all").out
