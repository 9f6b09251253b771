"""What ops of our own do beside taking their operands and giving their results, for a prediction."""

from math import prod

from solver.rewrites.draft import value_of
from solver.step import Instruction, Program
from solver.validate import DTYPE_BYTES

_PARTS = {"max_pool2d": 1 << 22, "mask": 1 << 24}
"""Elements that are worked on at a time (``PART`` in the run-time's ``own_pooling``, ``own_masks``)."""

_BY_ELEMENT = {
    # The kernel's indices are written and read.
    "max_pool2d_with_offsets": (0, "max_pool2d", 16, 2),
    "max_pool2d_with_offsets_backward": (1, "max_pool2d", 16, 2),
    # Operands and results in the kernel's layout.
    "attention": (0, "mask", 24, 6),
    "attention_backward": (0, "mask", 64, 12),
    # Booleans, their powers of two, and their sums; and back.
    "pack_above": (0, "mask", 4, 7),
    "pack_nonzero": (0, "mask", 4, 7),
    "keep_by_bits": (0, "mask", 4, 4),
    "scale_by_bits": (0, "mask", 12, 6),
    "dropout_backward_by_bits": (0, "mask", 12, 5),
}
"""By op: whose elements count (an argument), in which parts, bytes by element, launches by part."""

_LOGITS_PASSES, _LOGITS_LAUNCHES = 6, 12
"""How often a cross-entropy some rows at a time goes over the logits, its matrix products aside, and
how many kernels each part takes."""


def further_work(program: Program, instruction: Instruction) -> tuple[int, int]:
    """Bytes that an op moves beside its operands and results, and its launches beside one."""
    namespace, _, name = instruction.target.partition(".")
    name = name.removesuffix(".default")
    if namespace != "bayplan":
        return 0, 0
    if name == "chunked_cross_entropy":
        logits = program.values[instruction.outputs[-1] or 0]
        rows = program.values[value_of(instruction.args[0])].shape[0]
        passes = _LOGITS_PASSES * rows * logits.shape[1] * DTYPE_BYTES[logits.dtype]
        return passes, _LOGITS_LAUNCHES * -(-rows // logits.shape[0])
    if name not in _BY_ELEMENT:
        return 0, 0
    argument, parts, size, launches = _BY_ELEMENT[name]
    if argument == 0 and name.startswith("max_pool2d"):
        counted = program.values[instruction.outputs[0] or 0]
    else:
        counted = program.values[value_of(instruction.args[argument])]
    elements = prod(counted.shape)
    return size * elements, launches * -(-elements // _PARTS[parts])
