"""Weights and states of the optimizer that live in host memory from step to step.

Each has memory of its own there, pinned for a GPU: its *home*. The model's or the optimizer's tensor is
on it, so that ``state_dict`` shows it and saves it as ever; the step copies it into the arena and back.
A model that is moved to the device, and a state that torch loads, are at home again before the next
step.
"""

import torch
from torch import Tensor

from .device import Device
from .offload import host_block
from .plan_data import Resident
from .tensors import mismatch


class Homes:
    """The homes of one model's or one optimizer's tensors, made when one first needs its own."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._homes: dict[str, Tensor] = {}
        """By the resident's key."""
        self._blocks: list[Tensor] = []
        """Pinned as long as these are there."""

    # A home that is made in inference mode could not be updated outside of it.
    @torch.inference_mode(False)
    def take(self, resident: Resident, tensor: Tensor) -> Tensor:
        """What lives there, in its home, with the content of ``tensor``; where that is something else,
        as it is."""
        home = self._homes.get(resident.key)
        if home is not None and tensor.data_ptr() == home.data_ptr():
            return tensor
        if mismatch(tensor, resident.spec, str(tensor.device)):
            return tensor
        if home is None:
            block = host_block(self._device, resident.home)
            self._blocks.append(block)
            home = torch.empty(0, dtype=tensor.dtype).set_(
                block.untyped_storage(), 0, tuple(tensor.shape), tensor.stride()
            )
            self._homes[resident.key] = home
        with torch.no_grad():
            home.copy_(tensor)
        return home
