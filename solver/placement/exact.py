"""CP-SAT on one part: is there a placement no higher than a limit?

One ``NoOverlap`` of address intervals for each section (maximal clique); storages that agree in
lifetime, size and alignment are interchangeable and therefore ordered.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

from solver.cp_solver import cp_solver
from solver.placement.answer import Answer
from solver.placement.problem import Part
from solver.plan import IntArray
from solver.watch import Watch

MAX_STORAGES = 2_000
"""Above this a model takes seconds to build and finds nothing that the constructors do not."""
PRECEDENCES = 200
"""Cliques up to this size get a literal for each pair: decides most of the hard cases."""
MOST_SEEDS = 1 << 31
"""CP-SAT takes no larger ones."""


@dataclass
class LimitSearch:
    """The model of one part, asked again and again with other limits and seeds."""

    part: Part
    watch: Watch

    def __post_init__(self) -> None:
        # Imported here: it takes half a second, and most parts never need it.
        from ortools.sat.python import cp_model

        self._cp = cp_model

    def ask(self, limit: int, effort: float, seed: int) -> tuple[Answer, IntArray | None]:
        """A placement (units) of height at most ``limit``.

        ``effort`` is in CP-SAT's deterministic seconds.
        """
        model, addresses = self._model(limit)
        solver = cp_solver(effort, self.watch.left)
        parameters = solver.parameters
        parameters.random_seed = seed % MOST_SEEDS
        parameters.max_size_to_create_precedence_literals_in_disjunctive = PRECEDENCES
        finished = threading.Event()

        def stop() -> None:
            # Again until it is heard: a search that has not begun yet has nothing to stop.
            while not finished.wait(0.01):
                solver.stop_search()

        self.watch.on_stop(stop)
        if self.watch.stopped:
            finished.set()
            return Answer.UNKNOWN, None
        try:
            status = solver.solve(model)
        finally:
            finished.set()
        if status in (self._cp.OPTIMAL, self._cp.FEASIBLE):
            found = np.array([solver.value(a) for a in addresses], np.int64)
            return Answer.FOUND, found
        return (Answer.IMPOSSIBLE if status == self._cp.INFEASIBLE else Answer.UNKNOWN), None

    def _model(self, limit: int) -> tuple[Any, list[Any]]:
        part = self.part
        model = self._cp.CpModel()
        sizes = part.sizes.tolist()
        steps = [1] * len(sizes) if part.alignments is None else part.alignments.tolist()
        addresses = [
            step * model.new_int_var(0, (limit - size) // step, "")
            for size, step in zip(sizes, steps, strict=True)
        ]
        intervals = [
            model.new_fixed_size_interval_var(a, size, "")
            for a, size in zip(addresses, sizes, strict=True)
        ]
        for section in range(len(part.sums)):
            alive = np.flatnonzero((part.first <= section) & (section < part.last))
            taken = [] if part.obstacles is None else part.obstacles.taken(section)
            if len(alive) + len(taken) > 1:
                walls = [model.new_fixed_size_interval_var(low, high - low, "") for low, high in taken]
                model.add_no_overlap([intervals[i] for i in alive.tolist()] + walls)
        twins: dict[tuple[int, int, int, int], int] = {}
        alike = zip(part.first.tolist(), part.last.tolist(), sizes, steps, strict=True)
        for index, key in enumerate(alike):
            if key in twins:
                before = twins[key]
                model.add(addresses[before] + sizes[before] <= addresses[index])
            twins[key] = index
        return model, addresses
