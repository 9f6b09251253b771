"""The two constructors of a part: the compiled ones for what it has, behind one signature."""

from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from solver.placement.problem import Part
from solver.plan import IntArray


class Constructor(Protocol):
    """``kernels.dive`` or ``kernels.first_fit``, or its like for a part that is not plain."""

    def __call__(
        self,
        order: IntArray,
        first: IntArray,
        last: IntArray,
        size: IntArray,
        stop: npt.NDArray[np.uint8],
        address: IntArray,
    ) -> int: ...


def constructors(part: Part) -> tuple[Constructor, Constructor]:
    """The dive and the first fit for a part; both know its alignments and obstacles."""
    if part.plain:
        from solver.placement import kernels

        return kernels.dive, kernels.first_fit
    from solver.placement.constrained_kernels import dive, first_fit

    aligned = part.alignments if part.alignments is not None else np.ones(len(part.sizes), np.int64)
    nothing = np.zeros(0, np.int64)
    around = (nothing, nothing, nothing, nothing)
    if part.obstacles is not None:
        around = (part.obstacles.first, part.obstacles.last, part.obstacles.low, part.obstacles.high)
    return partial(dive, aligned, *around), partial(first_fit, aligned, *around)
