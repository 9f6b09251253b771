"""A first answer while a search goes on: the best order so far is handed over once it is due."""

from collections.abc import Callable
from dataclasses import dataclass

from solver.ordering.result import OrderResult


@dataclass(frozen=True)
class Interim:
    """Asks a search for its best order so far. The search waits while it is taken, and then goes on
    where it was: whatever ``take`` does, the search finds what it would have found.
    """

    due: Callable[[float], bool]
    """Whether an order with this gap (a share of the bound) is wanted now; asked between two pieces of
    work."""
    take: Callable[[OrderResult], None]
    """Called in the search's thread."""

    def through(self, change: Callable[[OrderResult], OrderResult]) -> "Interim":
        """For a part of the search: what it hands over is changed to what the whole one makes of it."""
        return Interim(self.due, lambda found: self.take(change(found)))
