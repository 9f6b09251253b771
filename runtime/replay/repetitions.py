"""Ops that run again, for the generated step: what they draw, and batch norms from saved statistics.

::

    arm(17)
    again.keep(0)                                     dropout runs again: where the generator stands
    getitem, getitem_1 = aten_native_dropout_default(linear, 0.1, True)
    ...
    again.rewind(0)
    arm(94)
    getitem_2, getitem_3 = aten_native_dropout_default(linear_1, 0.1, True)
    again.resume()
    arm(95)
    getitem_4, = again.normalized(0, aten_native_batch_norm_default, mean, deviation, conv_1, ...)
"""

from collections.abc import Sequence

from .device import Device
from .draws import CudaDraws, draws_of
from .normalizing import Normalizer
from .plan_data import Norm


class Repetitions:
    """Those of one step. Not for use by two threads at a time."""

    def __init__(self, norms: Sequence[Norm | None], device: Device) -> None:
        """``norms``: the kind of each batch norm that runs again from saved statistics."""
        draws, normalizer = draws_of(device.at), Normalizer(norms, device.at)
        self.graphed = draws if isinstance(draws, CudaDraws) else None
        """What a CUDA graph of the step needs to know."""
        self.begin, self.settle = draws.begin, normalizer.settle
        self.keep, self.rewind, self.resume = draws.keep, draws.rewind, draws.resume
        self.normalized = normalizer.normalized
        self._normalizer = normalizer

    @property
    def whole(self) -> int:
        """Batch norms that run as a whole, as their kind is not exact from saved statistics here."""
        return self._normalizer.whole
