"""Which attention kernel a CUDA run picks, and the calls around it.

The rules are those of torch 2.11 to 2.13, aten/src/ATen/native/transformers: cuda/sdp_utils.cpp and
sdp_utils_cpp.h say which kernel can run, attention.cpp what is done to its arguments. Where the GPU
matters they are read for compute capability 8.0 (A100). On 9.0 and 10.0 (H100, B200) with cuDNN 9.15
torch prefers cuDNN's attention for float16 and bfloat16, unless deterministic algorithms are on: a
capture on such a machine says so.
"""

import math

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend

_aten = torch.ops.aten
_HALF = (torch.float16, torch.bfloat16)
_MAX_HEAD = 256
_MAX_CUDNN_HEAD = 128
_MASK_ALIGNMENT = 8
_HEAD_ALIGNMENT = 8


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """``scaled_dot_product_attention`` as CUDA runs it, for tensors that are on the CPU."""
    backend = choose(query, key, value, attn_mask, dropout_p, is_causal, enable_gqa)
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        # What cuDNN takes for minus infinity is the smallest number of float16.
        lowest = -65504.0 if backend is SDPBackend.CUDNN_ATTENTION else -math.inf
        zero = torch.scalar_tensor(0.0, dtype=query.dtype, device=attn_mask.device)
        attn_mask = _aten.where.ScalarSelf(attn_mask.logical_not(), lowest, zero)
    result: Tensor
    if backend is SDPBackend.FLASH_ATTENTION:
        head = query.shape[-1]
        padded = [_padded(each) for each in (query, key, value)]
        flash = _aten._scaled_dot_product_flash_attention.default
        factor = 1 / math.sqrt(head) if scale is None else scale
        result = flash(*padded, dropout_p, is_causal, False, scale=factor)[0]
        return result if result.shape[-1] == head else result.narrow(-1, 0, head)
    needs_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in (query, key, value))
    if backend is SDPBackend.EFFICIENT_ATTENTION:
        mask = None if attn_mask is None else _aligned(attn_mask, query, key)
        result = _aten._scaled_dot_product_efficient_attention.default(
            query, key, value, mask, needs_gradient, dropout_p, is_causal, scale=scale
        )[0]
    elif backend is SDPBackend.CUDNN_ATTENTION:
        result = _aten._scaled_dot_product_cudnn_attention.default(
            query, key, value, attn_mask, needs_gradient, dropout_p, is_causal, False, scale=scale
        )[0]
    else:
        result = _aten._scaled_dot_product_attention_math.default(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )[0]
    return result


def choose(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    dropout: float,
    causal: bool,
    grouped: bool,
) -> SDPBackend:
    """The first kernel in torch's order of priority that the user allows and that can run."""
    tensors = (query, key, value)
    fused = (
        all(each.dim() == 4 for each in tensors)
        and 0 not in (query.shape[-2], key.shape[-2])
        and query.dtype == key.dtype == value.dtype
        and _same_batch_and_heads(query, key, value, grouped)
    )
    possible = {
        SDPBackend.FLASH_ATTENTION: fused
        and torch._C._get_flash_sdp_enabled()
        and _can_flash(query, key, value, mask, causal),
        SDPBackend.EFFICIENT_ATTENTION: fused
        and torch._C._get_mem_efficient_sdp_enabled()
        and _can_be_efficient(query, key, value, mask),
        SDPBackend.CUDNN_ATTENTION: fused
        and torch._C._get_cudnn_sdp_enabled()
        and _can_cudnn(query, key, value, mask, dropout),
        SDPBackend.MATH: torch._C._get_math_sdp_enabled(),
    }
    by_number = {backend.value: backend for backend in possible}
    for number in torch._C._get_sdp_priority_order():
        backend = by_number.get(number)
        if backend is not None and possible[backend]:
            return backend
    raise RuntimeError("No available kernel. Aborting execution.")


def _can_flash(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> bool:
    head = query.shape[-1]
    return (
        mask is None
        and query.dtype in _HALF
        and head == key.shape[-1] == value.shape[-1]
        and head <= _MAX_HEAD
        and not (causal and query.shape[-2] != key.shape[-2])
        and (_dense_heads(query, key, value) or head == 1)
    )


def _can_be_efficient(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    head = query.shape[-1]
    alignment = 8 if query.dtype in _HALF else 4
    return (
        query.dtype in (*_HALF, torch.float32)
        and head == key.shape[-1]
        and query.shape[-3] == key.shape[-3]
        and all(size > 0 and size % alignment == 0 for size in (head, value.shape[-1]))
        and _dense_heads(query, key, value)
        and (mask is None or mask.stride(-1) == 1)
    )


def _can_cudnn(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float) -> bool:
    heads = (query.shape[-1], value.shape[-1])
    return (
        query.dtype in _HALF
        and not _deterministic()
        and (dropout * 16).is_integer()
        and all(size <= _MAX_CUDNN_HEAD and size % 8 == 0 for size in heads)
        and key.shape[-2] != 1
        and not (dropout and query.shape[-2] == 1)
        and (_dense_heads(query, key, value) or heads[0] == 1)
        and (mask is None or (mask.stride(-1) == 1 and _fits(mask, query, key)))
    )


def _deterministic() -> bool:
    return (
        torch.are_deterministic_algorithms_enabled()
        and not torch.is_deterministic_algorithms_warn_only_enabled()
    )


def _fits(mask: Tensor, query: Tensor, key: Tensor) -> bool:
    if mask.requires_grad or mask.dim() not in (2, 4):
        return False
    whole = (*query.shape[:3], key.shape[-2])[-mask.dim() :]
    return all(size in (1, wanted) for size, wanted in zip(mask.shape, whole, strict=True))


def _same_batch_and_heads(query: Tensor, key: Tensor, value: Tensor, grouped: bool) -> bool:
    if not query.shape[0] == key.shape[0] == value.shape[0]:
        return False
    heads, key_heads, value_heads = (each.shape[-3] for each in (query, key, value))
    if grouped:
        return key_heads == value_heads and heads % key_heads == 0
    return heads == key_heads == value_heads


def _dense_heads(*tensors: Tensor) -> bool:
    return all(each.stride(-1) == 1 for each in tensors)


def _padded(tensor: Tensor) -> Tensor:
    """With a head dimension that is a multiple of 8, as the flash kernel needs."""
    missing = -tensor.shape[-1] % _HEAD_ALIGNMENT
    return torch.nn.functional.pad(tensor, [0, missing]) if missing else tensor


def _aligned(mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """The mask with rows at multiples of 8 elements, expanded to all batches and heads."""
    *rows, last = mask.stride()
    if last != 1 or any(stride % _MASK_ALIGNMENT for stride in rows):
        size = mask.shape[-1]
        missing = _MASK_ALIGNMENT - size % _MASK_ALIGNMENT
        mask = torch.nn.functional.pad(mask, [0, missing]).narrow(-1, 0, size)
    return mask.expand(query.shape[0], query.shape[1], query.shape[2], key.shape[2])
