"""Masks of one bit or one byte an element, and the ops that multiply or choose by them.

::

    elements   0 1 2 3 4 5 6 7 | 8 9 ...      in the order of the dimensions ``order``, outermost first,
    bits       byte 0, bit 0 first | byte 1   which is that of the masked tensor in memory

All work through the tensor in parts of about ``PART`` elements.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

_aten = torch.ops.aten
PART = 1 << 24
"""A multiple of 8."""


def pack_above(x: Tensor, threshold: float, order: Sequence[int]) -> Tensor:
    """Bits of where ``x`` is not ≤ ``threshold``: of what is above it, and of NaNs."""
    flat, bits = _flat(x, order)
    for first in range(0, flat.numel(), PART):
        part = flat[first : first + PART]
        _pack(torch.le(part, threshold), bits, first, wanted=False)
    return bits


def pack_nonzero(mask: Tensor, order: Sequence[int]) -> Tensor:
    """Bits of where ``mask`` is not zero, or is true."""
    flat, bits = _flat(mask, order)
    for first in range(0, flat.numel(), PART):
        _pack(torch.ne(flat[first : first + PART], 0), bits, first, wanted=True)
    return bits


def keep_by_bits(
    gradient: Tensor, bits: Tensor, order: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """``gradient`` where the bit is set, 0 elsewhere; laid out with ``strides``."""
    result = _empty(gradient, strides)
    zero = gradient.new_zeros(())
    for part, into, mask in _parts(gradient, result, bits, order):
        torch.where(mask, part, zero, out=into)
    return result


def scale_by_bits(
    x: Tensor, bits: Tensor, divisor: float | None, order: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """``x`` times the mask of zeros and ones, which is divided by ``divisor`` first."""
    result = _empty(x, strides)
    for part, into, mask in _parts(x, result, bits, order):
        factors = mask.to(x.dtype)
        if divisor is not None:
            factors.div_(divisor)
        torch.mul(part, factors, out=into)
    return result


def scale_by_mask(
    x: Tensor, mask: Tensor, divisor: float | None, order: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """The same with a mask of booleans."""
    result = _empty(x, strides)
    one, zero = x.new_ones(()), x.new_zeros(())
    if divisor is not None:
        one, zero = one.div_(divisor), zero.div_(divisor)
    for (part, into, chosen), _, _ in _slices([x, result, mask], order):
        torch.mul(part, torch.where(chosen, one, zero), out=into)
    return result


def dropout_backward_by_bits(
    gradient: Tensor, bits: Tensor, scale: float, order: Sequence[int], strides: Sequence[int]
) -> Tensor:
    """``native_dropout_backward`` with the mask as bits."""
    result = _empty(gradient, strides)
    for part, into, mask in _parts(gradient, result, bits, order):
        into.copy_(_aten.native_dropout_backward(part, mask, scale))
    return result


def _bytes(elements: int) -> int:
    return (elements + 7) // 8


def _empty(like: Tensor, strides: Sequence[int]) -> Tensor:
    return torch.empty_strided(like.shape, strides, dtype=like.dtype, device=like.device)


def _flat(x: Tensor, order: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The elements of ``x`` one by one, and a place for a bit of each."""
    bits = torch.empty(_bytes(x.numel()), dtype=torch.uint8, device=x.device)
    return x.permute(list(order)).view(-1), bits


def _pack(mask: Tensor, bits: Tensor, first: int, *, wanted: bool) -> None:
    """Set the bits, from that of element ``first`` on, where ``mask`` is as ``wanted``.

    Those beyond the last element are 0.
    """
    if missing := -mask.numel() % 8:
        mask = torch.cat([mask, mask.new_full((missing,), not wanted)])
    eights = mask.view(-1, 8)
    places = torch.arange(8, dtype=torch.uint8, device=mask.device)
    powers, zero = torch.ones_like(places).bitwise_left_shift_(places), places.new_zeros(())
    chosen = torch.where(eights, powers, zero) if wanted else torch.where(eights, zero, powers)
    into = bits[first // 8 : first // 8 + len(eights)]
    torch.sum(chosen, 1, dtype=torch.uint8, out=into)


def _unpack(bits: Tensor, first: int, end: int) -> Tensor:
    """The booleans ``[first, end)``; ``first`` is a multiple of 8."""
    places = torch.arange(8, dtype=torch.uint8, device=bits.device)
    ones = torch.bitwise_right_shift(bits[first // 8 : _bytes(end), None], places).bitwise_and_(1)
    return ones.view(torch.bool).view(-1)[: end - first]


def _parts(
    x: Tensor, result: Tensor, bits: Tensor, order: Sequence[int]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Slices of ``x`` and ``result`` with the mask that belongs to them."""
    for (part, into), first, end in _slices([x, result], order):
        yield part, into, _unpack(bits, first, end).view(part.shape)


def _slices(tensors: Sequence[Tensor], order: Sequence[int]) -> Iterator[tuple[list[Tensor], int, int]]:
    """Slices of tensors of one shape, and which elements ``[first, end)`` they have.

    They are cut across the outermost dimension that has several elements, so that any strides will do,
    and where a byte of bits begins.
    """
    wholes = [each.permute(list(order)) for each in tensors]
    shape, elements = wholes[0].shape, wholes[0].numel()
    if not shape:
        yield wholes, 0, 1
        return
    across = next((at for at, size in enumerate(shape) if size > 1), 0)
    inner = elements // max(1, shape[across])
    step = 8 // math.gcd(8, inner) if inner else 1
    step *= max(1, PART // max(1, inner * step))
    for first in range(0, shape[across] if inner else 0, step):
        end = min(first + step, shape[across])
        parts = [each.narrow(across, first, end - first) for each in wholes]
        yield parts, first * inner, end * inner
