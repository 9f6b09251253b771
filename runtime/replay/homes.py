"""States of the optimizer that live in host memory from step to step.

Each has memory of its own there, pinned for a GPU: its *home*. The optimizer's tensor is on it, so that
``state_dict`` shows it and saves it as ever; the step copies it into the arena and back. torch moves
what it loads to the device of the parameter: such a state goes home again before the next step.
"""

import torch
from torch import Tensor

from .device import Device
from .offload import host_block
from .plan_data import Resident
from .tensors import mismatch


class Homes:
    """The homes of one optimizer's states, made when a state first needs its own."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._homes: dict[str, Tensor] = {}
        """By the resident's key."""
        self._blocks: list[Tensor] = []
        """Pinned as long as these are there."""

    # A home that is made in inference mode could not be updated outside of it.
    @torch.inference_mode(False)
    def take(self, resident: Resident, tensor: Tensor) -> Tensor:
        """The state in its home, with the content of ``tensor``; what is no such state, as it is."""
        home = self._homes.get(resident.key)
        if tensor is home or mismatch(tensor, resident.spec, str(tensor.device)):
            return tensor
        if home is None:
            size = tensor.untyped_storage().nbytes()
            block = host_block(self._device, size)
            self._blocks.append(block)
            home = torch.empty(0, dtype=tensor.dtype).set_(
                block.untyped_storage(), 0, tuple(tensor.shape), tensor.stride()
            )
            self._homes[resident.key] = home
        with torch.no_grad():
            home.copy_(tensor)
        return home
