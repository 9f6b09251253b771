"""Max-pooling that remembers each maximum by its place in the window, in one byte instead of eight.

::

    window of 3 × 3     0 1 2      the maximum at row 1, column 2 of its window has the offset 5;
                        3 4 5      in the plane it is at row (y · stride − padding + 1 · dilation),
                        6 7 8      column (x · stride − padding + 2 · dilation)

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
) -> tuple[Tensor, Tensor]:
    """The maxima (N, C, H', W') of windows of ``x`` (N, C, H, W), and their offsets as uint8.

    Both have ``shape`` and ``strides``.
    """
    maxima = torch.empty_strided(shape, strides, dtype=x.dtype, device=x.device)
    offsets = torch.empty_strided(shape, strides, dtype=torch.uint8, device=x.device)
    width = x.shape[3]
    for part in _parts(maxima):
        index = torch.empty_like(maxima[part], dtype=torch.int64)
        _aten.max_pool2d_with_indices.out(
            x[part], kernel, stride, padding, dilation, ceil_mode, out=maxima[part], indices=index
        )
        row = torch.div(index, width, rounding_mode="floor")
        column = index.sub_(row, alpha=width)
        tops, lefts = _corners(shape, stride, padding, x.device)
        row.sub_(tops).div_(dilation[0], rounding_mode="floor")
        column.sub_(lefts).div_(dilation[1], rounding_mode="floor")
        offsets[part].copy_(row.mul_(kernel[1]).add_(column))
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
    width = shape[3]
    for part in _parts(offsets):
        column = offsets[part].to(torch.int64)
        row = torch.div(column, kernel[1], rounding_mode="floor")
        column.sub_(row, alpha=kernel[1])
        tops, lefts = _corners(offsets.shape, stride, padding, gradient.device)
        row.mul_(dilation[0]).add_(tops)
        index = column.mul_(dilation[1]).add_(lefts).add_(row, alpha=width)
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


def _parts(maxima: Tensor) -> Iterator[slice]:
    """Groups of samples."""
    samples = maxima.shape[0]
    size = max(1, PART * samples // max(1, maxima.numel()))
    for first in range(0, samples, size):
        yield slice(first, min(first + size, samples))


def _corners(
    shape: Sequence[int], stride: Sequence[int], padding: Sequence[int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """The rows (H', 1) and columns (W',) where the windows begin."""
    rows = torch.arange(shape[2], device=device).mul_(stride[0]).sub_(padding[0])
    columns = torch.arange(shape[3], device=device).mul_(stride[1]).sub_(padding[1])
    return rows[:, None], columns
