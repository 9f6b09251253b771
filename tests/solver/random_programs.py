"""Random small steps with a program of additions, so that results can be written in place."""

import random

from random_steps import ORIGIN

from solver.step import (
    Category,
    Instruction,
    Op,
    Placeholder,
    Program,
    Step,
    Storage,
    Value,
)


def random_program_step(ops: int, seed: int, *, sizes: int = 3) -> Step:
    """A step whose ops each add up to three results of earlier ones, of one to ``sizes`` granules.

    An op may write into an operand of its own size that dies there. The same for the same arguments.
    """
    rng = random.Random(seed)
    storages = [Storage(512, Category.INPUT, "input")]
    values = [Value("input", "float32", (128,), (1,), 0, 0)]
    instructions: list[Instruction] = []
    made: list[Op] = []
    for index in range(ops):
        operands = sorted(rng.sample(range(len(values)), min(len(values), rng.choice((1, 2, 2, 3)))))
        size = rng.randint(1, sizes)
        storages.append(Storage(512 * size, Category.ACTIVATION, f"s{index}"))
        values.append(Value(f"v{index}", "float32", (128 * size,), (1,), 0, index + 1))
        arguments = tuple({"value": operand} for operand in operands)
        instructions.append(Instruction("aten.add.Tensor", arguments, {}, (index + 1,), False, index))
        made.append(Op(f"add{index}", "add.Tensor", tuple(operands), (), (index + 1,)))
    program = Program(
        tuple(values), tuple(instructions), (Placeholder(0, "input", ""),), (), (), (), None, None
    )
    return Step(ORIGIN, tuple(storages), tuple(made), program=program)
