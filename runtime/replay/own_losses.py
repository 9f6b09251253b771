"""Cross-entropy over a vocabulary, and its gradients, some rows at a time: no tensor of all logits.

::

    hidden (R, K) × weight (K, V) ─ logits (R, V) ─ log-softmax ─ loss
                                                    softmax − one-hot ─ dlogits
    hidden gradient = dlogits × weightᵀ             weight gradient = dlogitsᵀ × hidden

    here: rows 0 … n, n … 2n, ... in a workspace (n, V), where logits become dlogits in place

Or with all logits, whose bytes the log-softmax takes over, and then dlogits.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

_aten = torch.ops.aten
MEAN = 1
"""ATen's number of the reduction; the other one is a sum."""
PART = 1 << 24
"""Elements of dlogits that are made at a time."""


def log_softmax(logits: Tensor) -> Tensor:
    """Of each row of ``logits`` (R, V); the result may have their bytes."""
    result = torch.empty_like(logits)
    _aten._log_softmax.out(logits, 1, False, out=result)
    return result


def cross_entropy_backward(
    log_probabilities: Tensor,
    gradient: Tensor,
    target: Tensor,
    total: Tensor,
    reduction: int,
    ignored: int,
) -> Tensor:
    """The logits' gradient (R, V), given that of the loss, which ``nll_loss_forward`` made with its
    ``total`` weight of ``log_probabilities`` (R, V); the result may have their bytes."""
    result = torch.empty_like(log_probabilities)
    count, size = log_probabilities.shape
    rows = max(1, PART // max(1, size))
    for first in range(0, count, rows):
        part = slice(first, first + rows)
        of_rows, into = log_probabilities[part], result[part]
        nll = _aten.nll_loss_backward(gradient, of_rows, target[part], None, reduction, ignored, total)
        _aten._log_softmax_backward_data.out(nll, of_rows, 1, into.dtype, out=into)
    return result


def chunked_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    target: Tensor,
    gradient: Tensor,
    reduction: int,
    ignored: int,
    rows: int,
    wanted: Sequence[bool],
    transposed: bool,
) -> list[Tensor]:
    """The loss of ``hidden`` (R, K) × ``weight`` (K, V) + ``bias`` (V,) against ``target`` (R,).

    Then the gradients that are ``wanted``, given that of the loss: of hidden (R, K), of the weight
    (V, K), or (K, V) where ``transposed`` is false, and of the bias (1, V). Last the workspace
    (``rows``, V). Rows whose target is ``ignored`` do not count.
    """
    count, width, size = hidden.shape[0], hidden.shape[1], weight.shape[1]
    shapes = ((count, width), (size, width) if transposed else (width, size), (1, size))
    made = [hidden.new_empty(shape) for shape, want in zip(shapes, wanted, strict=True) if want]
    results = iter(made)
    of_hidden, of_weight, of_bias = (next(results) if want else None for want in wanted)
    workspace = hidden.new_empty(rows, size)

    counts = target.ne(ignored)
    divisor = counts.sum().to(hidden.dtype) if reduction == MEAN else hidden.new_ones(())
    target = target.where(counts, target.new_zeros(()))
    losses = hidden.new_zeros(count)
    for first in range(0, count, rows):
        part = slice(first, min(first + rows, count))
        logits, column = workspace[: part.stop - first], target[part, None]
        if bias is None:
            torch.mm(hidden[part], weight, out=logits)
        else:
            torch.addmm(bias, hidden[part], weight, out=logits)
        powers = logits.sub_(logits.amax(1, keepdim=True))
        chosen = powers.gather(1, column)
        sums = powers.exp_().sum(1, keepdim=True)
        losses[part] = sums.log().sub_(chosen).squeeze_(1)
        # dlogits are, but for a factor by row, powers − sums at the target.
        powers.scatter_(1, column, powers.gather(1, column).sub_(sums))
        factor = (gradient / divisor / sums).masked_fill_(counts[part, None].logical_not(), 0)
        if of_hidden is not None:
            torch.mm(powers, weight.t(), out=of_hidden[part]).mul_(factor)
        if of_weight is not None:
            scaled = hidden[part] * factor
            operands = (powers.t(), scaled) if transposed else (scaled.t(), powers)
            of_weight.addmm_(*operands, beta=float(first > 0))
        if of_bias is not None:
            of_bias.addmm_(factor.t(), powers, beta=float(first > 0))
    loss = losses.masked_fill_(counts.logical_not(), 0).sum().div_(divisor)
    return [loss, *made, workspace]
