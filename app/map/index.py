"""Rectangles sorted into blocks with bounding boxes, so that drawing and picking skip most of them.

Blocks hold 512 rectangles of similar duration, time and address: one long-lived rectangle in a
block of short ones would stretch the block's box over the whole step.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from solver.plan import IntArray

BLOCK = 512

FloatArray: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlockIndex:
    """Rectangles in block order; ``original[i]`` is the number of rectangle i in the scene."""

    start: FloatArray
    end: FloatArray
    low: FloatArray
    high: FloatArray
    original: IntArray
    boxes: FloatArray
    """(start, end, low, high) of every block, shape (blocks, 4)."""

    @property
    def count(self) -> int:
        return len(self.start)


def build_index(start: IntArray, end: IntArray, low: IntArray, high: IntArray) -> BlockIndex:
    """Sort rectangles ``[start, end) × [low, high)`` into blocks."""
    duration = np.log2(np.maximum(end - start, 1)).astype(np.int64) // 2
    span = max(int(end.max(initial=1)), 1)
    when = start * 256 // span
    order = np.lexsort((low, when, duration)).astype(np.int64)
    columns = [array[order].astype(np.float64) for array in (start, end, low, high)]
    first = np.arange(0, len(order), BLOCK)
    boxes = np.zeros((len(first), 4))
    if len(first):
        for column, reduce in enumerate((np.minimum, np.maximum, np.minimum, np.maximum)):
            boxes[:, column] = reduce.reduceat(columns[column], first)
    return BlockIndex(columns[0], columns[1], columns[2], columns[3], order, boxes)
