"""A step without ops that write in place into what is planned: what torch.compile makes of it first.

``relu_`` becomes ``relu``, which makes a storage of its own; in-place reuse gives its bytes back. Ops
that write residents (running statistics, the update) stay as they are.
"""

from dataclasses import replace

from solver.step import Instruction, Json, Op, Step
from solver.validate import references

OUT_OF_PLACE = {
    "aten.relu_.default": "aten.relu.default",
    "aten.add_.Tensor": "aten.add.Tensor",
    "aten.hardtanh_.default": "aten.hardtanh.default",
    "aten.bernoulli_.float": "aten.bernoulli.p",
    "aten.div_.Scalar": "aten.div.Scalar",
}
"""The functional twin of each in-place op, with the same arguments."""


def functional(step: Step) -> Step:
    """The step with every such op replaced by its twin; ops keep their indices.

    Raises ValueError for an in-place op that is not in ``OUT_OF_PLACE``, and where a view made before
    such an op is used after it.
    """
    assert step.program is not None
    program = step.program
    values, storages, ops = list(program.values), list(step.storages), list(step.ops)
    now: dict[int, int] = {}
    """By storage as captured: the one that holds its content now."""
    current: dict[int, int] = {}
    """By value as captured: the value that holds its content now."""
    instructions: list[Instruction] = []
    for one in program.instructions:
        for value in references(one, "value"):
            if program.values[value].storage in now and value not in current:
                raise ValueError(
                    f"{one.target}: {values[value].name} is a view of what was overwritten."
                )
        args = tuple(_renamed(item, current) for item in one.args)
        kwargs = {key: _renamed(item, current) for key, item in one.kwargs.items()}
        op = step.ops[one.op] if one.op >= 0 else None
        target, outputs = one.target, one.outputs
        if op is not None:
            reads = tuple(sorted({now.get(s, s) for s in op.reads}))
            written = [s for s in op.writes if step.storages[s].planned]
            if written:
                if one.target not in OUT_OF_PLACE or len(written) != 1 or op.creates:
                    raise ValueError(f"{one.target} writes in place and has no twin here.")
                target = OUT_OF_PLACE[one.target]
                (storage,) = written
                mutated: int = one.args[0]["value"]
                storages.append(replace(step.storages[storage], name=f"{storages[storage].name} ·"))
                values.append(replace(values[mutated], storage=len(storages) - 1))
                reads = tuple(sorted({*reads, now.get(storage, storage)}))
                ops[one.op] = _op(op, target, reads, (len(storages) - 1,))
                now[storage], current[mutated] = len(storages) - 1, len(values) - 1
                outputs = (len(values) - 1,)
            else:
                ops[one.op] = replace(op, reads=reads)
        instructions.append(replace(one, target=target, args=args, kwargs=kwargs, outputs=outputs))
    changed = replace(program, values=tuple(values), instructions=tuple(instructions))
    return replace(step, storages=tuple(storages), ops=tuple(ops), program=changed)


def _op(op: Op, target: str, reads: tuple[int, ...], creates: tuple[int, ...]) -> Op:
    return replace(op, target=target.partition(".")[2], reads=reads, writes=(), creates=creates)


def _renamed(item: Json, current: dict[int, int]) -> Json:
    if isinstance(item, dict) and "value" in item:
        return {"value": current.get(item["value"], item["value"])}
    if isinstance(item, list | tuple):
        return [_renamed(each, current) for each in item]
    return item
