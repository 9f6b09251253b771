"""The step: one training or inference iteration as a DAG of operators over storages.

::

    Step ── storages   one allocation each; every view of it shares it
         ├─ ops        what launches work, in program order: reads, writes in place, creates
         ├─ sources    the user's lines of code that ops come from
         └─ program    every value and instruction, so that the step can run again
                       (None: a planning-only step, which can be planned and drawn, not exported)

An op's storages are indices into ``Step.storages``; an instruction's values are indices into
``Program.values``; views are instructions without an op. Units: bytes, elements for strides and
offsets, seconds.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from solver.reuse import Outlook, Reuse

Json: TypeAlias = Any
"""What JSON can hold: None, bool, int, float, str, lists and string-keyed objects of these."""

GRANULE = 512
"""Bytes that the CUDA allocator rounds every request up to."""


def round_up(size: int, granule: int = GRANULE) -> int:
    """``size`` in bytes, rounded up to a whole number of granules."""
    return -(-size // granule) * granule


class Category(StrEnum):
    """What a storage is for; the first five live across steps."""

    PARAMETER = "parameter"
    BUFFER = "buffer"
    OPTIMIZER_STATE = "optimizer state"
    INPUT = "input"
    CONSTANT = "constant"
    ACTIVATION = "activation"
    GRADIENT = "gradient"
    TEMPORARY = "temporary"
    WORKSPACE = "workspace"


RESIDENT_CATEGORIES = frozenset(
    {
        Category.PARAMETER,
        Category.BUFFER,
        Category.OPTIMIZER_STATE,
        Category.INPUT,
        Category.CONSTANT,
    }
)


class Phase(StrEnum):
    """The part of a training step that an op belongs to."""

    FORWARD = "forward"
    BACKWARD = "backward"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Storage:
    """One allocation of ``size`` bytes (not rounded); all views of it share it."""

    size: int
    category: Category
    name: str
    """For people: ``layer1.1.bn3 · out``; a resident's is its qualified name."""
    output: bool = False
    """It leaves the step (the loss, an inference result), so it lives outside the arena."""

    @property
    def resident(self) -> bool:
        """Whether it lives across steps or leaves the step, and so is not the plan's to place."""
        return self.output or self.category in RESIDENT_CATEGORIES

    @property
    def planned(self) -> bool:
        """Whether the plan gives it an address: it is not resident and it has bytes."""
        return not self.resident and self.size > 0


@dataclass(frozen=True, slots=True)
class Op:
    """One ATen call that launches work, and the storages (ascending indices) that it touches."""

    name: str
    """Unique within the step."""
    target: str
    """ATen overload without the namespace, such as ``convolution.default``."""
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    """Mutated in place; the op needs their old content even when it is not in ``reads``."""
    creates: tuple[int, ...]
    """Allocated by this op; no other op creates them."""
    random: bool = False
    """It draws random numbers: such ops keep their program order among each other."""
    phase: Phase = Phase.FORWARD
    module: str = ""
    """Qualified name of the module it ran in, such as ``layer1.0.bn1``."""
    source: int = -1
    """Index into ``Step.sources``, or -1."""
    flops: int = -1
    """Floating point operations, or -1 where unknown."""
    seconds: float = -1.0
    """Measured on the target device, or -1 where it was not."""

    @property
    def touches(self) -> tuple[int, ...]:
        """All storages that must be in memory while it runs, ascending."""
        return tuple(sorted({*self.reads, *self.writes, *self.creates}))


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of the user's code, with its neighbours, as it was when the step was captured."""

    file: str
    line: int
    function: str
    text: tuple[str, ...] = ()
    """Consecutive lines of the file; ``text[here]`` is the line itself."""
    here: int = 0


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor of the traced program: a view of ``storage``."""

    name: str
    dtype: str
    """torch's name without the prefix, such as ``float32``."""
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    """Elements."""
    offset: int
    """Elements from the start of the storage."""
    storage: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """One call of the traced program; ``op`` is its index in ``Step.ops``, -1 for a view.

    ``args`` and ``kwargs`` are JSON in which an object with a single key stands for what JSON
    lacks: ``{"value": i}`` a value, ``{"scalar": i}`` one of ``Program.scalars``, ``{"dtype": s}``,
    ``{"device": s}``, ``{"layout": s}``, ``{"memory_format": s}``, ``{"float": "inf"|"-inf"|"nan"}``.
    """

    target: str
    """Namespaced overload, such as ``aten.convolution.default``."""
    args: tuple[Json, ...]
    kwargs: dict[str, Json]
    outputs: tuple[int | None, ...]
    """Values it returns; None for a result that is not a tensor or is never used."""
    tuple_result: bool
    """Whether the call returns a tuple or list even when it has one element."""
    op: int
    guard: tuple[Json, ...] = ()
    """``{"value": i}`` or ``{"scalar": i}``: the op runs only where all of these numbers are zero. Its
    op reads the storages of the values. To a planner it is an op as any other: it may run."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that comes from outside, by its ``role`` and ``key``:

    ==================  ============================================================================
    parameter, buffer   its qualified name
    optimizer           ``NAME/STATE``, such as ``fc.weight/exp_avg``
    hyperparameter      ``GROUP/KEY``, such as ``0/lr``, where the optimizer holds it as a tensor
    gradient            the qualified name of the parameter whose gradients micro-batches add up in it
    scaler              ``scale`` or ``growth_tracker``, of the GradScaler
    input, target       the path into what the user passes (``0``, ``input_ids``, ``1.0``; empty when
                        it is a single tensor)
    ==================  ============================================================================
    """

    value: int
    role: str
    key: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number that is computed before each step: from the optimizer's hyperparameters, or from where
    among its micro-batches the step is.

    ``kind`` names the formula (such as ``sgd.negative_lr`` or ``adam.negative_step_size``), ``group``
    the optimizer's parameter group.
    """

    kind: str
    group: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A tensor that the trace embedded: ``data`` is its content, base64, C order."""

    value: int
    data: str


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """One group of the optimizer: its parameters and its hyperparameters when captured."""

    parameters: tuple[str, ...]
    hyperparameters: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Optimizer:
    """The optimizer whose update is part of the step: ``sgd``, ``adam`` or ``adamw``."""

    name: str
    groups: tuple[ParameterGroup, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """All values and instructions of the step, in program order."""

    values: tuple[Value, ...]
    instructions: tuple[Instruction, ...]
    placeholders: tuple[Placeholder, ...]
    scalars: tuple[Scalar, ...]
    constants: tuple[Constant, ...]
    outputs: tuple[int, ...]
    """Values that leave the step: all results for inference; for training the loss, and with loss
    scaling whether a gradient was not finite (0 or 1), so that the update was skipped."""
    output_tree: Json
    """How an inference result is put together: ``{"value": i}`` inside lists and objects."""
    optimizer: Optimizer | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a step comes from, for people and for rebuilding its model."""

    model: str
    """Short name, such as ``resnet50``."""
    source: str
    """What was captured: ``zoo:resnet50``, ``/path/train.py:build``."""
    batch: int
    optimizer: str
    """``sgd``, ``adam``, ``adamw``, or empty for an inference step."""
    training: bool
    target: str
    """The device whose kernels the step was traced for, such as ``cpu``."""
    dtype: str
    torch: str = ""
    captured: str = ""
    """ISO date and time."""
    seconds: float = 0.0
    """What the capture took."""
    options: dict[str, Json] = field(default_factory=dict)
    """What the training step does beyond forward, backward and update: ``autocast``, ``scaler``,
    ``clip_grad_norm``, ``clip_grad_value``, ``micro_batches``, ``distributed``."""


@dataclass(frozen=True)
class Step:
    """One iteration of a model; see the module's picture. ``ops`` are in program order."""

    origin: Origin
    storages: tuple[Storage, ...]
    ops: tuple[Op, ...]
    sources: tuple[SourceLine, ...] = ()
    program: Program | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """For people: ``resnet50 · batch 32 · SGD``."""
        how = self.origin.optimizer.upper() if self.origin.training else "inference"
        if self.origin.optimizer in ("adam", "adamw"):
            how = {"adam": "Adam", "adamw": "AdamW"}[self.origin.optimizer]
        parts = [self.origin.model, f"batch {self.origin.batch}", how]
        if autocast := self.origin.options.get("autocast"):
            parts.append(str(autocast))
        if micro_batches := self.origin.options.get("micro_batches"):
            parts.append(f"{micro_batches} micro-batches")
        if self.origin.options.get("distributed"):
            parts.append("distributed")
        return " · ".join(parts)

    @cached_property
    def rounded_sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of every storage rounded up to the granule, shape (storages,); read-only."""
        sizes = np.array([round_up(s.size) for s in self.storages], np.int64)
        sizes.flags.writeable = False
        return sizes

    @cached_property
    def planned_storages(self) -> npt.NDArray[np.int64]:
        """Indices (ascending) of the storages that a plan gives an address; read-only."""
        planned = np.array([i for i, s in enumerate(self.storages) if s.planned], np.int64)
        planned.flags.writeable = False
        return planned

    @cached_property
    def touching(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """A pair (op, storage) for each storage that an op touches, as two arrays: by op, ascending."""
        lists = [touched for op in self.ops for touched in (op.reads, op.writes, op.creates)]
        ops = np.repeat(np.arange(len(lists)) // 3, [len(touched) for touched in lists])
        storages = np.fromiter(chain.from_iterable(lists), np.int64, len(ops))
        width = max(1, len(self.storages))
        # Not np.unique, which hashes them all: most are different, and sorting is ten times as fast.
        pairs = np.sort(ops * width + storages)
        op_of, storage_of = np.divmod(pairs[np.diff(pairs, prepend=-1) != 0], width)
        return op_of, storage_of

    @cached_property
    def planned_uses(self) -> tuple[tuple[int, ...], ...]:
        """For each op the planned storages (ascending) that it reads or writes and does not create."""
        planned = set(self.planned_storages.tolist())
        return tuple(
            tuple(sorted(planned.intersection(op.reads + op.writes).difference(op.creates)))
            for op in self.ops
        )

    @cached_property
    def resident_bytes(self) -> int:
        """Bytes of all resident storages, each rounded up to the granule."""
        return sum(round_up(s.size) for s in self.storages if s.resident)

    @cached_property
    def dependencies(self) -> tuple[tuple[int, ...], ...]:
        """For each op the ops (ascending) that any order must run before it.

        Read after write, write after read and write after write on every storage, resident ones
        included, and a chain through the ops that draw random numbers. Not transitively reduced.
        """
        return hazards(self.ops)

    @cached_property
    def reusable(self) -> dict[int, "Reuse"]:
        """By op, ascending: the operands into whose bytes it may write its result; see there."""
        from solver.reuse import find_reusable  # it reads steps

        return find_reusable(self)

    @cached_property
    def outlook(self) -> "Outlook":
        """Which takeovers are possible in every order, and which in some."""
        from solver.reuse import find_outlook

        return find_outlook(self)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that decides whether a plan for this step is correct.

        Names, modules, source lines, measured times and the date do not: the same model captured
        twice has one fingerprint.
        """
        program = self.program
        content: list[object] = [
            self.origin.target,
            [(s.size, s.resident) for s in self.storages],
            [(o.target, o.reads, o.writes, o.creates, o.random) for o in self.ops],
        ]
        if program is not None:
            content += [
                [(v.dtype, v.shape, v.stride, v.offset, v.storage) for v in program.values],
                [
                    (i.target, i.args, i.kwargs, i.outputs, i.tuple_result, i.op)
                    + ((i.guard,) if i.guard else ())
                    for i in program.instructions
                ],
                [(p.value, p.role, p.key) for p in program.placeholders],
                [(s.kind, s.group) for s in program.scalars],
                [(c.value, c.data) for c in program.constants],
                [program.outputs, program.output_tree],
                program.optimizer
                and [program.optimizer.name, [g.parameters for g in program.optimizer.groups]],
            ]
        text = json.dumps(content, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def hazards(ops: tuple[Op, ...]) -> tuple[tuple[int, ...], ...]:
    """For each op the ops (ascending) that it must not run before; see ``Step.dependencies``."""
    last_write: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    last_random = -1
    result: list[tuple[int, ...]] = []
    for index, op in enumerate(ops):
        before: set[int] = set()
        for storage in (*op.reads, *op.writes):
            if storage in last_write:
                before.add(last_write[storage])
        for storage in op.writes:
            before.update(readers.get(storage, ()))
        if op.random:
            if last_random >= 0:
                before.add(last_random)
            last_random = index
        for storage in op.reads:
            readers.setdefault(storage, []).append(index)
        for storage in (*op.writes, *op.creates):
            last_write[storage] = index
            readers[storage] = []
        before.discard(index)
        result.append(tuple(sorted(before)))
    return tuple(result)
