"""What a plan within a budget was asked for, and what it states of its time."""

from dataclasses import dataclass, field
from enum import StrEnum


class Choice(StrEnum):
    """What a plan may do beyond order and addresses, to fit into a budget."""

    RECOMPUTE = "recompute"
    """Run an op again instead of keeping its result."""
    OFFLOAD = "offload"
    """Park a storage in host memory."""
    IMPLEMENTATIONS = "implementations"
    """Run ops in another way with bitwise equal results, which needs fewer bytes."""
    APPROXIMATE = "approximate"
    """Implementations, too, whose results are equal up to a stated tolerance."""


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """A roofline: an op takes a launch, and the longer of its arithmetic and its memory traffic."""

    name: str
    flops_per_second: dict[str, float] = field(hash=False)
    """Peak by dtype, such as ``{"float32": 15.7e12}``; it must have ``float32``."""
    bytes_per_second: float
    """Of device memory."""
    launch_seconds: float
    """That every op takes at least."""
    host_bytes_per_second: float
    """Of copies between device and host memory, one at a time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The budget of a plan, and what the plan costs. Bytes; seconds; overheads are fractions."""

    budget_bytes: int
    """That residents and arena together may take."""
    allowed: tuple[Choice, ...]
    device: DeviceModel
    measured: bool
    """Whether op times are those that the step was timed with; else they are the device model's."""
    base_seconds: float
    """Predicted for the unmodified step."""
    overhead: float
    """Predicted seconds of the plan / ``base_seconds`` − 1."""
    overhead_bound: float
    """Proven: no plan within the budget that does no more than what is allowed has less."""
