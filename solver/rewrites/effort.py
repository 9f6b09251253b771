"""What ops of our own do beside taking their operands and giving their results, for a prediction."""

from math import prod

from solver.rewrites.draft import value_of
from solver.step import Instruction, Program
from solver.validate import DTYPE_BYTES

PARTS = {"max_pool2d": 1 << 22, "mask": 1 << 24, "loss": 1 << 24}
"""Elements that are worked on at a time (``PART`` in the run-time's ``own_pooling``, ``own_masks`` and
``own_losses``)."""

_BY_ELEMENT = {
    # The kernel's indices are written and read.
    "max_pool2d_with_offsets": (-1, "max_pool2d", 16, 2),
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
    # Factors.
    "scale_by_mask": (0, "mask", 8, 2),
    # What nll_loss_backward makes, and what it is predicted to read.
    "cross_entropy_backward": (0, "loss", 12, 3),
}
"""By op: whose elements count (an argument; -1: the result), in which parts, bytes by element, launches
by part."""

_LOGITS_PASSES, _LOGITS_LAUNCHES = 6, 12
"""How often a cross-entropy some rows at a time goes over the logits, its matrix products aside, and
how many kernels each part takes."""


def further_work(program: Program, instruction: Instruction) -> tuple[int, int]:
    """Bytes that an op moves beside its operands and results, and its launches beside one."""
    namespace, _, name = instruction.target.partition(".")
    name = name.removesuffix(".default")
    if namespace != "bayplan":
        return 0, 0
    operands = [value_of(item) for item in (*instruction.args[:2], None, None)]
    results = [-1 if value is None else value for value in instruction.outputs]
    shapes = [program.values[v].shape if v >= 0 else () for v in operands]
    if name == "chunked_cross_entropy" and results and min(results[-1], operands[0]) >= 0:
        part = program.values[results[-1]]
        rows = prod(shapes[0][:1])
        parts = -(-rows // max(1, prod(part.shape[:1])))
        passes = _LOGITS_PASSES * rows * prod(part.shape[1:]) * DTYPE_BYTES[part.dtype]
        return passes, _LOGITS_LAUNCHES * parts
    if name not in _BY_ELEMENT or not results or results[0] < 0:
        return 0, 0
    argument, parts_of, size, launches = _BY_ELEMENT[name]
    elements = prod(program.values[results[0]].shape if argument < 0 else shapes[argument])
    return size * elements, launches * -(-elements // PARTS[parts_of])
