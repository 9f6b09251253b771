"""A convolution's backward in two gives, bit for bit, what it gives at once."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from runtime.replay.own_convolution import convolution_input_gradient
from solver.rewriting import available
from solver.step import Step
from tests.runtime.rewrites.equal import assert_equal, bits

aten: Any = torch.ops.aten


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(
    ("shape", "filters", "stride", "padding", "dilation", "groups"),
    [
        ((4, 8, 16, 16), (16, 8, 3, 3), 1, 1, 1, 1),
        ((2, 3, 33, 31), (8, 3, 7, 7), 2, 3, 1, 1),
        ((4, 16, 14, 14), (32, 16, 1, 1), 1, 0, 1, 1),
        ((3, 16, 15, 15), (16, 1, 3, 3), 2, 1, 1, 16),
        ((2, 16, 15, 15), (32, 4, 3, 3), 1, 2, 2, 4),
        ((1, 4, 21), (6, 4, 5), 2, 0, 1, 1),
    ],
)
def test_gradients_are_equal(
    dtype: torch.dtype,
    shape: tuple[int, ...],
    filters: tuple[int, ...],
    stride: int,
    padding: int,
    dilation: int,
    groups: int,
) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(shape).to(dtype), torch.randn(filters).to(dtype)
    some = len(shape) - 2
    window = ([stride] * some, [padding] * some, [dilation] * some, False, [0] * some, groups)
    gradient = torch.randn_like(aten.convolution(x, weight, None, *window))
    sizes = [filters[0]]
    expected = aten.convolution_backward(gradient, x, weight, sizes, *window, [True, True, True])
    rest = aten.convolution_backward(gradient, x, weight, sizes, *window, [False, True, True])
    found = convolution_input_gradient(gradient, weight, sizes, *window, list(shape))
    assert found.stride() == expected[0].stride()
    for one, other in zip((found, *rest[1:]), expected, strict=True):
        assert torch.equal(bits(one), bits(other))


def test_a_network_trains_as_before_with_its_largest_op_in_two(
    model_step: Callable[..., tuple[Step, Any]],
) -> None:
    step, built = model_step("convolutions")
    found = [r for r in available(step) if r.rule == "split"]
    assert [step.ops[r.op].target for r in found] == ["convolution_backward.default"]
    changed = assert_equal(step, built, [r.name for r in found])

    def most(of: Step) -> int:
        return max(
            sum(of.storages[s].size for s in op.touches if of.storages[s].planned)
            for op in of.ops
            if op.target.startswith("convolution")
        )

    assert most(changed) < most(step)
    work = [sum(max(0, op.flops) for op in of.ops) for of in (step, changed)]
    assert work[0] == work[1]
