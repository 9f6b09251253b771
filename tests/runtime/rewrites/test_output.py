"""Backward from the output gives, bit for bit, what backward from the input gives."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from solver.rewriting import available
from solver.step import Step
from tests.runtime.rewrites.equal import assert_equal, bits

aten: Any = torch.ops.aten

SPECIAL = [0.0, -0.0, 6.0, -1.0, 1.0, float("nan"), float("inf"), float("-inf"), 1e-45, -1e-45]


def inputs(dtype: torch.dtype) -> torch.Tensor:
    """Random numbers, with special ones and the neighbours of the limits among them."""
    torch.manual_seed(1)
    special = torch.tensor(SPECIAL).to(dtype)
    near = [torch.nextafter(special, torch.full_like(special, far)) for far in (-9.0, 9.0)]
    x = torch.cat([special, *near, (torch.randn(4000) * 5).to(dtype)])
    return x[:4000].reshape(2, 10, 20, 10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("limits", [(0.0, 6.0), (-1.0, 1.0), (0.0, 0.0)])
def test_hardtanh_passes_gradients_where_its_output_does(
    dtype: torch.dtype, layout: Any, limits: tuple[float, float]
) -> None:
    x = inputs(dtype).to(memory_format=layout)
    gradient = torch.randn_like(x)
    y = aten.hardtanh(x, *limits)
    expected = aten.hardtanh_backward(gradient, x, *limits)
    found = aten.hardtanh_backward(gradient, y, *limits)
    assert torch.equal(bits(expected), bits(found))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("slope", [0.0, 0.01, 1e-30, 3.0])
def test_leaky_relu_passes_gradients_where_its_output_does(dtype: torch.dtype, slope: float) -> None:
    x = inputs(dtype)
    gradient = torch.randn_like(x)
    y = aten.leaky_relu(x, slope)
    expected = aten.leaky_relu_backward(gradient, x, slope, False)
    found = aten.leaky_relu_backward(gradient, y, slope, True)
    assert torch.equal(bits(expected), bits(found))


def test_a_mobile_net_trains_as_before_and_keeps_no_inputs_of_its_relu6(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, built = model_step("mobile")
    found = [r for r in available(step) if r.rule == "output"]
    # Three ReLU6 and a hardtanh; the leaky ReLU is not in place either.
    assert len(found) == 5
    changed = assert_equal(step, built, [r.name for r in found])
    clones = [op for op in step.ops if op.target == "clone.default"]
    assert len(clones) == 2
    assert not [op for op in changed.ops if op.target == "clone.default"]
    for rewrite in found:
        if step.ops[rewrite.op].target == "hardtanh_backward.default":
            assert rewrite.saves_bytes > 0
