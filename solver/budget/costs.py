"""How long every op of a step takes: measured on the target, else predicted by a device model.

The model is a roofline. An op takes a launch, and the longer of its arithmetic and its traffic::

    seconds = launch + max(flops / peak of its dtype, bytes moved / bandwidth)

The bytes moved are those of the values that the op is given and returns (an expanded dimension counts
once), with what is known of the kernels: a batch norm in training reads its input twice, for the
statistics and to normalise; so does its backward; a convolution's backward reads the gradient for
either result.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from solver.repetition import find_repetitions
from solver.rewrites.effort import further_work
from solver.step import Instruction, Op, Program, Step, Value
from solver.terms import DeviceModel
from solver.validate import DTYPE_BYTES, references

FloatArray = npt.NDArray[np.float64]

BATCH_NORMS = frozenset(
    {
        "native_batch_norm",
        "cudnn_batch_norm",
        "_native_batch_norm_legit",
        "_native_batch_norm_legit_functional",
        "_batch_norm_with_update",
    }
)
"""They read their input for its statistics, and again to normalise it."""

_READ_TWICE = BATCH_NORMS | {
    "native_batch_norm_backward",
    "cudnn_batch_norm_backward",
    "batch_norm_backward",
}
_GRADIENT_TWICE = frozenset({"convolution_backward"})
_ROWS_ONLY = frozenset({"embedding", "index_select", "gather"})
"""They read as much of their first operand as they return."""
_NOTHING_MOVED = frozenset({"empty_like", "empty", "new_empty", "empty_strided", "new_empty_strided"})


@dataclass(frozen=True, eq=False)
class Costs:
    """Seconds by op, float64 arrays of shape (ops,)."""

    first: FloatArray
    """Of the first run, and of a repetition as captured."""
    again: FloatArray
    """Of a repetition at its fastest, not fused: a batch norm from saved statistics."""
    fused: FloatArray
    """Of a repetition that runs in one pass with the run before it, whose result it takes over or
    writes in place: without its launch, and without the traffic of what lies between. The same as
    ``again`` where it cannot (``Repetitions.joins``)."""

    @property
    def base_seconds(self) -> float:
        """Of the step as captured."""
        return float(self.first.sum())


_MOST = 8
_remembered: list[tuple[Step, DeviceModel, bool, Costs]] = []
"""The last costs: whatever is solved or checked for a step asks for them again and again."""


def was_timed(step: Step) -> bool:
    """Whether every op of the step was timed on the target."""
    return all(op.seconds >= 0 for op in step.ops)


def op_costs(step: Step, device: DeviceModel, measured: bool) -> Costs:
    """What every op costs; where ``measured``, measured times win over the device's.

    A repetition from saved statistics takes of a measured time what it takes of the predicted one.
    """
    for known, model, as_measured, costs in _remembered:
        if known is step and model == device and as_measured == measured:
            return costs
    costs = _op_costs(step, device, measured)
    _remembered[:] = [(step, device, measured, costs), *_remembered[: _MOST - 1]]
    return costs


def _op_costs(step: Step, device: DeviceModel, measured: bool) -> Costs:
    moved, moved_again = _traffic(step)
    peaks = _peaks(step, device)
    arithmetic = np.array([max(0, op.flops) for op in step.ops], np.float64) / peaks
    launch = device.launch_seconds
    first = launch + np.maximum(arithmetic, moved / device.bytes_per_second)
    again = launch + np.maximum(arithmetic, moved_again / device.bytes_per_second)
    beyond = _further_seconds(step, device)
    first, again = first + beyond, again + beyond
    if measured:
        seconds = np.array([op.seconds for op in step.ops], np.float64)
        timed = seconds >= 0
        shares = np.divide(again, first, out=np.ones_like(first), where=first > 0)
        first = np.where(timed, seconds, first)
        again = np.where(timed, seconds * shares, again)
    between = np.zeros(len(step.ops))
    for op, joined in find_repetitions(step).joins.items():
        between[op] = max(step.storages[storage].size for storage in joined)
    saved = launch + 2 * between / device.bytes_per_second
    fused = np.where(between > 0, np.maximum(0.0, again - saved), again)
    for array in (first, again, fused):
        array.flags.writeable = False
    return Costs(first, again, fused)


def _peaks(step: Step, device: DeviceModel) -> FloatArray:
    """Peak arithmetic of each op's dtype, in operations per second."""
    usual = device.flops_per_second["float32"]
    peaks = np.full(len(step.ops), usual, np.float64)
    if step.program is None:
        return peaks
    for instruction in step.program.instructions:
        if instruction.op < 0 or step.ops[instruction.op].flops <= 0:
            continue
        for value in _operands(step.program, instruction):
            if value.dtype in device.flops_per_second:
                peaks[instruction.op] = device.flops_per_second[value.dtype]
                break
    return peaks


def _traffic(step: Step) -> tuple[FloatArray, FloatArray]:
    """Bytes that each op moves in its first run, and in a repetition, shape (ops,) each."""
    first, again = np.zeros((2, len(step.ops)))
    if step.program is None:
        for index, op in enumerate(step.ops):
            sizes = [
                [step.storages[s].size for s in part] for part in (op.reads, op.writes, op.creates)
            ]
            first[index], again[index] = _moved(op, sizes[0], sum(sizes[1]) + sum(sizes[2]))
        return first, again
    values = step.program.values
    for instruction in step.program.instructions:
        if instruction.op < 0:
            continue
        op = step.ops[instruction.op]
        operands = _operands(step.program, instruction)
        read = [_dense_bytes(v) for v in operands if v.storage in op.reads]
        written = sum(_dense_bytes(v) for v in operands if v.storage in op.writes)
        returned = [values[output] for output in instruction.outputs if output is not None]
        written += sum(_dense_bytes(v) for v in returned if v.storage in op.creates)
        first[instruction.op], again[instruction.op] = _moved(op, read, written)
    return first, again


def _moved(op: Op, read: list[int], written: int) -> tuple[int, int]:
    """Bytes moved by the first run and by a repetition, from those of the operands in order."""
    name = op.target.partition(".")[0]
    if name in _NOTHING_MOVED:
        return 0, 0
    if name in _ROWS_ONLY and read:
        read = [min(read[0], written), *read[1:]]
    once = sum(read) + written
    first = once
    if name in _READ_TWICE:
        first += sum(read)
    elif name in _GRADIENT_TWICE and read:
        first += read[0]
    return first, once if name in BATCH_NORMS else first


def _further_seconds(step: Step, device: DeviceModel) -> FloatArray:
    """What ops of our own take beside what their operands and results say, shape (ops,)."""
    result = np.zeros(len(step.ops))
    for instruction in step.program.instructions if step.program is not None else ():
        if instruction.op >= 0 and step.program is not None:
            moved, launches = further_work(step.program, instruction)
            seconds = moved / device.bytes_per_second + launches * device.launch_seconds
            result[instruction.op] = seconds
    return result


def _operands(program: Program, instruction: Instruction) -> list[Value]:
    """The values that an instruction is given, in order, each once."""
    found = dict.fromkeys(references(instruction, "value"))
    return [program.values[index] for index in found]


def _dense_bytes(value: Value) -> int:
    """Bytes that hold the value's elements; an expanded dimension (stride 0) has one."""
    extents = zip(value.shape, value.stride, strict=True)
    elements = prod(size if stride else min(size, 1) for size, stride in extents)
    return elements * DTYPE_BYTES[value.dtype]
