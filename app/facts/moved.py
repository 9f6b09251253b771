"""What moved between two ways to run one step, tensor by tensor, what each saved at the peak. No Qt.

A tensor saves at the peak what it takes there on the left and no longer takes on the right::

    saved = (bytes, if alive at the left's peak) - (bytes, if alive at the right's peak)

so that the sum over all tensors is the difference of the two live peaks, but for residents that live on
the host on one side only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.facts.plan import PlanFacts, counterparts
from app.facts.stays import Span
from app.facts.words import category_name
from app.translation import tr
from solver.plan import IntArray


@dataclass(frozen=True, slots=True)
class Place:
    """Where and when a tensor is in memory on one side."""

    address: int
    """Of its first stay, in the window's space; -1: it is never in memory there."""
    start: int
    end: int
    """Slots from its first stay's start to its last one's end."""
    stays: int
    at_peak: int
    """Bytes that it takes at the side's peak."""

    @property
    def ops_text(self) -> str:
        """``12–480``, ``12–480 in 2 stays``, ``none``."""
        if self.stays == 0:
            return tr("none")
        ops = f"{self.start}–{self.end - 1}"
        return tr("{} in {} stays").format(ops, self.stays) if self.stays > 1 else ops


@dataclass(frozen=True, slots=True)
class Moved:
    """A tensor that lies elsewhere, is in memory at other times, or at one of the two peaks only."""

    name: str
    category: str
    size: int
    left_storage: int
    """-1: only the right side's implementations have it."""
    right_storage: int
    left: Place
    right: Place

    @property
    def moved(self) -> int | None:
        """Bytes upwards from left to right; None: one side has no address for it."""
        there = self.left.address >= 0 and self.right.address >= 0
        return self.right.address - self.left.address if there else None

    @property
    def saved(self) -> int:
        """Bytes that the right side does without at its peak; negative: needs besides."""
        return self.left.at_peak - self.right.at_peak


def moved_tensors(left: PlanFacts, right: PlanFacts) -> tuple[Moved, ...]:
    """All that differ, by what they save at the peak, then the largest first."""
    same = counterparts(left.step, right.step)
    pairs = list(same.items())
    pairs += [(s, -1) for s in range(len(left.step.storages)) if s not in same]
    both = set(same.values())
    pairs += [(-1, s) for s in range(len(right.step.storages)) if s not in both]
    rows = []
    for one, other in pairs:
        first, second = _spans(left, one), _spans(right, other)
        storage = left.step.storages[one] if one >= 0 else right.step.storages[other]
        size = int(left.sizes[one] if one >= 0 else right.sizes[other])
        places = (_place(first, left.peak_slot, size), _place(second, right.peak_slot, size))
        unmoved = _stays(first) == _stays(second)
        if unmoved and places[0].at_peak == places[1].at_peak:
            continue
        rows.append(Moved(storage.name, category_name(storage.category), size, one, other, *places))
    return tuple(sorted(rows, key=lambda r: (-abs(r.saved), -r.size, r.left.start)))


def same_slots(left: PlanFacts, right: PlanFacts) -> IntArray:
    """For every slot of the left side the one of the right at which the same run of the same op is.

    -1 where the right side does not run it, or not as often.
    """
    where: dict[tuple[str, int], int] = {}
    for slot, run in enumerate(_runs(right)):
        where[run] = slot
    return np.array([where.get(run, -1) for run in _runs(left)], np.int64)


def _runs(facts: PlanFacts) -> list[tuple[str, int]]:
    """The op of every slot, by its name in any rewrite of the step, and how often it ran before."""
    count: dict[int, int] = {}
    result = []
    for op in facts.plan.order:
        before = count.get(op, 0)
        count[op] = before + 1
        result.append((facts.step.ops[op].name, before))
    return result


def _spans(facts: PlanFacts, storage: int) -> Sequence[Span]:
    """The stays of what a plan places; residents have none."""
    if storage < 0 or (facts.step.storages[storage].resident and storage not in facts.plan.homes):
        return ()
    return facts.spans(storage)


def _stays(spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    return [(span.start, span.end, span.address) for span in spans]


def _place(spans: Sequence[Span], peak: int, size: int) -> Place:
    if not spans:
        return Place(-1, -1, -1, 0, 0)
    alive = any(span.start <= peak < span.end for span in spans)
    end = max(span.end for span in spans)
    return Place(spans[0].address, spans[0].start, end, len(spans), size if alive else 0)
