"""Average pooling's backward from the shape alone gives, bit for bit, what it gives with the tensor."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from runtime.replay.own_pooling import avg_pool2d_from_shape_backward
from solver.rewriting import available
from solver.step import Step
from tests.runtime.rewrites.equal import assert_equal, bits

aten: Any = torch.ops.aten


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("gradient_layout", [torch.contiguous_format, torch.channels_last])
def test_gradients_are_equal(layout: Any, dtype: torch.dtype, gradient_layout: Any) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 17, 15).to(dtype).contiguous(memory_format=layout)
    for window in (
        ([2, 2], [], [0, 0], False, True, None),
        ([3, 2], [1, 2], [1, 1], True, False, None),
        ([3], [2], [1], False, True, 5),
    ):
        gradient = torch.randn_like(aten.avg_pool2d(x, *window)).contiguous(
            memory_format=gradient_layout
        )
        expected = aten.avg_pool2d_backward(gradient, x, *window)
        found = avg_pool2d_from_shape_backward(gradient, *window, [*x.shape], [*expected.stride()])
        assert torch.equal(bits(found), bits(expected)) and found.stride() == expected.stride()


def test_a_network_trains_as_before_without_what_was_averaged(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, built = model_step("averages")
    found = [r for r in available(step) if r.rule in ("unread", "mask")]
    assert sorted(r.rule for r in found) == ["mask", "unread", "unread"]
    first = min((r for r in found if r.rule == "unread"), key=lambda r: -r.saves_bytes)
    assert first.saves_bytes == 3 * 8 * 18 * 18 * 4
    assert_equal(step, built, [r.name for r in found])
