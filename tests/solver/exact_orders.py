"""The least peak of a step by dynamic programming that shares nothing with the solver.

It follows from the definition alone: while an op runs, the storages that it touches are alive, and
those that an op before it has touched and an op after it will touch.
"""

import heapq
from dataclasses import dataclass

from solver.step import GRANULE, Step


@dataclass(frozen=True)
class Tensor:
    """A planned storage that some op touches."""

    granules: int
    users: tuple[int, ...]


def tensors(step: Step) -> list[Tensor]:
    """All that counts towards the peak of an order of the step."""
    users: dict[int, list[int]] = {}
    for index, op in enumerate(step.ops):
        for storage in {*op.touches}:
            users.setdefault(storage, []).append(index)
    return [
        Tensor(-(-step.storages[storage].size // GRANULE), tuple(who))
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
    for tensor in tensors(step):
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
        following = []
        for op in ready:
            reached = done | 1 << op
            begun = sum(size for mask, size in touched[op] if not mask & done)
            ended = sum(size for mask, size in touched[op] if not mask & ~reached)
            left = [o for o in ready if o != op]
            left += [o for o in after[op] if not before[o] & ~reached]
            following.append((max(peak, live + begun), reached, live + begun - ended, tuple(left)))
            # An op that fits under the peak so far and leaves no more alive than it finds can come
            # first in every order of the rest: whatever runs between has no more beside it.
            if live + begun <= peak and begun <= ended:
                following = following[-1:]
                break
        for state in following:
            if state[1] not in visited:
                heapq.heappush(pending, state)
    raise AssertionError("a step without a valid order")
