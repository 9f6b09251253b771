"""Where every storage lives in the arena, given when it lives; and where PyTorch would put it."""

from solver.placement.place import place
from solver.placement.problem import PlacementProblem, PlacementResult

__all__ = ["PlacementProblem", "PlacementResult", "place"]
