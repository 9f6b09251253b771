"""In-place reuse: which op may write its result into the bytes of an operand that dies there.

The op is elementwise and makes one storage y; it reads an operand x of the same dtype, shape and
strides, both covering the whole of their storages, and reads x in no other way. If x is not needed
after the op, y may take over x's bytes: one address, one rectangle, counted once::

    slot        0    1    2    3
    without     x    x    x
                          y    y        at slot 2 the op needs x and y
    with        x    x    y    y        at slot 2 y takes over

It changes the live bytes of that one slot and of no other. Whether x dies at the op is a matter of
the order, except where all other users of x come before the op in every order: that is *sure*.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from solver.clashes import nearest_order
from solver.pointwise import ELEMENTWISE, FIRST_OPERAND, OWN_BY_ROWS, OWN_FIRST_OPERAND
from solver.step import Instruction, Json, Step, Value
from solver.timeline import order_profile
from solver.validate import DTYPE_BYTES

NONE: Mapping[int, int] = MappingProxyType({})
"""No takeovers."""

_BATCH = 4096
"""Ops that one pass looks for among the ancestors of all others: memory stays linear."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """What one op may do: write ``created`` into the bytes of one of ``operands`` (ascending)."""

    created: int
    operands: tuple[int, ...]


def find_reusable(step: Step) -> dict[int, Reuse]:
    """By op, ascending: what the step's program allows; empty for a planning-only step."""
    result: dict[int, Reuse] = {}
    if step.program is None:
        return result
    for instruction in step.program.instructions:
        if instruction.op >= 0 and instruction.target.startswith(("aten.", "bayplan.")):
            found = _reuse_of(step, step.program.values, instruction)
            if found is not None:
                result[instruction.op] = found
    return result


def _reuse_of(step: Step, values: Sequence[Value], instruction: Instruction) -> Reuse | None:
    op = step.ops[instruction.op]
    namespace, _, name = instruction.target.partition(".")
    any_operand = namespace == "aten" and name in ELEMENTWISE
    first_alone = name in (FIRST_OPERAND if namespace == "aten" else OWN_FIRST_OPERAND | OWN_BY_ROWS)
    if not (any_operand or first_alone) or op.writes or instruction.tuple_result:
        return None
    if len(op.creates) != 1 or len(instruction.outputs) != 1 or instruction.outputs[0] is None:
        return None
    made = values[instruction.outputs[0]]
    if made.storage != op.creates[0] or not covers(step, made):
        return None
    read: dict[int, list[Value]] = {}
    for index in argument_values([*instruction.args, *instruction.kwargs.values()]):
        read.setdefault(values[index].storage, []).append(values[index])
    allowed = (
        list(read)
        if any_operand
        else [values[i].storage for i in argument_values(instruction.args[:1])]
    )
    operands = [
        storage
        for storage in allowed
        if storage in op.reads
        and storage not in op.creates
        and (any_operand or len(read[storage]) == 1)
        and all(covers(step, value) and geometry(value) == geometry(made) for value in read[storage])
    ]
    return Reuse(made.storage, tuple(sorted(set(operands)))) if operands else None


def argument_values(arguments: Sequence[Json]) -> list[int]:
    """The values (indices) among an instruction's arguments, in no particular order."""
    found: list[int] = []
    pending = list(arguments)
    while pending:
        item = pending.pop()
        if isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, dict) and "value" in item:
            found.append(item["value"])
    return found


def geometry(value: Value) -> tuple[object, ...]:
    """What two values must share for element i of both to be at one place."""
    extents = tuple(
        (size, stride) for size, stride in zip(value.shape, value.stride, strict=True) if size != 1
    )
    return value.dtype, value.shape, extents


def covers(step: Step, value: Value) -> bool:
    """Whether the value is planned memory, all of its storage, each byte once."""
    storage = step.storages[value.storage]
    if not storage.planned or value.offset != 0:
        return False
    elements = 1
    for stride, size in sorted(zip(value.stride, value.shape, strict=True)):
        if size != 1 and stride != elements:
            return False
        elements *= size
    return elements * DTYPE_BYTES.get(value.dtype, 0) == storage.size


def users_of(step: Step) -> dict[int, list[int]]:
    """The ops, ascending, that touch each planned storage that some op touches."""
    result: dict[int, list[int]] = {}
    for index, op in enumerate(step.ops):
        for storage in op.touches:
            if step.storages[storage].planned:
                result.setdefault(storage, []).append(index)
    return result


def first_owners(step: Step, takeovers: Mapping[int, int]) -> dict[int, int]:
    """By storage that takes bytes over, the first that had them; ``takeovers``: by op the old one."""
    result = {step.ops[op].creates[0]: old for op, old in takeovers.items()}
    for new in result:
        while result[new] in result:
            result[new] = result[result[new]]
    return result


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of takeovers before the order is."""

    sure: dict[int, int]
    """By op the operand that its result can take over in every order. Where several would do, the
    lowest index: which of them it is changes no live bytes."""
    open: dict[int, tuple[int, ...]]
    """By op the operands that die there in some orders and not in others; none is sure."""


def find_outlook(step: Step) -> Outlook:
    """Which takeovers are possible in every order, and which in some."""
    users = users_of(step)
    others = {
        (op, operand): [user for user in users[operand] if user != op]
        for op, reuse in step.reusable.items()
        for operand in reuse.operands
    }
    asked = {(op, user) for (op, _), rest in others.items() for user in rest}
    asked |= {(user, op) for op, user in asked}
    in_order = _ancestors(step, asked)
    sure: dict[int, int] = {}
    possible: dict[int, list[int]] = {}
    for (op, operand), rest in others.items():
        if all((op, user) in in_order for user in rest):
            sure.setdefault(op, operand)
        elif not any((user, op) in in_order for user in rest):
            possible.setdefault(op, []).append(operand)
    return Outlook(sure, {op: tuple(found) for op, found in possible.items() if op not in sure})


def _ancestors(step: Step, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those (op, other) of the pairs in which ``other`` comes before ``op`` in every order."""
    found = {(op, other) for op, other in pairs if other in step.dependencies[op]}
    asked = sorted({other for _, other in pairs - found})
    order: Sequence[int] = range(len(step.ops))
    if any(earlier and earlier[-1] > op for op, earlier in enumerate(step.dependencies)):
        order = nearest_order(step, ()) or ()  # Pins exclude program order.
    for first in range(0, len(asked), _BATCH):
        bit = {other: 1 << at for at, other in enumerate(asked[first : first + _BATCH])}
        reached = [0] * len(step.ops)
        for op in order:
            known = bit.get(op, 0)
            for before in step.dependencies[op]:
                known |= reached[before]
            reached[op] = known
        found |= {(op, other) for op, other in pairs if reached[op] & bit.get(other, 0)}
    return found


def possible_takeovers(step: Step, order: Sequence[int]) -> dict[int, int]:
    """By op an operand that dies there in ``order``, so that its result can take it over.

    Where several would do, the one with the lowest index.
    """
    last_slot: dict[int, int] = {}
    slot_of: dict[int, int] = {}
    for slot, op in enumerate(order):
        slot_of[op] = slot
        for storage in step.ops[op].touches:
            last_slot[storage] = slot
    result: dict[int, int] = {}
    for op, reuse in step.reusable.items():
        dying = [operand for operand in reuse.operands if last_slot[operand] == slot_of[op]]
        if dying:
            result[op] = dying[0]
    return result


def peak_with_takeovers(step: Step, order: Sequence[int]) -> int:
    """The least peak in bytes that ``order`` can have: every takeover that is possible is made."""
    return int(order_profile(step, order, possible_takeovers(step, order)).max(initial=0))


def needed_takeovers(step: Step, order: Sequence[int]) -> dict[int, int]:
    """The possible takeovers without which the peak of ``order`` would be higher.

    No others: a result at an address of its own leaves the placement more freedom.
    """
    possible = possible_takeovers(step, order)
    if not possible:
        return {}
    alone = order_profile(step, order)
    peak = order_profile(step, order, possible).max(initial=0)
    return {
        op: operand
        for slot, op in enumerate(order)
        if alone[slot] > peak and (operand := possible.get(op, -1)) >= 0
    }
