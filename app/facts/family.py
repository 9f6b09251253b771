"""The alias family of a storage: every tensor and view of its bytes, and the op that made each. No Qt.

::

    storage   [0 ................................ size)
    relu      ████████████████████████████████████        the op that allocates it
    view      ████████████████████████████████████        the same bytes in another shape
    add_      ████████████████████████████████████        written in place
"""

from dataclasses import dataclass

from app.facts.plan import PlanFacts, op_label
from app.translation import tr
from solver.step import Instruction, Json, Program, Value


@dataclass(frozen=True, slots=True)
class Relative:
    """One tensor of a storage."""

    value: int
    """Index into the program's values."""
    name: str
    shape: tuple[int, ...]
    dtype: str
    made: str
    """``view of relu_2``, ``relu``, ``add, in place``; ``from outside`` where nothing makes it."""
    slot: int
    """Where its op first runs; of a view the slot of the tensor that it looks at; -1: none."""

    @property
    def shape_text(self) -> str:
        """``64 × 256``; ``scalar``."""
        return " × ".join(map(str, self.shape)) or tr("scalar")


def family(facts: PlanFacts, storage: int) -> tuple[Relative, ...]:
    """The tensors that share a storage, in the order of the program; a lone one is a family, too."""
    program = facts.step.program
    known = facts.families
    if program is None:
        return ()
    slots: dict[int, int] = {}
    relatives = []
    for index in known.members.get(storage, ()):
        value = program.values[index]
        number = known.maker.get(index)
        instruction = program.instructions[number] if number is not None else None
        made, slot = _made(facts, program, index, instruction, slots)
        slots[index] = slot
        relatives.append(Relative(index, value.name, value.shape, value.dtype, made, slot))
    return tuple(relatives)


def _made(
    facts: PlanFacts,
    program: Program,
    index: int,
    instruction: Instruction | None,
    slots: dict[int, int],
) -> tuple[str, int]:
    if instruction is None:
        return tr("from outside"), -1
    value = program.values[index]
    if instruction.op >= 0:
        op = facts.step.ops[instruction.op]
        text = op_label(op)
        if value.storage not in op.creates:
            text = tr("{}, in place").format(text.rstrip("_"))
        return text, facts.slot_of.get(instruction.op, -1)
    base = next((v for v in _values_in(instruction.args) if _shares(program, v, value)), -1)
    call = instruction.target.split(".")[1] if "." in instruction.target else instruction.target
    if base < 0:
        return call, -1
    return tr("{} of {}").format(call, program.values[base].name), slots.get(base, -1)


def _shares(program: Program, index: int, value: Value) -> bool:
    return program.values[index].storage == value.storage


def _values_in(argument: Json) -> list[int]:
    """The values that an instruction's arguments name."""
    if isinstance(argument, dict):
        value = argument.get("value")
        return [value] if isinstance(value, int) else []
    if isinstance(argument, (list, tuple)):
        return [value for one in argument for value in _values_in(one)]
    return []
