"""A mask of one bit an element for ReLU's backward, instead of a whole tensor.

::

    as captured   relu_(y) ····················· threshold_backward(g, y, 0)
    rewritten     relu_(y), pack_above(y, 0) ─ bits ····· keep_by_bits(g, bits)

It is worth it where nothing else in the backward pass needs y, or only y's shape. (Hardtanh's backward
treats a NaN as vector loops happen to end, so that no mask could be as good.)
"""

from functools import partial

from solver.rewrites.bits import last_writer, only_shape_besides, order_of
from solver.rewrites.draft import Draft, Line
from solver.rewrites.output import limits_of
from solver.rewrites.rule import Found, Numbers, Rule
from solver.step import Category, Phase


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Where the tensor is kept for this op, and made by an op of the forward pass."""
    y, gradient, made = line.value(1), line.value(0), line.output(0)
    limits = limits_of(draft, line)
    if numbers or line.instruction.kwargs or line.instruction.guard or not limits:
        return None
    order = order_of(draft, y)
    if order is None or min(gradient, made) < 0:
        return None
    kinds = {(draft.values[v].shape, draft.values[v].dtype) for v in (y, gradient, made)}
    behind = last_writer(draft, y, line)
    if len(kinds) > 1 or behind is None or behind.op is None or behind.op.phase is not Phase.FORWARD:
        return None
    storage = draft.values[y].storage
    if behind.instruction.guard or not only_shape_besides(draft, storage, line):
        return None
    alone = draft.kept_for(storage, line)
    saved = max(0, draft.storages[storage].size * alone - (draft.elements(y) + 7) // 8)
    return Found(partial(_apply, draft, line, behind, limits[0], order), saved, (storage,))


def _apply(draft: Draft, line: Line, behind: Line, threshold: float, order: list[int]) -> None:
    gradient, y, made = line.argument(0), line.value(1), line.output(0)
    name = f"{draft.storage_of(y).name} · bits"
    bits = draft.make_value(name, "uint8", ((draft.elements(y) + 7) // 8,), Category.ACTIVATION)
    draft.add(behind, "bayplan.pack_above.default", [{"value": y}, threshold, order], [bits])
    strides = [*draft.values[made].stride]
    draft.change(line, "bayplan.keep_by_bits.default", [gradient, {"value": bits}, order, strides])


RULE = Rule("mask", "one bit an element", frozenset({"aten.threshold_backward.default"}), find)
