"""A convolution's backward in two: the input's gradient by an op that does not hold the input.

::

    as captured   convolution_backward(g, x, w) ─ dx, dw, db        g, x, dx, w and dw at once
    rewritten     convolution_backward(g, x, w) ─ dw, db            g, x
                  convolution_input_gradient(g, w) ─ dx             g, dx

Kernels for the two are separate anyway. It is offered for the ops that touch the most bytes at once: at
the others it would cost a launch and gain nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from solver.rewrites.draft import Draft, Line, contiguous
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Json

BACKWARD = "aten.convolution_backward.default"
_SHARE = 2
"""An op that touches no more than this part of what the largest one touches is left as it is."""


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where gradients of input and weight are wanted of a tensor that lies row by row."""
    args, x = line.instruction.args, line.value(1)
    wanted: Json = line.argument(10)
    if numbers or line.instruction.guard or line.instruction.kwargs or len(args) != 11:
        return None
    if not isinstance(wanted, Sequence) or len(wanted) != 3 or not (wanted[0] and wanted[1]):
        return None
    made, weight = line.output(0), line.output(1)
    if min(x, made, weight) < 0 or len(line.outputs) != 3 or len(draft.values[x].shape) < 3:
        return None
    if draft.geometry(made) != draft.geometry(x):
        return None
    if draft.values[x].stride != contiguous(draft.values[x].shape):
        return None
    if draft.touched_bytes(line) * _SHARE <= draft.most_touched_bytes:
        return None
    return Found(partial(_apply, draft, line), 0)


def _apply(draft: Draft, line: Line) -> None:
    gradient, _, weight, bias, *window, wanted = line.instruction.args
    made = line.output(0)
    assert line.op is not None
    half = line.op.flops // 2 if line.op.flops >= 0 else -1
    rest = [*line.instruction.args[:-1], [False, *wanted[1:]]]
    draft.change(line, BACKWARD, rest, outputs=(None, *line.outputs[1:]))
    other = draft.add(
        line,
        "bayplan.convolution_input_gradient.default",
        [gradient, weight, bias, *window, [*draft.values[made].shape]],
        [made],
    )
    for each in (line, other):
        assert each.op is not None
        each.op = replace(each.op, flops=half, seconds=-1.0)


RULE = Rule("split", "a convolution's backward in two", frozenset({BACKWARD}), find)
