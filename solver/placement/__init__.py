"""Where every storage lives in the arena, given when it lives; and where PyTorch would put it."""

from solver.placement.place import place
from solver.placement.problem import FREE, Forbidden, PlacementProblem
from solver.placement.result import ArenaResult, PlacementResult, PlacementStatus

__all__ = [
    "FREE",
    "ArenaResult",
    "Forbidden",
    "PlacementProblem",
    "PlacementResult",
    "PlacementStatus",
    "place",
]
