"""Cross-entropy in the bytes of its logits gives, bit for bit, what its ops give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.replay import own_losses
from runtime.replay.native import PASS, Arena
from runtime.replay.own_losses import cross_entropy_backward, log_softmax
from solver.pointwise import OWN_BY_ROWS
from solver.repetition import find_repetitions
from solver.reuse import peak_with_takeovers
from solver.rewriting import available
from solver.step import Step
from tests.runtime.rewrites.equal import assert_equal, bits

aten: Any = torch.ops.aten

REDUCTIONS = {"mean": 1, "sum": 2}
SHAPES = [(40, 97), (3, 5001), (1, 7), (64, 16), (9, 1), (0, 4)]


@pytest.fixture(params=[200, 1 << 24], ids=["many parts", "one part"])
def part(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_losses, "PART", request.param)


def loss_of(
    shape: tuple[int, int], dtype: torch.dtype, reduction: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits with an infinity and a NaN, their log-softmax, some ignored targets, the total weight."""
    torch.manual_seed(sum(shape))
    logits = torch.randn(shape, dtype=dtype) * 5
    logits.view(-1)[3::51] = float("-inf")
    logits.view(-1)[5::1009] = float("nan")
    target = torch.randint(shape[1], shape[:1])
    target[::7] = -100
    whole = aten._log_softmax(logits, 1, False)
    _, total = aten.nll_loss_forward(whole, target, None, reduction, -100)
    return logits, whole, target, total


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.usefixtures("part")
def test_rows_are_as_they_are_together(
    shape: tuple[int, int], dtype: torch.dtype, reduction: str
) -> None:
    kind = REDUCTIONS[reduction]
    logits, whole, target, total = loss_of(shape, dtype, kind)
    assert torch.equal(bits(log_softmax(logits)), bits(whole))
    scale = torch.tensor(0.3, dtype=dtype)
    nll = aten.nll_loss_backward(scale, whole, target, None, kind, -100, total)
    expected = aten._log_softmax_backward_data(nll, whole, 1, dtype)
    found = cross_entropy_backward(whole, scale, target, total, kind, -100)
    assert torch.equal(bits(found), bits(expected))


@pytest.mark.parametrize("shape", SHAPES[:4])
@pytest.mark.usefixtures("part")
def test_results_may_be_written_into_the_operands_bytes(
    shape: tuple[int, int], native_cache: Path
) -> None:
    logits, whole, target, total = loss_of(shape, torch.float32, 1)
    scale = torch.tensor(0.3)

    def backward(operand: Tensor) -> Tensor:
        return cross_entropy_backward(operand, scale, target, total, 1, -100)

    calls: list[tuple[Callable[[Tensor], Tensor], Tensor]] = [(log_softmax, logits), (backward, whole)]
    for call, x in calls:
        expected = call(x)
        recorder = Arena(0, [[]])
        with recorder.running(record=True):
            recorder.arm(0)
            call(x)
        # The result is the first request; those of the parts are not planned.
        requests = [(r.size, PASS if at else 0) for at, r in enumerate(recorder.requests())]
        arena = Arena(1 << 20, [[(x.untyped_storage().nbytes(), 0)], requests], takes={(1, 0)})
        with arena.running():
            arena.arm(0)
            operand = x.clone()
            arena.arm(1)
            result = call(operand)
        assert result.data_ptr() == operand.data_ptr() == arena.base
        assert torch.equal(bits(result), bits(expected))


@pytest.mark.parametrize("function", ["head_with_bias", "head_summed_and_scaled"])
def test_a_model_trains_as_before_with_one_tensor_of_logits(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, built = model_step(function)
    (found,) = [r for r in available(step) if r.rule == "loss"]
    assert found.exact and step.ops[found.op].target == "_log_softmax.default"
    changed = assert_equal(step, built, [found.name])
    targets = {op.target for op in changed.ops}
    assert not targets & {"nll_loss_backward.default", "_log_softmax_backward_data.default"}
    logits = step.storages[step.ops[found.op].creates[0]].size
    before, after = (peak_with_takeovers(each, range(len(each.ops))) for each in (step, changed))
    assert before - after >= logits
    # A row's sum is read before the row is written: that is no pass over single elements.
    repetitions = find_repetitions(changed)
    own = [at for at, op in enumerate(changed.ops) if op.target in OWN_BY_ROWS]
    assert len(own) == 2 and not repetitions.begins.union(repetitions.joins) & {*own}


@pytest.mark.parametrize("function", ["head_with_class_weights", "head_with_smoothing", "pools"])
def test_it_is_not_offered_where_it_would_not_be_the_same_or_gains_nothing(
    function: str, model_step: Callable[[str], tuple[Step, Any]]
) -> None:
    step, _ = model_step(function)
    assert any(op.target == "_log_softmax.default" for op in step.ops)
    assert not [r for r in available(step) if r.rule == "loss"]


def test_steps_for_cuda_keep_their_loss(model_step: Callable[..., tuple[Step, Any]]) -> None:
    step, _ = model_step("head_with_bias", "cuda")
    assert any(op.target == "_log_softmax.default" for op in step.ops)
    assert not [r for r in available(step) if r.rule == "loss"]
