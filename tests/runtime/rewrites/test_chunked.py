"""Cross-entropy some rows at a time: the loss and its gradients as from all rows at once, nearly."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from runtime.replay.own_losses import chunked_cross_entropy
from solver.errors import BayplanError
from solver.rewrites.chunked import TOLERANCE
from solver.rewriting import available, rewrite
from solver.step import Category, Phase, Step
from solver.validate import validate_step
from tests.runtime.rewrites.equal import assert_near

REDUCTIONS = {"mean": 1, "sum": 2}


def nearly(found: Tensor, expected: Tensor, tolerance: float = TOLERANCE) -> bool:
    assert found.shape == expected.shape and found.dtype == expected.dtype
    scale = expected.double().abs().max().clamp_min(1e-30)
    return bool((found.double() - expected.double()).abs().max() / scale <= tolerance)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 7, 8, 40])
def test_loss_and_gradients(
    reduction: str, bias: bool, transposed: bool, dtype: torch.dtype, rows: int
) -> None:
    torch.manual_seed(rows)
    hidden = (torch.randn(40, 12, dtype=dtype) * 4).requires_grad_()
    weight = torch.randn(97, 12, dtype=dtype, requires_grad=True)
    shift = torch.randn(97, dtype=dtype, requires_grad=True)
    target = torch.randint(97, (40,))
    target[::7] = -100
    logits = F.linear(hidden, weight, shift if bias else None)
    loss = F.cross_entropy(logits, target, reduction=reduction)
    scale = torch.tensor(0.3, dtype=dtype)
    of_hidden, of_weight = torch.autograd.grad(loss, [hidden, weight], scale, retain_graph=True)

    with torch.no_grad():
        found = chunked_cross_entropy(
            hidden,
            weight.t(),
            shift if bias else None,
            target,
            scale,
            REDUCTIONS[reduction],
            -100,
            rows,
            [True, True, bias],
            transposed,
        )
    assert nearly(found[0], loss.detach())
    assert nearly(found[1], of_hidden)
    assert nearly(found[2], of_weight if transposed else of_weight.t())
    if bias:
        (of_bias,) = torch.autograd.grad(loss, [shift], scale)
        assert nearly(found[3], of_bias[None])
    assert found[-1].shape == (rows, 97)


def test_numbers_far_apart_overflow_no_more_than_in_torch() -> None:
    hidden = torch.tensor([[1e4, 0.0], [-1e4, 1.0], [3e38, 0.0]])
    weight, target = torch.eye(2), torch.tensor([1, 0, 0])
    expected = F.cross_entropy(hidden @ weight, target)
    found = chunked_cross_entropy(
        hidden, weight, None, target, torch.ones(()), 1, -100, 2, [True, False, False], True
    )
    assert torch.equal(found[0], expected)
    assert found[1].isfinite().all()


def test_where_every_target_is_ignored_gradients_are_zero() -> None:
    hidden, weight = torch.randn(5, 3), torch.randn(3, 7)
    target = torch.full((5,), -100)
    found = chunked_cross_entropy(
        hidden, weight, None, target, torch.ones(()), 1, -100, 2, [True, True, False], True
    )
    assert found[0].isnan()  # as in torch
    assert not found[1].any() and not found[2].any()


@pytest.mark.parametrize(
    "function",
    [
        "transformer",
        "head_with_bias",
        "head_without_its_gradient",
        "head_summed_and_scaled",
    ],
)
def test_a_model_trains_as_before_nearly(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, built = model_step(function)
    found = [r for r in available(step) if r.rule == "chunked"]
    assert {r.name.split()[2] for r in found} >= {"4"}
    names = [r.name for r in found if r.name.split()[2] == "4"]
    assert len(names) == 1 and not any(r.exact for r in found)
    # Two steps of training make more of the differences than one op does.
    changed = assert_near(step, built, names, 20 * TOLERANCE)
    targets = [op.target for op in changed.ops]
    assert "_log_softmax.default" not in targets and "nll_loss_backward.default" not in targets


def test_a_number_of_parts_that_is_not_offered_is_refused(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, _ = model_step("head_with_bias")
    (name,) = [r.name for r in available(step) if r.rule == "chunked"]
    with pytest.raises(BayplanError, match="not possible"):
        rewrite(step, [name.removesuffix("4") + "5"])


def test_micro_batches_have_it_too(model_step: Callable[[str], tuple[Step, Any]]) -> None:
    step, _ = model_step("head_in_parts")
    (name,) = [r.name for r in available(step) if r.rule == "chunked" and r.name.endswith(" 4")]
    changed = rewrite(step, [name])
    validate_step(changed, "it")
    targets = [op.target for op in changed.ops]
    at = targets.index("chunked_cross_entropy.default")
    # What the gradient of the loss is made of comes before it, and what is made of the loss behind.
    assert targets[at - 2 : at + 2] == ["ones.default", "div.Tensor", targets[at], "div.Tensor"]


def test_the_workspace_is_the_plans_to_place(model_step: Callable[[str], tuple[Step, Any]]) -> None:
    step, _ = model_step("transformer")
    name = next(r.name for r in available(step) if r.rule == "chunked" and r.name.endswith(" 4"))
    changed = rewrite(step, [name])
    (op,) = [op for op in changed.ops if op.target == "chunked_cross_entropy.default"]
    sizes = [changed.storages[s] for s in op.creates]
    (workspace,) = [s for s in sizes if s.category is Category.WORKSPACE]
    assert workspace.size == 12 * 97 * 4 and workspace.planned
    logits = max(s.size for s in step.storages if s.name.startswith("head") or "log_softmax" in s.name)
    assert workspace.size * 4 == logits
    products = [o.flops for o in step.ops if o.target == "mm.default" and o.flops == 2 * 48 * 32 * 97]
    assert op.flops == sum(products) and len(products) == 3
    assert op.phase is Phase.FORWARD


@pytest.mark.parametrize(
    "function",
    [
        "head_from_two_sides",
        "head_with_class_weights",
        "head_with_smoothing",
        "head_that_weighs_its_loss",
    ],
)
def test_it_is_not_offered_where_it_would_not_be_the_same(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, _ = model_step(function)
    assert any(op.target == "_log_softmax.default" for op in step.ops)
    assert not [r for r in available(step) if r.rule == "chunked"]
