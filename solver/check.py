"""The independent validator: is this plan right for this step? Written from the definitions alone.

It replays the plan's actions and knows nothing of how the plan was found. What every op must find is
defined by program order: each storage goes through *versions*, one more with each op that creates or
writes it, and an op must find exactly the version that program order gives it::

    program    a creates x (v1)   b reads x (v1)   c writes x (v2)   d reads x (v2)
    d before c: finds v1, needs v2: refused. The same rule covers hazards of all kinds,
    recompute (an instance made again has the same version) and trips to the host.

A resident with a home in host memory is replayed as a planned storage is: its instances have versions,
its home begins full with the version that the step finds, and must end with the final one.

Only the timeline's definition of a rounded size is shared with the rest of the solver.
"""

from collections.abc import Callable
from contextlib import suppress

from solver.check_demands import Demands
from solver.check_replay import MAX_PROBLEMS, Replay, StoppedError, TooManyError
from solver.check_terms import wrong_terms
from solver.errors import BayplanError
from solver.plan import Plan
from solver.rewriting import rewritten
from solver.step import Step

__all__ = ["MAX_PROBLEMS", "Checker", "StoppedError", "check", "require_valid"]

REMEMBERED = 3
"""Replays that are kept."""


def require_valid(step: Step, plan: Plan) -> None:
    """Raise BayplanError with all that is wrong (at most 20 problems) unless the plan is right."""
    Checker(step).require_valid(plan)


def check(step: Step, plan: Plan) -> list[str]:
    """What is wrong with the plan, one sentence a problem, at most 20; empty: it is right."""
    return Checker(step).check(plan)


class Checker:
    """Checks any number of plans for one step; what the step alone defines is worked out once."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._demands: dict[tuple[tuple[str, ...], frozenset[int]], Demands] = {}
        """Of the step as captured and with rewrites, by what decides them."""
        self._replays: list[Replay] = []
        """Of the last plans that do what they must, whatever they stated."""

    def check(self, plan: Plan, cancelled: Callable[[], bool] | None = None) -> list[str]:
        """What is wrong with the plan, one sentence a problem, at most 20; empty: it is right.

        Raises StoppedError when it is cancelled: then nothing is known.
        """
        step = self.step
        if plan.fingerprint != step.fingerprint:
            return [
                f"It was made for another step (fingerprint {plan.fingerprint[:12]}; this one, for "
                f"{step.origin.target}, has {step.fingerprint[:12]}). The same model captured for "
                "another device is another step."
            ]
        # The same actions and addresses with another certificate need no second replay: all is frozen.
        replay = next((known for known in self._replays if known.is_of(plan)), None)
        if replay is None:
            try:
                replay = Replay(self._demands_on(plan), plan)
            except BayplanError as error:
                return [str(error)]
            with suppress(TooManyError):
                replay.run(cancelled)
                if not replay.problems:
                    replay.check_pins()
            if replay.problems:
                return replay.problems
            self._replays = [replay, *self._replays[: REMEMBERED - 1]]
        wrong = replay.facts.wrong_statements(plan)
        return wrong or wrong_terms(step, replay.step, plan, replay.height)

    def _demands_on(self, plan: Plan) -> Demands:
        """What the step asks of such a plan. Raises BayplanError where its rewrites are impossible."""
        key = plan.rewrites, plan.homes
        if key not in self._demands:
            step = rewritten(self.step, plan) if plan.rewrites else self.step
            self._demands[key] = Demands(step, plan.homes)
        return self._demands[key]

    def require_valid(self, plan: Plan) -> None:
        """Raise BayplanError with all that is wrong (at most 20 problems) unless it is right."""
        problems = self.check(plan)
        if problems:
            raise BayplanError(
                f"The plan {plan.name!r} is not right for the step {self.step.title}: {problems[0]}",
                details="\n".join(problems),
            )
