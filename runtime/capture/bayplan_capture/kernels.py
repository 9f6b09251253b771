"""Where fake tensors do not tell the truth about a device's kernels, and what is true."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import _disable_current_modes

from .layouts import convolution_format, suggested_format
from .nested import tensors
from .target import Target

_aten = torch.ops.aten
_CUDA = torch.device("cuda")
_NO_DEVICE = "not linked with support for cuda"
BATCH_NORMS = frozenset(
    (_aten.native_batch_norm.default, _aten.cudnn_batch_norm.default, _aten.miopen_batch_norm.default)
)
"""They update running_mean and running_var (arguments 3 and 4) in training (argument 5), though
their schemas do not say so."""
WAIT = "_c10d_functional::wait_tensor"
"""Its schema does not say that the tensor which it waits for is written meanwhile."""
_TRAINING = 5
_NORMALIZED = {
    _aten.native_batch_norm_backward.default: 1,
    _aten.cudnn_batch_norm_backward.default: 0,
}
"""Which argument is the input."""


def run(
    func: OpOverload,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    fake: FakeTensorMode,
    target: Target,
) -> Any:
    """What ``func`` returns for fake arguments, as fake tensors of the geometry it really returns."""
    if target.steered:
        return _laid_out_as_on_cuda(func, args, kwargs, _result(func, args, kwargs))
    if target.name == "cuda":
        return _known_reserve(func, args, _result(func, args, kwargs))
    if func is _aten.mkldnn_rnn_layer.default:
        # The workspace's size is known to the kernel alone, which therefore runs on zeros.
        with _disable_current_modes():
            real = func(*[_zeros(each) for each in args], **kwargs)
        # Where no gradient is wanted there is no workspace.
        return [each if each is None else fake.from_tensor(each, static_shapes=True) for each in real]
    result = _result(func, args, kwargs)
    if func is _aten.mkldnn_rnn_layer_backward.default:
        # The two biases' gradients are one tensor here but two of the kernel's.
        return [*result[:4], torch.empty_like(result[4]), *result[5:]]
    return result


def _result(func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if func.name() == WAIT:  # type: ignore[no-untyped-call]
        # Returns what it waited for; its rule for fake tensors makes another tensor.
        return args[0]
    # Fake tensors have no rules for these.
    if func is _aten._thnn_fused_gru_cell.default:
        return _gru_cell(*args)
    if func is _aten._thnn_fused_gru_cell_backward.default:
        return _gru_cell_backward(*args)
    if func is _aten.cudnn_grid_sampler.default:
        return args[0].new_empty((*args[0].shape[:2], *args[1].shape[1:3]))
    if func is _aten.cudnn_grid_sampler_backward.default:
        return args[0].new_empty(args[0].shape), args[1].new_empty(args[1].shape)
    result = func(*args, **kwargs)
    if func is _aten.native_layer_norm_backward.default and result[0] is not None:
        # The kernel works on, and returns, contiguous tensors whatever the gradient's strides.
        contiguous = torch.empty_like(result[0], memory_format=torch.contiguous_format)
        return (contiguous, *result[1:])
    if func is _aten.native_batch_norm.default and args[0].device.type == "cpu":
        return (_in_format(result[0], suggested_format(args[0])), *result[1:])
    if func in _NORMALIZED:
        # As the input is laid out, whatever the gradient's strides; what is not wanted is not made.
        form = suggested_format(args[_NORMALIZED[func]])
        result = (_in_format(result[0], form), *result[1:])
        if func is _aten.native_batch_norm_backward.default:
            return tuple(
                each if wanted else None for each, wanted in zip(result, args[-1], strict=True)
            )
    return result


def _laid_out_as_on_cuda(
    func: OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> Any:
    """``result``, of fake CPU tensors, with what is new in it as fake CUDA tensors would have it.

    Some rules of fake tensors ask for the device: on CUDA layer norm keeps float32 statistics of
    float16 input, and some ops lay their result out otherwise.
    """
    known = {each.untyped_storage()._cdata for each in tensors((args, kwargs))}
    fresh = [each for each in tensors((result,)) if each.untyped_storage()._cdata not in known]
    if not fresh or not known:
        return result
    if func is _aten.convolution.default:
        return _in_format(result, convolution_format(args[0], args[1]))
    if func is _aten.convolution_backward.default:
        form = convolution_format(args[1], args[2])
        return (_in_format(result[0], form), _in_format(result[1], form), result[2])
    if func in BATCH_NORMS and args[_TRAINING]:
        # A change in place looks for the device. Running statistics are changed, nothing more.
        args = (*args[:3], None, None, *args[_TRAINING:])
    with _disable_current_modes(), torch.no_grad(), _without_device_guards():
        try:
            twin = _result(func, _on_cuda(args), _on_cuda(kwargs))
        except RuntimeError as error:
            if _NO_DEVICE not in str(error):
                raise
            # A rule made of calls that look for the device: what it is on the CPU stands.
            return result
    return _like_twin(result, twin, known)


@contextmanager
def _without_device_guards() -> Iterator[None]:
    """Let Python code call ``contiguous()`` and ``to(dtype)`` of fake CUDA tensors.

    The methods look for the device, the ops that they call do not.
    """
    contiguous, to = torch.Tensor.contiguous, torch.Tensor.to

    def plain_contiguous(tensor: Tensor, memory_format: Any = torch.contiguous_format) -> Any:
        if tensor.device.type != "cuda":
            return contiguous(tensor, memory_format=memory_format)
        return _aten.contiguous.default(tensor, memory_format=memory_format)

    def plain_to(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
        dtype = args[0] if len(args) == 1 else kwargs.get("dtype")
        if (
            tensor.device.type != "cuda"
            or not isinstance(dtype, torch.dtype)
            or kwargs.keys() - {"dtype"}
        ):
            return to(tensor, *args, **kwargs)
        return tensor if tensor.dtype == dtype else _aten._to_copy.default(tensor, dtype=dtype)

    with (
        patch.object(torch.Tensor, "contiguous", plain_contiguous),
        patch.object(torch.Tensor, "to", plain_to),
    ):
        yield


def _like_twin(result: Any, twin: Any, known: set[int]) -> Any:
    if isinstance(result, tuple | list):
        pairs = zip(result, twin, strict=True)
        return type(result)([_like_twin(mine, its, known) for mine, its in pairs])
    if not isinstance(result, Tensor) or result.untyped_storage()._cdata in known:
        return result
    if (result.dtype, result.shape, result.stride()) == (twin.dtype, twin.shape, twin.stride()):
        return result
    return torch.empty_strided(twin.shape, twin.stride(), dtype=twin.dtype, device=result.device)


def _on_cuda(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _on_cuda(each) for key, each in item.items()}
    if isinstance(item, tuple | list):
        return type(item)([_on_cuda(each) for each in item])
    if isinstance(item, torch.device):
        return _CUDA
    if not isinstance(item, Tensor):
        return item
    mode: FakeTensorMode = item.fake_mode  # type: ignore[attr-defined]
    with mode:
        return torch.empty_strided(item.shape, item.stride(), dtype=item.dtype, device=_CUDA)


def _in_format(tensor: Tensor | None, form: torch.memory_format) -> Tensor | None:
    if tensor is None or tensor.is_contiguous(memory_format=form):
        return tensor
    return torch.empty_like(tensor, memory_format=form)


def _known_reserve(func: OpOverload, args: tuple[Any, ...], result: Any) -> Any:
    """cuDNN says how much its batch norm keeps for the backward pass; fake tensors say nothing."""
    if func is not _aten.cudnn_batch_norm.default or not args[5]:
        return result
    with _disable_current_modes():
        size = torch._C._get_cudnn_batch_norm_reserve_space_size(args[0], True)  # type: ignore[attr-defined]
    return (*result[:3], result[3].new_empty((size,)))


def _gru_cell(
    input_gates: Tensor, hidden_gates: Tensor, hx: Tensor, *biases: Tensor | None
) -> tuple[Tensor, Tensor]:
    # Its workspace: the five gate values of each number.
    like = torch.empty_like(hx, memory_format=torch.contiguous_format)
    return like, hx.new_empty((hx.shape[0], 5 * hx.shape[1]))


def _gru_cell_backward(
    grad: Tensor, workspace: Tensor, has_bias: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    hidden = workspace.shape[1] // 5
    gates = [grad.new_empty((workspace.shape[0], 3 * hidden)) for _ in range(2)]
    biases = [grad.new_empty((3 * hidden,)) if has_bias else None for _ in range(2)]
    return gates[0], gates[1], torch.empty_like(grad), biases[0], biases[1]


def _zeros(item: Any) -> Any:
    if isinstance(item, list | tuple):
        return [_zeros(each) for each in item]
    if not isinstance(item, Tensor):
        return item
    real = torch.empty_strided(item.shape, item.stride(), dtype=item.dtype)
    return real.zero_()
