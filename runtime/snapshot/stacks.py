"""What a stack says: the user's line, the op, the part of the step; and who holds the peak's bytes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from runtime.snapshot.excerpt import Excerpt
from runtime.snapshot.recording import Frame, IntArray, Recording
from solver.step import Category

LIBRARY = ("site-packages", "dist-packages", "<frozen", "/torch/", "<string>", "<eval_with_key>")
"""In the files of others' code."""
_OP = re.compile(r"at::_ops::([a-z_0-9A-Z]+?)(?:_out)?::(?:call|redispatch)")
_BACKWARD = re.compile(r"torch::autograd::(?:Engine|Node)|autograd[/\\](?:graph|__init__|function)\.py")
_UPDATE = re.compile(r"[/\\]optim[/\\]")

CATEGORIES = (Category.ACTIVATION, Category.GRADIENT, Category.TEMPORARY, Category.BUFFER)
"""Made in forward, in backward, elsewhere (by the optimizer, or nobody knows), there all the time."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the program something was allocated."""

    frame: Frame | None
    """The innermost frame that is the user's own, else the innermost of Python's."""
    op: str
    """ATen's name, where C++ frames were recorded, else the innermost function."""
    category: Category

    @property
    def line(self) -> str:
        """``model.py:42 forward``; empty where there is no stack."""
        return line_of(self.frame) if self.frame is not None else ""

    @property
    def text(self) -> str:
        """``model.py:42 forward · addmm``."""
        parts = [self.line, "" if self.line.endswith(f" {self.op}") else self.op]
        return " · ".join(part for part in parts if part) or "no stack"


class By(Enum):
    """What bytes are summed by."""

    LINE = "innermost own line"
    CALLER = "its caller"
    CALLER_2 = "2 calls up"
    CALLER_3 = "3 calls up"
    OUTERMOST = "outermost own line"
    FUNCTION = "function"
    FILE = "file"
    OP = "op"


DEPTHS = {By.LINE: 0, By.CALLER: 1, By.CALLER_2: 2, By.CALLER_3: 3, By.OUTERMOST: -1}
"""So many own frames up from the innermost; -1: the last."""


def line_of(frame: Frame) -> str:
    """``model.py:42 forward``."""
    return f"{_file_of(frame)}:{frame.line} {frame.function}"


def _file_of(frame: Frame) -> str:
    return re.split(r"[/\\]", frame.file)[-1]


def _python(stack: Sequence[Frame]) -> list[Frame]:
    """The frames that are Python's."""
    return [frame for frame in stack if frame.file.endswith(".py") or frame.file.startswith("<")]


def _own(python: Sequence[Frame]) -> list[Frame]:
    """The frames in the user's own files."""
    return [f for f in python if not any(part in f.file for part in LIBRARY)]


def place_of(stack: Sequence[Frame]) -> Place:
    """What the frames (the innermost first) say."""
    python = _python(stack)
    own = _own(python)
    op = next((found[1] for f in stack if (found := _OP.search(f.function))), "")
    if not op and python:
        op = python[0].function
    category = CATEGORIES[2]
    if stack:
        category = CATEGORIES[0]
    if any(_BACKWARD.search(f.function) or _BACKWARD.search(f.file) for f in stack):
        category = CATEGORIES[1]
    elif any(_UPDATE.search(f.file) for f in stack):
        category = CATEGORIES[2]
    frames = own or python or list(stack)
    return Place(frames[0] if frames else None, op, category)


class Places:
    """The places of all stacks of a recording, each worked out once."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._known: dict[int, Place] = {}
        self._named: dict[tuple[int, By], str] = {}

    def __getitem__(self, stack: int) -> Place:
        if stack not in self._known:
            self._known[stack] = place_of(self._recording.stack(stack))
        return self._known[stack]

    def name(self, stack: int, by: By) -> str:
        """What the bytes of a stack are summed under."""
        key = stack, by
        if key not in self._named:
            self._named[key] = self._name(stack, by) or (
                "before the recording, no stack" if stack < 0 else "no Python frame"
            )
        return self._named[key]

    def _name(self, stack: int, by: By) -> str:
        place = self[stack]
        if by is By.LINE or place.frame is None:
            return place.line
        if by is By.OP:
            return place.op
        if by is By.FUNCTION:
            return f"{place.frame.function} in {_file_of(place.frame)}"
        if by is By.FILE:
            return place.frame.file
        own = _own(_python(self._recording.stack(stack))) or [place.frame]
        depth = DEPTHS[by]
        return line_of(own[min(depth, len(own) - 1)])

    @cached_property
    def category_numbers(self) -> IntArray:
        """Index into ``CATEGORIES`` of every stack, and of -1 at the end."""
        count = len(self._recording.stack_starts) - 1
        numbers = [CATEGORIES.index(self[stack].category) for stack in range(count)]
        return np.array([*numbers, CATEGORIES.index(Category.TEMPORARY)], np.int64)


@dataclass(frozen=True, slots=True)
class Share:
    """Allocations of one place that are there at one slot."""

    place: str
    stack: int
    """One of the stacks."""
    count: int
    bytes: int


def shares_at(part: Excerpt, places: Places, slot: int, by: By = By.LINE) -> list[Share]:
    """What is allocated at a slot, by the line that allocated it, the most bytes first."""
    there = np.flatnonzero((part.start <= slot) & (slot < part.end))
    stacks = part.trace.allocations.stack[part.allocation[there]]
    found: dict[str, tuple[int, int, int]] = {}
    for stack, count, size in _summed(stacks, part.size[there]):
        text = places.name(stack, by)
        known = found.get(text, (stack, 0, 0))
        found[text] = known[0], known[1] + count, known[2] + size
    shares = [Share(text, *rest) for text, rest in found.items()]
    return sorted(shares, key=lambda share: (-share.bytes, share.place))


def of_share(part: Excerpt, places: Places, slot: int, share: Share, by: By = By.LINE) -> list[int]:
    """The part's allocations that make up a share at a slot, the largest first."""
    there = np.flatnonzero((part.start <= slot) & (slot < part.end))
    stacks = part.trace.allocations.stack[part.allocation[there]]
    own = {s for s in np.unique(stacks).tolist() if places.name(s, by) == share.place}
    found = there[np.isin(stacks, list(own))]
    ranked: list[int] = found[np.argsort(-part.size[found], kind="stable")].tolist()
    return ranked


def _summed(stacks: IntArray, sizes: IntArray) -> list[tuple[int, int, int]]:
    """Stack, how many, bytes of each stack."""
    each, inverse, counts = np.unique(stacks, return_inverse=True, return_counts=True)
    total = np.zeros(len(each), np.int64)
    np.add.at(total, inverse, sizes)
    return list(zip(each.tolist(), counts.tolist(), total.tolist(), strict=True))
