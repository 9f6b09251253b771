"""What a solve reports while it runs and what it returns: plans, the baseline, a report."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeAlias

from solver.plan import IntArray, Plan


@dataclass(frozen=True, slots=True)
class Segment:
    """One block that the caching allocator reserved from the device."""

    address: int
    """Of its first byte; segments are stacked in the order they were opened."""
    size: int
    slot: int
    """At which it was opened; -1: before the step, for residents."""
    storage: int
    """Whose request opened it."""
    free_bytes: int
    """Free in its pool at that moment: enough free bytes may lie in too small blocks."""
    largest_block: int
    """The largest free block of the pool at that moment."""


@dataclass(frozen=True)
class Baseline:
    """The step as PyTorch runs it: program order, addresses by a model of its caching allocator.

    Addresses are in one space in which all segments are stacked, residents included.
    """

    plan: Plan
    """Status BASELINE; its addresses and height are in that space."""
    resident_addresses: dict[int, int]
    """Address of every resident storage that has bytes."""
    segments: tuple[Segment, ...]
    reserved: IntArray
    """Bytes reserved at each slot, residents' segments included, shape (slots,)."""

    @cached_property
    def reserved_bytes(self) -> int:
        """The most that is reserved, residents included."""
        return max((s.address + s.size for s in self.segments), default=0)


@dataclass(frozen=True, slots=True)
class Progress:
    """One line of a running solve. Bytes are of planned storages; None: not known yet."""

    seconds: float
    phase: str
    """Such as ``Lower bound``."""
    result: str
    """Such as ``2 minimum cuts``."""
    peak_bytes: int | None = None
    bound_bytes: int | None = None
    height_bytes: int | None = None
    plan: Plan | None = field(default=None, repr=False)
    """The best plan so far, where this line brought a better one."""


ProgressCallback: TypeAlias = Callable[[Progress], None]
CancelCallback: TypeAlias = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one solve, as ``bayplan solve --json`` prints them. Bytes; seconds."""

    model: str
    ops: int
    storages: int
    """Planned ones."""
    resident_bytes: int
    program_order_peak_bytes: int
    baseline_reserved_bytes: int
    """Reserved by the caching allocator in program order, residents included."""
    peak_bytes: int
    peak_bound_bytes: int
    height_bytes: int
    gap: float
    """(height − bound) / bound, where the bound is that of the peak, or the end of what is pinned to an
    address; 0 where the bound is 0."""
    seconds: float
    status: str
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class Solution:
    """All that a solve found; every plan in it has passed ``solver.check``."""

    plan: Plan
    """The best plan."""
    program_plan: Plan
    """Program order, placed: what better addresses alone give. Where pins exclude program order, an
    order near it."""
    baseline: Baseline
    report: Report
    log: tuple[Progress, ...]
