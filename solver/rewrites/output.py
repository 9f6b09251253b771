"""Backward from the output instead of the input: the input need not be kept.

::

    as captured   x ─ clone ─ c ··········· hardtanh_backward(g, c)
                  x ─ hardtanh_ ─ x (now y)
    rewritten     x ─ hardtanh_ ─ x (now y) ··· hardtanh_backward(g, y)

The gradient passes where lo < x < hi, and y = min(max(x, lo), hi) lies between the limits exactly
where x does; with a NaN both comparisons fail for x and y alike. ``leaky_relu_backward`` asks whether
x > 0: with a slope of 0 or more y > 0 says the same, underflow to −0 included.
"""

import math
import struct
from functools import partial

from solver.rewrites.draft import Draft, Line
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Json

_FORWARD = {
    "aten.hardtanh_backward.default": ("aten.hardtanh.default", "aten.hardtanh_.default"),
    "aten.leaky_relu_backward.default": ("aten.leaky_relu.default", "aten.leaky_relu_.default"),
}
_DEFAULTS: dict[str, tuple[float, ...]] = {
    "aten.hardtanh_backward.default": (-1.0, 1.0),
    "aten.leaky_relu_backward.default": (0.01,),
}


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where the forward op's result still is what it was, and laid out as its input."""
    if numbers or line.instruction.guard or line.instruction.kwargs:
        return None
    x = line.value(1)
    constants = _constants(line, 2)
    if x < 0 or not _holds(line.target, constants, draft.values[x].dtype):
        return None
    if line.target == "aten.leaky_relu_backward.default" and line.argument(3) is not False:
        return None
    y, clone = _result(draft, line, x, constants)
    if y < 0 or draft.geometry(y) != draft.geometry(x):
        return None
    storage = draft.values[x].storage
    saved = draft.storages[storage].size if draft.kept_for(storage, line) else 0
    return Found(partial(_apply, draft, line, y, clone), saved, (storage,))


def _result(
    draft: Draft, backward: Line, x: int, constants: tuple[float, ...]
) -> tuple[int, Line | None]:
    """The forward op's result, and the clone that kept its input where it worked in place."""
    plain, in_place = _FORWARD[backward.target]

    def is_it(line: Line, target: str) -> bool:
        same = line.target == target and _constants(line, 1, backward.target) == constants
        return same and not line.instruction.guard and not line.instruction.kwargs

    for reader in draft.readers(x):
        if is_it(reader, plain) and reader.value(0) == x and reader.outputs[0] is not None:
            y = reader.outputs[0]
            if draft.unwritten(x, reader, backward) and draft.unwritten(y, reader, backward):
                return y, None
    maker = draft.maker(x)
    if maker is None or maker.target != "aten.clone.default":
        return -1, None
    y = maker.value(0)
    for reader in draft.readers(y):
        if is_it(reader, in_place) and reader.value(0) == y and maker.position < reader.position:
            untouched = draft.unwritten(y, maker, reader) and draft.unwritten(x, maker, backward)
            if untouched and draft.unwritten(y, reader, backward):
                return y, maker
    return -1, None


def _apply(draft: Draft, line: Line, y: int, clone: Line | None) -> None:
    gradient, _, *rest = line.instruction.args
    if line.target == "aten.leaky_relu_backward.default":
        rest[1] = True  # self_is_result
    draft.change(line, line.target, [gradient, {"value": y}, *rest])
    if clone is not None:
        draft.remove_unread(clone)


def _constants(line: Line, first: int, kind: str = "") -> tuple[float, ...]:
    """The numbers among the arguments, from the index ``first`` on; () where one is no number."""
    defaults = _DEFAULTS[kind or line.target]
    found: list[float] = []
    for at, default in enumerate(defaults):
        item: Json = line.argument(first + at, default)
        if type(item) not in (int, float):
            return ()
        found.append(float(item))
    return tuple(found)


def _holds(target: str, constants: tuple[float, ...], dtype: str) -> bool:
    """Whether comparing y comes to the same as comparing x."""
    if target == "aten.leaky_relu_backward.default":
        return len(constants) == 1 and constants[0] >= 0 and math.isfinite(constants[0])
    if len(constants) != 2 or constants[0] > constants[1]:
        return False
    # Kernels compare in single precision and store the result rounded to the dtype.
    return dtype in ("float32", "float64") or all(_is_exact(each, dtype) for each in constants)


def _is_exact(number: float, dtype: str) -> bool:
    """Whether ``number`` is one of the dtype's."""
    try:
        if dtype == "float16":
            return bool(struct.unpack("<e", struct.pack("<e", number))[0] == number)
        single = struct.pack("<f", number)
    except OverflowError:
        return False
    return dtype == "bfloat16" and single[:2] == b"\0\0" and struct.unpack("<f", single)[0] == number


RULE = Rule(
    "output",
    "backward from the output",
    frozenset(_FORWARD),
    find,
)
