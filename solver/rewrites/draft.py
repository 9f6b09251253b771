"""A step being rewritten: its instructions one by one, each with its op, and who reads what.

::

    Draft ── lines      an instruction and its op (None for a view), by position in the program
          ├─ values     the step's; new ones are added at the end
          └─ storages   the step's; new ones are added at the end

Lines are taken out, changed and added; ``finish`` puts what is left in order and numbers it anew.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from solver.step import Category, Instruction, Json, Op, Phase, Program, Step, Storage, Value
from solver.validate import DTYPE_BYTES

Position = tuple[int, int]
"""Of a line: that of an instruction of the step, and how far behind (or before) it."""


@dataclass(slots=True, eq=False)
class Line:
    """One instruction; ``op`` is None for a view."""

    position: Position
    instruction: Instruction
    op: Op | None

    @property
    def target(self) -> str:
        """Namespaced overload, such as ``aten.relu.default``."""
        return self.instruction.target

    @property
    def outputs(self) -> tuple[int | None, ...]:
        """The values that it makes."""
        return self.instruction.outputs

    def output(self, index: int) -> int:
        """The value that is its result at ``index``; -1: there is none."""
        found = self.outputs[index] if index < len(self.outputs) else None
        return -1 if found is None else found

    def argument(self, index: int, default: Json = None) -> Json:
        """The positional argument at ``index``, or ``default`` where the call leaves it out."""
        args = self.instruction.args
        return args[index] if index < len(args) else default

    def value(self, index: int) -> int:
        """The value that is the positional argument at ``index``; -1: it is none."""
        return value_of(self.argument(index))


def value_of(item: Json) -> int:
    """The value that an argument is, or -1."""
    if isinstance(item, dict) and type(item.get("value")) is int:
        return int(item["value"])
    return -1


class Draft:
    """A step whose instructions can be changed."""

    def __init__(self, step: Step, program: Program) -> None:
        self.step = step
        self.program = program
        self.values = list(program.values)
        self.storages = list(step.storages)
        self.line_of_op: dict[int, Line] = {}
        """By op of the step, as long as it is there."""
        self._lines: dict[Position, Line] = {}
        self._readers: dict[int, list[Line]] = {}
        """By value."""
        self._users: dict[int, list[Line]] = {}
        """By storage, the ops that touch it."""
        self._makers: dict[int, Line] = {}
        """By value."""
        self._names = {op.name for op in step.ops}
        for at, instruction in enumerate(program.instructions):
            op = step.ops[instruction.op] if instruction.op >= 0 else None
            line = Line((at, 0), instruction, op)
            self._enter(line)
            if op is not None:
                self.line_of_op[instruction.op] = line

    def readers(self, value: int) -> list[Line]:
        """The lines that take ``value``, in program order."""
        return sorted(self._readers.get(value, ()), key=_position)

    def maker(self, value: int) -> Line | None:
        """The line that makes ``value``; None: it is there from the start."""
        return self._makers.get(value)

    def users(self, storage: int) -> list[Line]:
        """The ops that touch ``storage``, in program order."""
        return sorted(self._users.get(storage, ()), key=_position)

    def storage_of(self, value: int) -> Storage:
        """The storage of a value."""
        return self.storages[self.values[value].storage]

    def touched_bytes(self, line: Line) -> int:
        """Of planned storages that an op needs at once."""
        touched = line.op.touches if line.op is not None else ()
        return sum(self.storages[s].size for s in touched if self.storages[s].planned)

    @cached_property
    def most_touched_bytes(self) -> int:
        """By an op of the step as captured."""
        sizes = self.step.storages
        return max(sum(sizes[s].size for s in op.touches if sizes[s].planned) for op in self.step.ops)

    def maker_of_storage(self, value: int, users: Sequence[Line]) -> Line | None:
        """The op that creates the storage of ``value``; None where not just ``users`` use it."""
        if value < 0:
            return None
        storage = self.values[value].storage
        found = self.users(storage)
        created = bool(found) and found[0].op is not None and storage in found[0].op.creates
        return found[0] if created and found[1:] == [*users] else None

    def later(self, line: Line, other: Line | None) -> Line:
        """The one of two lines that comes later."""
        return line if other is None or other.position < line.position else other

    def unwritten(self, value: int, after: Line, before: Line) -> bool:
        """Whether no op between the two lines writes the storage of ``value``."""
        storage = self.values[value].storage
        return not any(
            line.op is not None and (storage in line.op.writes or storage in line.op.creates)
            for line in self._users.get(storage, ())
            if after.position < line.position < before.position
        )

    def kept_for(self, storage: int, reader: Line, *others: Line) -> bool:
        """Whether ``storage`` lives on after the forward pass for ``reader`` (and ``others``) alone."""
        return all(
            line is reader or line in others or (line.op is not None and line.op.phase is Phase.FORWARD)
            for line in self._users.get(storage, ())
        )

    def change(
        self,
        line: Line,
        target: str,
        args: Sequence[Json],
        kwargs: Mapping[str, Json] | None = None,
        outputs: Sequence[int | None] | None = None,
    ) -> None:
        """Let ``line`` call something else. It writes in place what it wrote before."""
        old = line.instruction
        made = old.outputs if outputs is None else tuple(outputs)
        several = old.tuple_result if outputs is None else len(made) > 1
        assert line.op is not None
        self._leave(line)
        line.instruction = Instruction(
            target, tuple(args), dict(kwargs or {}), made, several, old.op, old.guard
        )
        line.op = replace(line.op, target=target.partition(".")[2], reads=self._reads(line))
        if outputs is not None:
            line.op = replace(line.op, creates=self._creates(line))
        self._enter(line)

    def add(
        self,
        beside: Line,
        target: str,
        args: Sequence[Json],
        outputs: Sequence[int | None],
        *,
        kwargs: Mapping[str, Json] | None = None,
        before: bool = False,
    ) -> Line:
        """A new op right behind (or before) the op ``beside``, in its module and phase."""
        assert beside.op is not None
        position = self._free_position(beside, before=before)
        line = Line(
            position,
            Instruction(target, tuple(args), dict(kwargs or {}), tuple(outputs), len(outputs) > 1, -1),
            replace(
                beside.op,
                name=self._free_name(f"{beside.op.name}_{target.split('.')[1]}"),
                target=target.partition(".")[2],
                writes=(),
                random=False,
                flops=-1,
                seconds=-1.0,
            ),
        )
        assert line.op is not None
        line.op = replace(line.op, reads=self._reads(line), creates=self._creates(line))
        self._enter(line)
        return line

    def move(self, line: Line, before: Line) -> None:
        """Let ``line`` come right before ``before``."""
        del self._lines[line.position]
        line.position = self._free_position(before, before=True)
        self._lines[line.position] = line

    def remove(self, line: Line) -> None:
        """Take an instruction out. What it made must be read by views alone, which go with it."""
        self._leave(line)
        del self._lines[line.position]
        self.line_of_op.pop(line.instruction.op, None)

    def remove_unread(self, line: Line) -> None:
        """Take an op out if no other op touches what it creates."""
        assert line.op is not None
        if all(self._users[storage] == [line] for storage in line.op.creates):
            self.remove(line)

    def make_value(
        self, name: str, dtype: str, shape: Sequence[int], category: Category, *, like: int = -1
    ) -> int:
        """A new contiguous tensor in a storage of its own, or one laid out as the value ``like``."""
        stride: tuple[int, ...] = contiguous(shape) if like < 0 else self.values[like].stride
        self.storages.append(Storage(_extent(dtype, shape, stride), category, name))
        self.values.append(Value(name, dtype, tuple(shape), stride, 0, len(self.storages) - 1))
        return len(self.values) - 1

    def is_alone(self, value: int) -> bool:
        """Whether it is all that there is of its storage, from the first byte on."""
        found = self.values[value]
        others = sum(other.storage == found.storage for other in self.values)
        return others == 1 and found.offset == 0 and self.storages[found.storage].planned

    def retype(self, value: int, dtype: str) -> None:
        """Let a value that is all there is of its storage have another dtype, laid out as it is."""
        found = self.values[value]
        size = _extent(dtype, found.shape, found.stride)
        self.values[value] = replace(found, dtype=dtype)
        self.storages[found.storage] = replace(self.storages[found.storage], size=size)

    def geometry(self, value: int) -> tuple[object, ...]:
        """What two values must share so that one can stand for the other: dtype, shape, strides."""
        found = self.values[value]
        strides = tuple(s for n, s in zip(found.shape, found.stride, strict=True) if n != 1)
        return found.dtype, found.shape, strides

    def elements(self, value: int) -> int:
        """How many a value has."""
        return math.prod(self.values[value].shape)

    def finish(self) -> Step:
        """The step as it is now."""
        lines = self._needed_lines()
        program = self.program
        values = {p.value for p in program.placeholders} | {c.value for c in program.constants}
        values.update(v for line in lines for v in line.outputs if v is not None)
        storages = {i for i, s in enumerate(self.step.storages) if s.resident}
        storages.update(s for line in lines if line.op is not None for s in line.op.touches)
        storages.update(self.values[v].storage for v in values)
        new_value = {old: new for new, old in enumerate(sorted(values))}
        new_storage = {old: new for new, old in enumerate(sorted(storages))}

        def renumbered(item: Json) -> Json:
            if isinstance(item, list | tuple):
                return [renumbered(each) for each in item]
            index = value_of(item)
            return {"value": new_value[index]} if index >= 0 else item

        def in_tree(item: Json) -> Json:
            if isinstance(item, dict) and item.keys() != {"value"}:
                return {key: in_tree(each) for key, each in item.items()}
            if isinstance(item, list | tuple):
                return [in_tree(each) for each in item]
            return renumbered(item)

        ops: list[Op] = []
        instructions: list[Instruction] = []
        for line in lines:
            old = line.instruction
            instructions.append(
                Instruction(
                    old.target,
                    tuple(renumbered(item) for item in old.args),
                    {key: renumbered(item) for key, item in old.kwargs.items()},
                    tuple(v if v is None else new_value[v] for v in old.outputs),
                    old.tuple_result,
                    -1 if line.op is None else len(ops),
                    tuple(renumbered(item) for item in old.guard),
                )
            )
            if line.op is not None:
                ops.append(
                    replace(
                        line.op,
                        reads=tuple(new_storage[s] for s in line.op.reads),
                        writes=tuple(new_storage[s] for s in line.op.writes),
                        creates=tuple(new_storage[s] for s in line.op.creates),
                    )
                )
        return Step(
            origin=self.step.origin,
            storages=tuple(self.storages[s] for s in sorted(storages)),
            ops=tuple(ops),
            sources=self.step.sources,
            program=replace(
                program,
                values=tuple(
                    replace(self.values[v], storage=new_storage[self.values[v].storage])
                    for v in sorted(values)
                ),
                instructions=tuple(instructions),
                placeholders=tuple(replace(p, value=new_value[p.value]) for p in program.placeholders),
                constants=tuple(replace(c, value=new_value[c.value]) for c in program.constants),
                outputs=tuple(new_value[v] for v in program.outputs),
                output_tree=in_tree(program.output_tree),
            ),
        )

    def _needed_lines(self) -> list[Line]:
        """All lines in program order but the views of what is no longer made."""
        there = {p.value for p in self.program.placeholders} | {c.value for c in self.program.constants}
        lines = []
        for line in sorted(self._lines.values(), key=_position):
            if line.op is None and not there.issuperset(values_of(line.instruction)):
                continue
            lines.append(line)
            there.update(v for v in line.outputs if v is not None)
        return lines

    def _enter(self, line: Line) -> None:
        """Take up a line, and what its op touches."""
        self._lines[line.position] = line
        read = values_of(line.instruction)
        for value in read:
            self._readers.setdefault(value, []).append(line)
        for output in line.outputs:
            if output is not None:
                self._makers.setdefault(output, line)
        if line.op is not None:
            for storage in line.op.touches:
                self._users.setdefault(storage, []).append(line)

    def _reads(self, line: Line) -> tuple[int, ...]:
        return tuple(sorted({self.values[v].storage for v in values_of(line.instruction)}))

    def _creates(self, line: Line) -> tuple[int, ...]:
        """The storages of what it makes, as far as they are not those of its arguments."""
        made = {self.values[v].storage for v in line.outputs if v is not None}
        return tuple(sorted(made.difference(self._reads(line))))

    def _leave(self, line: Line) -> None:
        for value in values_of(line.instruction):
            self._readers[value].remove(line)
        for output in line.outputs:
            if output is not None and self._makers.get(output) is line:
                del self._makers[output]
        if line.op is not None:
            for storage in line.op.touches:
                self._users[storage].remove(line)

    def _free_position(self, beside: Line, *, before: bool) -> Position:
        position = beside.position
        while position in self._lines:
            position = position[0], position[1] + (-1 if before else 1)
        return position

    def _free_name(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._names:
            name, count = f"{wanted}_{count}", count + 1
        self._names.add(name)
        return name


def contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides in elements of a tensor that lies row by row."""
    strides: list[int] = []
    elements = 1
    for size in reversed(shape):
        strides.append(elements)
        elements *= max(1, size)
    return tuple(reversed(strides))


def _extent(dtype: str, shape: Sequence[int], stride: Sequence[int]) -> int:
    """Bytes from a tensor's first element to its last."""
    elements = 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    return 0 if 0 in shape else elements * DTYPE_BYTES[dtype]


def _position(line: Line) -> Position:
    return line.position


def values_of(instruction: Instruction) -> set[int]:
    """The values among the arguments of a call and in its guard."""

    def found(items: Sequence[Json]) -> Iterator[int]:
        for item in items:
            if isinstance(item, list | tuple):
                yield from found(item)
            elif (index := value_of(item)) >= 0:
                yield index

    return {*found(instruction.args), *found([*instruction.kwargs.values()]), *found(instruction.guard)}
