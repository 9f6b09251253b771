"""Other implementations of ops, as rewrites of the step: which there are, and the step with some."""

from solver.plan import Plan
from solver.step import Step


def rewritten(step: Step, plan: Plan) -> Step:
    """The step that ``plan`` runs: ``step`` with the plan's rewrites. Raises BayplanError."""
    return step


def is_exact(name: str) -> bool:
    """Whether every result stays bitwise what it was with the rewrite of this name, which can be.

    Such a rewrite is among what ``Choice.IMPLEMENTATIONS`` allows; any other is ``APPROXIMATE``.
    """
    return True
