"""CP-SAT on the whole step at once, sharing nothing with the solver: is there an order that needs less?

::

    before(a, b)    of two ops that wait for each other in neither direction; if b is before c, a is
    alive(t, v)     while op v runs, where an op that touches t is before it and another one after it
    for each op v   the tensors that v touches + those that are alive(t, v)  ≤  limit

There are no places and no times: a pair of ops is a yes or a no, and what lives while an op runs is a
sum. Where three ops may go in a circle, each op sees an order of its own; if even that does not fit,
no order does. The clauses against circles, up to a million, are only there when they are needed.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from exact_orders import Tensor, tensors
from ortools.sat.python import cp_model

from solver.step import GRANULE, Step

GLANCE = 1.0
"""Deterministic time for the model that allows circles: what it proves, it proves at once."""


def is_least(step: Step, peak: int, effort: float) -> bool | None:
    """Whether no order of the step needs less than ``peak`` bytes; None where it is not known by then.

    ``effort`` is CP-SAT's deterministic time, about in seconds: the answer is the same on any machine.
    """
    model = _OrderModel(step, peak // GRANULE - 1)
    if model.solvable(GLANCE) is False:
        return True
    model.forbid_circles()
    solvable = model.solvable(effort)
    return None if solvable is None else not solvable


def fits(step: Step, order: Sequence[int], limit: int) -> bool:
    """Whether the model says of ``order`` that it needs at most ``limit`` bytes."""
    model = _OrderModel(step, limit // GRANULE)
    model.fix(order)
    solvable = model.solvable(GLANCE)
    assert solvable is not None
    return solvable


class _OrderModel:
    """The orders of a step that need at most ``limit`` granules, and circles until forbidden."""

    def __init__(self, step: Step, limit: int) -> None:
        self.model = cp_model.CpModel()
        self.ops = range(len(step.ops))
        self.earlier = _ancestors(step)
        self.literals: dict[tuple[int, int], Any] = {
            (a, b): self.model.new_bool_var("")
            for b in self.ops
            for a in range(b)
            if not self.earlier[b] >> a & 1
        }
        edges = list(_edges(step, self.earlier))
        everything = [(t, *_ends(t, self.earlier)) for t in tensors(step)]
        for op in self.ops:
            for first, second in edges:
                if op not in (first, second):
                    self._clause(_not(self.before(second, op)), self.before(first, op))
            self._limit(op, everything, limit)

    def before(self, a: int, b: int) -> Any:
        """A literal, or True or False where the dependencies decide."""
        if (a, b) in self.literals:
            return self.literals[a, b]
        if (b, a) in self.literals:
            return self.literals[b, a].negated()
        return bool(self.earlier[b] >> a & 1)

    def forbid_circles(self) -> None:
        """What is before something is before all that this is before."""
        free = [0] * len(self.ops)
        for a, b in self.literals:
            free[a] |= 1 << b
        for (a, b), a_b in self.literals.items():
            for c in _bits(free[a] & free[b]):
                b_c, a_c = self.literals[b, c], self.literals[a, c]
                self.model.add_bool_or(a_b.negated(), b_c.negated(), a_c)
                self.model.add_bool_or(a_b, b_c, a_c.negated())

    def fix(self, order: Sequence[int]) -> None:
        """Only this order is left."""
        slot = {op: position for position, op in enumerate(order)}
        for (a, b), literal in self.literals.items():
            self.model.add(literal == (slot[a] < slot[b]))

    def solvable(self, effort: float) -> bool | None:
        """Whether there is a solution; None where it is not known by then."""
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.linearization_level = 0
        solver.parameters.max_deterministic_time = effort
        status = solver.solve(self.model)
        assert status != cp_model.MODEL_INVALID
        return {cp_model.INFEASIBLE: False, cp_model.UNKNOWN: None}.get(status, True)

    def _limit(
        self, op: int, everything: list[tuple[Tensor, list[int], list[int]]], limit: int
    ) -> None:
        """What is alive while ``op`` runs is within the limit."""
        touched = 0
        others: list[Any] = []
        for tensor, firsts, lasts in everything:
            if op in tensor.users:
                touched += tensor.granules
                continue
            pairs = [(self.before(a, op), self.before(op, b)) for a in firsts for b in lasts]
            if any(begun is not False and ends is not False for begun, ends in pairs):
                alive = self.model.new_bool_var("")
                for begun, ends in pairs:
                    self._clause(_not(begun), _not(ends), alive)
                others.append(tensor.granules * alive)
        self.model.add(touched + sum(others) <= limit)

    def _clause(self, *literals: Any) -> None:
        """One of them holds."""
        if not any(literal is True for literal in literals):
            self.model.add_bool_or([literal for literal in literals if literal is not False])


def _ancestors(step: Step) -> list[int]:
    """For each op the set (bits) of those that any order runs before it."""
    result: list[int] = []
    for dependencies in step.dependencies:
        earlier = 0
        for other in dependencies:
            earlier |= result[other] | 1 << other
        result.append(earlier)
    return result


def _edges(step: Step, earlier: list[int]) -> Iterator[tuple[int, int]]:
    """The dependencies that no others imply."""
    for second, dependencies in enumerate(step.dependencies):
        for first in dependencies:
            if not any(earlier[other] >> first & 1 for other in dependencies):
                yield first, second


def _ends(tensor: Tensor, earlier: list[int]) -> tuple[list[int], list[int]]:
    """Those of a tensor's users that can be the first one, and those that can be the last."""
    users = tensor.users
    firsts = [a for a in users if not any(earlier[a] >> b & 1 for b in users)]
    lasts = [a for a in users if not any(earlier[b] >> a & 1 for b in users)]
    return firsts, lasts


def _not(literal: Any) -> Any:
    return not literal if isinstance(literal, bool) else literal.negated()


def _bits(mask: int) -> Iterator[int]:
    """Positions of the ones of ``mask``."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1
