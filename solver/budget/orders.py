"""Base orders: what runs when first, so that little is alive for long."""

from collections.abc import Sequence

from solver.budget.graph import early_order
from solver.step import Phase, Step


def base_order(step: Step, order: Sequence[int]) -> tuple[int, ...]:
    """``order`` with ops that free more than they make as early as may be, and the others just in time.

    Where two branches of the backward pass meet, the one whose result is larger than what it was made
    from then waits for the other.
    """
    return early_order(step, late_order(step, order))


def late_order(step: Step, order: Sequence[int]) -> tuple[int, ...]:
    """``order`` with every op that makes as many bytes as it frees right before the first that waits
    for it."""
    sizes = step.rounded_sizes
    followers: list[list[int]] = [[] for _ in step.ops]
    for op, needed in enumerate(step.dependencies):
        for other in needed:
            followers[other].append(op)
    phase_of = {s: op.phase for op in step.ops for s in op.creates}
    line = _Line(len(step.ops))
    last_user: dict[int, int] = {}
    """By storage: of the ops that have their place, the last one that uses it."""
    waiting: list[list[int]] = [[] for _ in step.ops]
    """By op: those that were put right before it, the nearest first: who makes more is nearer."""
    gains: dict[int, int] = {}
    """Bytes that such an op makes beyond those it frees."""
    for op in reversed(order):
        uses = step.planned_uses[op]
        made = sum(int(sizes[s]) for s in step.ops[op].creates if step.storages[s].planned)
        # Updates come early whatever waits for them.
        ends = [other for other in followers[op] if step.ops[other].phase is not Phase.UPDATE]
        follower = min(ends, key=lambda other: line.key[other], default=-1)
        # What another phase made, such as an activation, can be made again just in time.
        freed = sum(
            int(sizes[s])
            for s in uses
            if follower >= 0
            and phase_of.get(s) is step.ops[op].phase
            and line.key[last_user.get(s, line.front)] < line.key[follower]
        )
        if follower < 0 or made < max(1, freed):
            follower = line.front
        else:
            row = waiting[follower]
            nearer = [other for other in row if gains[other] >= made - freed]
            waiting[follower] = [*nearer, op, *row[len(nearer) :]]
            gains[op] = made - freed
            follower = nearer[-1] if nearer else follower
        line.insert(op, follower)
        for storage in uses:
            last = last_user.get(storage, op)
            last_user[storage] = last if line.key[last] > line.key[op] else op
    return line.ops()


class _Line:
    """Ops in a row, into which others are put before any of them; -1 stands for none."""

    def __init__(self, ops: int) -> None:
        self.key = [0.0] * ops
        """Ascending along the line."""
        self.next, self.previous = [-1] * ops, [-1] * ops
        self.front = -1

    def insert(self, op: int, follower: int) -> None:
        """Put ``op`` right before ``follower``; -1: into the empty line."""
        before = self.previous[follower] if follower >= 0 else -1
        self.next[op], self.previous[op] = follower, before
        if follower >= 0:
            self.previous[follower] = op
        if before >= 0:
            self.next[before] = op
            self.key[op] = (self.key[before] + self.key[follower]) / 2
            if not self.key[before] < self.key[op] < self.key[follower]:
                self._number()
        else:
            self.front, self.key[op] = op, self.key[follower] - 1.0 if follower >= 0 else 0.0

    def _number(self) -> None:
        for at, op in enumerate(self.ops()):
            self.key[op] = float(at)

    def ops(self) -> tuple[int, ...]:
        """Front to back."""
        result: list[int] = []
        op = self.front
        while op >= 0:
            result.append(op)
            op = self.next[op]
        return tuple(result)
