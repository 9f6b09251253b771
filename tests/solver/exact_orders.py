"""The least peak of a step by ways that share nothing with the solver, to hold its results against.

Both follow from the definition alone: while an op runs, the storages that it touches are alive, and
those that an op before it has touched and an op after it will touch.
"""

import heapq
from dataclasses import dataclass
from typing import Any

from solver.step import GRANULE, Step


@dataclass(frozen=True)
class _Tensor:
    """A planned storage that some op touches."""

    granules: int
    users: tuple[int, ...]


def _tensors(step: Step) -> list[_Tensor]:
    users: dict[int, list[int]] = {}
    for index, op in enumerate(step.ops):
        for storage in {*op.touches}:
            users.setdefault(storage, []).append(index)
    return [
        _Tensor(-(-step.storages[storage].size // GRANULE), tuple(who))
        for storage, who in users.items()
        if step.storages[storage].planned
    ]


def least_peak(step: Step, states: int) -> int | None:
    """The least peak in bytes over all orders: dynamic programming over the sets of ops that have run.

    Sets are visited by the peak that it takes to come to them, so that only those are that need no
    more than the result. None when they are more than ``states``.
    """
    before = [sum(1 << d for d in earlier) for earlier in step.dependencies]
    after: list[list[int]] = [[] for _ in step.ops]
    for index, earlier in enumerate(step.dependencies):
        for other in earlier:
            after[other].append(index)
    touched: list[list[tuple[int, int]]] = [[] for _ in step.ops]
    for tensor in _tensors(step):
        mask = sum(1 << user for user in tensor.users)
        for user in tensor.users:
            touched[user].append((mask, tensor.granules))
    everything = (1 << len(step.ops)) - 1
    ready = tuple(op for op, needed in enumerate(before) if not needed)
    pending: list[tuple[int, int, int, tuple[int, ...]]] = [(0, 0, 0, ready)]
    visited: set[int] = set()
    while pending:
        peak, done, live, ready = heapq.heappop(pending)
        if done == everything:
            return peak * GRANULE
        if done in visited:
            continue
        if len(visited) == states:
            return None
        visited.add(done)
        for op in ready:
            reached = done | 1 << op
            if reached in visited:
                continue
            begun = sum(size for mask, size in touched[op] if not mask & done)
            ended = sum(size for mask, size in touched[op] if not mask & ~reached)
            following = [o for o in ready if o != op]
            following += [o for o in after[op] if not before[o] & ~reached]
            heapq.heappush(
                pending,
                (max(peak, live + begun), reached, live + begun - ended, tuple(following)),
            )
    raise AssertionError("a step without a valid order")


def least_peak_by_constraints(step: Step, effort: float) -> tuple[int, int]:
    """What CP-SAT says of the whole step at once: the most in bytes that is sure to be needed, and
    the least peak that it found. Equal where it came to its end.

    Every op has a place, every tensor is alive from its first user's to its last one's, and at no
    place is more alive than the peak. ``effort`` is deterministic, about in seconds.
    """
    from ortools.sat.python import cp_model

    count = len(step.ops)
    model = cp_model.CpModel()
    place: list[Any] = [model.new_int_var(0, count - 1, "") for _ in range(count)]
    model.add_all_different(place)
    for op, earlier in enumerate(step.dependencies):
        for other in earlier:
            model.add(place[other] + 1 <= place[op])
    tensors = _tensors(step)
    peak = model.new_int_var(0, sum(tensor.granules for tensor in tensors), "")
    lives, sizes = [], []
    for tensor in tensors:
        first, last, length = (model.new_int_var(0, count, "") for _ in range(3))
        for user in tensor.users:
            model.add(first <= place[user])
            model.add(last >= place[user] + 1)
        lives.append(model.new_interval_var(first, length, last, ""))
        sizes.append(tensor.granules)
    model.add_cumulative(lives, sizes, peak)
    for op in range(count):
        model.add(peak >= sum(tensor.granules for tensor in tensors if op in tensor.users))
    model.minimize(peak)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = effort
    status = solver.solve(model)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.UNKNOWN)
    most = sum(sizes) if status == cp_model.UNKNOWN else round(solver.objective_value)
    least = 0 if status == cp_model.UNKNOWN else round(solver.best_objective_bound)
    return least * GRANULE, most * GRANULE
