"""Steers a trace of CPU tensors to the kernels that CUDA would run, on a machine without CUDA.

Fake tensors on a CUDA device abort in autograd on a CPU build of torch, but nearly all ATen calls are
the same on both devices. The few that are composed differently there are replaced in torch's
dispatcher, below Python and above autograd, so that no way to call them is missed::

    F.dropout, nn.Dropout, at::dropout ...  ->  aten::dropout  ->  here  ->  aten::native_dropout

What each replacement does is what the composite function of that name does where its input is on a
CUDA device, in torch 2.11 to 2.13.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from .cuda_attention import attention
from .cuda_autocast import cuda_autocast
from .layouts import suggested_format

_aten = torch.ops.aten
_INDEX_LIMIT = (1 << 31) - 1
_TRAINED_BATCH, _EVALUATED_BATCH = 880801, 65535
"""The largest batches of cuDNN's batch norm."""
_SAMPLED_CHANNELS = 1024


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """One kernel that also returns the mask, as bool; the CPU multiplies by a mask of the dtype."""
    if not train or p == 0 or not input.numel():
        return input
    if p == 1:
        return input.mul(torch.zeros([], dtype=input.dtype, device=input.device))
    result: Tensor = _aten.native_dropout.default(input, p, train)[0]
    return result


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """cuDNN's where it takes the input (``_select_batch_norm_backend``), else the native one."""
    result: Tensor
    if not _cudnn_normalizes(input, weight, bias, running_mean, running_var, training):
        result = _aten._batch_norm_impl_index.default(
            input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled
        )[0]
        return result
    known = [each if each is None else each.contiguous() for each in (weight, bias)]
    running = [each if each is None else each.contiguous() for each in (running_mean, running_var)]
    result = _aten.cudnn_batch_norm.default(
        input.contiguous(memory_format=suggested_format(input)),
        *known,
        *running,
        training,
        momentum,
        eps,
    )[0]
    return result


def _cudnn_normalizes(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
) -> bool:
    if weight is None or bias is None or not torch.backends.cudnn.enabled:
        return False
    if (running_mean is None) != (running_var is None) or (running_mean is None and not training):
        return False
    if torch.bfloat16 in (input.dtype, weight.dtype):
        return False
    if input.dtype == torch.float16 and weight.dtype != torch.float32:
        return False
    limit = _TRAINED_BATCH if training else _EVALUATED_BATCH
    return input.dim() >= 3 and input.shape[0] <= limit and 0 < input.numel() < _INDEX_LIMIT


def softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """Of float16 in float32 without a copy of the input; so ``log_softmax``."""
    return _softmax(_aten._softmax.default, input, dim, dtype)


def log_softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None) -> Tensor:
    """See ``softmax``."""
    return _softmax(_aten._log_softmax.default, input, dim, dtype)


def _softmax(function: OpOverload, input: Tensor, dim: int, dtype: torch.dtype | None) -> Tensor:
    widened = input.dtype == torch.float16 and dtype == torch.float32
    converted = input if widened or dtype is None else input.to(dtype)
    result: Tensor = function(converted, dim, widened)
    return result


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """cuDNN's for pictures, bilinear, with zeros outside and corners that are aligned."""
    plain = interpolation_mode == padding_mode == 0 and align_corners
    rest = (interpolation_mode, padding_mode, align_corners)
    result: Tensor
    fits = input.dim() == 4 and input.shape[1] <= _SAMPLED_CHANNELS
    if plain and fits and _cudnn_samples(input) and _cudnn_samples(grid):
        result = _aten.cudnn_grid_sampler.default(input, grid)
    elif input.dim() == 4:
        result = _aten.grid_sampler_2d.default(input, grid, *rest)
    else:
        result = _aten.grid_sampler_3d.default(input, grid, *rest)
    return result


def _cudnn_samples(tensor: Tensor) -> bool:
    known = (torch.float16, torch.float32, torch.float64)
    size_fits = 0 < tensor.numel() < _INDEX_LIMIT
    return torch.backends.cudnn.enabled and tensor.dtype in known and size_fits


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Two products and one kernel for all gates."""
    gates = torch.matmul(input, w_ih.t()), torch.matmul(hx[0], w_hh.t())
    hidden, cell, _ = _aten._thnn_fused_lstm_cell.default(*gates, hx[1], b_ih, b_hh)
    return hidden, cell


def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """As ``lstm_cell``."""
    gates = torch.matmul(input, w_ih.t()), torch.matmul(hx, w_hh.t())
    hidden: Tensor = _aten._thnn_fused_gru_cell.default(*gates, hx, b_ih, b_hh)[0]
    return hidden


def _unused(*_: object, **__: object) -> Any:
    raise AssertionError("fake tensors do not reach a kernel")


REPLACED: dict[OpOverload, Callable[..., Any]] = {
    _aten.scaled_dot_product_attention.default: attention,
    _aten.dropout.default: dropout,
    _aten.batch_norm.default: batch_norm,
    _aten.softmax.int: softmax,
    _aten.log_softmax.int: log_softmax,
    _aten.grid_sampler.default: grid_sampler,
    _aten.lstm_cell.default: lstm_cell,
    _aten.gru_cell.default: gru_cell,
}
"""What CUDA does in place of each composite op."""

_FUSED_ON_CUDA = ("_fused_rms_norm",)
"""Ops that CUDA has a kernel of, and the CPU a composition: with any kernel under the CPU's key torch
leaves them whole, and their derivative is the one of the kernel."""

RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


@contextmanager
def cuda_kernels(refuse: Callable[[str], Exception]) -> Iterator[None]:
    """Calls on the CPU are composed as on CUDA within the block.

    ``refuse`` makes the error for what cannot be traced; it gets a sentence's end.
    """
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    try:
        for function, replacement in REPLACED.items():
            _implement(library, function, replacement, "AutogradCPU")
        for name in _FUSED_ON_CUDA:
            _implement(library, getattr(_aten, name).default, _unused, "CPU")
        for name in RECURRENT:
            packet = getattr(_aten, name)
            for overload in ("input", "data"):
                function = getattr(packet, overload)
                _implement(library, function, _refusal(function, refuse), "AutogradCPU")
        with cuda_autocast():
            yield
    finally:
        library._destroy()  # type: ignore[no-untyped-call]


def recurrent_refusal(func: object) -> str:
    """Why a step with cuDNN's recurrent layers cannot be captured."""
    return (
        f"{func} runs on CUDA as cuDNN's recurrent kernel, which keeps what its backward pass needs "
        "in a buffer whose size only cuDNN knows. Capture the step for the CPU, or use a cell "
        "(nn.LSTMCell, nn.GRUCell) in a loop"
    )


def _refusal(function: OpOverload, refuse: Callable[[str], Exception]) -> Callable[..., Any]:
    def raise_refusal(*_: object, **__: object) -> Any:
        raise refuse(recurrent_refusal(function))

    return raise_refusal


def _implement(library: Any, function: OpOverload, replacement: Callable[..., Any], key: str) -> None:
    library.impl(function, replacement, key)
