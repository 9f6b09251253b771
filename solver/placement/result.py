"""What is known of a placement: addresses, and for each arena height, bound and what they prove."""

from dataclasses import dataclass
from enum import Enum

from solver.plan import IntArray


class PlacementStatus(Enum):
    """What is known of a placement."""

    OPTIMAL = "optimal"
    """Nothing is lower, and it is within the capacity."""
    FITS = "fits"
    """Within the capacity; whether something is lower was not asked."""
    FEASIBLE = "feasible"
    """Right, but above the bound, and above the capacity where there is one: time ran out."""
    INFEASIBLE = "infeasible"
    """Proven: no placement is within the capacity; this one is right but too high."""


@dataclass(frozen=True, slots=True)
class ArenaResult:
    """Of one arena, in bytes."""

    height: int
    bound: int
    """No placement is lower: the largest live sum, or more where a search proved more."""
    capacity: int | None = None

    @property
    def status(self) -> PlacementStatus:
        """Follows from the three numbers."""
        if self.capacity is not None and self.bound > self.capacity:
            return PlacementStatus.INFEASIBLE
        if self.height == self.bound:
            return PlacementStatus.OPTIMAL
        fits = self.capacity is not None and self.height <= self.capacity
        return PlacementStatus.FITS if fits else PlacementStatus.FEASIBLE


@dataclass(frozen=True, eq=False)
class PlacementResult:
    """Addresses in bytes, one for each storage, and what is known of the height they need."""

    addresses: IntArray
    arenas: tuple[ArenaResult, ...]
    """One for each arena of the problem."""

    @property
    def height(self) -> int:
        """Bytes that the arenas need, all together."""
        return sum(arena.height for arena in self.arenas)

    @property
    def bound(self) -> int:
        """No placement needs less."""
        return sum(arena.bound for arena in self.arenas)

    @property
    def optimal(self) -> bool:
        """Every arena is as low as its bound."""
        return self.height == self.bound

    @property
    def status(self) -> PlacementStatus:
        """The worst of the arenas'."""
        severity = list(PlacementStatus)
        return max((arena.status for arena in self.arenas), key=severity.index)
