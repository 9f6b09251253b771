"""Attention written out as two matrix products and a softmax, by the kernels that hold no scores.

::

    queries (N, L, E) × keysᵀ (N, E, S) · scale + mask ─ softmax ─ × values (N, S, E) ─ result (N, L, E)

N counts batches and heads, ``lead``. On CPUs it is the flash kernel, elsewhere the memory-efficient
one.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_aten: Any = torch.ops.aten


def attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None,
    scale: float,
    lead: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """The result, and for the backward pass the logarithm of each query's sum (N, at least L).

    ``mask`` is added to the scores (booleans: −inf where it is true), broadcast to (*lead, L, S).
    """
    q, k, v = _heads(queries, keys, values, lead)
    bias = _bias(mask, q, k)
    if q.device.type == "cpu":
        kernel = _aten._scaled_dot_product_flash_attention_for_cpu
        found, sums = kernel(q, k, v, 0.0, False, attn_mask=bias, scale=scale)
    else:
        kernel = _aten._scaled_dot_product_efficient_attention
        found, sums, _, _ = kernel(q, k, v, bias, True, 0.0, False, scale=scale)
    result = torch.empty((len(queries), q.shape[2], v.shape[3]), dtype=q.dtype, device=q.device)
    result.view(found.shape).copy_(found)
    kept = torch.empty((len(queries), sums.shape[2]), dtype=sums.dtype, device=q.device)
    kept.view(sums.shape).copy_(sums)
    return result, kept


def attention_backward(
    gradient: Tensor,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    result: Tensor,
    sums: Tensor,
    mask: Tensor | None,
    scale: float,
    lead: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of queries, keys and values, each contiguous and of its operand's shape."""
    made = [
        torch.empty(each.shape, dtype=each.dtype, device=each.device)
        for each in (queries, keys, values)
    ]
    q, k, v = _heads(queries, keys, values, lead)
    bias = _bias(mask, q, k)
    given, out = (t.contiguous().view(*lead, *t.shape[1:]) for t in (gradient, result))
    sums = sums.view(*lead, sums.shape[1])
    if q.device.type == "cpu":
        # Sums lie as the kernel makes them.
        sums = sums.transpose(1, 2).contiguous().transpose(1, 2)
        kernel = _aten._scaled_dot_product_flash_attention_for_cpu_backward
        found = kernel(given, q, k, v, out, sums, 0.0, False, attn_mask=bias, scale=scale)
    else:
        kernel = _aten._scaled_dot_product_efficient_attention_backward
        no_seed = torch.zeros((), dtype=torch.int64, device=q.device)
        wanted = [True, True, True, False]
        rest = (bias, out, sums, no_seed, no_seed, 0.0, wanted, False)
        found = kernel(given, q, k, v, *rest, scale=scale)
    for into, of in zip(made, (found[0], found[1].transpose(-1, -2), found[2]), strict=True):
        into.view(of.shape).copy_(of)
    return made[0], made[1], made[2]


def _heads(
    queries: Tensor, keys: Tensor, values: Tensor, lead: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as (*lead, L or S, E), each row in one piece."""
    rows = (queries, keys.transpose(1, 2), values)
    q, k, v = (each.contiguous().view(*lead, *each.shape[1:]) for each in rows)
    return q, k, v


def _bias(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        hidden = torch.zeros(mask.shape, dtype=q.dtype, device=q.device)
        mask = hidden.masked_fill_(mask, float("-inf"))
    return mask.expand(*q.shape[:3], k.shape[2])
