"""What of this process decides which requests the ops make: its key names a recording."""

import hashlib
from typing import Any

import torch


def settings() -> tuple[Any, ...]:
    """What may change while the process runs; cheap enough to look at before every step."""
    return (
        torch.get_num_threads(),
        torch._C._get_mkldnn_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.get_float32_matmul_precision(),
        torch.is_inference_mode_enabled(),
    )


def machine_key(adapter: str, allocator: str) -> str:
    """Key of a recording made here and now; ``allocator`` is the built library's file name."""
    parts = (
        torch.__version__,
        adapter,
        allocator,
        torch.backends.cpu.get_cpu_capability(),
        *settings(),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]
