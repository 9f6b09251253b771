"""A schedule with its instances, and one choice of who takes over whose bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from solver.budget.schedule import Schedule
from solver.plan import IntArray


@dataclass(frozen=True, eq=False)
class Unrolled:
    """A schedule with its instances. Slots are entries."""

    schedule: Schedule
    storages: tuple[int, ...]
    """Of each instance."""
    uses: tuple[tuple[int, ...], ...]
    """By entry the instances that it uses and does not make."""
    creates: tuple[tuple[int, ...], ...]
    lifetimes: IntArray
    """Slots of each instance, half-open, where nothing takes over anything; shape (instances, 2)."""
    trips: tuple[tuple[int, int], ...]
    """Of each trip the instance that leaves and the one that comes back."""
    homes: tuple[int, ...]
    """The instance of each stay in the arena of what lives on the host."""
    possible: dict[int, tuple[int, int]]
    """By entry (new, old): what it makes there could take over the bytes of what it uses last."""
    fused: frozenset[int]
    """Entries that run in one pass with the one before: those of the schedule that can."""

    @cached_property
    def required(self) -> dict[int, tuple[int, int]]:
        """The takeovers without which an entry could not be fused."""
        return {entry: pair for entry, pair in self.possible.items() if entry in self.fused}


@dataclass(frozen=True, eq=False)
class Arranged:
    """An unrolled schedule and which takeovers it makes."""

    unrolled: Unrolled
    takeovers: Mapping[int, tuple[int, int]]
    """By entry (new, old)."""

    @cached_property
    def lifetimes(self) -> IntArray:
        """Slots of each instance, half-open."""
        result = self.unrolled.lifetimes.copy()
        for entry, (_, old) in self.takeovers.items():
            result[old, 1] = entry
        return result

    @cached_property
    def first_owner(self) -> list[int]:
        """By instance the one that had its bytes first."""
        owner = list(range(len(self.unrolled.storages)))
        for entry in sorted(self.takeovers):
            new, old = self.takeovers[entry]
            owner[new] = owner[old]
        return owner
