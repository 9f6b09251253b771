"""Each op that a plan may let write into its operand's bytes has the same result there, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from runtime.replay.native import PASS, Arena
from runtime.replay.tensors import same_bits
from solver.pointwise import ELEMENTWISE, FIRST_OPERAND

UNTAGGED = {
    "elu_backward.default",
    "hardsigmoid_backward.default",
    "hardswish.default",
    "hardswish_backward.default",
    "hardtanh_backward.default",
    "leaky_relu_backward.default",
    "mish_backward.default",
    "softplus_backward.default",
    "masked_fill.Tensor",
}
"""What torch does not tag as pointwise although it is: the run below is what shows it."""

TO_BOOL = {"eq", "ne", "lt", "le", "gt", "ge", "isnan"}
TO_BOOL |= {"logical_and", "logical_or", "logical_xor", "logical_not"}
"""Ops with a boolean result: only a boolean operand has its geometry."""

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda t: t,
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last),
    "dense, permuted": lambda t: t.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0),
}

SHAPES = {"contiguous": (3, 5, 61, 59), "channels last": (2, 3, 5, 7), "dense, permuted": (2, 3, 5, 7)}
"""Odd, so that vector loops have ends; the first is large enough for two threads to share the work."""


def overload(name: str) -> torch._ops.OpOverload:
    base, _, variant = name.partition(".")
    found: torch._ops.OpOverload = getattr(getattr(torch.ops.aten, base), variant)
    return found


def arguments(op: torch._ops.OpOverload, dtype: torch.dtype, layout: str) -> list[Any]:
    """One of each that the op asks for; its tensors have one geometry."""
    result: list[Any] = []
    generator = torch.Generator().manual_seed(7)
    for argument in op._schema.arguments:
        if str(argument.type) == "Tensor" or (argument.name in ("min", "max") and "Tensor" in str(op)):
            noise = torch.rand(SHAPES[layout], generator=generator) * 2 - 0.5
            boolean = argument.name in ("mask", "condition")
            tensor = (
                noise > 0.3 if boolean else noise.to(dtype) if dtype.is_floating_point else noise > 0
            )
            tensor = tensor if tensor.dtype == torch.bool else tensor.to(dtype)
            result.append(LAYOUTS[layout](tensor))
        elif argument.name == "rounding_mode":
            result.append("floor")
        elif argument.has_default_value() and argument.name not in ("min", "max"):
            result.append(argument.default_value)
        else:
            result.append(False if str(argument.type) == "bool" else 0.5)
    if op._opname == "masked_fill" and op._overloadname == "Tensor":
        result[2] = torch.tensor(0.5, dtype=dtype)
    return result


def call(op: torch._ops.OpOverload, given: list[Any]) -> Tensor:
    plain = [a for a in op._schema.arguments if not a.kwarg_only]
    keywords = {
        a.name: value
        for a, value in zip(op._schema.arguments, given, strict=True)
        if a.kwarg_only and value is not None
    }
    result: Tensor = op(*given[: len(plain)], **keywords)
    return result


def in_place(op: torch._ops.OpOverload, given: list[Any], position: int) -> Tensor:
    """The result, written by the arena into the bytes of the operand at ``position``."""
    recorder = Arena(0, [[]])
    with recorder.running(record=True):
        recorder.arm(0)
        pointer = call(op, given).data_ptr()
    requests = recorder.requests()
    own = max(index for index, request in enumerate(requests) if request.pointer == pointer)
    operand = given[position]
    first = [(operand.untyped_storage().nbytes(), 0)]
    second = [(each.size, 0 if index == own else PASS) for index, each in enumerate(requests)]
    arena = Arena(1 << 20, [first, second], takes={(1, own)})
    given = list(given)
    with arena.running():
        arena.arm(0)
        given[position] = operand.clone()
        arena.arm(1)
        result = call(op, given)
    counters = arena.counters()
    assert (counters.taken, counters.missed, counters.overlapped) == (1, 0, 0)
    assert result.data_ptr() == given[position].data_ptr() == arena.base
    given[position] = None
    assert arena.live_blocks == 1
    return result.clone()


def check(name: str, dtype: torch.dtype, layout: str) -> int:
    """Compare for every operand that the result may take over; how many there were."""
    op = overload(name)
    given = arguments(op, dtype, layout)
    expected = call(op, given)
    operands = [
        position
        for position, each in enumerate(given)
        if isinstance(each, Tensor)
        and each.dtype == expected.dtype
        and each.stride() == expected.stride()
    ]
    for position in operands if name in ELEMENTWISE else operands[:1]:
        before = [each.clone() if isinstance(each, Tensor) else each for each in given]
        assert same_bits(in_place(op, given, position), expected), (name, position, dtype, layout)
        assert all(same_bits(a, b) for a, b in zip(before, given, strict=True) if isinstance(a, Tensor))
    return len(operands)


@pytest.mark.parametrize("name", sorted(ELEMENTWISE | FIRST_OPERAND))
def test_an_op_that_takes_over_an_operand_has_the_same_result(name: str, native_cache: Path) -> None:
    assert (torch.Tag.pointwise in overload(name).tags) != (name in UNTAGGED)
    if name.partition(".")[0] in TO_BOOL:
        kinds = [torch.bool]
    elif name.startswith("bitwise_"):
        kinds = [torch.bool, torch.int32]
    else:
        kinds = [torch.float32, torch.bfloat16]
    found = [check(name, kind, layout) for kind in kinds for layout in LAYOUTS]
    assert found[0] > 0
