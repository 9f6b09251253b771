"""Where fake tensors do not tell the truth about the CPU's kernels, and what is true."""

from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

_aten = torch.ops.aten


def run(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], fake: FakeTensorMode) -> Any:
    """What ``func`` returns for fake arguments, as fake tensors of the geometry it really returns."""
    if func is _aten.mkldnn_rnn_layer.default:
        # The workspace's size is known to the kernel alone, which therefore runs on zeros.
        with _disable_current_modes():
            real = func(*[_zeros(each) for each in args], **kwargs)
        # Where no gradient is wanted there is no workspace.
        return [each if each is None else fake.from_tensor(each, static_shapes=True) for each in real]
    result = func(*args, **kwargs)
    if func is _aten.mkldnn_rnn_layer_backward.default:
        # The two biases' gradients are one tensor here but two of the kernel's.
        return [*result[:4], torch.empty_like(result[4]), *result[5:]]
    if func is _aten.native_layer_norm_backward.default and result[0] is not None:
        # The kernel works on, and returns, contiguous tensors whatever the gradient's strides.
        contiguous = torch.empty_like(result[0], memory_format=torch.contiguous_format)
        return (contiguous, *result[1:])
    return result


def _zeros(item: Any) -> Any:
    if isinstance(item, list | tuple):
        return [_zeros(each) for each in item]
    if not isinstance(item, Tensor):
        return item
    real = torch.empty_strided(item.shape, item.stride(), dtype=item.dtype)
    return real.zero_()
