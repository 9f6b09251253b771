"""Max-pooling by offsets gives, bit for bit, what max-pooling by indices gives."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from runtime.replay import own_pooling
from runtime.replay.own_pooling import max_pool2d_with_offsets, max_pool2d_with_offsets_backward
from solver.rewriting import available
from solver.step import Step
from tests.runtime.rewrites.equal import assert_equal, bits

aten: Any = torch.ops.aten

WINDOWS = {
    "side by side": ((2, 2), (2, 2), (0, 0), (1, 1), False),
    "overlapping": ((3, 3), (1, 1), (1, 1), (1, 1), False),
    "rounded up": ((3, 3), (2, 2), (1, 1), (1, 1), True),
    "dilated": ((3, 2), (2, 1), (1, 1), (2, 3), False),
    "oblong": ((1, 5), (3, 2), (0, 2), (1, 1), True),
    "of 256": ((16, 16), (1, 3), (8, 0), (1, 1), False),
}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS.keys())
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("part", [1, 1 << 22])
def test_maxima_and_gradients_are_equal(
    window: Any, layout: Any, dtype: torch.dtype, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_pooling, "PART", part)
    torch.manual_seed(3)
    # Few different numbers, so that maxima are tied; NaNs and infinities, and nothing but -inf.
    x = torch.randint(-3, 4, (3, 5, 18, 19)).to(dtype)
    x[0, 0].view(-1)[::7] = float("nan")
    x[0, 1].view(-1)[::5] = float("inf")
    x[1, 2] = float("-inf")
    x = x.contiguous(memory_format=layout)
    y, indices = aten.max_pool2d_with_indices(x, *window)
    gradient = torch.randn_like(y)
    expected = aten.max_pool2d_with_indices_backward(gradient, x, *window, indices)

    (rows, columns), dilation = window[0], window[3]
    largest = (rows - 1) * dilation[0] * 19 + (columns - 1) * dilation[1]
    kind = torch.uint8 if largest < 256 else torch.int16
    maxima, offsets = max_pool2d_with_offsets(x, *window, [*y.shape], [*y.stride()], kind)
    found = max_pool2d_with_offsets_backward(
        gradient, offsets, *window, [*x.shape], [*expected.stride()]
    )
    assert torch.equal(bits(maxima), bits(y))
    assert maxima.stride() == y.stride()
    assert torch.equal(bits(found), bits(expected))
    assert found.stride() == expected.stride()


def test_no_more_than_a_groups_indices_exist_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_pooling, "PART", 1000)
    x = torch.randn(40, 10, 20, 20)
    window = ((2, 2), (2, 2), (0, 0), (1, 1), False)
    made: list[int] = []
    like = torch.empty_like

    def watched(tensor: torch.Tensor, **options: Any) -> torch.Tensor:
        made.append(tensor.numel())
        return like(tensor, **options)

    monkeypatch.setattr(torch, "empty_like", watched)
    max_pool2d_with_offsets(x, *window, [40, 10, 10, 10], [1000, 100, 10, 1], torch.uint8)
    assert made == [1000] * 40  # the indices


@pytest.mark.parametrize("function", ["pools", "pools_channels_last"])
def test_a_network_trains_as_before_without_its_indices(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, built = model_step(function)
    found = [r for r in available(step) if r.rule == "pool"]
    assert len(found) == 4
    changed = assert_equal(step, built, [r.name for r in found])
    assert changed.program is not None
    shapes = {v.shape for v in changed.program.values if len(v.shape) == 4}
    assert not [v for v in changed.program.values if v.dtype == "int64" and v.shape in shapes]
    # The two behind a ReLU and a batch norm read nothing but their input's shape in the backward pass.
    assert all(r.saves_bytes > 0 and r.releases for r in found)


def test_offsets_take_two_bytes_where_one_is_not_enough(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, built = model_step("wide_pool")
    names = [r.name for r in available(step) if r.rule == "pool"]
    changed = assert_equal(step, built, names)
    assert changed.program is not None
    kinds = [v.dtype for v in changed.program.values if "max_pool" in v.name and len(v.shape) == 4]
    assert {"int16", "uint8"} <= set(kinds) and "int64" not in kinds
