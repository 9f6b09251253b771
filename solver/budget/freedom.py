"""What a bound lets schedules do, what it costs them, and in which units that is counted."""

from dataclasses import dataclass
from functools import cached_property

from solver.budget.costs import Costs
from solver.budget.history import History
from solver.budget.homes import STATES_AND_WEIGHTS
from solver.budget.ways import Way
from solver.step import round_up

_TICKS = 10_000_000
"""Units of time in the unmodified step's seconds."""
_UNITS = 1 << 22
"""Units of memory in all planned bytes, at least."""


@dataclass(frozen=True, eq=False)
class Freedom:
    """What schedules of a step may do, and what it costs them."""

    history: History
    costs: Costs
    """Of the step as captured; those of repetitions are the least in any way."""
    recompute: bool
    fusing: bool
    host_bytes_per_second: float
    """Of copies; 0: there are none."""
    smallest: int = 0
    """Bytes of the smallest storage that counts."""
    groups: tuple[tuple[Way, ...], ...] = ()
    """Ways to run ops otherwise: one of each group, or none."""

    @cached_property
    def touched(self) -> frozenset[int]:
        """Ops that some way touches."""
        return frozenset(op for group in self.groups for way in group for op in way.touched)

    @cached_property
    def added_seconds(self) -> float:
        """That first runs take longer at most, with the slowest way of each group."""
        return sum(max(way.added_seconds for way in group) for group in self.groups)

    @cached_property
    def least_extra(self) -> float:
        """Seconds beyond the step as captured: all that ways can save, as a negative number."""
        return sum(min(0.0, *(way.seconds for way in group)) for group in self.groups)

    @cached_property
    def tick(self) -> float:
        """Seconds in a unit of time."""
        return max(self.costs.base_seconds, 1e-9) / _TICKS

    @cached_property
    def unit(self) -> int:
        """Bytes in a unit of memory."""
        step = self.history.step
        return max(1, int(step.rounded_sizes[step.planned_storages].sum()) // _UNITS)

    def bytes_of(self, version: int) -> int:
        """Bytes that an instance with this version takes."""
        return int(self.history.step.rounded_sizes[self.history.storage_of[version]])

    def copy_ticks(self, version: int) -> int:
        """Units of time that a copy of it takes, rounded down."""
        size = self.history.step.storages[self.history.storage_of[version]].size
        return int(size / self.host_bytes_per_second / self.tick)

    def home_bytes(self, *, written: bool) -> int:
        """Of weights and the optimizer's states, which may live in host memory: those that ops write,
        each of which is copied both ways then, or others.

        What has fewer bytes than it takes is among the others, whose copies cost nothing: the bytes of
        the first are time, too."""
        if not self.host_bytes_per_second:
            return 0
        step = self.history.step
        touched = {storage for op in step.ops for storage in op.writes}
        return sum(
            int(step.rounded_sizes[index])
            for index, storage in enumerate(step.storages)
            if storage.category in STATES_AND_WEIGHTS
            and (index in touched and storage.size == round_up(storage.size)) is written
        )
