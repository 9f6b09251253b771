"""A program for CUDA computes what the model does, with its kernels replaced by their definitions."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.capture.bayplan_capture.build import build_model, call_model
from tests.runtime.capture.conftest import UserFile
from tests.runtime.capture.cuda_models import (
    CUDNN,
    EFFICIENT,
    FAMILIES,
    FLASH,
    TRANSFORMER,
    attention,
    sequential,
)
from tests.runtime.capture.interpreter import Interpreter

WriteFile = Callable[[str], UserFile]

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="here torch itself picks the kernels")


def attended(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, causal: bool, scale: float | None
) -> Tensor:
    """Attention by its definition; a single head of keys and values is that of all queries."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    scores = (query.double() @ key.double().transpose(-2, -1)) * scale
    if bias is not None:
        scores = scores + bias
    if causal:
        scores = scores.masked_fill(~torch.ones_like(scores, dtype=torch.bool).tril(), -torch.inf)
    return (scores.softmax(-1) @ value.double()).to(query.dtype)


def attention_gradients(
    grad: Tensor, *tensors: Tensor, bias: Tensor | None, causal: bool, scale: float | None
) -> tuple[Tensor, ...]:
    query, key, value = leaves = [each.detach().requires_grad_() for each in tensors]
    result = attended(query, key, value, bias, causal, scale)
    return torch.autograd.grad(result, leaves, grad)


def efficient(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Any,
    logsumexp: bool,
    dropout: float = 0.0,
    causal: bool = False,
    *,
    scale: float | None = None,
) -> Any:
    assert dropout == 0 and logsumexp
    result = (
        attended(query, key, value, bias, causal, scale).transpose(1, 2).contiguous().transpose(1, 2)
    )
    rows = -(-query.shape[2] // 32) * 32
    seeds = [torch.zeros((), dtype=torch.int64) for _ in range(2)]
    return result, torch.zeros((*query.shape[:2], rows)), *seeds


def efficient_backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Any,
    out: Tensor,
    statistics: Tensor,
    seed: Tensor,
    offset: Tensor,
    dropout: float,
    mask: list[bool],
    causal: bool = False,
    *,
    scale: float | None = None,
) -> Any:
    assert mask == [True, True, True, False]
    found = attention_gradients(grad, query, key, value, bias=bias, causal=causal, scale=scale)
    return *(each.transpose(1, 2).contiguous().transpose(1, 2) for each in found), None


def flash(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    dropout: float = 0.0,
    causal: bool = False,
    debug: bool = False,
    *,
    scale: float | None = None,
) -> Any:
    assert dropout == 0 and not debug and query.shape[-1] % 8 == 0
    result = attended(query, key, value, None, causal, scale)
    like = query.transpose(1, 2)
    laid_out = torch.empty_like(like).copy_(result.transpose(1, 2)).transpose(1, 2)
    seeds = torch.zeros(2, dtype=torch.uint64), torch.zeros((), dtype=torch.uint64)
    size = query.shape[2]
    statistics = torch.zeros(query.shape[:3])
    return laid_out, statistics, None, None, size, size, *seeds, query.new_empty(0)


def flash_backward(
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    statistics: Tensor,
    first: None,
    second: None,
    queries: int,
    keys: int,
    dropout: float,
    causal: bool,
    seed: Tensor,
    offset: Tensor,
    *,
    scale: float | None = None,
) -> Any:
    assert queries == query.shape[2] and keys == key.shape[2]
    found = attention_gradients(grad, query, key, value, bias=None, causal=causal, scale=scale)
    return tuple(
        torch.empty_like(each.transpose(1, 2)).transpose(1, 2).copy_(gradient)
        for each, gradient in zip((query, key, value), found, strict=True)
    )


def batch_norm(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    var: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Any:
    results = torch.native_batch_norm(input, weight, bias, mean, var, training, momentum, eps)
    return *results, torch.empty(0, dtype=torch.uint8)


def batch_norm_backward(
    input: Tensor,
    grad: Tensor,
    weight: Tensor,
    mean: None,
    var: None,
    save_mean: Tensor,
    save_var: Tensor,
    eps: float,
    reserve: Tensor,
) -> Any:
    return torch.ops.aten.native_batch_norm_backward.default(
        grad, input, weight, mean, var, save_mean, save_var, True, eps, [True] * 3
    )


SUBSTITUTES: dict[str, Callable[..., Any]] = {
    f"aten.{EFFICIENT}.default": efficient,
    f"aten.{EFFICIENT}_backward.default": efficient_backward,
    f"aten.{FLASH}.default": flash,
    f"aten.{FLASH}_backward.default": flash_backward,
    f"aten.{CUDNN}.default": batch_norm,
    f"aten.{CUDNN}_backward.default": batch_norm_backward,
}
"""What the kernels of CUDA compute, by their definitions."""

COMPUTED = {
    "attention": attention(),
    "attention with a mask": attention("attn_mask=torch.ones(12, 12, dtype=torch.bool).tril(3)"),
    "attention with a mask of unaligned rows, and a scale": attention(
        "attn_mask=torch.zeros(12, 12), scale=0.3"
    ),
    "causal attention": attention("is_causal=True"),
    "flash attention": attention(dtype="torch.bfloat16"),
    "flash attention of heads that are padded": attention(
        "is_causal=True", dtype="torch.float16", size=12
    ),
    "flash attention of grouped heads": attention("enable_gqa=True", "torch.bfloat16").replace(
        "q, k, v, enable", "q, k[:, :1], v[:, :1], enable"
    ),
    "math attention": attention("is_causal=True", dtype="torch.float64"),
    "an encoder without dropout": TRANSFORMER.replace('"gelu"', '"gelu", dropout=0.0'),
    "convolutions": FAMILIES["convolution, batch norm and pooling"][0],
    "channels last": sequential(
        "nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 6), nn.Flatten()",
        more=".to(memory_format=torch.channels_last)",
    ),
    "evaluated batch norm": FAMILIES["batch norm that is evaluated while the rest is trained"][0],
    "instance and group norm": FAMILIES["instance and group norm"][0],
}


@pytest.mark.parametrize("model", COMPUTED)
def test_the_program_computes_what_the_model_does(user_file: WriteFile, model: str) -> None:
    file = user_file(COMPUTED[model])
    step = file.capture(target="cuda")
    eager, inputs, target, loss_fn, optimizer = build_model(file.source, None, None, fake=False, seed=1)
    twin, _, _, _, twin_optimizer = build_model(file.source, None, None, fake=False, seed=1)
    assert loss_fn is not None and optimizer is not None and twin_optimizer is not None
    program = Interpreter(step, twin, twin_optimizer.param_groups, substitutes=SUBSTITUTES)
    for _ in range(2):
        optimizer.zero_grad()
        loss = loss_fn(call_model(eager, inputs), target)
        loss.backward()
        optimizer.step()
        (replayed,) = program.run(inputs, target)
        torch.testing.assert_close(replayed, loss.detach())
    for mine, its in zip(eager.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, its)
