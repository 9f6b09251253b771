"""Memory formats as ATen suggests them, where the fake tensors' rules ask for a CUDA build."""

import torch
from torch import Tensor

_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def suggested_format(tensor: Tensor) -> torch.memory_format:
    """``Tensor::suggest_memory_format``: channels last where the strides say so, else contiguous."""
    from torch._prims_common import suggest_memory_format

    return suggest_memory_format(tensor)


def convolution_format(input: Tensor, weight: Tensor) -> torch.memory_format:
    """How cuDNN's convolutions lay out what they make (``cudnn_conv_suggest_memory_format``)."""
    last = _LAST.get(weight.dim())
    if last is None or torch.float64 in (input.dtype, weight.dtype):
        return torch.contiguous_format
    formats = (suggested_format(input), suggested_format(weight))
    return last if last in formats else torch.contiguous_format
