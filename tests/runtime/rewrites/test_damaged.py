"""Whatever the program of a valid step file is, its rewrites are possible, or refused by name."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from solver.errors import BayplanError
from solver.rewriting import available, combined, rewrite
from solver.step import Instruction, Program, Step, Value
from solver.validate import validate_step

JUNK: list[Any] = [None, -1, 3.5, "x", [], [1, 2, 3], {"float": "nan"}, {"value": 0}, {"scalar": 0}]
JUNK += [True, [None], 10**12, -(10**9), [0, 0], {"value": 5}]


def damaged_value(value: Value, draw: random.Random) -> Value:
    return draw.choice(
        [
            replace(value, shape=value.shape[:-1], stride=value.stride[:-1]),
            replace(value, stride=(0,) * len(value.stride)),
            replace(value, dtype="uint8"),
            replace(value, shape=(), stride=()),
        ]
    )


def damaged_call(call: Instruction, draw: random.Random) -> Instruction:
    args, outputs = list(call.args), call.outputs
    kind = draw.randrange(5)
    if kind == 0 and args:
        args.pop()
    elif kind == 1 and args:
        args[draw.randrange(len(args))] = draw.choice(JUNK)
    elif kind == 2:
        args.append(draw.choice(JUNK))
    elif kind == 3:
        outputs = tuple(None if draw.random() < 0.5 else each for each in outputs)
    else:
        outputs = outputs[:-1] if draw.random() < 0.5 else (*outputs, None)
    return replace(call, args=tuple(args), outputs=outputs)


def damaged(program: Program, draw: random.Random) -> Program:
    calls, values = list(program.instructions), list(program.values)
    for _ in range(draw.randint(1, 2)):
        if draw.random() < 0.2:
            at = draw.randrange(len(values))
            values[at] = damaged_value(values[at], draw)
        else:
            at = draw.choice([i for i, call in enumerate(calls) if call.op >= 0])
            calls[at] = damaged_call(calls[at], draw)
    return replace(program, instructions=tuple(calls), values=tuple(values))


@pytest.mark.parametrize(
    "function", ["mobile", "pools", "transformer", "attention_hidden", "head_with_bias", "averages"]
)
def test_damaged_programs(function: str, model_step: Callable[[str], tuple[Step, Any]]) -> None:
    step, _ = model_step(function)
    assert step.program is not None
    draw = random.Random(function)
    valid = 0
    for _ in range(60):
        other = replace(step, program=damaged(step.program, draw))
        try:
            validate_step(other, "it")
        except BayplanError:
            continue
        valid += 1
        validate_step(rewrite(other, combined(other, approximate=True)), "with all")
        names = [each.name for each in available(other)]
        draw.shuffle(names)
        try:
            changed = rewrite(other, names)
        except BayplanError as error:
            # Two rewrites of one op.
            assert "is not possible" in str(error)
        else:
            validate_step(changed, "with all, in any order")
    assert valid > 10
