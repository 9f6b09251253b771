"""Masks of one bit or byte an element give, bit for bit, what whole tensors of factors give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.replay import own_masks
from runtime.replay.native import PASS, Arena
from runtime.replay.own_masks import (
    dropout_backward_by_bits,
    keep_by_bits,
    pack_above,
    pack_nonzero,
    scale_by_bits,
    scale_by_mask,
)
from solver.errors import BayplanError
from solver.rewriting import available, rewrite
from solver.step import Step
from tests.runtime.rewrites.equal import assert_equal, bits

aten: Any = torch.ops.aten

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda t: t,
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "permuted": lambda t: t.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0),
    "one sample": lambda t: t[:1],
    "one element": lambda t: t[:1, :1, :1, :1].contiguous(),
}


@pytest.fixture(params=[8, 1 << 24], ids=["many parts", "one part"])
def part(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_masks, "PART", request.param)


def tensor(dtype: torch.dtype, layout: str) -> Tensor:
    """With the limits themselves, NaNs, infinities and zeros of both signs."""
    torch.manual_seed(4)
    x = torch.randint(-2, 9, (3, 5, 7, 3)).to(dtype) + torch.randint(0, 2, (3, 5, 7, 3)).to(dtype) / 4
    flat = x.view(-1)
    for at, number in enumerate([float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 6.0]):
        flat[at * 3 :: 29] = number
    return LAYOUTS[layout](x)


def order_of(x: Tensor) -> list[int]:
    return sorted(range(x.dim()), key=lambda at: (x.shape[at] == 1, -x.stride(at), at))


def gradients(x: Tensor) -> dict[str, Tensor]:
    """Of the shape of ``x``: laid out likewise, otherwise, and a view of a part of something larger."""
    wide = torch.randn(x.shape[0], x.shape[1] + 2, *x.shape[2:]).to(x.dtype)
    found = {
        "likewise": torch.randn_like(x),
        "contiguous": torch.randn(x.shape).to(x.dtype),
        "a slice": wide[:, 1:-1],
        "expanded": torch.randn(x.shape[0], 1, 1, 1).to(x.dtype).expand(x.shape),
    }
    found["likewise"][0, 0, 0] = float("nan")
    found["contiguous"][0, 0] = float("inf")
    return found


def same(one: Tensor, other: Tensor) -> bool:
    """Bitwise equal, but for which NaN it is: there a kernel's vector loop and its end differ."""
    nan = one.isnan()
    return torch.equal(nan, other.isnan()) and torch.equal(
        bits(one.masked_fill(nan, 0)), bits(other.masked_fill(nan, 0))
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("part")
def test_backward_of_relu_by_bits(dtype: torch.dtype, layout: str) -> None:
    x = tensor(dtype, layout)
    order = order_of(x)
    for gradient in gradients(x).values():
        expected = aten.threshold_backward(gradient, x, 0)
        packed = pack_above(x, 0.0, order)
        assert packed.numel() == -(-x.numel() // 8)
        found = keep_by_bits(gradient, packed, order, [*expected.stride()])
        assert same(found, expected) and found.stride() == expected.stride()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.usefixtures("part")
def test_dropout_by_bits(dtype: torch.dtype, layout: str) -> None:
    x = tensor(dtype, layout)
    torch.manual_seed(5)
    noise = torch.empty_like(x).bernoulli_(0.7)
    packed = pack_nonzero(noise, order_of(x))
    for gradient in gradients(x).values():
        for divisor in (None, 0.7):
            factors = noise.clone() if divisor is None else noise.clone().div_(divisor)
            expected = gradient * factors
            strides = [*expected.stride()]
            found = scale_by_bits(gradient, packed, divisor, order_of(x), strides)
            assert same(found, expected)
            found = scale_by_mask(gradient, noise != 0, divisor, order_of(x), strides)
            assert same(found, expected) and found.stride() == expected.stride()

        mask = noise != 0
        expected = aten.native_dropout_backward(gradient, mask, 1 / 0.7)
        packed_mask = pack_nonzero(mask, order_of(mask))
        strides = [*expected.stride()]
        found = dropout_backward_by_bits(gradient, packed_mask, 1 / 0.7, order_of(mask), strides)
        assert same(found, expected)


@pytest.mark.parametrize("length", [*range(1, 18), 1000, 1001])
@pytest.mark.parametrize("kind", [torch.bool, torch.float32])
def test_what_is_packed_comes_back(length: int, kind: torch.dtype) -> None:
    torch.manual_seed(length)
    mask = torch.randint(0, 2, (length,)).to(kind)
    packed = pack_nonzero(mask, [0])
    assert packed.numel() == -(-length // 8)
    assert torch.equal(keep_by_bits(torch.ones(length), packed, [0], [1]), mask.float())


def test_a_scalar_has_a_mask_too() -> None:
    x, gradient = torch.tensor(2.0), torch.tensor(3.0)
    packed = pack_above(x, 0.0, [])
    assert torch.equal(keep_by_bits(gradient, packed, [], []), gradient)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_booleans_are_drawn_from_the_same_random_numbers(dtype: torch.dtype, layout: str) -> None:
    x = tensor(dtype, layout)
    for like in (x, x.new_empty(50_001)):
        for chance in (0.1, 0.5, 0.9):
            torch.manual_seed(6)
            expected = torch.empty_like(like).bernoulli_(chance)
            state = torch.get_rng_state()
            torch.manual_seed(6)
            found = torch.empty_like(like, dtype=torch.bool).bernoulli_(chance)
            assert torch.equal(found, expected != 0) and found.stride() == expected.stride()
            assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("op", [keep_by_bits, scale_by_bits, scale_by_mask, dropout_backward_by_bits])
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "permuted"])
@pytest.mark.usefixtures("part")
def test_results_may_be_written_into_the_operands_bytes(
    op: Callable[..., Tensor], layout: str, native_cache: Path
) -> None:
    x = LAYOUTS[layout](torch.randn(3, 5, 7, 3))
    order, strides = order_of(x), [*x.stride()]
    packed = x > 0 if op is scale_by_mask else pack_nonzero(x > 0, order)
    middle = [] if op is keep_by_bits else [0.7]

    def call(operand: Tensor) -> Tensor:
        return op(operand, packed, *middle, order, strides)

    expected = call(x)
    recorder = Arena(0, [[]])
    with recorder.running(record=True):
        recorder.arm(0)
        call(x)
    # The result is the first request; the parts' masks are not planned.
    requests = recorder.requests()
    second = [(each.size, PASS if index else 0) for index, each in enumerate(requests)]
    arena = Arena(1 << 20, [[(x.untyped_storage().nbytes(), 0)], second], takes={(1, 0)})
    with arena.running():
        arena.arm(0)
        operand = x.clone()
        arena.arm(1)
        result = call(operand)
    assert result.data_ptr() == operand.data_ptr() == arena.base
    assert torch.equal(bits(result), bits(expected))


@pytest.mark.parametrize("function", ["pools", "pools_channels_last", "mobile"])
def test_a_network_trains_as_before_with_all_that_is_exact(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, built = model_step(function)
    names = [r.name for r in available(step) if r.exact and r.rule in ("mask", "dropout", "pool")]
    changed = assert_equal(step, built, names)
    kept = {op.target for op in changed.ops}
    assert not kept & {"max_pool2d_with_indices.default", "div_.Scalar"} or function == "mobile"
    assert "threshold_backward.default" not in kept or function == "pools"


def test_a_mask_is_offered_where_only_pooling_looks_at_the_activation_besides(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, _ = model_step("pools")
    masks = [r for r in available(step) if r.rule == "mask"]
    pools = [r for r in available(step) if r.rule == "pool"]
    assert masks and all(step.ops[r.op].target == "threshold_backward.default" for r in masks)
    shared = [r for r in masks if any(r.releases == pool.releases for pool in pools)]
    assert shared and not any(r.saves_bytes for r in shared)
    names = [r.name for r in [*masks, *pools]]
    changed = rewrite(step, names)
    activation = step.storages[shared[0].releases[0]]
    at = changed.storages.index(activation)
    users = [op.phase for op in changed.ops if at in op.touches]
    assert set(users) == {"forward"}


def test_attention_and_dropout_of_a_transformer_keep_bits(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, built = model_step("transformer")
    found = [r for r in available(step) if r.rule == "dropout"]
    assert len(found) == 6
    changed = assert_equal(step, built, [r.name for r in found])
    assert not any(op.target == "div_.Scalar" for op in changed.ops)
    saved = sum(r.saves_bytes for r in found)
    bernoulli = sum(
        step.storages[op.writes[0]].size for op in step.ops if op.target == "bernoulli_.float"
    )
    assert saved == bernoulli * 31 // 32


def test_dropouts_of_a_transformer_draw_booleans(
    model_step: Callable[[str], tuple[Step, Any]],
) -> None:
    step, built = model_step("transformer")
    found = [r for r in available(step) if r.rule == "bytes"]
    assert [r.op for r in found] == [r.op for r in available(step) if r.rule == "dropout"]
    changed = assert_equal(step, built, [r.name for r in found])
    assert not any(op.target == "div_.Scalar" for op in changed.ops)
    drawn = [op.writes[0] for op in changed.ops if op.target == "bernoulli_.float"]
    floats = [op.writes[0] for op in step.ops if op.target == "bernoulli_.float"]
    sizes = [step.storages[s].size for s in floats]
    assert [4 * changed.storages[s].size for s in drawn] == sizes
    assert sum(r.saves_bytes for r in found) == sum(sizes) * 3 // 4
    # A mask has bits or bytes.
    both = [r.name for r in available(step) if r.op == found[0].op]
    for names in (both, both[::-1]):
        with pytest.raises(BayplanError, match="not possible"):
            rewrite(step, names)


def test_masks_that_are_boolean_as_captured_are_not_drawn_otherwise(
    model_step: Callable[..., tuple[Step, Any]],
) -> None:
    step, _ = model_step("dropped", "cuda")
    assert not any(r.rule == "bytes" for r in available(step))


def test_masks_of_a_step_for_cuda_are_packed(
    model_step: Callable[..., tuple[Step, Any]],
) -> None:
    # Its ops run on the CPU just as well.
    step, built = model_step("dropped", "cuda")
    found = [r for r in available(step) if r.rule == "dropout"]
    assert [step.ops[r.op].target for r in found] == ["native_dropout.default"] * 2
    assert [r.saves_bytes for r in found] == [7 * 33 - 29, 7 * 5 - 5]
    changed = assert_equal(step, built, [r.name for r in found])
    assert "native_dropout_backward.default" not in {op.target for op in changed.ops}
