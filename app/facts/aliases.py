"""Which tensors of a program share a storage, and what returns each. No Qt."""

from dataclasses import dataclass

from solver.step import Step


@dataclass(frozen=True, eq=False)
class Families:
    """By storage the values that share its bytes, and by value the instruction that returns it."""

    members: dict[int, list[int]]
    maker: dict[int, int]


def families_of(step: Step) -> Families:
    """The families of a step; none for a planning-only step."""
    members: dict[int, list[int]] = {}
    maker: dict[int, int] = {}
    if step.program is not None:
        for index, value in enumerate(step.program.values):
            members.setdefault(value.storage, []).append(index)
        for number, instruction in enumerate(step.program.instructions):
            for output in instruction.outputs:
                if output is not None:
                    maker[output] = number
    return Families(members, maker)
