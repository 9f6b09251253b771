"""Which attention kernel CUDA picks, argument by argument."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from runtime.capture.bayplan_capture.cuda_attention import choose

MATH, FLASH = SDPBackend.MATH, SDPBackend.FLASH_ATTENTION
EFFICIENT, CUDNN = SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION
HALF, SINGLE = torch.bfloat16, torch.float32


def tensor(*shape: int, dtype: torch.dtype = HALF) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


def picked(
    query: Tensor,
    key: Tensor | None = None,
    mask: Tensor | None = None,
    within: AbstractContextManager[Any] | None = None,
    dropout: float = 0.0,
    causal: bool = False,
    grouped: bool = False,
) -> SDPBackend:
    key = query if key is None else key
    with within or nullcontext():
        return choose(query, key, key, mask, dropout, causal, grouped)


@pytest.mark.parametrize(
    ("head", "dtype", "wanted"),
    [
        (64, torch.float16, FLASH),
        (64, torch.bfloat16, FLASH),
        (12, torch.bfloat16, FLASH),
        (256, torch.bfloat16, FLASH),
        (264, torch.bfloat16, EFFICIENT),
        (260, torch.bfloat16, MATH),
        (64, torch.float32, EFFICIENT),
        (12, torch.float32, EFFICIENT),
        (6, torch.float32, MATH),
        (264, torch.float32, EFFICIENT),
        (64, torch.float64, MATH),
    ],
)
def test_the_dtype_and_the_size_of_a_head_decide(
    head: int, dtype: torch.dtype, wanted: SDPBackend
) -> None:
    assert picked(tensor(2, 4, 16, head, dtype=dtype)) is wanted


def test_a_mask_excludes_flash_and_one_with_strided_rows_the_efficient_kernel() -> None:
    query = tensor(2, 4, 16, 64)
    assert picked(query, mask=tensor(16, 16)) is EFFICIENT
    assert picked(query, mask=tensor(16, 16).t()) is MATH
    assert picked(query, mask=tensor(16, 1).expand(16, 16)) is MATH


def test_causal_flash_needs_as_many_keys_as_queries() -> None:
    query, key = tensor(2, 4, 16, 64), tensor(2, 4, 24, 64)
    assert picked(query, key, causal=True) is EFFICIENT
    assert picked(query, key) is FLASH


def test_fewer_heads_of_keys_must_be_asked_for() -> None:
    query, key = tensor(2, 4, 16, 64), tensor(2, 2, 16, 64)
    assert picked(query, key) is MATH
    assert picked(query, key, grouped=True) is FLASH
    assert picked(query, key, mask=tensor(16, 16), grouped=True) is MATH
    assert picked(query, query, mask=tensor(16, 16), grouped=True) is EFFICIENT
    assert picked(query, tensor(2, 3, 16, 64), grouped=True) is MATH
    assert picked(query, tensor(1, 4, 16, 64)) is MATH


def test_tensors_of_three_dimensions_empty_ones_and_transposed_ones_go_to_math() -> None:
    assert picked(tensor(4, 16, 64)) is MATH
    assert picked(tensor(2, 4, 0, 64)) is MATH
    assert picked(tensor(2, 4, 64, 16).transpose(2, 3)) is MATH


def test_the_users_choice_of_kernels_is_kept() -> None:
    query = tensor(2, 4, 16, 64)
    assert picked(query, within=sdpa_kernel(EFFICIENT)) is EFFICIENT
    assert picked(query, within=sdpa_kernel(MATH)) is MATH
    assert picked(query, within=sdpa_kernel(CUDNN)) is CUDNN
    both = [EFFICIENT, FLASH]
    assert picked(query, within=sdpa_kernel(both)) is FLASH
    assert picked(query, within=sdpa_kernel(both, set_priority=True)) is EFFICIENT
    with pytest.raises(RuntimeError, match="No available kernel"):
        picked(tensor(2, 4, 16, 64, dtype=torch.float64), within=sdpa_kernel(FLASH))


@pytest.mark.parametrize(
    ("shape", "dropout", "possible"),
    [
        ((2, 4, 16, 128), 0.125, True),
        ((2, 4, 16, 128), 0.1, False),
        ((2, 4, 16, 136), 0.0, False),
        ((2, 4, 16, 12), 0.0, False),
        ((2, 4, 1, 64), 0.0, False),
    ],
)
def test_cudnn_takes_some_heads_and_chances_only(
    shape: tuple[int, ...], dropout: float, possible: bool
) -> None:
    choice = picked(
        tensor(*shape), dropout=dropout, within=sdpa_kernel([CUDNN, MATH], set_priority=True)
    )
    assert choice is (CUDNN if possible else MATH)
