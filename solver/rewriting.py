"""Other implementations of ops, as rewrites of the step: which there are, and the step with some."""

from solver.plan import Plan
from solver.step import Step


def rewritten(step: Step, plan: Plan) -> Step:
    """The step that ``plan`` runs: ``step`` with the plan's rewrites. Raises BayplanError."""
    return step
