"""The gradient of a convolution's input, without the input: of it only the shape matters."""

from collections.abc import Sequence

import torch
from torch import Tensor

_aten = torch.ops.aten


def convolution_input_gradient(
    gradient: Tensor,
    weight: Tensor,
    bias_sizes: Sequence[int] | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    shape: Sequence[int],
) -> Tensor:
    """What ``convolution_backward`` makes first for an input of ``shape`` that lies row by row.

    In the input's place stands one number, expanded. (CPU kernels make a tensor of it, for as long as
    they run; cuDNN does not look at it.)
    """
    anything = gradient.new_zeros((1,) * len(shape)).expand(shape)
    window = (stride, padding, dilation, transposed, output_padding, groups)
    wanted = [True, False, False]
    made: Tensor = _aten.convolution_backward(gradient, anything, weight, bias_sizes, *window, wanted)[
        0
    ]
    return made
