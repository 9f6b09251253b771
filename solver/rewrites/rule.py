"""The form of a rule: which ops it may rewrite, what that saves, and how it is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from solver.rewrites.draft import Draft, Line

Numbers: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A place where a rule applies."""

    apply: Callable[[], None]
    """Changes the draft that it was found in; at most one place at a time is found and applied."""
    saves_bytes: int
    """That need not be kept from the forward to the backward pass any more, by this alone."""
    releases: tuple[int, ...] = ()
    """Storages of the step as captured that the backward pass reads in fewer places."""


def _no_numbers(draft: Draft, line: Line) -> Iterable[Numbers]:
    return ((),)


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to run some ops differently."""

    name: str
    """The first word of its rewrites' names."""
    title: str
    """For people, of one of its rewrites."""
    targets: frozenset[str]
    """Namespaced overloads of the op that gives a rewrite its number."""
    find: Callable[[Draft, Line, Numbers], Found | None]
    """What it can do at that op; ``numbers`` are what a rewrite's name says besides."""
    tolerance: float = 0.0
    """Results differ by no more than this, relative to the largest of a tensor; 0: bitwise equal."""
    numbers: Callable[[Draft, Line], Iterable[Numbers]] = field(default=_no_numbers)
    """Those that are offered."""
