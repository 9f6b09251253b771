"""Attention written out, by the kernels that hold no scores: flash on CPUs, memory-efficient on CUDA.

::

    as captured   bmm(q, kᵀ) ─ · scale ─ masked ─ _softmax ─ p ─ bmm(p, v) ─ o
                  bmm(pᵀ, g), bmm(g, vᵀ), _softmax_backward_data(·, p), masked, · scale, bmm, bmm
    rewritten     attention(q, kᵀ, v) ─ o, sums       attention_backward(g, q, kᵀ, v, o, sums)

Scores are summed up in another order. Where a mask hides all of a row, torch has NaNs and the kernels
zeros. With dropout between the softmax and the product it is not possible: the kernels draw other
random numbers.
"""

from dataclasses import dataclass, replace
from functools import partial
from math import prod

from solver.rewrites.draft import Draft, Line, contiguous
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Category, Json

_SOFTMAX = ("aten._softmax.default", "aten._safe_softmax.default")
_SOFTMAX_BACKWARD = "aten._softmax_backward_data.default"
_BMM = "aten.bmm.default"
_MASKED = "aten.masked_fill.Scalar"
_ADD = "aten.add.Tensor"
_FACTOR = {
    "aten.mul.Tensor": False,
    "aten.mul.Scalar": False,
    "aten.div.Tensor": True,
    "aten.div.Scalar": True,
}
"""By op, whether it divides by the number."""
_BLOCK = {"cpu": 1, "cuda": 8}
"""By target, what sizes must be multiples of."""
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class _Ops:
    """What the two ops stand for, and what they take and make."""

    forward: list[Line]
    """The last one makes the result."""
    backward: list[Line]
    queries: int
    keys: int
    values: int
    mask: int
    """Or -1."""
    scale: float
    lead: list[int]
    gradient: int
    made: tuple[int, int, int]
    """The gradients of queries, keys and values."""


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where scores are used for nothing but attention."""
    ops = None if numbers else _match(draft, line)
    if ops is None:
        return None
    scores = draft.storage_of(line.output(0)).size
    result = draft.storage_of(ops.forward[-1].output(0)).size
    kept = scores - result - 4 * prod(draft.values[ops.queries].shape[:2])
    storage = draft.values[line.output(0)].storage
    return Found(partial(_apply, draft, ops), max(0, kept), (storage,))


def _match(draft: Draft, softmax: Line) -> _Ops | None:
    made = softmax.output(0)
    last = len(draft.values[made].shape) - 1 if made >= 0 else -1
    if made < 0 or softmax.argument(1) not in (-1, last) or softmax.argument(2, False) is not False:
        return None
    before = _scores(draft, softmax)
    if before is None or not _is_plain(draft, made):
        return None
    forward, mask, scale, queries, keys = before
    users = draft.users(draft.values[made].storage)
    products = [user for user in users if user.target == _BMM]
    if [user.target for user in users if user not in products] != [softmax.target, _SOFTMAX_BACKWARD]:
        return None
    if len(products) != 2 or users[-1].target != _SOFTMAX_BACKWARD or users[1] is not products[0]:
        return None
    (apply, to_values), softmax_backward = products, users[-1]
    values, gradient = apply.value(1), to_values.value(1)
    count, length, size = _rows(draft, queries)[0], _rows(draft, queries)[1], _rows(draft, keys)[2]
    square = (count, length, size)
    if not _is_view(draft, apply.value(0), made, square, turned=False):
        return None
    if not _is_view(draft, to_values.value(0), made, square, turned=True) or gradient < 0:
        return None
    if softmax_backward.argument(1) != {"value": made} or softmax_backward.argument(2) not in (
        -1,
        last,
    ):
        return None
    to_scores = draft.maker_of_storage(softmax_backward.value(0), [softmax_backward])
    if to_scores is None or to_scores.target != _BMM or to_scores.value(0) != gradient:
        return None
    if not _is_view(draft, to_scores.value(1), values, _rows(draft, values), turned=True):
        return None
    rest = _gradients(draft, softmax_backward, mask, forward, queries, keys)
    if rest is None or to_values.output(0) < 0 or apply.output(0) < 0:
        return None
    backward = sorted([to_values, to_scores, *rest[0]], key=lambda line: line.position)
    lead = [*draft.values[made].shape[:-2]]
    lead = [1, *lead] if len(lead) == 1 else lead
    ops = _Ops(
        [*forward, softmax, apply],
        backward,
        queries,
        keys,
        values,
        mask,
        scale,
        lead,
        gradient,
        (rest[1], rest[2], to_values.output(0)),
    )
    return ops if _fits(draft, ops) else None


def _scores(draft: Draft, softmax: Line) -> tuple[list[Line], int, float, int, int] | None:
    """The ops from the first product to the softmax's argument, mask, scale, queries and keys."""
    lines: list[Line] = []
    mask, scale, user = -1, 1.0, softmax
    while True:
        line = draft.maker_of_storage(user.value(0), [user])
        if line is None or len(lines) == 3:
            return None
        lines.insert(0, line)
        if line.target == _BMM:
            queries, keys = line.value(0), line.value(1)
            return (lines, mask, scale, queries, keys) if queries >= 0 and keys >= 0 else None
        if line.target in (_MASKED, _ADD) and user is softmax:
            mask = line.value(1)
            hides = line.target == _ADD or line.argument(2) == {"float": "-inf"}
            wanted = "bool" if line.target == _MASKED else draft.values[line.value(0)].dtype
            if mask < 0 or not hides or draft.values[mask].dtype != wanted:
                return None
        elif line.target in _FACTOR and user.target not in _FACTOR:
            number = line.argument(1)
            if type(number) not in (int, float) or not number:
                return None
            scale = 1 / number if _FACTOR[line.target] else float(number)
        else:
            return None
        if line.instruction.kwargs:
            return None
        user = line


def _gradients(
    draft: Draft, line: Line, mask: int, forward: list[Line], queries: int, keys: int
) -> tuple[list[Line], int, int] | None:
    """The ops from the softmax's backward on, and the gradients of queries and keys."""
    lines = [line]
    for earlier in reversed(forward[1:]):
        if earlier.target == _ADD:
            continue  # its gradient is that of the sum
        made = line.output(0)
        users = draft.users(draft.values[made].storage) if made >= 0 else []
        if len(users) != 2 or users[0] is not line or not _is_plain(draft, made):
            return None
        line = users[1]
        expected = list(earlier.instruction.args)
        if earlier.target == _MASKED:
            expected[2] = 0
        if line.target != earlier.target or [*line.instruction.args[1:]] != expected[1:]:
            return None
        lines.append(line)
    made = line.output(0)
    users = draft.users(draft.values[made].storage) if made >= 0 else []
    if made < 0 or len(users) != 3 or not _is_plain(draft, made):
        return None
    square = (*_rows(draft, queries)[:2], _rows(draft, keys)[2])
    of_queries = of_keys = -1
    for product in users[1:]:
        one, other, found = product.value(0), product.value(1), product.output(0)
        if product.target != _BMM or found < 0:
            return None
        if _is_view(draft, one, made, square, turned=False) and _is_view(
            draft, other, keys, _rows(draft, keys), turned=True
        ):
            of_queries = found
        elif _is_view(draft, other, made, square, turned=False) and _is_view(
            draft, one, queries, _rows(draft, queries), turned=True
        ):
            of_keys = found
    if of_queries < 0 or of_keys < 0:
        return None
    return [*lines, *users[1:]], of_queries, of_keys


def _fits(draft: Draft, ops: _Ops) -> bool:
    """Whether shapes are as the kernels want them, and nothing is written between the ops."""
    block = _BLOCK.get(draft.step.origin.target, 0)
    queries, keys, values = (draft.values[v] for v in (ops.queries, ops.keys, ops.values))
    dtypes = ("float32", "float64") if draft.step.origin.target == "cpu" else ("float32",)
    if not block or queries.dtype not in dtypes or len(ops.lead) != 2:
        return False
    sizes = (*queries.shape[1:], keys.shape[2], values.shape[2])
    if any(size % block for size in sizes) or queries.shape[2] != values.shape[2]:
        return False
    if prod(ops.lead) != queries.shape[0] or not all(_is_plain(draft, v) for v in ops.made):
        return False
    for made, of in zip(ops.made, (ops.queries, ops.keys, ops.values), strict=True):
        if draft.values[made].shape != draft.values[of].shape:
            return False
    if ops.mask >= 0:
        shape = draft.values[ops.mask].shape
        whole = (*ops.lead, queries.shape[1], keys.shape[2])
        broadcast = all(n in (1, m) for n, m in zip(shape[::-1], whole[::-1], strict=False))
        if len(shape) > 4 or not broadcast or prod(shape) * 8 > prod(whole):
            return False
    lines = [*ops.forward, *ops.backward]
    first, last = ops.forward[0], max(ops.backward, key=lambda line: line.position)
    taken = [v for v in (ops.queries, ops.keys, ops.values, ops.mask) if v >= 0]
    made_early = all(
        (maker := draft.maker(v)) is None or maker.position < ops.backward[0].position
        for v in (ops.gradient,)
    )
    unwritten = all(
        draft.unwritten(v, draft.later(first, draft.maker(v)), last) for v in [*taken, ops.gradient]
    )
    result = ops.forward[-1].output(0)
    kept = draft.unwritten(result, ops.forward[-1], last)
    plain = not any(line.instruction.guard for line in lines)
    return made_early and unwritten and kept and plain


def _apply(draft: Draft, ops: _Ops) -> None:
    product = ops.forward[-1]
    first = ops.backward[0]
    result = product.output(0)
    queries = draft.values[ops.queries]
    length = queries.shape[1]
    if draft.step.origin.target != "cpu":
        length = -(-length // 32) * 32  # as the memory-efficient kernel has it
    dtype = "float64" if queries.dtype == "float64" else "float32"
    shape = (queries.shape[0], length)
    name = f"{draft.storage_of(result).name} · sums"
    sums = draft.make_value(name, dtype, shape, Category.ACTIVATION)
    operands: list[Json] = [{"value": v} for v in (ops.queries, ops.keys, ops.values)]
    mask = {"value": ops.mask} if ops.mask >= 0 else None
    flops = [
        sum(max(0, line.op.flops) for line in lines if line.op is not None)
        for lines in (ops.forward, [ops.forward[0], *ops.backward])
    ]
    for line in (*ops.forward[:-1], *ops.backward[1:]):
        draft.remove(line)
    draft.change(
        product,
        "bayplan.attention.default",
        [*operands, mask, ops.scale, ops.lead],
        outputs=[result, sums],
    )
    draft.change(
        first,
        "bayplan.attention_backward.default",
        [
            {"value": ops.gradient},
            *operands,
            {"value": result},
            {"value": sums},
            mask,
            ops.scale,
            ops.lead,
        ],
        outputs=ops.made,
    )
    for line, work in zip((product, first), flops, strict=True):
        assert line.op is not None
        line.op = replace(line.op, flops=work or -1, seconds=-1.0)


def _rows(draft: Draft, value: int) -> tuple[int, ...]:
    shape = draft.values[value].shape if value >= 0 else ()
    return shape if len(shape) == 3 else (0, 0, 0)


def _is_plain(draft: Draft, value: int) -> bool:
    """Whether it is all of a planned storage, row by row."""
    found = draft.values[value]
    storage = draft.storages[found.storage]
    width = 8 if found.dtype == "float64" else 4
    whole = storage.size == draft.elements(value) * width and found.offset == 0
    return whole and storage.planned and found.stride == contiguous(found.shape)


def _is_view(draft: Draft, value: int, of: int, shape: tuple[int, ...], *, turned: bool) -> bool:
    """Whether ``value`` is ``of`` seen as ``shape``, with its last two dimensions ``turned``."""
    if value < 0 or of < 0 or 0 in shape:
        return False
    one, other = draft.values[value], draft.values[of]
    stride = other.stride if other.shape == shape else contiguous(shape)
    if other.shape != shape and not _is_plain(draft, of):
        return False
    if turned:
        shape, stride = (shape[0], shape[2], shape[1]), (stride[0], stride[2], stride[1])
    same = one.storage == other.storage and one.offset == other.offset and one.dtype == other.dtype
    return same and one.shape == shape and one.stride == stride


RULE = Rule("attention", "attention without its scores", frozenset(_SOFTMAX), find, TOLERANCE)
