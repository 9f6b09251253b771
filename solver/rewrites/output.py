"""Backward from the output instead of the input: the input need not be kept.

::

    as captured   x ─ clone ─ c ··········· hardtanh_backward(g, c)
                  x ─ hardtanh_ ─ x (now y)
    rewritten     x ─ hardtanh_ ─ x (now y) ··· hardtanh_backward(g, y)

The gradient passes where lo < x < hi, and y = min(max(x, lo), hi) lies between the limits exactly
where x does; where x is a NaN, so is y. ``leaky_relu_backward`` asks whether
x > 0: with a slope of 0 or more y > 0 says the same, underflow to −0 included.
"""

import math
import struct
from functools import partial

from solver.rewrites.draft import Draft, Line
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Json

_HARDTANH = "aten.hardtanh_backward.default"
_LEAKY = "aten.leaky_relu_backward.default"
_THRESHOLD = "aten.threshold_backward.default"
_FORWARD = {
    _HARDTANH: ("aten.hardtanh.default", "aten.hardtanh_.default"),
    _LEAKY: ("aten.leaky_relu.default", "aten.leaky_relu_.default"),
}
_DEFAULTS: dict[str, tuple[float, ...]] = {_HARDTANH: (-1.0, 1.0), _LEAKY: (0.01,), _THRESHOLD: (0.0,)}


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where the forward op's result still is what it was, and laid out as its input."""
    x = line.value(1)
    if numbers or line.instruction.guard or line.instruction.kwargs or not limits_of(draft, line):
        return None
    y, clone = forward_result(draft, line)
    if y < 0:
        return None
    storage = draft.values[x].storage
    saved = draft.storages[storage].size if draft.kept_for(storage, line) else 0
    return Found(partial(_apply, draft, line, y, clone), saved, (storage,))


def limits_of(draft: Draft, backward: Line) -> tuple[float, ...]:
    """What elements are compared with; () where a comparison of y might come to something else."""
    constants = _constants(backward, 2)
    x = backward.value(1)
    fits = x >= 0 and _holds(backward.target, constants, draft.values[x].dtype)
    return constants if fits else ()


def forward_result(draft: Draft, backward: Line) -> tuple[int, Line | None]:
    """The forward op's result where it may stand for its input, else -1; and the clone that kept the
    input where the forward op worked in place."""
    x = backward.value(1)
    if backward.target == _LEAKY and backward.argument(3) is not False:
        return -1, None
    y, clone = _result(draft, backward, x, _constants(backward, 2))
    if y < 0 or draft.geometry(y) != draft.geometry(x):
        return -1, None
    return y, clone


def _result(
    draft: Draft, backward: Line, x: int, constants: tuple[float, ...]
) -> tuple[int, Line | None]:
    """The forward op's result, and the clone that kept its input where it worked in place."""
    plain, in_place = _FORWARD[backward.target]

    def is_it(line: Line, target: str) -> bool:
        same = line.target == target and _constants(line, 1, backward.target) == constants
        return same and not line.instruction.guard and not line.instruction.kwargs

    for reader in draft.readers(x):
        if is_it(reader, plain) and reader.value(0) == x and reader.output(0) >= 0:
            y = reader.output(0)
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
    if line.target == _LEAKY:
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
    """Whether the constants are as the proof above wants them."""
    if not constants or not all(map(math.isfinite, constants)):
        return False
    if target == _LEAKY:
        return constants[0] >= 0
    # Kernels compare in single precision and store the result rounded to the dtype.
    exact = dtype in ("float32", "float64") or all(_is_exact(each, dtype) for each in constants)
    return exact and [*constants] == sorted(constants)


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
