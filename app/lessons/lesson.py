"""What a lesson is: its pages, what each shows, and what it asks. See resources/docs/lessons.md."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SUFFIX = ".lesson.toml"
AS_RUN, PROGRAM_ORDER, PLANNED, START, SHOWN = "as run", "program order", "planned", "start", "shown"
"""How a lesson calls the plans that every step has; ``start`` is that of a puzzle, ``shown`` the one
that is on the map."""


class Kind(StrEnum):
    """How a question is answered."""

    CHOICE = "choice"
    NUMBER = "number"
    SELECT = "select"
    """A tensor is clicked on the map."""
    REACH = "reach"
    """The plan on the map is brought to where all goals hold."""


@dataclass(frozen=True, slots=True)
class Show:
    """Where a page points the window."""

    plan: str = ""
    """Empty: what is shown stays."""
    view: str = "map"
    """``map``, ``compare`` or ``budget``."""
    slots: tuple[int, int] | None = None
    select: tuple[str, ...] = ()
    """Names of storages."""
    peak: bool = False
    cut: bool = False
    """The graph around the cut that proves the bound."""
    edit: bool = False
    """Editing by hand begins."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question, and how its answer is checked."""

    kind: Kind
    question: str
    answer: str = ""
    """A choice as it is written, or a fact."""
    choices: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    """Comparisons of facts that make the right choice right; tests check them."""
    unit: str = ""
    tolerance: float = 0.0
    """In ``unit``."""
    goals: tuple[str, ...] = ()
    """Comparisons of facts that must all hold."""
    score: str = ""
    """A fact of the plan on the map that is to become as small as that of ``planned``."""
    right: str = ""
    wrong: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    title: str
    text: str
    show: Show = Show()
    ask: Ask | None = None
    line: int = 0
    """Of the file at which it begins, for messages."""


@dataclass(frozen=True, slots=True)
class PuzzleTensor:
    """A tensor that is given in the lesson's file."""

    name: str
    size: int
    first: int
    last: int
    """The last slot at which it is needed."""
    category: str = "activation"


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson as its file has it; ``path`` is that file."""

    path: Path
    title: str
    summary: str
    minutes: int
    remember: str
    pages: tuple[Page, ...]
    step: str = ""
    plans: tuple[str, ...] = ()
    tensors: tuple[PuzzleTensor, ...] = ()

    @property
    def questions(self) -> tuple[int, ...]:
        """Numbers of the pages that ask something."""
        return tuple(i for i, page in enumerate(self.pages) if page.ask is not None)
