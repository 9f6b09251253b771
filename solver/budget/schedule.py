"""What a search for a budget decides: which ops run, some again, and what goes to the host meanwhile.

::

    entries   0: op a   1: op b   2: op c   3: op a (again)   4: op d
    trips     b's result leaves after entry 1, its bytes are free after entry 2, it is called back
              before entry 4
"""

from dataclasses import dataclass

ANY_BYTES = 1 << 60
"""More than any host has."""


@dataclass(frozen=True, slots=True)
class Host:
    """The host memory that trips may use."""

    bytes_per_second: float
    """Of copies, one at a time."""
    budget_bytes: int = ANY_BYTES
    """That may lie there at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of ``op``; the first one of an op has effects, any further one is a repetition."""

    op: int
    saved_statistics: bool = False
    """A repeated batch norm that uses the statistics which its first run made."""
    fused: bool = False
    """A repetition in one pass with the entry before, whose result it takes over."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One stay in host memory of the instance of ``storage`` that is alive after entry ``out``."""

    storage: int
    out: int
    """Its copy to the host begins after this entry."""
    free: int
    """Its bytes are free after this entry, ``free`` ≥ ``out``."""
    back: int
    """Its copy back begins before this entry, ``back`` > ``free``."""


@dataclass(frozen=True, slots=True)
class Home:
    """A stay in the arena of a weight, or of a state of the optimizer, that lives on the host."""

    storage: int
    back: int
    """Its copy into the arena begins before this entry."""
    out: int
    """Its copy home begins after this entry, the last that touches it."""
    free: int
    """Its bytes are free after this entry, ``free`` ≥ ``out``."""
    changed: bool
    """Whether it is copied home at all: else its home has all of it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A sequence of runs and the trips beside it. It has every op of the step.

    A use reads the instance of its storage that was made last; an instance ends after its last use.
    """

    entries: tuple[Entry, ...]
    trips: tuple[Trip, ...] = ()
    homes: tuple[Home, ...] = ()
    """Those of one storage come one after the other."""

    @property
    def at_home(self) -> tuple[int, ...]:
        """The residents that live on the host, ascending."""
        return tuple(sorted({home.storage for home in self.homes}))
