"""The budget problem of a step: values, the gaps between their uses, and costs, as arrays.

A *value* is one version of a planned storage: what an op creates, or what it leaves when it writes in
place. First runs follow one base order. Between two of them that use a value lies a *gap*, across which
the value may be kept, or dropped and made again::

    base order   a     b     c     d     e
    value x      made  used              used     gaps: a-b, b-e
                       '------ gap -----'         kept: alive all along; dropped: a runs again before e

An op's repetition needs values of its own, which are made again too unless they are there. A value made
again on the way to another may be retained for its next use. So all there is to decide is a choice per
gap: ``DROP``, ``RETAIN`` (dropped, but kept from where it happens to be made again on, and made again
along with what it is made from where that is overwritten), ``KEEP``, ``LEND`` (kept for repetitions in
the gap, dropped after the last of them), ``SPEND`` (kept for the first repetitions in the gap that need
it, those for one first run; then dropped, and from where it happens to be made again on kept), or
``PARK`` (on the host until a run of any kind needs the value; see ``solver.budget.trips``). Gaps that
are short, or of small values, are always kept. After the last first run that uses it, a value that
several ops need when they are repeated has a gap, too, up to the last of those: it can so be made once
for all of them, or kept. See ``solver.budget.simulate`` for what a vector of choices comes to.

Values that no choice can touch, such as most gradients, are *static*: what they take is known. A first
run that touches others is an *event*, and only events are simulated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from solver.budget.costs import Costs, FloatArray
from solver.plan import IntArray
from solver.step import Phase, Step

Bits = npt.NDArray[np.uint8]

DROP, RETAIN, KEEP, PARK, LEND, SPEND = 0, 1, 2, 3, 4, 5
"""Choices for a gap."""

NO_GAP, SHORT_GAP = 0, 1
"""Gaps that stand for many: after the last use of a value (always DROP), and the undecided (KEEP)."""


class Tables(NamedTuple):
    """What kernels read. Rows: the entries of op i are ``items[at[i]:at[i + 1]]``. int64 or uint8."""

    event_op: IntArray
    event_position: IntArray
    """By event: its op, and where in the base order it is."""
    between: IntArray
    """By event, and after the last: most static bytes alive in first runs since the event before, or -1
    where there are none."""
    before: IntArray
    """By event: static bytes alive while ops are repeated for it."""
    during: IntArray
    """By event: static bytes alive in its own slot."""
    needs_at: IntArray
    needs: IntArray
    """Values that an op reads or writes."""
    gap_after_need: IntArray
    """For each need of an op: the gap of the value after the op's first run."""
    consumed: Bits
    """For each need: whether the op writes it in place, so that it becomes another value."""
    reusable: Bits
    """For each need: whether what the op creates may take over its bytes."""
    joins: Bits
    """For each need: whether the op may be fused with the run that made it."""
    makes_at: IntArray
    makes: IntArray
    """Values that an op leaves: created, or written in place."""
    gap_after_make: IntArray
    """For each make: the gap up to the value's first use."""
    written: Bits
    """For each make: whether it is written in place, so that no bytes are allocated."""
    along_at: IntArray
    along: IntArray
    """By op that writes in place: the ops that read what it overwrites, and may be repeated."""
    until: IntArray
    """By op: the last position before whose first run it may be repeated (later a resident that it
    reads is another version)."""
    begins: Bits
    """By op: whether another run may be fused with it; none where fusing is not allowed."""
    rank: IntArray
    """By op: repetitions that are needed together run in this order; -1: it is never repeated."""
    by_rank: IntArray
    saved: IntArray
    """By batch norm: the value it makes when it is repeated from saved statistics, else -1."""
    mean: IntArray
    deviation: IntArray
    """By such an op: the values of its statistics."""
    size: IntArray
    """By value: bytes, rounded up to the granule."""
    producer: IntArray
    """By value: the op that makes it."""
    versions_from: IntArray
    versions_to: IntArray
    """By value: the values of the same storage, which are consecutive, half-open."""
    first: FloatArray
    """By op: seconds of the first run, and of a repetition as captured."""
    repeated: FloatArray
    """By op: seconds of a repetition from saved statistics."""
    fused: FloatArray
    """By op: seconds of a fused repetition."""
    base_seconds: float
    """Of all first runs."""


@dataclass(frozen=True, eq=False)
class BudgetGraph:
    """The problem for one base order. Gaps 0 and 1 are ``NO_GAP`` and ``SHORT_GAP``."""

    step: Step
    costs: Costs
    order: IntArray
    """Op by position: the base order."""
    tables: Tables
    """Of the values that are not static."""
    storage_of: IntArray
    """By such a value: the storage."""
    gap_value: IntArray
    """By gap: its value; -1 for the first two."""
    gap_from: IntArray
    gap_to: IntArray
    """By gap: positions of the first runs before and after it; after the end, where none follows."""

    @property
    def gaps(self) -> int:
        """Number of gaps, the two that are never decided included."""
        return len(self.gap_value)

    def kept(self) -> Bits:
        """The choices that keep everything: the step as captured, in base order."""
        choice = np.full(self.gaps, KEEP, np.uint8)
        choice[NO_GAP] = DROP
        choice[self.is_end] = DROP
        return choice

    @property
    def is_end(self) -> npt.NDArray[np.bool_]:
        """By gap: whether no first run ends it."""
        ends: npt.NDArray[np.bool_] = self.gap_to == len(self.order)
        return ends


def make_graph(step: Step, costs: Costs, order: Sequence[int], *, fusing: bool = False) -> BudgetGraph:
    """The budget problem of a step whose first runs follow ``order``, which must be a valid one.

    ``fusing``: repetitions may be fused where ``solver.repetition`` says so.
    """
    from solver.budget.simulate import hopeless_gaps  # numba
    from solver.budget.values import Values  # it needs what is here

    values = Values(step, costs, order, fusing)
    gaps = values.gaps()
    hopeless = hopeless_gaps(values.graph(gaps))
    gaps = [gap for gap, bad in zip(gaps, hopeless, strict=True) if not bad]
    return values.graph(sorted([*gaps, *values.ends(gaps)], key=lambda gap: (gap.start, gap.end)))


def early_order(step: Step, order: Sequence[int]) -> tuple[int, ...]:
    """``order`` with the optimizer's updates, and what else only frees bytes, as early as may be."""
    early = [
        op.phase is Phase.UPDATE
        or (bool(uses) and not any(step.storages[s].planned for s in op.creates + op.writes))
        for op, uses in zip(step.ops, step.planned_uses, strict=True)
    ]
    waits = [len(before) for before in step.dependencies]
    followers: list[list[int]] = [[] for _ in step.ops]
    place = {op: at for at, op in enumerate(order)}
    for op in reversed(order):
        for other in step.dependencies[op]:
            followers[other].append(op)
    result: list[int] = []
    for op in order:
        ready = [op] if waits[op] == 0 and not (early[op] and step.dependencies[op]) else []
        while ready:
            now = ready.pop()
            result.append(now)
            for follower in followers[now]:
                waits[follower] -= 1
                late = place[follower] < place[op]
                if waits[follower] == 0 and (early[follower] or late):
                    ready.append(follower)
    return tuple(result)
