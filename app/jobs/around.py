"""Placing an edited plan anew around what was moved, in the background."""

from typing import TYPE_CHECKING

from app.heavy import load_module
from app.jobs.job import Job
from solver.pins import Pins
from solver.plan import Plan

if TYPE_CHECKING:
    from app.edit.draft import Draft


class PlaceAroundJob(Job):
    """Succeeds with a ``Plan``; progress is ``Progress`` lines. Stopped, with the best so far."""

    def __init__(self, draft: "Draft", name: str, pins: Pins, *, deadline: float, seed: int) -> None:
        """``deadline`` in seconds from the start; ``name``: of the plan, which keeps ``pins``, too."""
        super().__init__()
        self._draft, self._name, self._pins = draft, name, pins
        self._deadline, self._seed = deadline, seed

    def run(self) -> Plan:
        # Imported here: it brings numba, which the first window must not wait for.
        load_module("numba")
        from app.edit.around import place_around
        from app.map.prepared import prepare

        plan = place_around(
            self._draft,
            self._name,
            deadline=self._deadline,
            seed=self._seed,
            pins=self._pins,
            progress=self.say,
            cancelled=self.stopping,
        )
        prepare(self._draft.original.captured, plan, None)
        return plan
