"""The plans that come with the program are put into a library once."""

import threading
from pathlib import Path

import pytest

from app.library import Library
from app.library.ready import EDITION, TAG, add_ready_plans, offer_ready_plans, ready_files
from solver.check import check
from solver.files import load_plan, load_step, save_plan, save_step
from solver.plan import Plan
from solver.step import Step
from tests.app.toy_plans import within_budget

MOST_BYTES = 3_000_000
"""Of all ready plans with their steps."""


@pytest.fixture
def folder(tmp_path: Path, toy_step: Step, toy_plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ready plans: a step with two."""
    folder = tmp_path / "plans"
    folder.mkdir()
    save_step(toy_step, folder / "toy_b1.step")
    for budget in (16384, 32768):
        save_plan(within_budget(toy_step, toy_plan, budget), folder / f"toy_b1_{budget}_exact.plan")
    monkeypatch.setattr("app.library.ready.ready_folder", lambda: folder)
    return folder


def test_a_library_gets_them_once_tagged(library: Library, folder: Path) -> None:
    assert library.ready_edition() == 0

    offer_ready_plans(library)

    (step,) = library.steps()
    assert step.tags == (TAG,)
    assert sorted(plan.budget_bytes or 0 for plan in step.plans) == [16384, 32768]
    assert library.ready_edition() == EDITION


def test_what_was_deleted_is_not_offered_again(library: Library, folder: Path) -> None:
    offer_ready_plans(library)
    library.delete_step(library.steps()[0].id)

    offer_ready_plans(Library(library.path))

    assert library.steps() == []
    assert add_ready_plans(library) == 2, "asked for, they come back"
    assert len(library.steps()) == 1


def test_a_step_that_is_there_keeps_its_tags_and_plans(
    library: Library, folder: Path, toy_step: Step, toy_plan: Plan
) -> None:
    step_id = library.add_step(toy_step)
    library.set_step_tags(step_id, ["mine"])
    library.add_plan(step_id, toy_plan)

    offer_ready_plans(library)

    (step,) = library.steps()
    assert step.tags == ("mine",)
    assert len(step.plans) == 3


def test_two_windows_that_start_at_once_store_them_once(library: Library, folder: Path) -> None:
    starts = [
        threading.Thread(target=offer_ready_plans, args=(Library(library.path),)) for _ in range(3)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()

    (step,) = library.steps()
    assert len(step.plans) == 2


def test_a_library_that_cannot_be_used_is_no_bug_here(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "no.sqlite"
    path.write_text("not a database, but long enough to be looked at")

    offer_ready_plans(Library(path))

    assert path.read_text().startswith("not a database")


def test_every_ready_plan_is_right_for_its_step_and_all_are_small() -> None:
    files = ready_files()

    assert files, "there are no ready plans"
    total = 0
    for path, plans in files.items():
        step = load_step(path)
        assert plans, f"{path.name} has no plan"
        total += path.stat().st_size + sum(plan.stat().st_size for plan in plans)
        for each in plans:
            plan = load_plan(each)
            assert plan.provenance.step_file == path.name
            assert plan.terms is not None
            assert check(step, plan) == [], each.name
    assert total < MOST_BYTES


def test_what_was_stopped_between_plans_is_offered_again(library: Library, folder: Path) -> None:
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2  # of the step and its first plan

    offer_ready_plans(library, stopping)

    assert library.ready_edition() == 0
    assert len(library.steps()[0].plans) == 1
    offer_ready_plans(library)
    assert library.ready_edition() == EDITION
    assert len(library.steps()[0].plans) == 2
