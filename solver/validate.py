"""Whether a step read from a file is one that the rest of the program can rely on.

Types were checked while it was decoded; here: indices in range, sizes and offsets possible, every
storage created before it is used and only once, views inside their storage.
"""

from collections.abc import Iterable

from solver.errors import BayplanError
from solver.step import Instruction, Json, Program, Step

MAX_SIZE = 1 << 50
"""Bytes: no device has a petabyte; larger sizes would overflow sums of many storages."""
MAX_STORAGES = 1 << 21
MAX_NAME = 4096
"""Characters: as many as a path may have. A window that lays out a million would stand still."""

DTYPE_BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "float16": 2,
    "bfloat16": 2,
    "int32": 4,
    "uint32": 4,
    "float32": 4,
    "complex32": 4,
    "int64": 8,
    "uint64": 8,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float8_e4m3fnuz": 1,
    "float8_e5m2fnuz": 1,
    "float8_e8m0fnu": 1,
}
"""Bytes of one element, by torch's name of the dtype."""


def validate_step(step: Step, name: str) -> None:
    """Raise BayplanError, naming the file ``name``, where the step cannot be relied on."""
    try:
        _names(step)
        _storages(step)
        _ops(step)
        if step.program is not None:
            _program(step, step.program)
    except ValueError as error:
        raise BayplanError(f"{name} is damaged: {error}.") from None


def _names(step: Step) -> None:
    origin = step.origin
    for text in (origin.model, origin.source, origin.optimizer, origin.target, origin.dtype):
        _short(text, "its origin")
    for index, storage in enumerate(step.storages):
        _short(storage.name, f"storage {index}")
    for position, op in enumerate(step.ops):
        if len(op.name) + len(op.target) + len(op.module) > MAX_NAME:
            _short(max(op.name, op.target, op.module, key=len), f"op {position}")
    for index, line in enumerate(step.sources):
        _short(line.file, f"source line {index}")
        _short(line.function, f"source line {index}")


def _short(text: str, where: str) -> None:
    if len(text) > MAX_NAME:
        raise ValueError(f"{where} has a name of {len(text):,} characters")


def _storages(step: Step) -> None:
    if not 0 <= step.origin.batch <= MAX_SIZE:
        raise ValueError(f"its batch size is {step.origin.batch:,}")
    parts = step.origin.options.get("micro_batches", 1)
    if type(parts) is not int or not 1 <= parts <= MAX_SIZE:
        raise ValueError(f"it has {parts!r} micro-batches")
    if len(step.storages) > MAX_STORAGES or len(step.ops) > MAX_STORAGES:
        raise ValueError(f"it has more than {MAX_STORAGES:,} storages or ops")
    for index, storage in enumerate(step.storages):
        if not 0 <= storage.size <= MAX_SIZE:
            raise ValueError(f"storage {index} ({storage.name}) has {storage.size:,} bytes")


def _ops(step: Step) -> None:
    count = len(step.storages)
    there = [False] * count
    created = {storage for op in step.ops for storage in op.creates}
    for index, storage in enumerate(step.storages):
        # Residents that no op creates are there from the start.
        there[index] = index not in created and storage.resident
    names: set[str] = set()
    for position, op in enumerate(step.ops):
        where = f"op {position} ({op.name})"
        if op.name in names:
            raise ValueError(f"{where} has the name of an earlier op")
        names.add(op.name)
        _in_range((*op.reads, *op.writes, *op.creates), count, f"{where}, storages")
        for used in (*op.reads, *op.writes):
            if not there[used] and used not in op.creates:
                raise ValueError(f"{where} uses storage {used} before any op creates it")
        for made in op.creates:
            if there[made]:
                raise ValueError(f"{where} creates storage {made} a second time")
            there[made] = True
        if not -1 <= op.source < len(step.sources):
            raise ValueError(f"{where} names source line {op.source}, which is not there")
    for index, line in enumerate(step.sources):
        if line.text and not 0 <= line.here < len(line.text):
            raise ValueError(f"source line {index} points outside its text")


def _program(step: Step, program: Program) -> None:
    values = len(program.values)
    for index, value in enumerate(program.values):
        where = f"value {index} ({value.name})"
        _in_range((value.storage,), len(step.storages), where)
        if len(value.shape) != len(value.stride) or value.offset < 0 or min(value.shape, default=0) < 0:
            raise ValueError(f"{where} has shape {value.shape} and strides {value.stride}")
        if value.dtype not in DTYPE_BYTES:
            raise ValueError(f"{where} has the unknown dtype {value.dtype!r}")
        if 0 not in value.shape:
            last = value.offset + sum(
                (n - 1) * s for n, s in zip(value.shape, value.stride, strict=True)
            )
            needed = (last + 1) * DTYPE_BYTES[value.dtype]
            if min(value.stride, default=0) < 0 or needed > step.storages[value.storage].size:
                raise ValueError(
                    f"{where} reaches byte {needed:,} of storage {value.storage}, "
                    f"which has {step.storages[value.storage].size:,}"
                )
    defined = {p.value for p in program.placeholders} | {c.value for c in program.constants}
    _in_range(defined, values, "placeholders and constants")
    launched: list[int] = []
    guards = _Guards(step)
    for index, instruction in enumerate(program.instructions):
        where = f"instruction {index} ({instruction.target})"
        for value_index in references(instruction, "value"):
            if value_index not in defined:
                raise ValueError(f"{where} uses value {value_index} before it is made")
        _in_range(references(instruction, "scalar"), len(program.scalars), f"{where}, scalars")
        made = [output for output in instruction.outputs if output is not None]
        _in_range(made, values, where)
        defined.update(made)
        if instruction.op >= 0:
            launched.append(instruction.op)
        elif instruction.op != -1:
            raise ValueError(f"{where} belongs to op {instruction.op}")
        guards.add(instruction, where)
    if launched != list(range(len(step.ops))):
        raise ValueError("its instructions are not its ops in program order")
    for output in program.outputs:
        if output not in defined or program.values[output].storage in guards.makes:
            raise ValueError(f"output {output} is never made")
    _output_tree(program.output_tree, set(program.outputs))


class _Guards:
    """Refuses what cannot be run where a guard keeps some ops from running."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._decided: set[int] = set()
        """Storages that have decided whether an op runs."""
        self.makes: dict[int, tuple[Json, ...]] = {}
        """The guard of the op that creates each storage, where it has one."""

    def add(self, instruction: Instruction, where: str) -> None:
        """The next instruction in program order."""
        guard, program = instruction.guard, self._step.program
        if instruction.op < 0:
            if guard:
                raise ValueError(f"{where} is a view with a guard")
            return
        if not 0 <= instruction.op < len(self._step.ops) or program is None:
            return  # said elsewhere
        op = self._step.ops[instruction.op]
        for item in guard:
            if not isinstance(item, dict) or item.keys() not in ({"value"}, {"scalar"}):
                raise ValueError(f"{where} has the guard {item!r}")
        deciding = {program.values[item["value"]].storage for item in guard if "value" in item}
        if not deciding <= {*op.reads}:
            raise ValueError(f"{where} does not read its guard")
        if not self._decided.isdisjoint((*op.writes, *op.creates)):
            raise ValueError(f"{where} changes what has decided whether an op runs")
        self._decided |= deciding
        for storage in op.touches:
            needed = self.makes.get(storage, ())
            if needed != guard[: len(needed)]:
                raise ValueError(f"{where} uses storage {storage}, which need not have been made")
        for storage in op.creates:
            if guard:
                self.makes[storage] = guard


def _output_tree(tree: Json, outputs: set[int]) -> None:
    pending = [tree]
    while pending:
        item = pending.pop()
        if isinstance(item, list | tuple):
            pending.extend(item)
        elif isinstance(item, dict) and item.keys() == {"value"}:
            if type(item["value"]) is not int or item["value"] not in outputs:
                raise ValueError(
                    f"its result names the value {item['value']!r}, which does not leave it"
                )
        elif isinstance(item, dict):
            pending.extend(item.values())


def references(instruction: Instruction, key: str) -> list[int]:
    """Indices under ``{key: index}`` anywhere in the arguments, in order of appearance."""
    found: list[int] = []
    pending: list[Json] = [*instruction.guard, *instruction.args, *instruction.kwargs.values()][::-1]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(reversed(item))
        elif isinstance(item, dict) and key in item:
            if type(item[key]) is not int:
                raise ValueError(f"{instruction.target} has the argument {item!r}")
            found.append(item[key])
    return found


def _in_range(indices: Iterable[int], count: int, where: str) -> None:
    for index in indices:
        if not 0 <= index < count:
            raise ValueError(f"{where}: {index} is not one of the {count:,} there are")
