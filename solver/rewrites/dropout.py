"""Dropout masks of one bit, or of one byte, an element.

::

    as captured for CUDA   native_dropout(x) ─ y, mask ············ native_dropout_backward(g, mask, s)
    rewritten              native_dropout(x) ─ y, mask
                           pack_nonzero(mask) ─ bits ··········· dropout_backward_by_bits(g, bits, s)

    as captured for CPUs   empty_like(x) ─ m   bernoulli_(m, p)   div_(m, p)   mul(x, m) ··· mul(g, m)
    rewritten              empty_like(x) ─ m   bernoulli_(m, p)   pack_nonzero(m) ─ bits
                           scale_by_bits(x, bits, p) ····················· scale_by_bits(g, bits, p)

    with bytes             empty_like(x) ─ b   bernoulli_(b, p)
                           scale_by_mask(x, b, p) ······················ scale_by_mask(g, b, p)

On CPUs the forward op reads the bits, too: made again, it does not need the whole mask. The factors of
the mask are divided part by part, by the same op, so that they are what they were. Booleans are drawn
from the same random numbers as floats; as the mask is written once and not divided as a whole, the step
even takes less time with them, and to draw them again takes little.
"""

from dataclasses import dataclass
from functools import partial

from solver.rewrites.bits import order_of
from solver.rewrites.draft import Draft, Line
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Category, Json, Phase

_NATIVE = "aten.native_dropout.default"
_NATIVE_BACKWARD = "aten.native_dropout_backward.default"
_BERNOULLI = "aten.bernoulli_.float"
_DIV = "aten.div_.Scalar"
_MUL = "aten.mul.Tensor"
_EMPTY = "aten.empty_like.default"
_FLOATS = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A mask that is drawn, and multiplied with tensors of its own shape and dtype."""

    mask: int
    maker: Line
    """Of its bytes, which are filled then."""
    division: Line | None
    """By which its ones become the factor."""
    products: list[Line]
    order: list[int]
    """The dimensions of the mask, the outermost in memory first."""

    @property
    def divisor(self) -> Json:
        """What its ones are divided by; None: by nothing."""
        return None if self.division is None else self.division.argument(1)


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where the mask does nothing but multiply tensors of its own shape."""
    if numbers or line.instruction.guard or line.op is None or line.op.phase is not Phase.FORWARD:
        return None
    return _find_native(draft, line) if line.target == _NATIVE else _find_bernoulli(draft, line)


def _find_native(draft: Draft, line: Line) -> Found | None:
    mask = line.output(1)
    order = None if mask < 0 else order_of(draft, mask)
    if order is None or draft.values[mask].dtype != "bool":
        return None
    readers = draft.readers(mask)
    for reader in readers:
        scale = reader.argument(2)
        fits = reader.target == _NATIVE_BACKWARD and reader.value(1) == mask
        if not fits or type(scale) not in (int, float) or not _is_plain(draft, reader, 0, mask):
            return None
    if not readers or not draft.kept_for(draft.values[mask].storage, *readers):
        return None
    return Found(partial(_apply_native, draft, line, mask, readers, order), _saved(draft, mask))


def _find_bernoulli(draft: Draft, line: Line) -> Found | None:
    drawn = _drawn(draft, line)
    if drawn is None:
        return None
    return Found(partial(_apply_bernoulli, draft, line, drawn), _saved(draft, drawn.mask))


def find_bytes(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where a mask of factors can be drawn as booleans; steps for CUDA have such masks as captured."""
    if numbers or line.instruction.guard or line.op is None or line.op.phase is not Phase.FORWARD:
        return None
    drawn = _drawn(draft, line) if draft.step.origin.target == "cpu" else None
    if drawn is None or drawn.maker.target != _EMPTY or len(drawn.maker.instruction.args) != 1:
        return None
    if draft.values[drawn.mask].dtype not in _FLOATS or not draft.is_alone(drawn.mask):
        return None
    saved = draft.storage_of(drawn.mask).size - draft.elements(drawn.mask)
    return Found(partial(_apply_bytes, draft, drawn), saved)


def _drawn(draft: Draft, line: Line) -> _Drawn | None:
    """The mask that ``line`` draws, if nothing else is done with it."""
    mask = line.value(0)
    order = None if mask < 0 else order_of(draft, mask)
    maker = draft.maker(mask)
    if order is None or maker is None or line.instruction.kwargs:
        return None
    division: Line | None = None
    products: list[Line] = []
    for reader in draft.readers(mask):
        if reader is line:
            continue
        if reader.target == _DIV and division is None and not products and reader.value(0) == mask:
            division = reader
        elif reader.target == _MUL and _operand(reader, mask) >= 0:
            products.append(reader)
        else:
            return None
    found = _Drawn(mask, maker, division, products, order)
    known = {maker, line, division, *products}
    alone = all(user in known for user in draft.users(draft.values[mask].storage))
    divides = division is None or type(found.divisor) in (int, float)
    if not divides or not alone or not any(map(_is_backward, products)):
        return None
    if any(not _is_plain(draft, product, _operand(product, mask), mask) for product in products):
        return None
    return found


def _operand(product: Line, mask: int) -> int:
    """Which of a product's two operands is not the mask; -1: none, or there are other arguments."""
    operands = [product.value(0), product.value(1)]
    if len(product.instruction.args) != 2 or product.instruction.kwargs or operands.count(mask) != 1:
        return -1
    other = 1 - operands.index(mask)
    return other if operands[other] >= 0 else -1


def _is_plain(draft: Draft, line: Line, operand: int, mask: int) -> bool:
    """Whether operand and result are of the mask's shape, and of one dtype."""
    value, made = line.value(operand), line.output(0)
    if min(value, made) < 0 or line.instruction.guard or line.instruction.kwargs:
        return False
    one, other, of = draft.values[value], draft.values[made], draft.values[mask]
    return (
        one.shape == other.shape == of.shape
        and one.dtype == other.dtype
        and (of.dtype in ("bool", one.dtype))
    )


def _is_backward(line: Line) -> bool:
    return line.op is not None and line.op.phase is Phase.BACKWARD


def _saved(draft: Draft, mask: int) -> int:
    return draft.storage_of(mask).size - (draft.elements(mask) + 7) // 8


def _apply_native(draft: Draft, line: Line, mask: int, readers: list[Line], order: list[int]) -> None:
    bits = _pack(draft, line, mask, order)
    for reader in readers:
        _multiply(draft, reader, 0, "bayplan.dropout_backward_by_bits.default", bits, order)


def _apply_bernoulli(draft: Draft, line: Line, drawn: _Drawn) -> None:
    bits = _pack(draft, line, drawn.mask, drawn.order)
    for product in drawn.products:
        operand = _operand(product, drawn.mask)
        target = "bayplan.scale_by_bits.default"
        _multiply(draft, product, operand, target, bits, drawn.order, drawn.divisor)
    if drawn.division is not None:
        draft.remove(drawn.division)


def _apply_bytes(draft: Draft, drawn: _Drawn) -> None:
    call = drawn.maker.instruction
    draft.change(drawn.maker, _EMPTY, call.args, {**call.kwargs, "dtype": {"dtype": "bool"}})
    draft.retype(drawn.mask, "bool")
    for product in drawn.products:
        operand = _operand(product, drawn.mask)
        target = "bayplan.scale_by_mask.default"
        _multiply(draft, product, operand, target, drawn.mask, drawn.order, drawn.divisor)
    if drawn.division is not None:
        draft.remove(drawn.division)


def _pack(draft: Draft, line: Line, mask: int, order: list[int]) -> int:
    name = f"{draft.storage_of(mask).name} · bits"
    size = (draft.elements(mask) + 7) // 8
    bits = draft.make_value(name, "uint8", (size,), Category.ACTIVATION)
    draft.add(line, "bayplan.pack_nonzero.default", [{"value": mask}, order], [bits])
    return bits


def _multiply(
    draft: Draft,
    line: Line,
    operand: int,
    target: str,
    mask: int,
    order: list[int],
    factor: Json = None,
) -> None:
    made = line.output(0)
    factor = line.argument(2) if target.startswith("bayplan.dropout") else factor
    strides = [*draft.values[made].stride]
    draft.change(line, target, [line.argument(operand), {"value": mask}, factor, order, strides])


BYTES = Rule("bytes", "a dropout mask of one byte an element", frozenset({_BERNOULLI}), find_bytes)
RULE = Rule("dropout", "a dropout mask of one bit an element", frozenset({_NATIVE, _BERNOULLI}), find)
