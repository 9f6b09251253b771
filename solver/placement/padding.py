"""An aligned part as a plain one: sizes that are multiples of all alignments leave addresses so."""

import math

from solver.placement.obstacles import live_sums
from solver.placement.problem import Part


def pad(part: Part) -> tuple[int, Part] | None:
    """The common step of the alignments (units), and the part with sizes rounded up to it, in steps.

    Any placement of that, times the step, is one of the part. Where every alignment is the step the
    converse holds, too: a placement of height h of the part is one of ⌈h / step⌉ steps. None where
    rounding would waste most of the bytes, or where there are obstacles, or nothing to align.
    """
    if part.alignments is None or part.obstacles is not None:
        return None
    step = math.lcm(*set(part.alignments.tolist()))
    if step > int(part.sizes.max()):
        return None
    sizes = -(-part.sizes // step)
    return step, Part(
        members=part.members,
        first=part.first,
        last=part.last,
        sizes=sizes,
        lifetimes=part.lifetimes,
        sums=live_sums(part.first, part.last, sizes),
    )
