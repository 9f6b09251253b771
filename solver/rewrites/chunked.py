"""Cross-entropy over a vocabulary a few rows at a time, its gradients with it: one op of our own.

::

    as captured   mm(h, W) ─ logits ─ _log_softmax ─ nll_loss_forward ─ loss
                  nll_loss_backward(g) ─ _log_softmax_backward_data ─ dl ─ mm, mm ─ dh, dW
    rewritten     chunked_cross_entropy(h, W, target, g) ─ loss, dh, dW, workspace

It needs the loss's gradient g before the loss is there; it may be anything that is not made of the
loss, such as the 1 that a backward pass begins with, or a loss scale. ``chunked 525 16`` works in 16
parts: the workspace holds a sixteenth of the logits. Sums are in another order than in the ops that it
stands for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from solver.rewrites.draft import Draft, Line, contiguous, values_of
from solver.rewrites.hoist import hoist, move
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Category, Json

_NLL = "aten.nll_loss_forward.default"
_NLL_BACKWARD = "aten.nll_loss_backward.default"
_SOFTMAX_BACKWARD = "aten._log_softmax_backward_data.default"
_MM, _ADDMM, _SUM = "aten.mm.default", "aten.addmm.default", "aten.sum.dim_IntList"
_DTYPES = ("float32", "float64")
_PARTS = (4, 16, 64, 256)
_FEWEST_ROWS = 512
"""In a part, where there are more than four: products of fewer rows leave much of a GPU idle."""
TOLERANCE = 1e-5


@dataclass(slots=True)
class _Ops:
    """The ops that the one stands for, and the values that it takes and makes."""

    product: Line
    softmax: Line
    nll: Line
    backward: list[Line]
    """In program order."""
    gradient: int
    hidden_gradient: int = -1
    weight_gradient: int = -1
    transposed: bool = True
    """Whether the weight's gradient is (V, K)."""
    bias_gradient: int = -1


@dataclass(frozen=True, slots=True)
class LossLines:
    """The ops of a loss that follow a log-softmax."""

    nll: Line
    nll_backward: Line
    softmax_backward: Line


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where logits and their gradients are used for nothing else."""
    ops = _match(draft, line)
    if ops is None or len(numbers) != 1:
        return None
    rows = draft.values[line.value(0)].shape[0]
    parts = numbers[0]
    if not 2 <= parts <= rows:
        return None
    early = hoist(draft, [ops.gradient], ops.nll)
    if early is None:
        return None
    storage = draft.values[line.output(0)].storage
    workspace = draft.storages[storage].size // rows * -(-rows // parts)
    saved = draft.storages[storage].size - workspace
    return Found(partial(_apply, draft, ops, early, parts), saved, (storage,))


def offered(draft: Draft, line: Line) -> Iterable[Numbers]:
    """Numbers of parts that leave each enough rows."""
    value = line.value(0)
    rows = draft.values[value].shape[0] if value >= 0 and draft.values[value].shape else 0
    fewest = {_PARTS[0]: 8}
    return [(parts,) for parts in _PARTS if parts * fewest.get(parts, _FEWEST_ROWS) <= rows]


def _match(draft: Draft, softmax: Line) -> _Ops | None:
    logits = softmax.value(0)
    if logits < 0 or not is_matrix(draft, logits):
        return None
    product, *others = draft.users(draft.values[logits].storage)
    if others != [softmax] or product.target not in (_MM, _ADDMM) or product.instruction.kwargs:
        return None
    whole = product.output(0)
    if whole < 0 or draft.geometry(whole) != draft.geometry(logits):
        return None
    lines = loss_lines(draft, softmax)
    if lines is None:
        return None
    nll, nll_backward, softmax_backward = lines.nll, lines.nll_backward, lines.softmax_backward
    backward = [nll_backward, softmax_backward]
    ops = _Ops(product, softmax, nll, backward, nll_backward.value(0))
    return (
        None
        if product.instruction.guard
        or softmax.instruction.guard
        or not _match_gradients(draft, ops, softmax_backward.output(0))
        else ops
    )


def loss_lines(draft: Draft, softmax: Line) -> LossLines | None:
    """The ops of a loss over rows, if ``softmax`` (that of logits) is used for nothing else."""
    log_probabilities = softmax.output(0)
    if log_probabilities < 0 or softmax.instruction.args[2:] != (False,):
        return None
    if softmax.argument(1) not in (1, -1) or not is_matrix(draft, log_probabilities):
        return None
    users = draft.users(draft.values[log_probabilities].storage)
    targets = [softmax.target, _NLL, _NLL_BACKWARD, _SOFTMAX_BACKWARD]
    if [user.target for user in users] != targets:
        return None
    _, nll, nll_backward, softmax_backward = users
    weights = draft.users(draft.values[nll.output(1)].storage) if nll.output(1) >= 0 else []
    plain = nll.argument(2) is None and nll.argument(3) in (1, 2) and weights == [nll, nll_backward]
    same = [*nll.instruction.args[1:]] == [*nll_backward.instruction.args[2:6]]
    of_log_probabilities = nll_backward.output(0)
    if not plain or not same or nll.value(0) != log_probabilities or of_log_probabilities < 0:
        return None
    if nll_backward.value(1) != log_probabilities or nll_backward.value(6) != nll.output(1):
        return None
    users = draft.users(draft.values[of_log_probabilities].storage)
    if users != [nll_backward, softmax_backward] or nll_backward.value(0) < 0:
        return None
    expected: list[Json] = [{"value": of_log_probabilities}, {"value": log_probabilities}]
    if [*softmax_backward.instruction.args[:2]] != expected:
        return None
    if softmax_backward.argument(2) != softmax.argument(1) or softmax_backward.output(0) < 0:
        return None
    guarded = any(line.instruction.guard for line in (nll, nll_backward, softmax_backward))
    return None if guarded else LossLines(nll, nll_backward, softmax_backward)


def _match_gradients(draft: Draft, ops: _Ops, dlogits: int) -> bool:
    """Take up the ops that make gradients of the logits'; whether they do nothing else."""
    if not is_matrix(draft, dlogits):
        return False
    first = 1 if ops.product.target == _ADDMM else 0
    hidden, weight = ops.product.value(first), ops.product.value(first + 1)
    if len(ops.product.instruction.args) != first + 2 or hidden < 0 or weight < 0:
        return False
    operands = values_of(ops.product.instruction)
    for line in draft.users(draft.values[dlogits].storage)[1:]:
        one, other, made = line.value(0), line.value(1), line.output(0)
        if made < 0 or line.instruction.kwargs or line.instruction.guard:
            return False
        if not is_matrix(draft, made):
            return False
        if line.target == _SUM and one == dlogits and line.instruction.args[1:] == ([0], True):
            slot = "bias_gradient"
        elif line.target != _MM:
            return False
        elif one == dlogits and _is_view(draft, other, weight, transposed=True):
            slot = "hidden_gradient"
        elif _is_view(draft, one, dlogits, transposed=True) and _is_view(draft, other, hidden):
            slot, ops.transposed = "weight_gradient", True
        elif other == dlogits and _is_view(draft, one, hidden, transposed=True):
            slot, ops.transposed = "weight_gradient", False
        else:
            return False
        if getattr(ops, slot) >= 0:
            return False
        setattr(ops, slot, made)
        ops.backward.append(line)
    last = max(ops.backward, key=lambda line: line.position)
    return all(draft.unwritten(value, ops.product, last) for value in operands)


def is_matrix(draft: Draft, value: int) -> bool:
    """Whether it is all of its storage, row by row, of a dtype that sums may be made in."""
    found = draft.values[value]
    rows = len(found.shape) == 2 and 0 not in found.shape and found.offset == 0
    storage = draft.storages[found.storage]
    whole = storage.size == draft.elements(value) * (8 if found.dtype == "float64" else 4)
    fits = found.dtype in _DTYPES and found.stride == contiguous(found.shape)
    return rows and whole and fits and storage.planned


def _is_view(draft: Draft, value: int, of: int, *, transposed: bool = False) -> bool:
    """Whether both are one tensor, or each the other's transpose."""
    if value < 0:
        return False
    one, other = draft.values[value], draft.values[of]
    step = -1 if transposed else 1
    same = one.storage == other.storage and one.offset == other.offset and one.dtype == other.dtype
    return same and one.shape == other.shape[::step] and one.stride == other.stride[::step]


def _apply(draft: Draft, ops: _Ops, early: Sequence[Line], parts: int) -> None:
    logits = draft.values[ops.softmax.value(0)]
    nll, args = ops.nll, ops.product.instruction.args
    bias: Json = args[0] if ops.product.target == _ADDMM else None
    rows = -(-logits.shape[0] // parts)
    workspace = draft.make_value(
        "chunked_logits", logits.dtype, (rows, logits.shape[1]), Category.WORKSPACE
    )
    gradients = [ops.hidden_gradient, ops.weight_gradient, ops.bias_gradient]
    flops = [line.op.flops for line in (ops.product, *ops.backward) if line.op is not None]
    _, target, _, reduction, ignored = nll.instruction.args
    move(draft, early, nll)
    for line in (ops.product, ops.softmax, *ops.backward):
        draft.remove(line)
    draft.change(
        nll,
        "bayplan.chunked_cross_entropy.default",
        [
            *args[-2:],
            bias,
            target,
            {"value": ops.gradient},
            reduction,
            ignored,
            rows,
            [value >= 0 for value in gradients],
            ops.transposed,
        ],
        outputs=[nll.output(0), *(value for value in gradients if value >= 0), workspace],
    )
    assert nll.op is not None
    nll.op = replace(nll.op, flops=sum(each for each in flops if each >= 0) or -1, seconds=-1.0)


RULE = Rule(
    "chunked",
    "cross-entropy some rows at a time",
    frozenset({"aten._log_softmax.default"}),
    find,
    TOLERANCE,
    offered,
)
