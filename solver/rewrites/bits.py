"""Where masks of one bit an element are made, and what says how they lie."""

from solver.rewrites.draft import Draft, Line, contiguous
from solver.step import Json

SHAPE_ONLY = {
    "aten.avg_pool2d_backward.default": 1,
    "aten.max_pool2d_with_indices_backward.default": 1,
}
"""Ops that read only the shape of the argument at this index, which another rewrite frees them from."""


def order_of(draft: Draft, value: int) -> list[int] | None:
    """The dimensions from the outermost to the innermost in memory; None: there are gaps, overlaps."""
    found = draft.values[value]
    order = sorted(
        range(len(found.shape)), key=lambda at: (found.shape[at] == 1, -found.stride[at], at)
    )
    # Dimensions of one element may have any stride: they are put last.
    shape = [found.shape[at] for at in order]
    strides = [found.stride[at] for at in order]
    fits = all(n == 1 or s == d for n, s, d in zip(shape, strides, contiguous(shape), strict=True))
    return order if fits and 0 not in shape else None


def last_writer(draft: Draft, value: int, before: Line) -> Line | None:
    """The op after which ``value`` is as ``before`` finds it; None: it is so from the start."""
    storage = draft.values[value].storage
    found = None
    for line in draft.users(storage):
        assert line.op is not None
        if line.position < before.position and storage in (*line.op.writes, *line.op.creates):
            found = line
    return found


def only_shape_besides(draft: Draft, storage: int, reader: Line) -> bool:
    """Whether after the forward pass ``storage`` lives for ``reader`` and for its shape alone."""
    others = []
    for line in draft.users(storage):
        at = SHAPE_ONLY.get(line.target, -1)
        values = [i for i, item in enumerate(line.instruction.args) if _is_in(draft, item, storage)]
        if values == [at]:
            others.append(line)
    return draft.kept_for(storage, reader, *others)


def _is_in(draft: Draft, item: Json, storage: int) -> bool:
    return isinstance(item, dict) and "value" in item and draft.values[item["value"]].storage == storage
