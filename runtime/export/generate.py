"""Write a plan as straight-line Python: one call per op, in the plan's order, freed as planned.

::

    arm(17)                                            the allocator expects slot 17's requests
    getitem, getitem_1, getitem_2 = aten_native_batch_norm_default(conv1, ...)
    view_3 = aten_view_default(getitem, [8, 64])       a view, made just before its first use
    del conv1                                          the plan's Free, or a takeover of its bytes
    transfers.offload(0, relu_2)                       its copy to host memory starts
    transfers.wait(0)                                  and must end before relu_2 is written or freed
    arm(31)
    relu_2_1, = transfers.prefetch(1)                  it comes back, as another instance
    transfers.wait(1)                                  before its first use
    arm(52)
    exp_avg_1 = transfers.bring(2, exp_avg)            a state that lives in host memory
    transfers.take_home(3, exp_avg_1, exp_avg)         and goes back there once it is updated
    if not more:                                       the ops that a guard keeps from running, with
        ...                                            what they alone make, its views and its end

Variables belong to *instances*: a storage that exists more than once has variables of its own each
time, and its views are made anew. So an op that runs again is simply called again, but for these::

    again.keep(0)                                      it draws random numbers: of its first run
    again.rewind(0)                                    what follows draws those once more
    getitem_7, getitem_8 = aten_native_dropout_default(...)
    again.resume()
    ... = aten_native_batch_norm_default(..., aten_clone_default(running_mean), ...)
                                                       what it would move is a copy
    getitem_9, = again.normalized(0, aten_native_batch_norm_default, ...)
                                                       or it takes the statistics that it saved
"""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from solver.errors import BayplanError
from solver.plan import SAVED_STATISTICS, Free, Offload, Plan, Prefetch, Run
from solver.repetition import find_repetitions
from solver.step import Instruction, Program, Step

from .expressions import Expressions, comment, references
from .module_text import Block, module_text

RESIDENT = -1
"""In place of an instance: the storage is not the plan's to place."""

_RESERVED = frozenset(
    {
        *("step", "arm", "observe", "residents", "scalars", "transfers", "again"),
        *("torch", "operator", "float"),
    }
)


@dataclass(frozen=True)
class Generated:
    """A step's source, and what its ops make."""

    source: str
    created: tuple[tuple[int, ...], ...]
    """For each slot, the instance of each variable assigned there; RESIDENT: not the plan's. Prefetches
    have slots of their own."""
    repeated: tuple[int, ...]
    """The slots in which an op runs again."""
    again: bool
    """Whether the step has ``again`` as its last argument."""
    norms: tuple[int, ...]
    """The ops that are repeated from saved statistics, by their number."""


def generate(step: Step, plan: Plan, title: str) -> Generated:
    """The source of ``step(arm, residents, scalars)`` for a checked plan. Raises BayplanError.

    Where the plan has transfers those are a further argument, and so is ``again`` where it repeats ops
    that draw, or from saved statistics.

    ``residents`` are the program's placeholders, then its constants; the function returns the tuple
    of the program's outputs. ``title`` says in the source what the step is.
    """
    if step.program is None:
        raise BayplanError(
            f"{step.title} is a planning-only step: it has no program that could be run. Capture the "
            "model to export a plan of it."
        )
    return _Writer(step, step.program, plan).write(title)


class _Writer:
    def __init__(self, step: Step, program: Program, plan: Plan) -> None:
        self.step, self.program, self.plan = step, program, plan
        self.lines: list[tuple[Block, str]] = []
        self.block: Block = ()
        """That of the lines being written."""
        self.block_of: dict[int, Block] = {}
        """Where each instance is made, as far as that is not the outermost block."""
        self.flags: dict[str, str] = {}
        """The variable with the number in each tensor that is a guard."""
        self.text = Expressions(_RESERVED)
        self.names: dict[tuple[int, int], str] = {}
        """Variable of each (value, instance)."""
        self.of_instance: dict[int, list[str]] = {}
        """All variables on an instance's storage: its memory is free when the last is deleted."""
        self.instance_of: dict[int, int] = {}
        """The instance that the current op uses of each planned storage."""
        self.made: dict[int, list[int]] = {}
        """The values of each instance that ops make; all others are views of those."""
        self.parked: dict[int, tuple[list[int], Block]] = {}
        """By host slot: the values that a prefetch from it makes anew, and their storage's block."""
        self.home_of: dict[int, int] = {}
        """By host slot: the value of the resident that lives there."""
        for host, slot in enumerate(plan.host_slots):
            if slot.storage in plan.homes:
                self.home_of[host] = self._resident_on(slot.storage)
        self.transfers = 0
        """How many have been started."""
        self.read_by: dict[int, int] = {}
        """The transfer that may still read each instance."""
        self.filled_by: dict[int, int] = {}
        """The transfer that may still fill each instance."""
        self.created: list[tuple[int, ...]] = []
        self.repeated: list[int] = []
        self.ran: set[int] = set()
        self.draws: dict[int, int] = {}
        """By op that draws and runs again, the number of where its generator stood."""
        self.norms: dict[int, int] = {}
        """By op that is repeated from saved statistics, its number."""
        runs = Counter(plan.order)
        self.runs_again = {op for op, count in runs.items() if count > 1}
        self.uncounted = find_repetitions(step).uncounted if self.runs_again else {}
        self.instruction_of: dict[int, Instruction] = {}
        self.view_of: dict[int, Instruction] = {}
        """The view that makes each value."""
        self.needed = set(program.outputs)
        for instruction in program.instructions:
            self.needed.update(references(instruction))
            if instruction.op >= 0:
                self.instruction_of[instruction.op] = instruction
                continue
            for value in instruction.outputs:
                if value is not None:
                    self.view_of.setdefault(value, instruction)

    def write(self, title: str) -> Generated:
        residents = [p.value for p in self.program.placeholders]
        residents += [c.value for c in self.program.constants]
        self._unpack("residents", [self._name(v, RESIDENT) for v in residents])
        self.text.scalars = [self.text.unique(f"{s.kind}_{s.group}") for s in self.program.scalars]
        self._unpack("scalars", self.text.scalars)
        module = None
        for action in self.plan.actions:
            match action:
                case Run(op, uses, _, _, takes):
                    place = " · ".join(
                        filter(None, (self.step.ops[op].phase, self.step.ops[op].module))
                    )
                    if place != module:
                        module = place
                        self._emit("", f"# {comment(place)}")
                    self._wait_before(op, uses, [old for _, old in takes])
                    self._run(action)
                    for _, old in takes:
                        self._delete(old)
                case Free(instance):
                    self._wait(instance, self.read_by)
                    self._wait(instance, self.filled_by)
                    self._delete(instance)
                case Offload(instance, host) if host in self.home_of:
                    self._take_home(instance, host)
                case Prefetch(host, instance) if host in self.home_of:
                    self._bring(host, instance)
                case Offload(instance, host):
                    self._offload(instance, host)
                case Prefetch(host, instance):
                    self._prefetch(host, instance)
        outputs = [self._value(value) for value in self.program.outputs]
        self._emit("", f"return ({''.join(f'{name}, ' for name in outputs)})")
        again = bool(self.draws or self.norms)
        parameters = "arm, residents, scalars" + (", transfers" if self.transfers else "")
        parameters += ", again" if again else ""
        return Generated(
            module_text(title, self.text.globals, parameters, self.lines),
            tuple(self.created),
            tuple(self.repeated),
            again,
            tuple(self.norms),
        )

    def _emit(self, *lines: str) -> None:
        self.lines += [(self.block, line) for line in lines]

    @contextmanager
    def _inside(self, block: Block) -> Iterator[None]:
        outside, self.block = self.block, block
        yield
        self.block = outside

    def _guard(self, instruction: Instruction) -> Block:
        """The block of an op, whose guard's tensors are turned into numbers at their first use."""
        block: Block = ()
        for item in instruction.guard:
            name = self.text.argument(item, self._value)
            if "value" in item:
                if name not in self.flags:
                    self.flags[name] = self.text.unique(f"{name}_number")
                    with self._inside(block):
                        self._emit(f"{self.flags[name]} = {name}.item()")
                name = self.flags[name]
            block = (*block, name)
        return block

    def _wait_before(self, op: int, uses: tuple[int, ...], taken: list[int]) -> None:
        """What the op uses must be there, and what it writes must have been read."""
        written = self.step.ops[op].writes
        for instance in uses:
            self._wait(instance, self.filled_by)
            if instance in taken or self.plan.instances[instance].storage in written:
                self._wait(instance, self.read_by)

    def _wait(self, instance: int, transfer_of: dict[int, int]) -> None:
        if instance in transfer_of:
            with self._inside(self.block_of.get(instance, ())):
                self._emit(f"transfers.wait({transfer_of.pop(instance)})")

    def _resident_on(self, storage: int) -> int:
        """The one value of the residents that lies on a storage."""
        values = self.program.values
        found = [p.value for p in self.program.placeholders if values[p.value].storage == storage]
        if len(found) != 1:
            raise BayplanError(
                f"{self.step.storages[storage].name} cannot live in host memory: {len(found)} tensors "
                "share it."
            )
        return found[0]

    def _take_home(self, instance: int, host: int) -> None:
        home = self.home_of[host]
        there, here = self.names[home, RESIDENT], self.names[home, instance]
        self._emit(f"transfers.take_home({self.transfers}, {here}, {there})")
        self.read_by[instance] = self.transfers
        self.transfers += 1

    def _bring(self, host: int, instance: int) -> None:
        home = self.home_of[host]
        self._emit(f"arm({len(self.created)})")
        here = self._name(home, instance)
        self._emit(f"{here} = transfers.bring({self.transfers}, {self.names[home, RESIDENT]})")
        self.created.append((instance,))
        self.filled_by[instance] = self.transfers
        self.transfers += 1

    def _offload(self, instance: int, host: int) -> None:
        block, made = self.block_of.get(instance, ()), self.made.get(instance, [])
        values = [v for v in made if v in self.needed] or made[:1]
        if not values:
            name = self.step.storages[self.plan.instances[instance].storage].name
            raise BayplanError(f"The plan offloads {name}, of which the program keeps no value.")
        names = [self.names[value, instance] for value in values]
        with self._inside(block):
            self._emit(f"transfers.offload({self.transfers}, {', '.join(names)})")
        self.parked[host] = values, block
        self.read_by[instance] = self.transfers
        self.transfers += 1

    def _prefetch(self, host: int, instance: int) -> None:
        values, block = self.parked[host]
        if block:
            self.block_of[instance] = block
        with self._inside(block):
            self._emit(f"arm({len(self.created)})")
            names = [self._name(value, instance) for value in values]
            self._emit(f"{', '.join(names)}, = transfers.prefetch({self.transfers})")
        self.made[instance] = list(values)
        self.created.append((instance,) * len(names))
        self.filled_by[instance] = self.transfers
        self.transfers += 1

    def _delete(self, instance: int) -> None:
        if names := self.of_instance.pop(instance, []):
            with self._inside(self.block_of.get(instance, ())):
                self._emit(f"del {', '.join(names)}")

    def _run(self, action: Run) -> None:
        op, instruction = action.op, self.instruction_of[action.op]
        storage_of = {i: self.plan.instances[i].storage for i in (*action.uses, *action.creates)}
        self.instance_of = {storage: instance for instance, storage in storage_of.items()}
        block = self._guard(instruction)
        self.block_of |= dict.fromkeys(action.creates if block else (), block)
        first = op not in self.ran
        self.ran.add(op)
        if not first:
            self.repeated.append(len(self.created))
        if action.implementation:
            call, instruction = self._normalized(action, instruction)
        else:
            call = self._call(instruction, () if first else self.uncounted.get(op, ()))
        draws = op in self.runs_again and self.step.ops[op].random
        with self._inside(block):
            # What these ask for belongs to the slot.
            self._emit(f"arm({len(self.created)})")
            if draws:
                number = self.draws.setdefault(op, len(self.draws))
                self._emit(f"again.{'keep' if first else 'rewind'}({number})")
            names = self._assign(instruction, call)
            if draws and not first:
                self._emit("again.resume()")
        self.created.append(tuple(names.values()))

    def _normalized(self, action: Run, instruction: Instruction) -> tuple[str, Instruction]:
        """The call of a batch norm from the statistics that it saved, and what it returns."""
        if action.implementation != SAVED_STATISTICS:
            raise BayplanError(f"The implementation {action.implementation!r} cannot be exported.")
        number = self.norms.setdefault(action.op, len(self.norms))
        saved = [self._value(value) for value in instruction.outputs[1:3] if value is not None]
        target, written = (
            self.text.target(instruction.target),
            self.text.arguments(instruction, self._value),
        )
        call = f"again.normalized({number}, {target}, {', '.join(saved)}, {written})"
        return call, replace(instruction, outputs=instruction.outputs[:1], tuple_result=True)

    def _assign(self, instruction: Instruction, call: str) -> dict[str, int]:
        """Emit ``call`` with what it binds; the instance of every variable, in order."""
        bound: dict[str, int] = {}
        fresh = [v for v in instruction.outputs if v is not None and self._is_new(v, instruction)]
        if not instruction.tuple_result and not fresh:
            self._emit(call)
            return bound
        for value in instruction.outputs:
            if (
                value is not None
                and value in fresh
                and (value, self._instance(value)) not in self.names
            ):
                name, instance = self._name(value, self._instance(value)), self._instance(value)
            else:
                name, instance = self.text.unique("unused"), RESIDENT
            bound[name] = instance
            # Under a further guard it may not be there when its storage goes to host memory.
            always = self.block == self.block_of.get(instance, ())
            if instruction.op >= 0 and instance != RESIDENT and value is not None and always:
                self.made.setdefault(instance, []).append(value)
        left = ", ".join(bound) + ("," if instruction.tuple_result and len(bound) == 1 else "")
        self._emit(f"{left} = {call}" if bound else call)
        idle = [name for name in bound if name.startswith("unused")]
        if idle and instruction.op >= 0:
            self._emit(f"del {', '.join(idle)}")
        elif idle:
            # What a view returns besides keeps the storage of its base alive.
            base = next((self._instance(v) for v in references(instruction)), RESIDENT)
            if base != RESIDENT:
                self.of_instance.setdefault(base, []).extend(idle)
        return bound

    def _is_new(self, value: int, instruction: Instruction) -> bool:
        """Whether a result must be kept: it is used, or holds the memory of an instance."""
        if (value, self._instance(value)) in self.names:
            return False
        return value in self.needed or self._instance(value) != RESIDENT

    def _instance(self, value: int) -> int:
        return self.instance_of.get(self.program.values[value].storage, RESIDENT)

    def _value(self, value: int) -> str:
        """The variable of ``value`` on the instance in use, its view emitted if it is the first use."""
        name = self.names.get((value, self._instance(value)))
        if name is not None:
            return name
        view = self.view_of.get(value)
        if view is None:
            raise BayplanError(
                f"The plan needs {self.program.values[value].name} where it is not in memory."
            )
        call = self._call(view)
        with self._inside(self.block_of.get(self._instance(value), ())):
            self._assign(view, call)
        return self.names[value, self._instance(value)]

    def _call(self, instruction: Instruction, unmoved: Collection[int] = ()) -> str:
        """``unmoved``: storages of which the call gets copies."""

        def given(value: int) -> str:
            name = self._value(value)
            if self.program.values[value].storage not in unmoved:
                return name
            return f"{self.text.target('aten.clone.default')}({name})"

        # Views of the arguments are emitted while the arguments are written.
        written = self.text.arguments(instruction, given)
        return f"{self.text.target(instruction.target)}({written})"

    def _name(self, value: int, instance: int) -> str:
        """A new variable for ``value`` on ``instance``."""
        name = self.text.unique(self.program.values[value].name)
        self.names[value, instance] = name
        if instance != RESIDENT:
            self.of_instance.setdefault(instance, []).append(name)
        return name

    def _unpack(self, source: str, names: list[str]) -> None:
        if names:
            self._emit("(", *(f"    {name}," for name in names), f") = {source}")
