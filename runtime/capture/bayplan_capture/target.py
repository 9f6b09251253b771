"""The device whose kernels a step is traced for, and where the fake tensors of the trace are."""

from dataclasses import dataclass

import torch

from .errors import CaptureError

TARGETS = ("cpu", "cuda")


@dataclass(frozen=True)
class Target:
    """``cpu`` or ``cuda``; a step is traced for CUDA also where there is none.

    There the fake tensors are on the CPU, and ``cuda_kernels`` steers the trace to what CUDA would
    run; with a CUDA device they are on it, and torch itself chooses.
    """

    name: str
    device: torch.device
    """Where the trace's tensors are."""

    @property
    def steered(self) -> bool:
        """Whether tensors on the CPU stand for tensors on a CUDA device."""
        return self.name != self.device.type


def find_target(name: str) -> Target:
    """The target called ``name``, traced on its own device where there is one. Raises CaptureError."""
    if name not in TARGETS:
        raise CaptureError(f"The target is {name!r}; steps are captured for {' or '.join(TARGETS)}.")
    here = name == "cpu" or torch.cuda.is_available()
    return Target(name, torch.device(name if here else "cpu"))
