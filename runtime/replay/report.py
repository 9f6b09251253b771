"""How a step runs on this machine, for people and for proofs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """Complete after the first step. Bytes."""

    planned: bool
    """Whether it runs at planned addresses."""
    reason: str
    """Why not, or empty."""
    planned_bytes: int
    """The plan's height."""
    arena_bytes: int
    """What the arena has: outputs and temporaries."""
    addresses_kept: bool
    """Whether the plan's addresses are the ones used; else everything was placed anew, lower."""
    temporaries: int
    temporary_bytes: int
    unmatched: tuple[int, ...]
    """Instances of the plan that no request was made for: they live outside the arena."""
    recorded: bool
    """Whether this process recorded the requests (else they were kept from an earlier one)."""
    proved: bool
    """Whether this process compared a planned step with the same step unplanned, bit for bit."""
    adapter: str = ""
    """The library that sits in PyTorch's allocator: ``cpu``, ``cuda_native``, ``cuda_pluggable``."""
    adapter_reason: str = ""
    """Why this one."""
    graphed: bool = False
    """Whether steps are replayed as a CUDA graph; true from the step that was captured."""
    graph_reason: str = ""
    """Why not, where a graph was asked for."""
    transfers: int = 0
    """Copies of one step to host memory and from there."""
    host_bytes: int = 0
    """Of host memory, the optimizer's states there included; pinned where the step runs on a GPU."""
    repeated: int = 0
    """Ops of one step that run again."""
    whole_norms: int = 0
    """Batch norms among them that run as a whole, not from their saved statistics as planned: no kernel
    of this machine gives the very same bits from those."""
