"""Finding out in the background whether pins can be kept together, before anything is solved."""

from dataclasses import dataclass

from app.jobs.job import Job
from solver.errors import BayplanError
from solver.pins import Pins
from solver.step import Step


@dataclass(frozen=True, slots=True)
class PinsVerdict:
    """What is known of the pins ``of``."""

    of: Pins
    conflict: Pins = ()
    """A minimal set that cannot be kept; empty: nothing speaks against them."""
    why: str = ""
    details: str = ""


class CheckPinsJob(Job):
    """Succeeds with a PinsVerdict."""

    def __init__(self, step: Step, pins: Pins) -> None:
        super().__init__()
        self.step, self.pins = step, pins

    def run(self) -> PinsVerdict:
        # Imported here: the first window needs none of it.
        from solver.pin_conflicts import PinsError, require_pinned_order

        try:
            require_pinned_order(self.step, self.pins)
        except PinsError as error:
            return PinsVerdict(self.pins, error.pins, str(error), error.details)
        except BayplanError as error:
            return PinsVerdict(self.pins, self.pins, str(error), error.details)
        return PinsVerdict(self.pins)
