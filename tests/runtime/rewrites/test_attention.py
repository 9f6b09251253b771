"""Attention without its scores: as written out, nearly."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.replay.own_attention import attention, attention_backward
from solver.rewrites.attention import TOLERANCE
from solver.rewriting import available, combined, rewrite
from solver.step import Step
from tests.runtime.rewrites.equal import assert_near

MASKS: dict[str, Callable[[], Tensor | None]] = {
    "none": lambda: None,
    "hidden": lambda: torch.ones(12, 20).triu(9).bool(),
    "hidden by sample": lambda: torch.rand(2, 1, 1, 20) > 0.8,
    "added": lambda: torch.randn(1, 3, 12, 20),
}


def written_out(q: Tensor, keys: Tensor, v: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    scores = (q @ keys * scale).view(2, 3, 12, 20)
    if mask is not None:
        hides = mask.dtype == torch.bool
        scores = scores.masked_fill(mask, float("-inf")) if hides else scores + mask.to(q.dtype)
    return scores.softmax(-1).view(6, 12, 20) @ v


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("strided", [False, True])
def test_results_and_gradients(kind: str, dtype: torch.dtype, strided: bool) -> None:
    torch.manual_seed(2)
    q = torch.randn(6, 12, 8, dtype=dtype, requires_grad=True)
    keys = torch.randn(6, 8, 20, dtype=dtype, requires_grad=True)
    v = torch.randn(6, 20, 8, dtype=dtype, requires_grad=True)
    gradient = torch.randn(6, 8, 12, dtype=dtype).transpose(1, 2)
    gradient = gradient if strided else gradient.contiguous()
    mask = MASKS[kind]()
    mask = mask.to(dtype) if mask is not None and mask.is_floating_point() else mask
    result = written_out(q, keys, v, mask, 0.3)
    expected = [result, *torch.autograd.grad(result, [q, keys, v], gradient)]
    operands = [t.detach() for t in (q, keys, v)]
    if strided:
        operands = [t.transpose(0, 1).contiguous().transpose(0, 1) for t in operands]
    out, sums = attention(*operands, mask, 0.3, [2, 3])
    found = [
        out,
        *attention_backward(gradient, *operands, out, sums, mask, 0.3, [2, 3]),
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.is_contiguous() and one.shape == other.shape
        assert (one - other).abs().max() <= TOLERANCE * other.abs().max()
    assert sums.shape == (6, 12)


@pytest.mark.parametrize("function", ["attention_plain", "attention_hidden", "attention_biased"])
def test_a_model_trains_as_before_nearly(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, built = model_step(function)
    (found,) = [r for r in available(step) if r.rule == "attention"]
    assert not found.exact and found.saves_bytes > 0
    changed = assert_near(step, built, [found.name], TOLERANCE)
    targets = [op.target for op in changed.ops]
    assert "bmm.default" not in targets and "_softmax.default" not in targets
    scores = 2 * 4 * 16 * 16 * 4
    assert any(s.size == scores for s in step.storages)
    assert not any(s.size == scores for s in changed.storages)
    work = [op.flops for op in step.ops if op.target == "bmm.default"]
    # The scores are worked out once more.
    assert sum(o.flops for o in changed.ops if "attention" in o.target) == sum(work) + work[0]


@pytest.mark.parametrize("function", ["attention_lowest", "attention_dropout", "attention_looked_at"])
def test_it_is_not_offered_where_it_would_not_be_the_same(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, _ = model_step(function)
    assert any(op.target == "_softmax.default" for op in step.ops)
    assert not [r for r in available(step) if r.rule == "attention"]


def test_it_is_done_only_where_approximations_are_wanted(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, built = model_step("attention_hidden")
    assert not [name for name in combined(step) if name.startswith(("attention", "chunked"))]
    names = combined(step, approximate=True)
    assert {name.split()[0] for name in names} == {"attention", "chunked"}
    assert_near(step, built, names, TOLERANCE)
    assert rewrite(step, names) is rewrite(step, names)
