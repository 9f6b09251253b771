"""What a plan within a budget was asked for, and what it states of its time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

FASTEST = 1e30
"""Of a speed, per second: beyond it sums and quotients of times would mean nothing."""
LONGEST = 1e3
"""Of a launch, in seconds."""
LONGEST_STEP = LONGEST**2
"""In seconds."""
LONGEST_NAME = 100
"""Of a device, in characters."""


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


def device_problems(device: DeviceModel) -> Iterator[str]:
    """Why it cannot be named, or no time be predicted with these figures; a clause a problem."""
    if not (0 < len(device.name) <= LONGEST_NAME and device.name.isprintable()):
        yield f"its name is not a line of 1 to {LONGEST_NAME} characters"
    if "float32" not in device.flops_per_second:
        yield "it has no peak for float32"
    speeds = {f"flops_per_second of {dtype}": v for dtype, v in device.flops_per_second.items()}
    speeds |= {
        "bytes_per_second": device.bytes_per_second,
        "host_bytes_per_second": device.host_bytes_per_second,
    }
    for what, speed in speeds.items():
        if not 1 <= speed <= FASTEST:
            yield f"its {what} is {speed:g}"
    if not 0 <= device.launch_seconds <= LONGEST:
        yield f"its launch_seconds is {device.launch_seconds:g}"


def impossible_terms(terms: Terms) -> Iterator[str]:
    """What cannot be in terms that come from a file, a clause a problem; whether they are what a plan
    costs is for ``solver.check`` to say."""
    for problem in device_problems(terms.device):
        yield f"of its device, {problem}"
    if not 0 <= terms.base_seconds <= LONGEST_STEP:
        yield f"its unmodified step takes {terms.base_seconds:g} seconds"
    for what, overhead in (("overhead", terms.overhead), ("bound", terms.overhead_bound)):
        if not (isfinite(overhead) and overhead >= -1):
            yield f"its {what} is {overhead:g}"
    if not 0 < terms.budget_bytes < 1 << 62:
        yield f"its budget is {terms.budget_bytes:,} bytes"
    if len({*terms.allowed}) < len(terms.allowed):
        yield "it allows something twice"
