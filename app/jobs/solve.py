"""Solving a step in the background."""

from dataclasses import replace

from app.heavy import load_module
from app.jobs.job import Job
from solver.pins import Pins
from solver.solution import Baseline, Progress, Solution
from solver.step import Step


class SolveJob(Job):
    """Find a plan; progress is ``Progress`` lines, success a ``Solution``.

    When it is stopped it succeeds with the best plan so far.
    """

    def __init__(
        self,
        step: Step,
        *,
        deadline: float,
        seed: int,
        reuse: bool = True,
        as_run: Baseline | None = None,
        pins: Pins = (),
        name: str = "",
    ) -> None:
        """``deadline`` in seconds from the start; ``reuse`` and ``pins`` as for ``solve``; ``as_run``:
        what the map compares plans with; ``name``: of the plan, else by how it was found."""
        super().__init__()
        self.step = step
        self._as_run = as_run
        self._deadline = deadline
        self._seed = seed
        self._reuse = reuse
        self._pins, self._name = pins, name

    def run(self) -> Solution:
        # Imported here: it brings OR-Tools and numba, which the first window must not wait for.
        load_module("numba")
        from app.map.prepared import prepare, prepare_row
        from solver.solve import solve

        solution = solve(
            self.step,
            deadline=self._deadline,
            seed=self._seed,
            reuse=self._reuse,
            pins=self._pins,
            progress=self._tell,
            cancelled=self.stopping,
        )
        if self._name:
            solution = replace(solution, plan=replace(solution.plan, name=self._name))
        baseline = solution.baseline
        prepare_row(self.step, baseline.plan, baseline)
        prepare_row(self.step, solution.program_plan)
        prepare(self.step, solution.plan, baseline)
        return solution

    def _tell(self, line: Progress) -> None:
        if line.plan is not None and not self.stopping():
            from app.map.prepared import prepare

            prepare(self.step, line.plan, self._as_run)
        self.say(line)

    def merge(self, items: list[object]) -> list[object]:
        """All lines, but only the last of the plans: each is drawn."""
        lines = [item for item in items if isinstance(item, Progress)]
        last = max((i for i, line in enumerate(lines) if line.plan is not None), default=-1)
        return [
            line if i == last or line.plan is None else replace(line, plan=None)
            for i, line in enumerate(lines)
        ]
