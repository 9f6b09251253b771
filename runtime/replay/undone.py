"""Run a step without an effect: whatever it changes is put back."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .device import Device


class Undone:
    """Whatever a step does to ``residents`` and the random numbers inside this block is undone."""

    def __init__(self, device: Device, residents: Sequence[Tensor]) -> None:
        self._device, self._residents = device, residents

    def __enter__(self) -> "Undone":
        self._saved = [self._device.kept(t) for t in self._residents]
        self._random = self._device.random_state()
        return self

    def restore(self) -> None:
        """Everything as it was when the block began."""
        # What lives in host memory is copied there beside the ops.
        self._device.synchronize()
        self._device.set_random_state(self._random)
        with torch.no_grad():
            for tensor, saved in zip(self._residents, self._saved, strict=True):
                tensor.copy_(saved)

    def __exit__(self, *_: object) -> None:
        self.restore()
        del self._saved, self._random
