"""In-place reuse from the definitions alone, and steps by hand to try it on."""

from random_steps import ORIGIN

from solver.step import (
    GRANULE,
    Category,
    Instruction,
    Op,
    Placeholder,
    Program,
    Step,
    Storage,
    Value,
)

Call = tuple[str, tuple[str, ...], str]
"""Target, values it reads, value it makes."""


def program_step(values: list[Value], storages: list[Storage], calls: list[Call]) -> Step:
    """A step that makes the values in order with these calls; the first value is its input."""
    number = {value.name: index for index, value in enumerate(values)}
    instructions, ops = [], []
    for index, (target, reads, makes) in enumerate(calls):
        arguments = tuple({"value": number[name]} for name in reads)
        made = values[number[makes]].storage
        instructions.append(
            Instruction(f"aten.{target}", arguments, {}, (number[makes],), False, index)
        )
        used = tuple(sorted({values[number[name]].storage for name in reads}))
        ops.append(Op(f"{target}_{index}", target, used, (), (made,)))
    inputs = (Placeholder(0, "input", ""),)
    program = Program(tuple(values), tuple(instructions), inputs, (), (), (), None, None)
    return Step(ORIGIN, tuple(storages), tuple(ops), program=program)


def simple_step(calls: list[Call], granules: dict[str, int] | None = None) -> Step:
    """The same where every value is a vector with a storage of its own; ``in`` is the input."""
    sizes = {name: (granules or {}).get(name, 1) for name in ("in", *(makes for *_, makes in calls))}
    values = [
        Value(name, "float32", (GRANULE // 4 * size,), (1,), 0, index)
        for index, (name, size) in enumerate(sizes.items())
    ]
    storages = [
        Storage(GRANULE * size, Category.ACTIVATION if index else Category.INPUT, name)
        for index, (name, size) in enumerate(sizes.items())
    ]
    return program_step(values, storages, calls)


def optimal_peak_with_reuse(step: Step) -> int:
    """The least peak in bytes of all orders of at most about 14 ops, by dynamic programming over
    downsets: an op's result counts nothing of its own where an operand has no other user left."""
    before = [sum(1 << d for d in earlier) for earlier in step.dependencies]
    users = {
        index: sum(1 << position for position, op in enumerate(step.ops) if index in op.touches)
        for index, storage in enumerate(step.storages)
        if storage.planned
    }
    sizes = [-(-storage.size // GRANULE) * GRANULE for storage in step.storages]
    best = {0: 0}
    for done in range(1 << len(step.ops)):
        for op, needed in enumerate(before) if done in best else ():
            bit = 1 << op
            if done & bit or needed & ~done:
                continue
            alive = sum(
                sizes[storage]
                for storage, mask in users.items()
                if mask & bit or (mask & done and mask & ~done)
            )
            reuse = step.reusable.get(op)
            if reuse is not None and any(not users[x] & ~done & ~bit for x in reuse.operands):
                alive -= sizes[reuse.created]
            peak = max(best[done], alive)
            best[done | bit] = min(peak, best.get(done | bit, peak))
    return best[(1 << len(step.ops)) - 1]
