"""Average pooling's backward without the tensor that was pooled: of it only the shape matters.

::

    as captured   avg_pool2d(x) ················ avg_pool2d_backward(g, x, window)
    rewritten     avg_pool2d(x) ················ avg_pool2d_from_shape_backward(g, window, shape)
"""

from functools import partial

from solver.rewrites.draft import Draft, Line
from solver.rewrites.rule import Found, Numbers, Rule

BACKWARD = "aten.avg_pool2d_backward.default"


def find(draft: Draft, line: Line, numbers: Numbers) -> Found | None:
    """Wherever the result has the pooled tensor's shape and memory format."""
    args, made, x = line.instruction.args, line.output(0), line.value(1)
    if numbers or line.instruction.kwargs or line.instruction.guard or min(made, x) < 0:
        return None
    if len(args) != 8 or line.value(0) < 0 or draft.geometry(made) != draft.geometry(x):
        return None
    storage = draft.values[x].storage
    saved = draft.storages[storage].size if draft.kept_for(storage, line) else 0
    return Found(partial(_apply, draft, line, made), saved, (storage,))


def _apply(draft: Draft, line: Line, made: int) -> None:
    gradient, _, *window = line.instruction.args
    geometry = [[*draft.values[made].shape], [*draft.values[made].stride]]
    target = "bayplan.avg_pool2d_from_shape_backward.default"
    draft.change(line, target, [gradient, *window, *geometry])


RULE = Rule("unread", "backward from the shape alone", frozenset({BACKWARD}), find)
