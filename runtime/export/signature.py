"""The signature of a captured inference step, which ``torch.compile``'s graphs are compared with."""

import base64
from collections.abc import Hashable
from typing import Any

from runtime.replay.signature import SeenCall, SeenTensor, content_of, signature
from solver.step import Instruction, Json, Program, Step


def signature_json(step: Step, program: Program) -> Json:
    """The signature of the step for its ``plan.json``; None for one that torch.compile cannot give.

    ``residents`` and ``outputs`` have the number of each one's storage, -1 where no op uses it, and
    its offset there.
    """
    if step.origin.training or program.scalars:
        return None
    constants: dict[Hashable, str] = {
        program.values[c.value].storage: content_of(base64.b64decode(c.data)) for c in program.constants
    }
    calls = [_seen(step, program, each) for each in program.instructions if each.op >= 0]
    found = signature(calls, constants)

    def place(value: int) -> list[int]:
        of = program.values[value]
        return [found.numbers.get(of.storage, -1), of.offset]

    return {
        "calls": [list(call) for call in found.calls],
        "residents": [place(p.value) for p in program.placeholders],
        "outputs": [place(value) for value in program.outputs],
    }


def _seen(step: Step, program: Program, instruction: Instruction) -> SeenCall:
    def tensor(value: int) -> SeenTensor:
        of = program.values[value]
        return SeenTensor(of.storage, (of.dtype, of.shape, of.stride, of.offset))

    def argument(item: Json) -> Any:
        if isinstance(item, list | tuple):
            return [argument(each) for each in item]
        if isinstance(item, dict) and "value" in item:
            return tensor(item["value"])
        return item

    creates = set(step.ops[instruction.op].creates)
    made = [program.values[value].storage for value in instruction.outputs if value is not None]
    return SeenCall(
        instruction.target,
        [argument(item) for item in instruction.args],
        {key: argument(item) for key, item in instruction.kwargs.items()},
        tuple(storage for storage in made if storage in creates),
    )
