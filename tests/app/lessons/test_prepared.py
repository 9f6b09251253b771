"""Lessons are true: every fact, answer and goal is checked against the step that they are about."""

from pathlib import Path

import pytest

from app.lessons.facts import FACTS, Fact, Measure, close, fact, filled, holds, in_unit
from app.lessons.lesson import AS_RUN, PLANNED, START, Kind
from app.lessons.prepared import prepare_lesson
from app.lessons.progress import Progress, keep_progress, progress_of
from app.lessons.reading import lesson_files, read_lesson
from app.settings import Settings
from solver.check import require_valid
from solver.errors import BayplanError
from solver.files import save_step
from solver.plan import Status
from tests.app.lessons.test_reading import GOOD, written
from tests.conftest import make_toy_step

DOCS = Path(__file__).parents[3] / "resources" / "docs" / "lessons.md"


@pytest.mark.parametrize("path", lesson_files(), ids=lambda path: path.name.split(".")[0])
def test_every_answer_of_a_lesson_is_what_the_step_says(path: Path) -> None:
    prepared = prepare_lesson(read_lesson(path))
    assert prepared.plans[PLANNED].status is Status.OPTIMAL
    for plan in prepared.plans.values():
        if plan.status is not Status.BASELINE:
            require_valid(prepared.step, plan)
    for page in prepared.lesson.pages:
        ask, find = page.ask, prepared.finder(page)
        if ask is None:
            continue
        if ask.kind is Kind.NUMBER:
            true = prepared.number(page)
            shown = in_unit(true.text.split(" ")[0], true.measure, ask.unit)
            assert close(shown, true, ask.unit, ask.tolerance), "what the text shows must be accepted"
            assert not close(true.number * 3 + 3e6, true, ask.unit, ask.tolerance)
        elif ask.kind is Kind.SELECT:
            assert prepared.names(page)
        elif ask.kind is Kind.REACH:
            begin = prepared.subject(page, None, page.show.plan)
            assert not all(holds(goal, prepared.finder(page, begin)) for goal in ask.goals)
            if page.show.view == "budget":
                continue  # Met by a plan that is solved for; tests/gui/test_lessons.py solves it.
            best = prepared.subject(page, None, PLANNED)
            assert all(holds(goal, prepared.finder(page, best)) for goal in ask.goals)
        assert "{" not in filled(ask.right, find) + filled(page.text, find)


def test_the_puzzle_begins_stacked_and_can_be_packed_without_a_hole() -> None:
    prepared = prepare_lesson(read_lesson(lesson_files()[2]))
    assert len(prepared.lesson.tensors) == 12
    total = sum(tensor.size for tensor in prepared.lesson.tensors)
    best = prepared.plans[PLANNED]
    assert prepared.plans[START].height_bytes == total
    assert best.height_bytes == best.peak_bytes < prepared.plans[AS_RUN].height_bytes < total
    assert len(best.order) == 14 and tuple(best.order) == tuple(range(14))


def test_the_example_of_the_docs_is_a_lesson(tmp_path: Path) -> None:
    example = DOCS.read_text("utf-8").split("```toml\n")[1].split("\n```")[0]
    save_step(make_toy_step(), tmp_path / "first.step")
    prepared = prepare_lesson(read_lesson(written(tmp_path, example)))
    assert len(prepared.lesson.pages) == 3


def test_the_docs_name_every_fact() -> None:
    text = DOCS.read_text("utf-8")
    assert [name for name in FACTS if f"`{name}" not in text] == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('text = "Text"', 'text = "{peek}"', r"page 1 \(from line 12\): 'peek' is no fact"),
        ('text = "Text"', 'text = "{last(Z)}"', "'Z' is no tensor"),
        ('text = "Text"', 'text = "{other.peak}"', "'other' is no plan of this lesson"),
        ('text = "Text"', 'text = "{size}"', "needs a tensor"),
        ('text = "Text"', 'text = "{at(99)}"', "slots 0 to 2"),
        ('plan = "start"', 'plan = "best"', r"page 2 \(from line 16\): 'best' is no plan"),
        ("slots = [0, 2]", "slots = [0, 9]", "show.slots end after the last op, 2"),
        ('answer = "b"', 'answer = "b"\nask.because = ["peak > 1 GiB"]', "does not hold"),
        ('answer = "b"', 'answer = "b"\nask.because = ["peak"]', "no comparison"),
        ('plan = "start"', 'select = ["Q"]', "'Q' is no tensor"),
    ],
)
def test_a_lesson_that_names_what_is_not_there_does_not_open(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    lesson = read_lesson(written(tmp_path, GOOD.replace(before, after, 1)))
    with pytest.raises(BayplanError, match=message):
        prepare_lesson(lesson)


def test_numbers_are_read_as_people_write_them() -> None:
    assert in_unit("25", Measure.BYTES, "MiB") == in_unit("25 MiB", Measure.BYTES, "GiB") == 25 << 20
    assert in_unit("1,5", Measure.BYTES, "KiB") == 1536
    assert in_unit("8.4 %", Measure.SHARE, "%") == pytest.approx(0.084)
    assert in_unit("21", Measure.COUNT, "op") == 21
    for nonsense in ("", "many", "1e400000", "--", "9" * 400 + "x"):
        with pytest.raises(BayplanError, match="is not a number"):
            in_unit(nonsense, Measure.BYTES, "MiB")
    assert not close(float("nan"), Fact(Measure.COUNT, 3), "", 1.0)


def test_progress_is_remembered_and_nonsense_forgotten(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "a.ini")
    lesson = read_lesson(lesson_files()[0])
    assert progress_of(settings, lesson) == Progress()
    kept = Progress(2, frozenset({1, 2}), False)
    keep_progress(settings, lesson, kept)
    settings.save()
    assert progress_of(Settings(tmp_path / "a.ini"), lesson) == kept and not kept.done(lesson)
    assert Progress(0, frozenset(lesson.questions), True).done(lesson)
    for nonsense in ("[]", "{", '{"page": 99, "answered": [0, "x", 77]}', '{"answered": 3}', "null"):
        settings.set_text("lesson_1_lifetimes", nonsense)
        assert progress_of(settings, lesson) == Progress()


def test_facts_know_what_they_are_about() -> None:
    prepared = prepare_lesson(read_lesson(lesson_files()[3]))
    find = prepared.finder(prepared.lesson.pages[0])
    assert fact("planned.cut", find).number == fact("planned.bound", find).number
    assert fact("planned.gap", find).number == 0
