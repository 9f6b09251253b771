"""Cross-entropy in the bytes of its logits: one tensor of them at a time instead of two or three.

::

    as captured   logits ─ _log_softmax ─ l       logits and l at once
                  nll_loss_backward(g) ─ n,  _log_softmax_backward_data(n, l) ─ d       l, n and d
    rewritten     logits ─ log_softmax ─ l        in place of the logits, where they die
                  cross_entropy_backward(l, g) ─ d        in place of l, some rows of n at a time

Both go row by row, and CPU kernels have read of a row what they need of it before they write it: so the
results are those of the ops as captured, bit for bit. It is offered for CPUs alone, and where the loss
touches many bytes at once: elsewhere it gains nothing.
"""

from dataclasses import dataclass, replace
from functools import partial

from solver.rewrites.chunked import LossLines, is_matrix, loss_lines
from solver.rewrites.draft import Draft, Line
from solver.rewrites.rule import Found, Numbers, Rule

_SHARE = 2
"""A loss that touches no more than this part of what the largest op touches is left as it is."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The op of the forward pass, and those of the loss behind it."""

    softmax: Line
    lines: LossLines


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where the log-softmax is a loss's and nothing else's."""
    made, logits = line.output(0), line.value(0)
    if numbers or draft.step.origin.target != "cpu" or line.instruction.guard or min(made, logits) < 0:
        return None
    lines = loss_lines(draft, line)
    if lines is None or not is_matrix(draft, logits) or draft.geometry(made) != draft.geometry(logits):
        return None
    first, last = lines.nll_backward, lines.softmax_backward
    if draft.touched_bytes(last) * _SHARE <= draft.most_touched_bytes:
        return None
    result = last.output(0)
    if not is_matrix(draft, result) or draft.geometry(result) != draft.geometry(made):
        return None
    operands = [first.value(at) for at in (0, 2, 6)]
    if min(operands) < 0 or not all(draft.unwritten(value, first, last) for value in operands):
        return None
    return Found(partial(_apply, draft, _Place(line, lines)), 0)


def _apply(draft: Draft, place: _Place) -> None:
    softmax, first, last = place.softmax, place.lines.nll_backward, place.lines.softmax_backward
    gradient, _, target, _, reduction, ignored, total = first.instruction.args
    draft.change(softmax, "bayplan.log_softmax.default", [softmax.argument(0)])
    draft.change(
        last,
        "bayplan.cross_entropy_backward.default",
        [{"value": softmax.output(0)}, gradient, target, total, reduction, ignored],
    )
    draft.remove(first)
    assert last.op is not None
    last.op = replace(last.op, seconds=-1.0)


RULE = Rule(
    "loss", "cross-entropy in the bytes of its logits", frozenset({"aten._log_softmax.default"}), find
)
