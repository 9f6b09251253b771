"""Reads lesson files: TOML in which nothing is executed; errors name the line and the key."""

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from app.lessons.lesson import SUFFIX, Ask, Kind, Lesson, Page, PuzzleTensor, Show
from app.numbers import parse_size
from solver.errors import BayplanError
from solver.step import Category

MOST_BYTES = 1 << 18
"""Of a lesson's file."""
MOST_PAGES, MOST_TENSORS, MOST_SLOTS = 40, 200, 500
MOST_TEXT = 4000
MOST_SIZE = 1 << 40
VIEWS = ("map", "compare", "budget")
T = TypeVar("T")


def lesson_files(language: str = "", folder: Path | None = None) -> tuple[Path, ...]:
    """The files of the lessons that come with the program, in the order in which they are taught.

    ``language``: of two letters; where ``1_lifetimes.de.lesson.toml`` lies beside
    ``1_lifetimes.lesson.toml``, ``de`` brings it in the other's place.
    """
    folder = folder or Path(str(resources.files("resources") / "lessons"))
    found = sorted(
        path for path in folder.glob(f"*{SUFFIX}") if lesson_name(path) + SUFFIX == path.name
    )
    translated = [path.with_name(f"{lesson_name(path)}.{language}{SUFFIX}") for path in found]
    return tuple(
        other if other.is_file() else path for path, other in zip(found, translated, strict=True)
    )


def lesson_name(path: Path) -> str:
    """What a lesson is called whatever its language: its file's name up to the first dot."""
    return path.name.split(".")[0]


def read_lesson(path: Path) -> Lesson:
    """The lesson in a file. Raises BayplanError that says where and what to do."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BayplanError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    if len(data) > MOST_BYTES:
        raise BayplanError(f"{path.name} is larger than {MOST_BYTES >> 10} KiB; no lesson is so long.")
    try:
        text = data.decode("utf-8-sig")
        content = tomllib.loads(text)
    except UnicodeDecodeError:
        raise BayplanError(f"{path.name} is no text in UTF-8. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise BayplanError(f"{path.name} is no valid TOML: {error}.") from None
    except RecursionError:
        raise BayplanError(f"{path.name} is nested too deeply to be a lesson.") from None
    return _lesson(path, _Table(content, _Source(path.name, text)))


class _Source:
    """A file's text, to find the line of what is wrong in it."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self._lines = name, text.splitlines()

    def line(self, section: str, number: int, key: str) -> int:
        """Where ``key`` is in the section of that name and number, from 1; the section's line where it
        is not; 1 for neither."""
        first, seen = 0, -1
        if section:
            for at, line in enumerate(self._lines):
                if re.match(rf"\s*\[\[\s*{section}\s*\]\]", line):
                    seen += 1
                    if seen == number:
                        first = at
                        break
        for at in range(first + bool(section), len(self._lines)):
            line = self._lines[at]
            if re.match(r"\s*\[\[", line):
                break
            if key and re.match(rf"\s*{re.escape(key)}\s*[=.]", line):
                return at + 1
        return first + 1


class _Table:
    """A table of the file, whose keys are taken out one by one; what is left is unknown."""

    def __init__(
        self,
        content: Mapping[str, Any],
        source: _Source,
        section: str = "",
        number: int = 0,
        prefix: str = "",
    ) -> None:
        self._content, self._source = dict(content), source
        self._section, self._number, self._prefix = section, number, prefix

    def error(self, key: str, what: str) -> BayplanError:
        """What is wrong with a key, and where that is."""
        full = f"{self._prefix}{key}"
        line = self._source.line(self._section, self._number, full)
        if self._prefix and line == self._source.line(self._section, self._number, ""):
            line = self._source.line(self._section, self._number, self._prefix.rstrip("."))
        where = f"{self._section} {self._number + 1}, " if self._section else ""
        return BayplanError(f"{self._source.name}, line {line}: {where}{full or 'file'} {what}")

    @property
    def line(self) -> int:
        return self._source.line(self._section, self._number, "")

    def has(self, key: str) -> bool:
        return key in self._content

    def take(self, key: str, kind: type[T], what: str, default: T | None = None) -> T:
        """The value of a key, of type ``kind``; ``default`` None: it must be there."""
        if key not in self._content:
            if default is None:
                raise self.error(key, f"is missing: it must be {what}.")
            return default
        value = self._content.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(key, f"is {_shown(value)}, but must be {what}.")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.take(key, str, "a text in quotes", default).strip()
        if default is None and not value:
            raise self.error(key, "is empty: write something.")
        if len(value) > MOST_TEXT:
            raise self.error(key, f"has {len(value):,} characters; {MOST_TEXT:,} are enough.")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of texts", [])
        if not all(isinstance(v, str) and v.strip() and len(v) <= MOST_TEXT for v in values):
            raise self.error(key, "must be a list of texts, none of them empty.")
        return tuple(v.strip() for v in values)

    def flag(self, key: str) -> bool:
        return self.take(key, bool, "true or false", False)

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self.take(key, int, f"a whole number from {low} to {high}", default)
        if not low <= value <= high:
            raise self.error(key, f"is {value}, but must be from {low} to {high}.")
        return value

    def inner(self, key: str) -> "_Table":
        content = self.take(key, dict, f"a table, such as {key}.…")
        return _Table(content, self._source, self._section, self._number, f"{key}.")

    def tables(self, key: str, most: int) -> list["_Table"]:
        values = self.take(key, list, f"tables that begin with [[{key}]]", [])
        if not all(isinstance(v, dict) for v in values):
            raise self.error(key, f"must be tables that begin with [[{key}]].")
        if len(values) > most:
            raise self.error(key, f"is there {len(values)} times; {most} are the most.")
        return [_Table(v, self._source, key, i) for i, v in enumerate(values)]

    def end(self) -> None:
        """Refuse what nobody took."""
        for key in self._content:
            raise self.error(key, "is nothing that a lesson has. See the docs for the format.")


def _lesson(path: Path, table: _Table) -> Lesson:
    title, summary = table.text("title"), table.text("summary")
    minutes = table.whole("minutes", 1, 120)
    remember = table.text("remember")
    step = table.text("step", "")
    plans = table.texts("plans")
    tensors = tuple(_tensor(one) for one in table.tables("tensor", MOST_TENSORS))
    if bool(step) == bool(tensors):
        raise table.error("step", "must name a step file, or there are [[tensor]] tables: one of them.")
    if plans and not step:
        raise table.error("plans", "needs a step.")
    for key, names in (("step", (step,)), ("plans", plans)):
        for name in filter(None, names):
            _file_beside(path, name, partial(table.error, key))
    names_of = [one.name for one in tensors]
    if len(set(names_of)) < len(names_of):
        raise table.error("tensor", "has a name twice: every tensor needs a name of its own.")
    pages = tuple(_page(one) for one in table.tables("page", MOST_PAGES))
    if not pages:
        raise table.error("page", "is missing: a lesson has [[page]] tables.")
    table.end()
    return Lesson(path, title, summary, minutes, remember, pages, step, plans, tensors)


def _file_beside(path: Path, name: str, error: Callable[[str], BayplanError]) -> Path:
    """A file in the lesson's own folder: no other can be named, not even through a link."""
    if name in (".", "..") or Path(name).name != name or "\\" in name or ":" in name or "\0" in name:
        raise error(f"is {name!r}, but must be the name of a file in the lesson's folder.")
    found = path.absolute().parent / name
    if not found.is_file():
        raise error(f"is {name!r}, but there is no such file beside the lesson.")
    if found.resolve().parent != path.absolute().parent.resolve():
        raise error(f"is {name!r}, a link that leaves the lesson's folder. Copy the file there.")
    return found


def _tensor(table: _Table) -> PuzzleTensor:
    name = table.text("name")
    written = table.text("size")
    try:
        size = parse_size(written)
    except BayplanError:
        size = 0
    if not 0 < size <= MOST_SIZE:
        raise table.error("size", f"is {written!r}, but must be a size such as '4 MiB'.")
    first = table.whole("first", 0, MOST_SLOTS)
    last = table.whole("last", first, MOST_SLOTS)
    category = table.text("category", "activation")
    allowed = (Category.ACTIVATION, Category.GRADIENT, Category.TEMPORARY)
    if category not in allowed:
        raise table.error("category", f"is {category!r}, but must be one of {', '.join(allowed)}.")
    table.end()
    return PuzzleTensor(name, size, first, last, category)


def _page(table: _Table) -> Page:
    line = table.line
    title, text = table.text("title"), table.text("text")
    show = _show(table.inner("show")) if table.has("show") else Show()
    ask = _ask(table.inner("ask")) if table.has("ask") else None
    table.end()
    return Page(title, text, show, ask, line)


def _show(table: _Table) -> Show:
    view = table.text("view", "map")
    if view not in VIEWS:
        raise table.error("view", f"is {view!r}, but must be one of {', '.join(VIEWS)}.")
    slots = table.take("slots", list, "two slots, such as [4, 9]", [])
    good = all(isinstance(s, int) and not isinstance(s, bool) and 0 <= s < 10**7 for s in slots)
    if slots and not (len(slots) == 2 and good and slots[0] < slots[1]):
        raise table.error("slots", f"is {_shown(slots)}, but must be two slots, such as [4, 9].")
    show = Show(
        plan=table.text("plan", ""),
        view=view,
        slots=(slots[0], slots[1]) if slots else None,
        select=table.texts("select"),
        peak=table.flag("peak"),
        cut=table.flag("cut"),
        edit=table.flag("edit"),
    )
    table.end()
    return show


def _ask(table: _Table) -> Ask:
    written = table.text("kind")
    if written not in tuple(Kind):
        raise table.error("kind", f"is {written!r}, but must be one of {', '.join(Kind)}.")
    kind = Kind(written)
    question = table.text("question")
    answer = table.text("answer", "" if kind is Kind.REACH else None)
    choices = table.texts("choices") if kind is Kind.CHOICE else ()
    if kind is Kind.CHOICE and not 2 <= len(choices) <= 8:
        raise table.error("choices", "must be a list of 2 to 8 texts.")
    if kind is Kind.CHOICE and answer not in choices:
        raise table.error("answer", f"is {answer!r}, but must be one of the choices, word for word.")
    tolerance = table.take("tolerance", float, "a number such as 0.1", 0.0)
    goals = table.texts("goals") if kind is Kind.REACH else ()
    if kind is Kind.REACH and not goals:
        raise table.error("goals", "is missing: it must be a list such as ['shown.height <= 8 MiB'].")
    ask = Ask(
        kind=kind,
        question=question,
        answer=answer,
        choices=choices,
        because=table.texts("because"),
        unit=table.text("unit", ""),
        tolerance=tolerance,
        goals=goals,
        score=table.text("score", ""),
        right=table.text("right", "Right."),
        wrong=table.text("wrong", "Not quite. Look again."),
        hint=table.text("hint", ""),
    )
    table.end()
    return ask


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"
