"""Lesson files: what is wrong is said with line and key, and nothing outside the folder is read."""

import re
from pathlib import Path

import pytest

from app.lessons.lesson import Kind
from app.lessons.reading import MOST_BYTES, lesson_files, read_lesson
from solver.errors import BayplanError

GOOD = """title = "T"
summary = "S"
minutes = 5
remember = "R"

[[tensor]]
name = "A"
size = "4 MiB"
first = 0
last = 2

[[page]]
title = "One"
text = "Text"

[[page]]
title = "Two"
text = "Text"
show.plan = "start"
show.slots = [0, 2]
ask.kind = "choice"
ask.question = "Q?"
ask.choices = ["a", "b"]
ask.answer = "b"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.lesson.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_lesson_says_what_each_page_shows_and_asks(tmp_path: Path) -> None:
    lesson = read_lesson(written(tmp_path, GOOD))
    assert lesson.tensors[0].size == 4 << 20 and lesson.questions == (1,)
    page = lesson.pages[1]
    assert page.show.slots == (0, 2) and page.ask is not None and page.ask.kind is Kind.CHOICE


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('title = "T"', "title = 3", "line 1: title is 3, but must be a text"),
        ("minutes = 5", "minutes = true", "line 3: minutes is True"),
        ("minutes = 5", "minutes = 5000", "line 3: minutes is 5000, but must be from 1 to 120"),
        ('size = "4 MiB"', 'size = "much"', "line 8: tensor 1, size is 'much'"),
        ('size = "4 MiB"', 'size = "4000 TiB"', "line 8: tensor 1, size"),
        ("last = 2", "last = -1", "line 10: tensor 1, last is -1"),
        ("show.slots = [0, 2]", "show.slots = [2, 0]", "line 20: page 2, show.slots"),
        ('show.plan = "start"', 'show.plam = "start"', "line 19: page 2, show.plam is nothing"),
        ('kind = "choice"', 'kind = "guess"', "line 21: page 2, ask.kind is 'guess'"),
        ('answer = "b"', 'answer = "c"', "line 24: page 2, ask.answer is 'c'"),
        ('answer = "b"', "answr = 1", "page 2, ask.answer is missing"),
        ('choices = ["a", "b"]', "choices = 7", "line 23: page 2, ask.choices is 7"),
        ('title = "Two"', "title = {}", "line 17: page 2, title is {}"),
        ('remember = "R"', 'remember = "R"\nstep = "x.step"', "step must name a step file, or"),
        ('remember = "R"', 'remember = "R"\nother = 1', "line 5: other is nothing that a lesson has"),
        ('title = "T"', 'title = "T', "is no valid TOML: .*line 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in GOOD
    with pytest.raises(BayplanError) as caught:
        read_lesson(written(tmp_path, GOOD.replace(before, after, 1)))
    assert re.search(message if "valid TOML" in message else re.escape(message), str(caught.value))


@pytest.mark.parametrize(
    "name", ["../x.step", "/etc/passwd", "..", "a/b.step", "a\\\\b.step", "C:x.step", "no.step"]
)
def test_a_step_lies_in_the_lessons_own_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.step").write_bytes(b"")
    (tmp_path / "inner").mkdir()
    head = f'title="T"\nsummary="S"\nminutes=5\nremember="R"\nstep="{name}"\n'
    path = written(tmp_path / "inner", head + '[[page]]\ntitle="a"\ntext="b"\n')
    with pytest.raises(BayplanError, match="line 5: step"):
        read_lesson(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.step").write_bytes(b"")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "x.step").symlink_to(tmp_path / "secret.step")
    head = 'title="T"\nsummary="S"\nminutes=5\nremember="R"\nstep="x.step"\n'
    with pytest.raises(BayplanError, match="a link that leaves"):
        read_lesson(written(tmp_path / "inner", head + '[[page]]\ntitle="a"\ntext="b"\n'))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"x = " + b"[" * 50_000,
        b"a" * (MOST_BYTES + 1),
        b"page = 3",
        b"[[page]]\n" * 5000,
        b'title = "' + b"x" * 10_000 + b'"',
    ],
)
def test_a_hostile_file_is_refused_in_plain_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.lesson.toml"
    path.write_bytes(data)
    with pytest.raises(BayplanError, match=r"bad\.lesson\.toml"):
        read_lesson(path)


def test_six_lessons_come_with_the_program() -> None:
    lessons = [read_lesson(path) for path in lesson_files()]
    assert len(lessons) == 6 and all(lesson.minutes == 5 for lesson in lessons)
    assert len({lesson.title for lesson in lessons}) == 6
    assert all(len(lesson.questions) >= 4 for lesson in lessons)


def test_a_lesson_is_taught_in_the_language_in_which_it_is_there(tmp_path: Path) -> None:
    for name in ("1_a", "1_a.de", "2_b", "2_b.fr"):
        (tmp_path / f"{name}.lesson.toml").touch()
    names = [path.name.split(".lesson")[0] for path in lesson_files("de", tmp_path)]
    assert names == ["1_a.de", "2_b"]
    assert [path.name for path in lesson_files("", tmp_path)] == ["1_a.lesson.toml", "2_b.lesson.toml"]
