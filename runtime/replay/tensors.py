"""Compare and make tensors: bit for bit, to a specification, from base64."""

import base64
from typing import Any

import torch
from torch import Tensor

from .errors import ReplayError
from .plan_data import Constant, TensorSpec


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape, dtype and bits (NaN equals itself, 0.0 is not -0.0)."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(_bits(one), _bits(other))


def _bits(tensor: Tensor) -> Tensor:
    dense = tensor.detach().contiguous().resolve_conj().resolve_neg()
    return dense.reshape(-1).view(torch.uint8)


def dtype(name: str) -> torch.dtype:
    """torch's dtype called ``name``. Raises ReplayError."""
    found: Any = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ReplayError(f"This torch ({torch.__version__}) has no dtype {name!r}.")
    return found


def mismatch(tensor: Tensor, spec: TensorSpec, device: str, *, strides: bool = True) -> str:
    """What keeps ``tensor`` from being what the plan was made for; empty: nothing."""
    if tuple(tensor.shape) != spec.shape:
        return f"has shape {tuple(tensor.shape)}, the plan was made for {spec.shape}"
    if tensor.dtype != dtype(spec.dtype):
        return f"is {str(tensor.dtype).removeprefix('torch.')}, the plan was made for {spec.dtype}"
    wanted = torch.device(device)
    if tensor.device.type != wanted.type or wanted.index not in (None, tensor.device.index):
        return f"is on {tensor.device}, the plan was made for {device}"
    if tensor.layout != torch.strided:
        return f"has layout {tensor.layout}, the plan was made for dense tensors"
    if strides and not same_strides(tensor, spec):
        return f"has strides {tensor.stride()}, the plan was made for {spec.stride}"
    return ""


def same_strides(tensor: Tensor, spec: TensorSpec) -> bool:
    """Whether the elements lie as in ``spec``; the stride of a dimension of size 1 is nothing."""
    pairs = zip(spec.shape, tensor.stride(), spec.stride, strict=True)
    return 0 in spec.shape or all(size == 1 or mine == due for size, mine, due in pairs)


def constant(of: Constant, device: str) -> Tensor:
    """The tensor that the trace embedded."""
    data = bytearray(base64.b64decode(of.data, validate=True))
    kind = dtype(of.spec.dtype)
    if not data:
        return torch.empty_strided(of.spec.shape, of.spec.stride, dtype=kind, device=device)
    flat = torch.frombuffer(data, dtype=torch.uint8).clone().view(kind).reshape(of.spec.shape)
    result = torch.empty_strided(of.spec.shape, of.spec.stride, dtype=kind, device=device)
    return result.copy_(flat)
