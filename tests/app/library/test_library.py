"""The library keeps steps by content and plans that are right, and lists both without decoding them."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.library import Library, default_path
from app.library.library import spark
from app.library.summary import SPARK_POINTS
from solver.errors import BayplanError
from solver.plan import Plan, Provenance, Status
from solver.solution import Report
from solver.step import Origin, Step
from solver.timeline import order_profile
from tests.app.toy_plans import stacked_plan, within_budget

REPORT = Report("toy", 6, 4, 1536, 5120, 4194304, 5120, 0, 5632, 0.0, 0.1, "feasible", 0)


def another(step: Step, model: str) -> Step:
    """A step of another model: its fingerprint differs."""
    return replace(step, origin=replace(step.origin, model=model, target=model))


def test_a_step_comes_back_as_it_was_stored(library: Library, toy_step: Step) -> None:
    step_id = library.add_step(toy_step)
    library.close()

    assert library.step(step_id) == toy_step


def test_the_same_step_is_stored_once_whatever_it_is_called(library: Library, toy_step: Step) -> None:
    first = library.add_step(toy_step)
    second = library.add_step(replace(toy_step, origin=replace(toy_step.origin, model="renamed")))

    assert first == second == library.find_step(toy_step.fingerprint)
    assert len(library.steps()) == 1


def test_a_step_is_found_by_its_fingerprint_only_where_it_is_stored(
    library: Library, toy_step: Step
) -> None:
    library.add_step(another(toy_step, "other"))

    assert library.find_step(toy_step.fingerprint) is None


def test_a_listing_has_the_figures_of_the_step(library: Library, toy_step: Step) -> None:
    library.add_step(toy_step)

    (summary,) = library.steps()

    assert summary.name == "toy · batch 1 · SGD"
    assert (summary.ops, summary.storages, summary.batch) == (6, 4, 1)
    assert summary.resident_bytes == 3 * 512
    assert summary.program_order_peak_bytes == 5 * 1024
    assert summary.baseline_reserved_bytes is None
    assert not summary.replayable
    assert summary.spark == tuple(order_profile(toy_step, range(6)))
    assert summary.plans == ()


def test_a_plan_comes_back_as_it_was_stored(library: Library, toy_step: Step, toy_plan: Plan) -> None:
    plan_id = library.add_plan(library.add_step(toy_step), toy_plan)
    library.close()

    assert library.plan(plan_id) == toy_plan


def test_a_plan_within_a_budget_is_listed_with_its_budget_and_overhead(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    step_id = library.add_step(toy_step)
    planned = within_budget(toy_step, toy_plan, 16384)
    without, within = library.add_plan(step_id, toy_plan), library.add_plan(step_id, planned)
    library.close()

    plans = {plan.id: plan for plan in library.plans(step_id)}

    assert library.plan(within) == replace(planned, name=plans[within].name)
    assert (plans[within].budget_bytes, plans[within].overhead) == (16384, 0.0)
    assert plans[within].overhead_bound == 0.0
    assert (plans[without].budget_bytes, plans[without].overhead) == (None, None)


def test_the_same_decisions_under_another_budget_are_another_plan(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    step_id = library.add_step(toy_step)
    for budget in (16384, 16384, 32768):
        library.add_plan(step_id, within_budget(toy_step, toy_plan, budget))

    assert sorted(plan.budget_bytes or 0 for plan in library.plans(step_id)) == [16384, 32768]


def test_a_listing_has_the_figures_and_the_provenance_of_a_plan(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    made = Provenance(seed=7, seconds=1.25, created="2026-01-02T03:04:05+00:00")
    step_id = library.add_step(toy_step)
    library.add_plan(step_id, replace(toy_plan, provenance=made), REPORT)

    (step,) = library.steps()
    (plan,) = step.plans

    assert step.baseline_reserved_bytes == REPORT.baseline_reserved_bytes
    assert (plan.seed, plan.seconds, plan.created) == (7, 1.25, "2026-01-02T03:04:05+00:00")
    assert (plan.peak_bytes, plan.height_bytes) == (toy_plan.peak_bytes, toy_plan.height_bytes)
    assert (plan.peak_bound_bytes, plan.status) == (0, "feasible")
    assert list(plan.spark) == list(step.spark)
    assert library.plans(step_id) == [plan]


def test_plans_are_listed_from_the_lowest(library: Library, toy_step: Step) -> None:
    step_id = library.add_step(toy_step)
    for gap in (1024, 0, 512):
        library.add_plan(step_id, stacked_plan(toy_step, name=f"gap {gap}", gap=gap))

    assert [plan.name for plan in library.plans(step_id)] == ["gap 0", "gap 512", "gap 1024"]


def test_a_plan_with_the_same_decisions_is_stored_once(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    step_id = library.add_step(toy_step)
    first = library.add_plan(step_id, toy_plan)
    again = replace(toy_plan, name="Solved again", provenance=Provenance(seconds=9.0))

    assert library.add_plan(step_id, again) == first
    assert len(library.plans(step_id)) == 1


def test_another_plan_of_the_same_name_gets_a_number(library: Library, toy_step: Step) -> None:
    step_id = library.add_step(toy_step)
    for gap in (0, 512, 1024):
        library.add_plan(step_id, stacked_plan(toy_step, name="Plan", gap=gap))

    assert [plan.name for plan in library.plans(step_id)] == ["Plan", "Plan (2)", "Plan (3)"]


def test_a_plan_that_is_wrong_is_not_stored(library: Library, toy_step: Step, toy_plan: Plan) -> None:
    step_id = library.add_step(toy_step)
    overlapping = replace(toy_plan, instances=tuple(replace(i, address=0) for i in toy_plan.instances))

    with pytest.raises(BayplanError, match="overlaps"):
        library.add_plan(step_id, overlapping)

    assert library.plans(step_id) == []


def test_a_plan_of_another_step_is_not_stored(library: Library, toy_step: Step, toy_plan: Plan) -> None:
    step_id = library.add_step(another(toy_step, "other"))

    with pytest.raises(BayplanError, match="another step"):
        library.add_plan(step_id, toy_plan)


def test_the_step_as_run_is_not_stored(library: Library, toy_step: Step, toy_plan: Plan) -> None:
    step_id = library.add_step(toy_step)

    with pytest.raises(BayplanError, match="not a plan"):
        library.add_plan(step_id, replace(toy_plan, status=Status.BASELINE))


def test_names_notes_and_tags_are_kept(library: Library, toy_step: Step, toy_plan: Plan) -> None:
    step_id = library.add_step(toy_step)
    plan_id = library.add_plan(step_id, toy_plan)

    library.rename_step(step_id, "  My step ")
    library.set_step_notes(step_id, "first line\nsecond")
    library.set_step_tags(step_id, ["b", "a", " a ", ""])
    library.rename_plan(plan_id, "My plan")
    library.set_plan_notes(plan_id, "good")
    library.set_plan_tags(plan_id, ["x", "y"])
    library.set_plan_tags(plan_id, ["y", "z"])

    (step,) = library.steps()
    (plan,) = step.plans
    assert (step.name, step.notes, step.tags) == ("My step", "first line\nsecond", ("a", "b"))
    assert (plan.name, plan.notes, plan.tags) == ("My plan", "good", ("y", "z"))
    assert library.plan(plan_id).name == "My plan"


def test_two_plans_of_a_step_cannot_have_one_name(library: Library, toy_step: Step) -> None:
    step_id = library.add_step(toy_step)
    library.add_plan(step_id, stacked_plan(toy_step, name="A"))
    second = library.add_plan(step_id, stacked_plan(toy_step, name="B", gap=512))

    with pytest.raises(BayplanError, match="another plan named 'A'"):
        library.rename_plan(second, "A")
    library.rename_plan(second, "B")

    assert [plan.name for plan in library.plans(step_id)] == ["A", "B"]


def test_a_name_must_have_a_letter(library: Library, toy_step: Step) -> None:
    step_id = library.add_step(toy_step)

    with pytest.raises(BayplanError, match="name is empty"):
        library.rename_step(step_id, "  ")


def test_deleting_a_step_deletes_its_plans_and_nothing_else(
    library: Library, toy_step: Step, toy_plan: Plan
) -> None:
    kept = library.add_step(another(toy_step, "kept"))
    step_id = library.add_step(toy_step)
    plan_id = library.add_plan(step_id, toy_plan)
    library.set_plan_tags(plan_id, ["tag"])

    library.delete_step(step_id)

    assert [step.id for step in library.steps()] == [kept]
    with pytest.raises(BayplanError, match="no longer in the library"):
        library.plan(plan_id)
    assert library.add_plan(library.add_step(toy_step), toy_plan)
    assert library.steps()[0].plans[0].tags == ()


def test_deleting_a_plan_keeps_its_step(library: Library, toy_step: Step, toy_plan: Plan) -> None:
    step_id = library.add_step(toy_step)
    plan_id = library.add_plan(step_id, toy_plan)

    library.delete_plan(plan_id)
    library.delete_plan(plan_id)

    assert library.plans(step_id) == []
    assert library.step(step_id) == toy_step


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["gpt", "toy"]),
        ("TOY", ["toy"]),
        ("batch 1", ["gpt", "toy"]),
        ("sgd gpt", ["gpt"]),
        ("stacked", ["toy"]),
        ("größe", ["gpt"]),
        ("%", []),
        ("absent", []),
    ],
)
def test_search_finds_words_in_names_and_tags_of_steps_and_plans(
    library: Library, toy_step: Step, toy_plan: Plan, text: str, found: list[str]
) -> None:
    library.add_plan(library.add_step(toy_step), toy_plan)
    library.set_step_tags(library.add_step(another(toy_step, "gpt")), ["GRÖSSE"])

    assert [step.model for step in library.search(text)] == found


def test_the_library_lies_where_the_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BAYPLAN_LIBRARY", str(tmp_path / "mine.sqlite"))
    assert Library().path == default_path() == tmp_path / "mine.sqlite"

    monkeypatch.delenv("BAYPLAN_LIBRARY")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path().name == "library.sqlite"
    assert default_path().parent.name == "bayplan"


def test_a_spark_line_keeps_the_peak_and_has_few_points(resnet50_step: Step) -> None:
    profile = order_profile(resnet50_step, range(len(resnet50_step.ops)))

    points = spark(profile)

    assert len(points) == SPARK_POINTS
    assert max(points) == profile.max()
    assert set(points) <= set(profile.tolist())


def test_a_large_step_is_listed_in_milliseconds_without_decoding_it(
    library: Library, resnet50_step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add_step(resnet50_step)

    def refuse(*_: object) -> None:
        raise AssertionError("a listing decoded a step")

    monkeypatch.setattr("app.library.library.decode_step", refuse)

    assert library.steps()[0].name == resnet50_step.title


def test_origin_is_listed(library: Library, toy_step: Step) -> None:
    origin = Origin("net", "net.py:f", 8, "", False, "cuda", "bfloat16")
    library.add_step(replace(toy_step, origin=origin))

    (summary,) = library.steps()

    assert (summary.model, summary.batch, summary.training) == ("net", 8, False)
    assert (summary.optimizer, summary.target, summary.dtype) == ("", "cuda", "bfloat16")
