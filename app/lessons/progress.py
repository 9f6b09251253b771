"""How far a person is in each lesson, kept in the settings."""

import hashlib
import json
from dataclasses import dataclass

from app.lessons.lesson import Lesson
from app.lessons.reading import lesson_files, lesson_name
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one lesson: the page last looked at, and the pages whose question was answered right."""

    page: int = 0
    answered: frozenset[int] = frozenset()
    finished: bool = False
    """The last page was left by Finish."""

    def done(self, lesson: Lesson) -> bool:
        """Whether it was finished with every question answered."""
        return self.finished and self.answered.issuperset(lesson.questions)


def progress_of(settings: Settings, lesson: Lesson) -> Progress:
    """What is remembered; nothing that does not fit the lesson."""
    try:
        stored = json.loads(settings.text(_key(lesson), "{}"))
        page, answered = int(stored.get("page", 0)), stored.get("answered", [])
        numbers = frozenset(n for n in answered if n in lesson.questions)
        finished = stored.get("finished") is True
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Progress()
    return Progress(page if 0 <= page < len(lesson.pages) else 0, numbers, finished)


def keep_progress(settings: Settings, lesson: Lesson, progress: Progress) -> None:
    """Remember it."""
    kept = {
        "page": progress.page,
        "answered": sorted(progress.answered),
        "finished": progress.finished,
    }
    settings.set_text(_key(lesson), json.dumps(kept))


def _key(lesson: Lesson) -> str:
    """Our own lessons by name, wherever the program lies; others by their path."""
    path = lesson.path.absolute()
    own = {p.absolute().parent for p in lesson_files()}
    return (
        f"lesson_{lesson_name(path)}"
        if path.parent in own
        else "lesson_" + hashlib.sha256(str(path).encode()).hexdigest()[:16]
    )
