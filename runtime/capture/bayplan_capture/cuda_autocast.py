"""Autocast as CUDA has it, for a trace of CPU tensors: the two devices cast other ops.

On CUDA, for instance, softmax and layer norm run in float32 under autocast, on the CPU they do not. The
lists are those of ATen/autocast_mode.h in torch 2.11 to 2.13, and so is what is done to arguments.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch._ops import OpOverload

from .nested import tensors

_aten = torch.ops.aten
_KEY = "AutocastCPU"
_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU)

_LOWER = """
    _convolution _convolution.deprecated conv1d conv2d conv3d conv_tbc conv_transpose1d
    conv_transpose2d.input conv_transpose3d.input convolution prelu addmm addmv addr matmul einsum mm mv
    linalg_vecdot linear addbmm baddbmm bmm chain_matmul linalg_multi_dot _thnn_fused_lstm_cell
    _thnn_fused_gru_cell lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell
    _scaled_dot_product_flash_attention scaled_dot_product_attention
"""
_SINGLE = """
    acos asin cosh erfinv exp expm1 log log10 log2 log1p reciprocal rsqrt sinh tan pow.Tensor_Scalar
    pow.Tensor_Tensor pow.Scalar softplus layer_norm native_layer_norm rms_norm group_norm
    frobenius_norm.dim nuclear_norm nuclear_norm.dim cosine_similarity poisson_nll_loss
    cosine_embedding_loss nll_loss nll_loss2d hinge_embedding_loss kl_div l1_loss smooth_l1_loss
    huber_loss mse_loss margin_ranking_loss multilabel_margin_loss soft_margin_loss triplet_margin_loss
    multi_margin_loss binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp
    upsample_nearest1d _upsample_nearest_exact1d upsample_nearest2d _upsample_nearest_exact2d
    upsample_nearest3d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d
    _upsample_bilinear2d_aa upsample_trilinear3d upsample_bicubic2d _upsample_bicubic2d_aa
"""
_SINGLE_RESULT = """
    prod prod.dim_int softmax.int log_softmax.int cumprod cumsum linalg_vector_norm linalg_matrix_norm
    linalg_matrix_norm.str_ord sum sum.dim_IntList
"""
_WIDEST = """
    addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put tensordot scatter_add
"""
_NORMS = {"norm.Scalar": "ScalarOpt_dtype", "norm.ScalarOpt_dim": "ScalarOpt_dim_dtype"}


@contextmanager
def cuda_autocast() -> Iterator[None]:
    """Within the block autocast, for "cpu" or "cuda", casts CPU tensors as CUDA's does theirs."""
    casts = _Casts()
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    kernels: dict[str, Callable[..., Any]] = {}
    for names, kernel in (
        (_LOWER, casts.lower),
        (_SINGLE, casts.single),
        (_SINGLE_RESULT, casts.single_result),
        (_WIDEST, casts.widest),
        (" ".join(_NORMS), casts.norm),
    ):
        for name in names.split():
            found = _overload(name)
            if found is not None:
                kernels[found.name()] = kernel(found)  # type: ignore[no-untyped-call]
    with ExitStack() as stack:
        stack.callback(library._destroy)
        kernels["aten::binary_cross_entropy"] = _unsafe
        for known in torch._C._dispatch_get_registrations_for_dispatch_key(_KEY):
            if known.startswith("aten::"):
                kernels.setdefault(known, torch.library.fallthrough_kernel)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Warning only once for all operators")
            for known, function in kernels.items():
                implement: Any = library.impl
                implement(known.removeprefix("aten::"), function, _KEY)
        stack.enter_context(patch.object(torch, "clear_autocast_cache", casts.clear))
        stack.enter_context(renamed_autocast())
        yield


def _overload(name: str) -> OpOverload | None:
    """The ATen op ``name.overload``; None where this torch has none of that name."""
    base, _, overload = name.partition(".")
    packet = getattr(_aten, base, None)
    return getattr(packet, overload or "default", None)


def _unsafe(*_: object, **__: object) -> Any:
    raise RuntimeError(
        "binary_cross_entropy and BCELoss are not safe under autocast: CUDA refuses them. Use "
        "binary_cross_entropy_with_logits or BCEWithLogitsLoss"
    )


@contextmanager
def renamed_autocast() -> Iterator[None]:
    """Within the block what is said of autocast for "cuda" holds for tensors that stand for CUDA's.

    That includes blocks that are made now and entered later.
    """
    made = torch.amp.autocast_mode.autocast.__init__
    enabled, dtype_of = torch.is_autocast_enabled, torch.get_autocast_dtype

    def init(
        self: Any, device_type: str, dtype: torch.dtype | None = None, *rest: Any, **more: Any
    ) -> None:
        if device_type == "cuda":
            device_type, dtype = "cpu", dtype or dtype_of("cuda")
        made(self, device_type, dtype, *rest, **more)

    def is_enabled(device_type: str = "cuda") -> bool:
        return enabled("cpu" if device_type == "cuda" else device_type)

    def get_dtype(device_type: str) -> torch.dtype:
        renamed = device_type == "cuda" and enabled("cpu")
        return dtype_of("cpu" if renamed else device_type)

    with (
        patch.object(torch.amp.autocast_mode.autocast, "__init__", init),
        patch.object(torch, "is_autocast_enabled", is_enabled),
        patch.object(torch, "get_autocast_dtype", get_dtype),
    ):
        yield


class _Casts:
    """Kernels that cast arguments; weights are cast once in each outermost autocast block."""

    def __init__(self) -> None:
        self._weights: dict[int, tuple[Tensor, Tensor]] = {}
        """By id: the weight, kept so that no other gets its id, and its cast."""

    def clear(self) -> None:
        """Forget the weights that were cast; torch calls it at the end of the outermost block."""
        self._weights.clear()

    def lower(self, function: OpOverload) -> Callable[..., Any]:
        """The op in the dtype of the autocast block."""

        def kernel(*args: Any, **kwargs: Any) -> Any:
            return self._call(function, args, kwargs, torch.get_autocast_dtype("cpu"))

        return kernel

    def single(self, function: OpOverload) -> Callable[..., Any]:
        """The op in float32."""

        def kernel(*args: Any, **kwargs: Any) -> Any:
            return self._call(function, args, kwargs, torch.float32)

        return kernel

    def single_result(self, function: OpOverload) -> Callable[..., Any]:
        """The op told to compute in float32, unless the user told it otherwise."""
        names = [argument.name for argument in function._schema.arguments]
        position = names.index("dtype")

        def kernel(*args: Any, **kwargs: Any) -> Any:
            given = args[position] if position < len(args) else kwargs.get("dtype")
            if given is None and _is_cast(args[0]):
                args, kwargs = args[:position], {**kwargs, "dtype": torch.float32}
            return self._call(function, args, kwargs, None)

        return kernel

    def widest(self, function: OpOverload) -> Callable[..., Any]:
        """The op in the widest dtype among its arguments."""

        def kernel(*args: Any, **kwargs: Any) -> Any:
            dtypes = {each.dtype for each in tensors((args, kwargs)) if _is_cast(each)}
            lower = torch.get_autocast_dtype("cpu")
            wide = torch.float32 if dtypes - {lower} else lower
            return self._call(function, args, kwargs, wide)

        return kernel

    def norm(self, function: OpOverload) -> Callable[..., Any]:
        """``torch.norm`` with a result in float32."""
        name = function.name().removeprefix("aten::")  # type: ignore[no-untyped-call]
        other = getattr(_aten.norm, _NORMS[name])

        def kernel(tensor: Tensor, p: Any = 2, *rest: Any) -> Any:
            if not _is_cast(tensor):
                return self._call(function, (tensor, p, *rest), {}, None)
            if rest:
                rest = (*rest, False)[:2]
            return self._call(other, (tensor, p, *rest), {"dtype": torch.float32}, None)

        return kernel

    def _call(self, function: OpOverload, args: Any, kwargs: Any, dtype: torch.dtype | None) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(_KEYS):
            if dtype is not None:
                args, kwargs = self._cast(args, dtype), self._cast(kwargs, dtype)
            return function(*args, **kwargs)

    def _cast(self, item: Any, dtype: torch.dtype) -> Any:
        if isinstance(item, dict):
            return {key: self._cast(each, dtype) for key, each in item.items()}
        if isinstance(item, tuple | list):
            return type(item)([self._cast(each, dtype) for each in item])
        if not _is_cast(item) or item.dtype == dtype:
            return item
        weight = item.requires_grad and item.is_leaf and not item._is_view()
        if not (weight and item.dtype == torch.float32 and torch.is_autocast_cache_enabled()):
            return item.to(dtype)
        if id(item) not in self._weights:
            self._weights[id(item)] = (item, item.to(dtype))
        return self._weights[id(item)][1]


def _is_cast(item: Any) -> bool:
    return isinstance(item, Tensor) and item.is_floating_point() and item.dtype != torch.float64
