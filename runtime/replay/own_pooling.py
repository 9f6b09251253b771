"""Max-pooling that remembers how far each maximum is from its window's corner, in one byte or two.

::

    plane of width 5      . . . . .      index     of the maximum x: 13, in the plane
                          . c w w .      corner c  of the window: 6
                          . w w x .      offset    13 − 6 = 7, at most 1 · 5 + 2

Samples are worked on in groups, with ATen's own kernels: only one group's indices exist at a time.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

_aten = torch.ops.aten
PART = 1 << 22
"""Maxima that are worked on at a time, at least one sample's."""


def max_pool2d_with_offsets(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    shape: Sequence[int],
    strides: Sequence[int],
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """The maxima (N, C, H', W') of windows of ``x`` (N, C, H, W), and their offsets as ``dtype``.

    Both have ``shape`` and ``strides``.
    """
    maxima = torch.empty_strided(shape, strides, dtype=x.dtype, device=x.device)
    offsets = torch.empty_strided(shape, strides, dtype=dtype, device=x.device)
    corners = _corners(shape, stride, padding, x)
    for part in _parts(maxima):
        index = torch.empty_like(maxima[part], dtype=torch.int64)
        _aten.max_pool2d_with_indices.out(
            x[part], kernel, stride, padding, dilation, ceil_mode, out=maxima[part], indices=index
        )
        torch.sub(index, corners, out=offsets[part])
    return maxima, offsets


def max_pool2d_with_offsets_backward(
    gradient: Tensor,
    offsets: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool,
    shape: Sequence[int],
    strides: Sequence[int],
) -> Tensor:
    """The gradient of the pooled tensor, of ``shape`` and ``strides``, from that of the maxima."""
    result = torch.empty_strided(shape, strides, dtype=gradient.dtype, device=gradient.device)
    corners = _corners(offsets.shape, stride, padding, result)
    for part in _parts(offsets):
        index = torch.empty_like(offsets[part], dtype=torch.int64)
        torch.add(corners, offsets[part], out=index)
        # Of the pooled tensor ATen reads the geometry alone, which is that of the result.
        _aten.max_pool2d_with_indices_backward.grad_input(
            gradient[part],
            result[part],
            kernel,
            stride,
            padding,
            dilation,
            ceil_mode,
            index,
            grad_input=result[part],
        )
    return result


def avg_pool2d_from_shape_backward(
    gradient: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    shape: Sequence[int],
    strides: Sequence[int],
) -> Tensor:
    """The gradient of the pooled tensor, of ``shape`` and ``strides``, from that of the averages."""
    result = torch.empty_strided(shape, strides, dtype=gradient.dtype, device=gradient.device)
    window = (kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    # Of the pooled tensor ATen reads the geometry alone, which is that of the result.
    _aten.avg_pool2d_backward.grad_input(gradient, result, *window, grad_input=result)
    return result


def _parts(maxima: Tensor) -> Iterator[slice]:
    """Groups of samples."""
    samples = maxima.shape[0]
    size = max(1, PART * samples // max(1, maxima.numel()))
    for first in range(0, samples, size):
        yield slice(first, min(first + size, samples))


def _corners(
    shape: Sequence[int], stride: Sequence[int], padding: Sequence[int], plane: Tensor
) -> Tensor:
    """The index of each window's first place in ``plane`` (N, C, H, W), inside it or not: (H', W')."""
    rows = torch.arange(shape[2], device=plane.device).mul_(stride[0]).sub_(padding[0])
    columns = torch.arange(shape[3], device=plane.device).mul_(stride[1]).sub_(padding[1])
    return rows[:, None] * plane.shape[3] + columns
