"""Finding tensors by name, module, op, shape or size: what a person types, and what it finds. No Qt.

::

    relu layer1        has both words in its name, op, module, category or dtype
    >64MiB  <=1KiB     bytes; also = and >=
    64x256x56x56       a shape of the tensor or of one of its views; * is any extent
"""

import re
from dataclasses import dataclass

import numpy as np

from app.facts.modules import storage_modules
from app.facts.plan import PlanFacts, op_label
from app.numbers import parse_size
from solver.errors import BayplanError
from solver.plan import IntArray
from solver.step import Step

_SIZE = re.compile(r"(>=|<=|[<>=≥≤])\s*([\d.,]*\d[\d.,]*\s*[a-zA-Z]*)")
_SHAPE = re.compile(r"(?<!\S)(?:\d+|\*)(?:\s*[x×*]\s*(?:\d+|\*))+(?!\S)")
_LISTED = re.compile(r"\[\s*((?:\d+|\*)(?:\s*,\s*(?:\d+|\*))*)\s*\]")
_SAME = {"≥": ">=", "≤": "<="}


@dataclass(frozen=True, slots=True)
class Bytes:
    """One condition on a tensor's bytes."""

    sign: str
    """``>``, ``<``, ``>=``, ``<=`` or ``=``."""
    size: int


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; a tensor must meet all of it."""

    words: tuple[str, ...] = ()
    sizes: tuple[Bytes, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()
    """-1: any extent."""

    @property
    def plain(self) -> bool:
        """Whether it is words alone."""
        return not self.sizes and not self.shapes

    def __bool__(self) -> bool:
        return bool(self.words or self.sizes or self.shapes)


def parse_query(text: str) -> Query:
    """Read what a person typed. Raises BayplanError for a size that is none."""
    sizes: list[Bytes] = []
    shapes: list[tuple[int, ...]] = []

    def take_size(match: re.Match[str]) -> str:
        sizes.append(Bytes(_SAME.get(match[1], match[1]), parse_size(match[2].replace(",", ""))))
        return " "

    def take_shape(match: re.Match[str]) -> str:
        shapes.append(_extents(re.split(r"\s*[x×]\s*", match[0].strip())))
        return " "

    def take_list(match: re.Match[str]) -> str:
        shapes.append(_extents(re.split(r"\s*,\s*", match[1].strip())))
        return " "

    rest = _SIZE.sub(take_size, text)
    rest = _LISTED.sub(take_list, rest)
    rest = _SHAPE.sub(take_shape, rest)
    if any(mark in rest for mark in "<>=≥≤"):
        raise BayplanError(f"{text.strip()!r} has no size after the sign. Write it as >64MiB or <1KiB.")
    return Query(tuple(rest.casefold().split()), tuple(sizes), tuple(shapes))


def _extents(parts: list[str]) -> tuple[int, ...]:
    return tuple(-1 if part == "*" else int(part) for part in parts)


@dataclass(frozen=True, eq=False)
class FindIndex:
    """What the storages of a step are found by."""

    step: Step
    texts: tuple[str, ...]
    """By storage its words, case folded."""
    sizes: IntArray
    """Bytes, not rounded, shape (storages,)."""
    shapes: dict[tuple[int, ...], list[int]]
    """By shape the storages that have a tensor of it."""


def find_index(step: Step) -> FindIndex:
    """Prepare a step to be searched; 20,000 storages take a tenth of a second."""
    maker = {storage: op for op in step.ops for storage in op.creates}
    modules = storage_modules(step)
    dtypes: dict[int, str] = {}
    shapes: dict[tuple[int, ...], list[int]] = {}
    for value in step.program.values if step.program is not None else ():
        dtypes.setdefault(value.storage, value.dtype)
        known = shapes.setdefault(value.shape, [])
        if not known or known[-1] != value.storage:
            known.append(value.storage)
    texts = []
    for index, storage in enumerate(step.storages):
        op = maker.get(index)
        by = f"{op.name} {op_label(op)} {op.target}" if op is not None else ""
        parts = (storage.name, by, modules[index], storage.category.value, dtypes.get(index, ""))
        texts.append(" ".join(part for part in parts if part).casefold())
    sizes = np.array([storage.size for storage in step.storages], np.int64)
    return FindIndex(step, tuple(texts), sizes, shapes)


def matching(index: FindIndex, query: Query) -> IntArray:
    """The storages with bytes that meet a query, ascending; none for an empty query."""
    if not query:
        return np.zeros(0, np.int64)
    good = index.sizes > 0
    rounded = index.step.rounded_sizes
    for condition in query.sizes:
        match condition.sign:
            case ">":
                good &= index.sizes > condition.size
            case "<":
                good &= index.sizes < condition.size
            case ">=":
                good &= index.sizes >= condition.size
            case "<=":
                good &= index.sizes <= condition.size
            case _:
                good &= (index.sizes == condition.size) | (rounded == condition.size)
    for shape in query.shapes:
        has = np.zeros(len(good), np.bool_)
        for known, storages in index.shapes.items():
            if _fits(known, shape):
                has[storages] = True
        good &= has
    found = np.flatnonzero(good)
    for word in query.words:
        found = np.array([i for i in found.tolist() if word in index.texts[i]], np.int64)
    return found


def _fits(shape: tuple[int, ...], pattern: tuple[int, ...]) -> bool:
    return len(shape) == len(pattern) and all(
        want in (-1, extent) for extent, want in zip(shape, pattern, strict=True)
    )


def in_order(facts: PlanFacts, storages: IntArray) -> tuple[int, ...]:
    """Storages in the order in which a plan brings them into memory; residents come last."""

    def place(storage: int) -> tuple[bool, int, int]:
        spans = facts.spans(storage)
        there = bool(spans) and spans[0].instance >= 0
        return (not there, spans[0].start if there else 0, storage)

    return tuple(sorted(storages.tolist(), key=place))
