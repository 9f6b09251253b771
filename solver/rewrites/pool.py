"""Max-pooling by offsets: a byte or two a maximum instead of eight, and its input need not be kept.

::

    as captured   max_pool2d_with_indices(x) ─ y, indices (int64)
                  max_pool2d_with_indices_backward(g, x, indices)         of x only the shape matters
    rewritten     max_pool2d_with_offsets(x) ─ y, offsets (uint8, int16)      an op of our own
                  max_pool2d_with_offsets_backward(g, offsets)

An offset is the index less that of the window's first place. It is no larger than that of the window's
last place, and not negative, as long as each window has a place in the plane.
"""

from functools import partial

from solver.rewrites.draft import Draft, Line
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Json
from solver.validate import DTYPE_BYTES

FORWARD = "aten.max_pool2d_with_indices.default"
BACKWARD = "aten.max_pool2d_with_indices_backward.default"

_LONGEST = 1 << 16
"""Windows side by side that are looked at."""
_LIMITS = {"uint8": (1 << 8) - 1, "int16": (1 << 15) - 1}


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where nothing but the backward op reads the indices."""
    x = line.value(0)
    if numbers or line.instruction.kwargs or line.instruction.guard or x < 0:
        return None
    y, indices = line.output(0), line.output(1)
    window = _window(line, 1)
    if min(y, indices) < 0 or window is None:
        return None
    dtype = _dtype(draft, x, y, window)
    backward = draft.readers(indices)
    if not dtype or not backward or draft.geometry(y)[1:] != draft.geometry(indices)[1:]:
        return None
    for reader in backward:
        fits = reader.target == BACKWARD and reader.value(7) == indices and not reader.instruction.guard
        if not fits or reader.instruction.kwargs or _window(reader, 2) != window:
            return None
        if draft.geometry(reader.value(1)) != draft.geometry(x):
            return None
        made = reader.output(0)
        if made < 0 or draft.values[made].shape != draft.values[x].shape:
            return None
    storage = draft.values[x].storage
    kept = draft.storages[storage].size if draft.kept_for(storage, *backward) else 0
    index_bytes = draft.storage_of(indices).size
    saved = index_bytes - index_bytes // 8 * DTYPE_BYTES[dtype]
    return Found(partial(_apply, draft, line, backward, dtype), saved + kept, (storage,))


def _apply(draft: Draft, line: Line, backward: list[Line], dtype: str) -> None:
    y, indices = line.output(0), line.output(1)
    window = _window(line, 1)
    assert window is not None
    kept, maxima = draft.storage_of(indices), draft.values[y]
    offsets = draft.make_value(kept.name, dtype, maxima.shape, kept.category, like=indices)
    for reader in backward:
        made = draft.values[reader.output(0)]
        draft.change(
            reader,
            "bayplan.max_pool2d_with_offsets_backward.default",
            [reader.argument(0), {"value": offsets}, *window, [*made.shape], [*made.stride]],
        )
    draft.change(
        line,
        "bayplan.max_pool2d_with_offsets.default",
        [line.argument(0), *window, [*maxima.shape], [*maxima.stride], {"dtype": dtype}],
        outputs=(y, offsets),
    )


def _window(line: Line, first: int) -> list[Json] | None:
    """Kernel, stride, padding and dilation, each by height and width, and whether sizes round up."""
    kernel = _pair(line.argument(first), None)
    stride = _pair(line.argument(first + 1, []), kernel)
    padding = _pair(line.argument(first + 2, 0), None)
    dilation = _pair(line.argument(first + 3, 1), None)
    ceil_mode = line.argument(first + 4, False)
    if None in (kernel, stride, padding, dilation) or type(ceil_mode) is not bool:
        return None
    return [kernel, stride, padding, dilation, ceil_mode]


def _pair(item: Json, default: list[int] | None) -> list[int] | None:
    items = [item] if type(item) is int else item
    if not isinstance(items, list | tuple) or any(type(each) is not int for each in items):
        return None
    if not items:
        return default
    return [items[0], items[-1]] if len(items) <= 2 else None


def _dtype(draft: Draft, x: int, y: int, window: list[Json]) -> str:
    """That of the offsets; empty: they do not tell the indices, or are too large."""
    kernel, stride, padding, dilation, _ = window
    planes = draft.values[x].shape, draft.values[y].shape
    if any(len(shape) != 4 for shape in planes) or max(planes[1]) > _LONGEST:
        return ""
    if min(*kernel, *stride, *dilation) < 1 or min(padding) < 0 or max(kernel) > _LONGEST:
        return ""
    for axis in (0, 1):
        size = draft.values[x].shape[2 + axis]
        for place in range(draft.values[y].shape[2 + axis]):
            first = place * stride[axis] - padding[axis]
            into = max(0, -(first // dilation[axis]))
            if into >= kernel[axis] or first + into * dilation[axis] >= size:
                return ""
    height, width = ((k - 1) * d for k, d in zip(kernel, dilation, strict=True))
    largest = height * draft.values[x].shape[3] + width
    return next((dtype for dtype, limit in _LIMITS.items() if largest <= limit), "")


RULE = Rule("pool", "max-pooling by offsets in the window", frozenset({FORWARD}), find)
