"""Rectangles sorted into blocks with bounding boxes, so that drawing and picking skip most of them.

::

    address ^   z─z   z─z      Blocks follow a Z curve over starts and addresses, rectangles of
            |    ╱   ╱ ╱       similar duration and size apart: one long-lived rectangle in a block
            |   z─z ╱ z─z      of short ones would stretch the block's box over the whole step.
            +-----------> slot

In each block the largest rectangle comes first: where a block covers few pixels, a picture of what
moves shows only its first ones.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from solver.plan import IntArray

BLOCK = 64
CELLS = 16
"""Bits of the Z curve's coordinates."""
SMALL = 4096.0
"""What part of the whole an extent may be to be small."""

FloatArray: TypeAlias = npt.NDArray[np.float64]
SmallArray: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class BlockIndex:
    """Rectangles in block order; ``original[i]`` is the number of rectangle i in the scene."""

    rectangles: SmallArray
    """(start, end, low, high), addresses in ``unit`` bytes, shape (n, 4)."""
    unit: int
    """A power of two, 1 where addresses fit into 31 bits."""
    original: IntArray
    boxes: FloatArray
    """Of every block (start, end, low, high), then the mean duration, size and area of its
    rectangles, and the largest duration and size; addresses in ``unit`` bytes, shape (blocks, 9)."""

    @property
    def count(self) -> int:
        return len(self.original)


def build_index(start: IntArray, end: IntArray, low: IntArray, high: IntArray) -> BlockIndex:
    """Sort rectangles ``[start, end) × [low, high)`` into blocks; slots must fit into 31 bits."""
    count, top = len(start), int(high.max(initial=1))
    unit = 1 << max(top.bit_length() - 31, 0)
    plain = np.empty((count, 4), np.int32)
    for column, values in enumerate((start, end)):
        plain[:, column] = values
    for column, values in enumerate((low, high)):
        plain[:, 2 + column] = values // unit
    plain[:, 3] = np.maximum(plain[:, 3], plain[:, 2] + 1)
    order = _curve(plain)
    padded = np.full(-(-count // BLOCK) * BLOCK, -1, np.int64)
    padded[:count] = order
    blocks = padded.reshape(-1, BLOCK)
    size = (plain[:, 1] - plain[:, 0]).astype(np.float32) * (plain[:, 3] - plain[:, 2])
    # What fills the last block up is the smallest there, and so stays behind the others.
    ranks = np.argsort(np.where(blocks >= 0, -size[blocks], np.inf), axis=1, kind="stable")
    original = np.take_along_axis(blocks, ranks, axis=1).reshape(-1)[:count]
    rectangles = np.ascontiguousarray(plain[original])
    return BlockIndex(rectangles, unit, original, _boxes(rectangles))


def _curve(rectangles: SmallArray) -> IntArray:
    """The order along the curve, by classes of similar duration and size."""
    key = np.zeros(len(rectangles), np.int64)
    for column, shift in ((2, 0), (0, 1)):
        first = rectangles[:, column]
        extent = rectangles[:, column + 1] - first
        span = max(int(first.max(initial=0)), int(extent.max(initial=0)), 1)
        key |= _spread((first * (((1 << CELLS) - 1) / span)).astype(np.int64)) << shift
        key |= _class(extent, span) << 2 * CELLS + 3 * shift
    return np.argsort(key).astype(np.int64)


def _class(extent: SmallArray, span: int) -> IntArray:
    """0 for what is small on a picture of the whole, then another for every fourfold extent, to 7."""
    share = np.maximum(extent * (SMALL / span), 1.0)
    return np.asarray(np.ceil(np.log2(share) / 2).clip(0, 7), np.int64)


def _spread(values: IntArray) -> IntArray:
    """The bits of ``values`` (16 of each) with a gap of one between them."""
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        values = (values | values << shift) & mask
    return values


def _boxes(rectangles: SmallArray) -> FloatArray:
    first = np.arange(0, len(rectangles), BLOCK)
    boxes = np.zeros((len(first), 9))
    if not len(first):
        return boxes
    count = np.diff(np.append(first, len(rectangles)))
    for column, reduce in enumerate((np.minimum, np.maximum, np.minimum, np.maximum)):
        boxes[:, column] = reduce.reduceat(rectangles[:, column], first)
    duration = (rectangles[:, 1] - rectangles[:, 0]).astype(np.float64)
    size = (rectangles[:, 3] - rectangles[:, 2]).astype(np.float64)
    for column, extent in enumerate((duration, size, duration * size)):
        boxes[:, 4 + column] = np.add.reduceat(extent, first) / count
    boxes[:, 7], boxes[:, 8] = (np.maximum.reduceat(extent, first) for extent in (duration, size))
    return boxes
