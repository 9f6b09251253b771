"""A batch norm from saved statistics has the bits of its first run, and moves nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.replay.normalizing import Normalizer
from runtime.replay.plan_data import Norm
from runtime.replay.targets import operator
from runtime.replay.tensors import same_bits

CPU = torch.device("cpu")
NATIVE = "aten.native_batch_norm.default"
LEGIT = "aten._native_batch_norm_legit.default"
SHAPES = {2: (64, 33), 3: (5, 24, 100), 4: (8, 64, 32, 32), 5: (2, 19, 5, 8, 9)}


def first_run(norm: Norm, scale: float) -> tuple[list[Any], tuple[Tensor, Tensor, Tensor]]:
    """Arguments of a batch norm of that kind, and what it returns for them."""
    generator = torch.Generator().manual_seed(11)
    shape = SHAPES[norm.rank]

    def numbers(*sizes: int) -> Tensor:
        return torch.randn(sizes, generator=generator)

    x = (numbers(*shape) * scale + scale / 3).to(getattr(torch, norm.dtype))
    if norm.channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    parameters = [
        (numbers(shape[1]) + 1).to(getattr(torch, kind)) if kind else None
        for kind in (norm.weight, norm.bias)
    ]
    running = [numbers(shape[1]).abs().to(getattr(torch, norm.parameters)) for _ in range(2)]
    arguments = [x, *parameters, *running, True, 0.1, 1e-5]
    result, mean, deviation = operator(norm.target)(*arguments)
    return arguments, (result, mean, deviation)


KINDS = {
    "float32": Norm(NATIVE, "float32", "float32", 4, False, "float32", "float32"),
    "channels last": Norm(NATIVE, "float32", "float32", 4, True, "float32", "float32"),
    "bfloat16": Norm(NATIVE, "bfloat16", "float32", 4, False, "float32", "float32"),
    "bfloat16, channels last": Norm(NATIVE, "bfloat16", "float32", 4, True, "float32", "float32"),
    "float64": Norm(NATIVE, "float64", "float64", 4, False, "float64", "float64"),
    "two dimensions": Norm(NATIVE, "float32", "float32", 2, False, "float32", "float32"),
    "three dimensions": Norm(NATIVE, "float32", "float32", 3, False, "float32", "float32"),
    "five dimensions": Norm(NATIVE, "float32", "float32", 5, False, "float32", "float32"),
    "without weight and bias": Norm(NATIVE, "float32", "float32", 4, False, "", ""),
    "bfloat16 without them": Norm(NATIVE, "bfloat16", "float32", 4, False, "", ""),
    "without bias": Norm(LEGIT, "float32", "float32", 4, True, "float32", ""),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_the_kinds_that_models_have_are_exact_from_saved_statistics(name: str, scale: float) -> None:
    norm = KINDS[name]
    normalizer = Normalizer([norm], CPU)
    normalizer.settle()
    assert normalizer.whole == 0
    arguments, (result, mean, deviation) = first_run(norm, scale)
    before = [each.clone() for each in arguments if isinstance(each, Tensor)]
    (again,) = normalizer.normalized(0, _never, mean, deviation, *arguments)
    assert same_bits(again, result) and again.stride() == result.stride()
    after = [each for each in arguments if isinstance(each, Tensor)]
    assert all(map(same_bits, before, after))


def _never(*_: object) -> None:
    raise AssertionError("the whole batch norm ran")


@pytest.mark.parametrize(
    "norm",
    [
        None,
        Norm(NATIVE, "float16", "float16", 4, False, "float16", "float16"),
        Norm(NATIVE, "bfloat16", "bfloat16", 4, False, "bfloat16", "bfloat16"),
        # A machine whose kernels cannot be asked for the second pass alone.
        Norm("aten.native_layer_norm.default", "float32", "float32", 4, False, "float32", ""),
    ],
)
def test_other_kinds_run_as_a_whole_on_copies_of_the_running_statistics(norm: Norm | None) -> None:
    normalizer = Normalizer([KINDS["float32"], norm], CPU)
    normalizer.settle()
    assert normalizer.whole == 1
    arguments, (result, mean, _) = first_run(KINDS["float32"], 3.0)
    before = [each.clone() for each in arguments if isinstance(each, Tensor)]
    wrong = torch.full_like(mean, torch.nan)
    (again,) = normalizer.normalized(1, operator(NATIVE), wrong, wrong, *arguments)
    assert same_bits(again, result)
    after = [each for each in arguments if isinstance(each, Tensor)]
    assert all(map(same_bits, before, after))


def test_a_kernel_that_rounds_otherwise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, *_: Any) -> tuple[Tensor]:
        view = (1, -1, 1, 1)
        return ((x - mean.view(view)) * weight.view(view) + bias.view(view),)

    normalizer = Normalizer([KINDS["float32"]], CPU)
    monkeypatch.setattr("runtime.replay.normalizing._CPU_KERNEL", "aten.other.default")
    find = operator
    monkeypatch.setattr(
        "runtime.replay.normalizing.operator",
        lambda target: other if target == "aten.other.default" else find(target),
    )
    normalizer.settle()
    assert normalizer.whole == 1
