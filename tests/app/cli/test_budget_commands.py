"""solve --budget, curve and fit: what they answer, and how they say no."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from reuse_steps import simple_step

from app.library import Library
from solver.files import load_plan, save_step
from solver.step import Step
from tests.app.cli.conftest import Answer

Bayplan = Callable[..., Answer]
MIB = 1 << 20
FAST = ("--deadline", "4")
BRIEF = ("--deadline", "1")


def chain_step(length: int = 12, batch: int = 1) -> Step:
    """A forward of ``length`` elementwise ops and a backward that reads every result again: all of them
    are alive at the turn, and each costs little to make again."""
    calls: list[tuple[str, tuple[str, ...], str]] = [("mm.default", ("in",), "a0")]
    calls += [("exp.default", (f"a{i}",), f"a{i + 1}") for i in range(length)]
    calls.append(("mm.default", (f"a{length}",), f"g{length}"))
    for i in reversed(range(length)):
        calls.append(("mul.Tensor", (f"g{i + 1}", f"a{i}"), f"g{i}"))
    names = {name for _, _, name in calls}
    return simple_step(calls, dict.fromkeys(names, batch * 256))


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """A step whose activations can be made again."""
    path = tmp_path / "chain.step"
    save_step(chain_step(), path)
    return path


def test_a_plan_within_the_budget_is_written_and_right(bayplan: Bayplan, chain: Path) -> None:
    plan = chain.with_suffix(".plan")

    answer = bayplan("solve", chain, "--budget", "1.2MiB", *FAST, "-o", plan)

    assert (answer.code, answer.err) == (0, "")
    assert "Overhead " in answer.out and "a roofline of v100" in answer.out
    found = load_plan(plan)
    assert found.terms is not None and found.terms.budget_bytes == int(1.2 * MIB)
    assert len(found.order) > len(set(found.order)), "nothing was made again"
    assert bayplan("check", chain, plan).code == 0


def test_the_json_answer_has_the_figures_of_the_budget(bayplan: Bayplan, chain: Path) -> None:
    answer = bayplan(
        "solve",
        chain,
        "--budget",
        "1200KiB",
        "--device",
        "a100",
        "--bandwidth",
        "25GB/s",
        "--json",
        *FAST,
    )

    report = json.loads(answer.out)
    assert report["budget_bytes"] == 1200 * 1024
    assert report["feasible"] and report["needed_bytes"] <= 1200 * 1024
    assert report["overhead"] > 0 and report["overhead_bound"] <= report["overhead"]
    assert report["recomputed_ops"] > 0 and report["offloaded_bytes"] == 0
    assert "a100" in report["op_times"] and "25 GB/s" in report["op_times"]


def test_a_budget_that_nothing_fits_is_answered_with_what_would(bayplan: Bayplan, chain: Path) -> None:
    plan, options = chain.with_suffix(".plan"), ("--allow", "recompute", "--deadline", "2")

    answer = bayplan("solve", chain, "--budget", "200KiB", *options, "-o", plan, "--json")

    report = json.loads(answer.out)
    assert (answer.code, answer.err) == (1, "")
    assert not plan.exists()
    assert report["status"] == "infeasible" and report["overhead"] is None
    assert report["overhead_bound"] is None, "nothing is proven of plans that do not exist"
    assert 200 * 1024 <= report["impossible_bytes"] < report["feasible_bytes"]
    feasible = bayplan("solve", chain, "--budget", report["feasible_bytes"], *options)
    assert feasible.code == 0
    impossible = bayplan("solve", chain, "--budget", report["impossible_bytes"], *options)
    assert impossible.code == 1
    assert "No plan fits: that is proven." in impossible.out
    assert "Largest proven impossible" in impossible.out and "Smallest found" in impossible.out
    assert "Op times: " in impossible.out


def test_nothing_is_made_again_where_that_is_not_allowed(bayplan: Bayplan, chain: Path) -> None:
    within = ("--budget", "1.2MiB", *FAST, "--json", "--allow")

    assert bayplan("solve", chain, *within, "none").code == 1
    assert bayplan("solve", chain, *within, "recompute").code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--budget", "lots"], "is not a size"),
        (["--budget", "1MiB", "--allow", "magic"], "nothing that can be allowed"),
        (["--budget", "1MiB", "--device", "abacus"], "no device 'abacus'"),
        (["--budget", "1MiB", "--bandwidth", "fast"], "is not a bandwidth"),
        (["--budget", "1MiB", "--allow", "approximate"], "allow implementations, too"),
        (["--budget", "1MiB", "--pin", "first 0"], "leave out --pin"),
        (["--device", "v100"], "give one with --budget"),
        (["--allow", "recompute"], "give one with --budget"),
    ],
)
def test_options_that_cannot_be_are_refused(
    bayplan: Bayplan, chain: Path, options: list[str], message: str
) -> None:
    answer = bayplan("solve", chain, *options)

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_a_plan_within_a_budget_is_kept_explained_and_drawn(
    bayplan: Bayplan, chain: Path, library_path: Path
) -> None:
    plan = chain.with_suffix(".plan")
    assert bayplan("solve", chain, "--budget", "1.2MiB", *FAST, "-o", plan, "--store").code == 0

    (step,) = Library(library_path).steps()
    (stored,) = step.plans
    assert stored.budget_bytes == int(1.2 * MIB)
    assert stored.overhead is not None and stored.overhead > 0
    explained = bayplan("explain", plan)
    assert explained.code == 0
    assert "The budget: 1,258,291 B" in explained.out and "run again" in explained.out
    details = json.loads(bayplan("explain", plan, "--json").out)
    assert details["terms"]["budget_bytes"] == int(1.2 * MIB)
    assert bayplan("map", plan, "-o", chain.with_suffix(".png"), "--size", "600x400").code == 0


def test_a_curve_is_a_table_and_a_picture(bayplan: Bayplan, chain: Path, tmp_path: Path) -> None:
    table, picture = tmp_path / "curve.csv", tmp_path / "curve.png"
    plans = tmp_path / "plans"
    plans.mkdir()

    answer = bayplan(
        *("curve", chain, "-o", table, "-o", picture, "--budgets", "1.2MiB,2MiB,200KiB"),
        *("--plans", plans, "--store", "--deadline", "6"),
    )

    assert (answer.code, answer.err) == (0, "")
    rows = list(csv.DictReader(table.open()))
    assert [int(row["budget_bytes"]) for row in rows] == [2 * MIB, int(1.2 * MIB), 200 * 1024]
    assert float(rows[0]["overhead"]) == 0 < float(rows[1]["overhead"])
    assert rows[2]["overhead"] == ""
    assert picture.stat().st_size > 1000
    written = sorted(plans.iterdir())
    assert len(written) == 2
    for plan in written:
        assert bayplan("check", chain, plan).code == 0
    assert len(Library().steps()[0].plans) == 2


def test_a_curve_needs_a_name_that_says_what_it_is(
    bayplan: Bayplan, chain: Path, tmp_path: Path
) -> None:
    answer = bayplan("curve", chain, "-o", tmp_path / "curve.txt")

    assert (answer.code, answer.out) == (2, "")
    assert "name it .csv or .png" in answer.err


def test_a_curve_of_budgets_that_nothing_fits_is_a_no(
    bayplan: Bayplan, chain: Path, tmp_path: Path
) -> None:
    answer = bayplan("curve", chain, "-o", tmp_path / "c.csv", "--budgets", "100KiB", *BRIEF, "--json")

    assert answer.code == 1
    assert json.loads(answer.out)["points"][0]["overhead"] is None


def test_the_largest_batches_are_found(bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def capture(_: str, *, batch: int, **__: object) -> Step:
        from dataclasses import replace

        asked.append(batch)
        step = chain_step(batch=batch)
        return replace(step, origin=replace(step.origin, batch=batch))

    monkeypatch.setattr("runtime.capture.capture", capture)

    answer = bayplan("fit", "zoo:chain", "--memory", "20MiB", "--overhead", "15%", "--json", *BRIEF)

    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)
    plain = found["batch_without_overhead"]
    assert plain == 20 * MIB // (14 * 128 * 1024), "14 results are alive at the turn"
    assert plain < found["batch_within_limit"] <= found["batch"]
    within = found["answers"]["within_limit"]["trial"]
    assert 0 < within["overhead"] <= 0.15
    assert found["answers"]["any_overhead"]["too_large"] is not None
    assert len(asked) == len(set(asked)) == len(found["trials"])


def test_a_function_that_ignores_the_batch_is_named(
    bayplan: Bayplan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.capture.capture", lambda *_, **__: chain_step())

    answer = bayplan("fit", "train.py:build", "--memory", "20MiB")

    assert (answer.code, answer.out) == (2, "")
    assert "parameter batch" in answer.err


def test_the_ready_plans_are_listed_and_stored(bayplan: Bayplan, library_path: Path) -> None:
    listed = json.loads(bayplan("plans", "--json").out)

    assert listed
    assert all(Path(plan["file"]).is_file() and Path(plan["step"]).is_file() for plan in listed)
    text = bayplan("plans").out
    assert all(Path(plan["file"]).name in text for plan in listed)
    stored = bayplan("plans", "--store")
    assert (stored.code, stored.err) == (0, "")
    assert sum(len(step.plans) for step in Library(library_path).steps()) == len(listed)
