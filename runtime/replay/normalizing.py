"""A batch norm in training that runs again from the statistics that its first run saved: one read.

Its result depends on its input, weight and bias, mean and inverse deviation; what they come to in
floating point depends on the kernel. So the first run's own kernel is used, in another way:

- The CPU's works out ``a = deviation · weight`` and ``b = bias - mean · a``, then ``a · x + b``. With
  running statistics in place of those of the input ``deviation`` is ``1 / sqrt(variance + eps)``:
  exactly 1 for a variance of 1 and an eps of 0. Then the product is given as the weight.
- CUDA's has an op of its own for its second pass, ``batch_norm_elemt``. cuDNN rounds as it likes.

Whether that is bitwise right here is tried, on random data of each kind; where it is not, the batch
norm runs as a whole, on copies of the running statistics.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .plan_data import Norm
from .targets import operator
from .tensors import dtype, same_bits

_TRIED_BATCH, _TRIED_SIZES = 6, (13, 11, 7)
"""Shape of what is tried, as far as the input has so many dimensions: odd, so that vector loops have
ends, and large enough for many roundings."""
_TRIED_CHANNELS = 67
_CPU_KERNEL = "aten.native_batch_norm.default"
_CUDA_KERNEL = "aten.batch_norm_elemt.default"


class Normalizer:
    """The batch norms of a step that run again from saved statistics, by number."""

    def __init__(self, norms: Sequence[Norm | None], at: torch.device) -> None:
        """``norms``: the kind of each; None: of none that can be repeated so."""
        self._norms, self._at = norms, at
        self._exact: list[bool] = []

    def settle(self) -> None:
        """Try all kinds, as the machine is set now. Between steps: it asks for memory."""
        tried = {norm: self._is_exact(norm) for norm in {*self._norms} if norm is not None}
        self._exact = [norm is not None and tried[norm] for norm in self._norms]

    @property
    def whole(self) -> int:
        """How many of them run as a whole, after ``settle``."""
        return self._exact.count(False)

    def normalized(
        self, number: int, op: Any, mean: Tensor, deviation: Tensor, *arguments: Any
    ) -> tuple[Tensor]:
        """The result alone of ``op(*arguments)``, whose first run saved ``mean`` and ``deviation``."""
        if not self._exact:
            self.settle()
        if self._exact[number]:
            return (_again(mean, deviation, *arguments),)
        unmoved = (each.clone() if isinstance(each, Tensor) else each for each in arguments[3:])
        return (op(*arguments[:3], *unmoved)[0],)

    def _is_exact(self, norm: Norm) -> bool:
        if norm.parameters in ("float16", "bfloat16"):
            # Statistics in float32 would be for another instance of the kernel's code.
            return False
        generator = torch.Generator().manual_seed(5)
        return all(self._is_same(norm, generator, eps) for eps in (1e-5, 1e-3))

    def _is_same(self, norm: Norm, generator: torch.Generator, eps: float) -> bool:
        """Whether both ways agree once, on new numbers."""

        def numbers(shape: Sequence[int], kind: str) -> Tensor:
            made = torch.randn(shape, generator=generator) * 1.7 + 0.6
            return made.to(self._at, dtype(kind))

        x = numbers([_TRIED_BATCH, _TRIED_CHANNELS, *_TRIED_SIZES[: norm.rank - 2]], norm.dtype)
        if norm.channels_last:
            x = x.movedim(1, -1).contiguous().movedim(-1, 1)
        weight, bias = (
            numbers([_TRIED_CHANNELS], kind) if kind else None for kind in (norm.weight, norm.bias)
        )
        running = [numbers([_TRIED_CHANNELS], norm.parameters).abs() for _ in range(2)]
        rest: list[Any] = [*running, True, 0.1, eps]
        if norm.target.endswith(".no_stats"):
            rest = [True, 0.1, eps]
        elif "with_update" in norm.target:
            rest = [*running, 0.1, eps]
        try:
            due, mean, deviation = operator(norm.target)(x, weight, bias, *rest)[:3]
            found = _again(mean, deviation, x, weight, bias, *rest)
        except (RuntimeError, NotImplementedError):
            return False
        return same_bits(found, due) and found.stride() == due.stride()


def _again(
    mean: Tensor, deviation: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, *rest: Any
) -> Tensor:
    """The result from the statistics; of ``rest`` only eps, the last one, is of interest to CUDA."""
    result: Tensor
    if x.device.type == "cuda":
        result = operator(_CUDA_KERNEL)(x, weight, bias, mean, deviation, rest[-1])
        return result
    scale = deviation if weight is None else deviation * weight
    unit = torch.ones_like(mean)
    result = operator(_CPU_KERNEL)(x, scale, bias, mean, unit, False, 0.0, 0.0)[0]
    return result
